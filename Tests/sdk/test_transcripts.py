"""The pages of transcripts tell what happens: the same commands are run again, and come to the same."""

import re
import subprocess

import pytest
from support.server import DISTRIBUTION, PROJECT

from .conftest import needs

PAGES = {"modules": "module-transcripts.md", "faults": "module-faults.md"}


def essence(text):
    """What is the same on every machine."""
    lines = []
    for line in text.splitlines():
        # Estimates, and what compilers make of it.
        if re.match(r"  (made by|needs|looks in|file) | \w+_module +\d| +\d+$", line):
            continue
        line = re.sub(r"\s+# \d+\.\d+ s$", "", line)
        line = re.sub(r"^\[\w+ \w+ +\d+ [\d:.]+ \d+\]", "[time]", line)
        line = re.sub(r"0x[0-9a-f]+", "0x0", line)
        line = re.sub(r"\b\d+(\.\d+)* ?(ns|us|µs|ms|s|B|kB|MB|KiB|MiB|%)(?!\w)", "0", line)
        line = re.sub(r"\d+(\.\d+)*", "0", line)
        lines.append(re.sub(r"\s+", " ", line))
    return lines


@pytest.mark.parametrize("page", PAGES)
def test_it_happens_again(page):
    """The script ends where a command does not end as it should. Changed for good: run tools/transcripts PAGE dist > docs/…"""
    for language in ("c", "swift", "rust"):
        needs(language)
    done = subprocess.run([PROJECT / "tools" / "transcripts", page, DISTRIBUTION], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert essence(done.stdout) == essence((PROJECT / "docs" / PAGES[page]).read_text())
