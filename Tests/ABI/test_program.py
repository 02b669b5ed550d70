"""Programs that live as long as a generation, and that every worker can ask."""

import os

import pytest
from support.load import reload
from support.server import running_as_root
from support.waiting import wait_until
from support.wire import fetch, get
from support.workers import one_connection_each

from .texts import HANDLER

AREA = "program"


@pytest.fixture
def server(apus, module):
    with apus("Workers 2\nMaxKeepAliveRequests 0\n" + module.load() + HANDLER) as running:
        yield running


def ask(server, path):
    return fetch(server.port, get(path)).body.decode()


def has_ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_line_and_its_answer(server):
    text, user, _ = ask(server, "/ask?hello").split()
    assert text == "hello"
    assert int(user) == os.geteuid()


def test_all_workers_ask_the_same_program(server):
    def answer(connection):
        return connection.request(get("/ask?x")).body.decode().split()

    connections = one_connection_each(server.port, 2, lambda connection: connection.request(get("/worker")).body)
    assert len({answer(connection)[2] for connection in connections}) == 1
    for connection in connections:
        connection.close()


def test_it_ends_with_its_generation(apus, module):
    with apus(module.load() + HANDLER) as server:
        pid = int(ask(server, "/ask?x").split()[2])
        assert not has_ended(pid)
    wait_until(lambda: has_ended(pid), "the program to end")


def test_a_reload_starts_another(server):
    before = ask(server, "/ask?x").split()[2]
    reload(server)
    wait_until(lambda: ask(server, "/ask?x").split()[2] != before, "the new generation")
    wait_until(lambda: has_ended(int(before)), "the old program to end")


@pytest.mark.skipif(not running_as_root(), reason="only root may give rights")
def test_the_rights_of_somebody_else(server):
    assert ask(server, "/other?x").split()[:2] == ["x", "65534"]


def test_what_cannot_be_started(server):
    """An unknown user, an unknown group, no program at all: NOT_FOUND, NOT_FOUND, INVALID."""
    assert ask(server, "/problems") == "-4 -4 -3"


def test_a_program_that_is_not_there_ends_at_once(server):
    assert ask(server, "/absent") == "end"


def test_nothing_is_started_for_a_check(configured, module):
    server = configured(module.load() + HANDLER)
    done = server.run("-t")
    assert done.returncode == 0 and "Syntax OK" in done.stderr
