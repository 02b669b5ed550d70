"""The table of httpd's modules and directives is what tools/compatibility makes of what is built."""

import subprocess

from support.server import DISTRIBUTION, PROJECT


def test_the_table_is_up_to_date(apus):
    made = subprocess.run([PROJECT / "tools/compatibility", DISTRIBUTION], capture_output=True, text=True, check=True).stdout
    kept = (PROJECT / "docs/httpd-compatibility.md").read_text()
    assert made.splitlines() == kept.splitlines(), "run: tools/compatibility dist > docs/httpd-compatibility.md"
