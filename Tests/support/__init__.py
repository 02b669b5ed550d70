"""What the black-box tests share: servers under test, a raw client, certificates, comparison, compilation."""
