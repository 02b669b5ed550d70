"""Servers whose processes are looked at from outside."""

import contextlib
import os
import signal

import pytest

from support.workers import Processes, alive


@pytest.fixture
def serve(apus):
    """Starts servers with a page, and ends them, whatever is left of them, after the test."""
    with contextlib.ExitStack() as stack:

        def start(config="", **options):
            server = stack.enter_context(apus(config, **options))
            server.put("index.html", "first\n")
            return server

        yield start


@pytest.fixture
def serve_until_killed(apus):
    """The same for servers that the test itself ends."""
    made = []

    def start(config="", **options):
        server = apus(config, start=False, **options)
        made.append(server)
        server.start()
        server.put("index.html", "first\n")
        return server

    yield start
    for server in made:
        processes = Processes(server.process.pid).all() if alive(server.process.pid) else []
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.process.wait(10)
        server.process = None
        server.discard()
