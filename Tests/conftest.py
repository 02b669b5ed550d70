"""Options and fixtures that all black-box tests share.

`--server=apache2` runs the tests on Debian's apache2 instead of Apus: so the expectations are checked.
`--oracle` additionally scores apache2 on the framing vectors.
"""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

pytest.register_assert_rewrite("support.server", "support.oracle")

from support.certs import Authority, bundle  # noqa: E402  (after the path is set)
from support.server import SERVERS, Apache  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--server", choices=sorted(SERVERS), default="apus", help="the server under test")
    parser.addoption(
        "--oracle", action="store_true", help="score Debian's apache2 on the framing vectors, too"
    )


def require(server_class):
    """Ends the run with a clear message when the program under test is not there."""
    if not server_class.program.exists():
        hint = "install Debian's apache2" if server_class is Apache else "run make first"
        pytest.exit(f"{server_class.program} is missing: {hint}", returncode=4)
    return server_class


@pytest.fixture(scope="session")
def server_class(request):
    """The class of the server under test."""
    return require(SERVERS[request.config.getoption("--server")])


@pytest.fixture(scope="session")
def apus(server_class):
    """The class Apus, for tests of what only Apus does; skipped when another server is under test."""
    if server_class.name != "apus":
        pytest.skip("about Apus alone")
    return server_class


@pytest.fixture(scope="session")
def apache():
    """The oracle's class; comparison is skipped on machines without Debian's apache2."""
    if not Apache.program.exists():
        pytest.skip("needs Debian's apache2")
    return Apache


@pytest.fixture
def configured(apus):
    """Makes servers that are configured but not started, and removes their files after the test."""
    made = []

    def make(config, **options):
        made.append(apus(config, start=False, **options))
        return made[-1]

    yield make
    for server in made:
        server.discard()


@pytest.fixture(scope="session")
def certificates():
    """A session-wide CA. Its directory is private: keys are read before workers drop privileges."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="apus-certs-"))
    yield Authority(directory)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def material(certificates):
    """Files for the placeholders of configurations: hosts, both key types, an intermediate CA, junk."""
    directory = certificates.directory
    one = certificates.server("one.example", "one.example", "localhost", kind="rsa")
    two = certificates.server("two.example", kind="ecdsa")
    second = Authority(directory, "intermediate", parent=certificates)
    three = second.server("three.example", kind="rsa")
    garbage = directory / "garbage.pem"
    garbage.write_text("no PEM at all\n")
    return {
        "@CA@": certificates.certificate,
        "@ONE@": one.certificate,
        "@ONEKEY@": one.key,
        "@TWO@": two.certificate,
        "@TWOKEY@": two.key,
        "@THREE@": three.certificate,
        "@THREEKEY@": three.key,
        "@INTERMEDIATE@": second.certificate,
        "@THREECHAIN@": bundle(directory / "three-chain.pem", three.certificate, second.certificate),
        "@GARBAGE@": garbage,
        "@ABSENT@": directory / "absent.pem",
    }


@pytest.fixture(scope="session")
def tls_config(material):
    """Fills the names of certificate files into configuration text."""

    def fill(text):
        for mark, path in material.items():
            text = text.replace(mark, str(path))
        return text

    return fill


def pytest_configure(config):
    os.umask(0o022)  # workers that run as another user must be able to read what the tests write
    config.vector_scores = {}


def pytest_terminal_summary(terminalreporter, config):
    """Prints how each server did against the vectors' demands on Apus."""
    for name, results in sorted(config.vector_scores.items()):
        missed = sorted(vector for vector, met in results.items() if not met)
        terminalreporter.write_sep(
            "-", f"{name}: {len(results) - len(missed)} of {len(results)} vectors answered as Apus must"
        )
        if missed and name != "apus":
            terminalreporter.write_line("differs: " + ", ".join(missed))
