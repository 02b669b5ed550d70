"""Authors outside this tree: everything is done with the programs and files of the distribution alone."""

import os
import pathlib
import shutil
import subprocess
from dataclasses import dataclass

import pytest
from support.server import DISTRIBUTION, world_readable_directory

APUS = DISTRIBUTION / "bin" / "apus"


@dataclass
class Outcome:
    status: int
    output: str


class Author:
    """Somebody with a directory of their own, who runs commands in it."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        #: Crates are built once for all tests.
        self.environment = {**os.environ, "CARGO_TARGET_DIR": str(self.directory / "target")}

    def run(self, *command, directory=".", timeout=900, environment=None):
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.directory / directory,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        return Outcome(done.returncode, done.stdout)

    def module(self, *arguments, **options):
        """`apus module …`, which must succeed."""
        done = self.run(APUS, "module", *arguments, **options)
        assert done.status == 0, done.output
        return done.output


@pytest.fixture(scope="session")
def author():
    directory = world_readable_directory()
    yield Author(directory)
    shutil.rmtree(directory, ignore_errors=True)


def needs(language):
    """Skips where there is no compiler for a language."""
    tool = {"c": "cc", "swift": os.environ.get("SWIFT", "swift"), "rust": os.environ.get("CARGO", "cargo")}[language]
    if not shutil.which(tool):
        pytest.skip(f"needs {tool}")
