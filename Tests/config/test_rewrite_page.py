"""What docs/rewrite.md shows is what the commands print."""

import os
import re
import subprocess

import pytest

from support.server import DISTRIBUTION, PROJECT, world_readable_directory

PAGE = (PROJECT / "docs" / "rewrite.md").read_text()
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", PAGE, re.M | re.S)
FILES = {name: text for _, name, text in BLOCKS if name}
TRANSCRIPTS = [text for kind, _, text in BLOCKS if kind == "console"]


@pytest.fixture(scope="module")
def site(apus):
    """The page's files; its /srv is a directory of the test's."""
    root = world_readable_directory()
    for name in ("www", "logs"):
        (root / name).mkdir()
    (root / "www" / "index.php").write_text("")
    (root / "modules").symlink_to(DISTRIBUTION / "modules")
    for name, text in FILES.items():
        (root / name).write_text(text.replace("/srv", str(root)))
    for path in root.glob("*.c*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return root


def aligned(text):
    """Without the spaces that columns are filled with: how many there are depends on the length of paths."""
    return re.sub(r"(?<=\S) {2,}", " ", text)


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=[text.splitlines()[0] for text in TRANSCRIPTS])
def test_transcript(site, transcript):
    command, _, expected = transcript.removeprefix("$ ").partition("\n")
    words = command.replace("apus", str(DISTRIBUTION / "bin" / "apus"), 1).replace("/srv", str(site)).split()
    done = subprocess.run(words, cwd=site, capture_output=True, text=True, timeout=60)
    printed = aligned(re.sub(r"/\S*apus-rewrite-\w+", "/tmp/site", done.stdout.replace(str(site), "/srv")))
    # "…" stands for lines that are left out, or the rest of one that differs from run to run.
    pattern = ".*".join(map(re.escape, aligned(expected).split("…")))
    assert re.fullmatch(pattern, printed, re.S), printed + done.stderr


def test_there_are_some():
    assert len(TRANSCRIPTS) >= 3 and {"wordpress.conf", "wordpress.cases"} <= set(FILES)
