"""Configuration that the areas share."""

#: Every path is the test module's.
HANDLER = """\
<Location "/">
    SetHandler abi
</Location>
"""
