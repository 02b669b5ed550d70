"""What several comparisons with apache2 have in common."""

import os
import shutil

import pytest
from support.server import world_readable_directory


@pytest.fixture(scope="module")
def three_files():
    """A site of a file, an index and a page below it, as old on both servers."""
    site = world_readable_directory()
    (site / "sub").mkdir()
    for name in ("f.txt", "index.html", "sub/a.html"):
        (site / name).write_text(f"{name}\n")
        os.utime(site / name, (1600000000, 1600000000))
    yield site
    shutil.rmtree(site)
