"""apusctl does what apachectl does."""

import subprocess

import pytest

from support.ports import accepts
from support.server import DISTRIBUTION
from support.waiting import wait_until


@pytest.fixture
def control(apus):
    """Runs apusctl for a server that is not started yet."""
    with apus("", start=False) as server:

        def run(*arguments):
            # apusctl adds its verb to what it is given.
            verb, rest = arguments[0], list(arguments[1:])
            options = [] if verb in ("help", "-v") else ["-f", str(server.config_file), "-d", str(server.root)]
            return subprocess.run([DISTRIBUTION / "bin/apusctl", verb, *options, *rest], capture_output=True, text=True, timeout=60)

        yield server, run
        if (server.root / "run/httpd.pid").exists():
            run("stop")


def test_life(control):
    server, run = control
    assert run("configtest").returncode == 0
    assert run("start").returncode == 0
    wait_until(lambda: accepts(server.port), "the server to serve")
    for verb in ("restart", "graceful"):
        assert run(verb).returncode == 0 and accepts(server.port)
    assert run("stop").returncode == 0
    wait_until(lambda: not accepts(server.port), "the server to end")


def test_words(control):
    _, run = control
    assert "graceful-stop" in run("help").stdout
    assert run("-v").stdout.startswith("Server version:")


def test_a_mistake_is_told(control):
    server, run = control
    server.write_config("Nonsense\n")
    done = run("configtest")
    assert done.returncode == 1 and "unknown directive Nonsense" in done.stderr


def test_manual_page():
    page = DISTRIBUTION / "share/man/man8/apus.8"
    text = page.read_text()
    for option in ("\\-t", "\\-S", "\\-M", "\\-\\-json", "graceful\\-stop"):
        assert option in text
