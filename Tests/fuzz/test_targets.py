"""The fuzz targets: each takes its whole corpus, and some thousands of inputs made from a fixed seed."""

import os
import subprocess

import pytest

from support.server import PROJECT

TARGETS = {
    "head": 20_000, "chunked": 20_000, "target": 20_000, "date": 50_000, "ranges": 1000, "connection": 1000, "config": 1000,
    "include": 5000, "script": 20_000, "rewrite": 500, "typemap": 1000, "proxy": 50_000,
}  # fmt: skip
SCRATCH = PROJECT / ".build-fuzz"
ENVIRONMENT = {**os.environ, "SWIFT_BACKTRACE": "enable=no", "ASAN_OPTIONS": "detect_leaks=0"}


def run(*line, **options):
    return subprocess.run(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options
    )


@pytest.fixture(scope="session")
def program():
    swift = os.environ.get("SWIFT", "swift")
    package = str(PROJECT / "fuzz")
    done = run(swift, "build", "-c", "release", "--package-path", package, "--scratch-path", str(SCRATCH), timeout=3600)
    assert done.returncode == 0, done.stdout[-6000:]
    return SCRATCH / "release" / "Fuzz"


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_and_a_fixed_seed(program, target, tmp_path):
    options = ["-seed=1", f"-runs={TARGETS[target]}", "-max_len=2048", f"-artifact_prefix={tmp_path}/"]
    corpus = PROJECT / "fuzz" / "corpus" / target
    assert any(corpus.iterdir())
    done = run(str(program), target, *options, str(tmp_path), str(corpus), env=ENVIRONMENT, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:]


def test_a_violation_is_noticed(program):
    """The driver ends with an error when a property does not hold: here, that there is such a target."""
    done = run(str(program), "nothing", env=ENVIRONMENT, timeout=60)
    assert done.returncode == 2 and "usage" in done.stdout
