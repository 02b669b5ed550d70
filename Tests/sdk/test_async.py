"""Hooks as async functions: they wait without holding a thread, and end with their request."""

import pathlib
import socket
import struct
import time

import pytest
from support import wire
from support.waiting import wait_until
from support.workers import Processes

from .conftest import ask

NAMES = ("timer", "work", "socket", "body", "pieces", "include", "together", "elsewhere", "error")


def site(load, port=0, timeout=60):
    text = load("mod_errand") + f"ServerLimit 1\nLogLevel notice\nTimeout {timeout}\n" + (f"ErrandPort {port}\n" if port else "")
    text += "".join(f'<Location "/{name}">\nSetHandler errand-{name}\n</Location>\n' for name in NAMES)
    return text + '<Location "/patient">\nErrandPatience 50\nSetHandler errand-timer\n</Location>\n'


@pytest.fixture
def server(serve, load, peer):
    return serve(site(load, peer[0]))


def threads(server):
    (worker,) = Processes(server.process.pid).workers
    return sorted((task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{worker}/task").iterdir())


def reset(connection):
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_they_wait(server):
    assert ask(server, "/timer?30").body == b"waited\n"
    assert ask(server, "/work?it").body == b"worked on it\n"
    assert ask(server, "/socket").body == b"from a peer\n"
    assert ask(server, "/together").body == b"15\n"
    assert ask(server, "/patient?1").body == b"waited\n"


def test_no_thread_of_swift_is_started(server):
    before = threads(server)
    for path in ("/timer?10", "/together", "/socket", "/patient?1"):
        assert ask(server, path).status == 200
    assert threads(server) == before


def test_many_wait_at_once(server):
    connections = [wire.Connection(server.port) for _ in range(40)]
    for connection in connections:
        connection.send(wire.get("/timer?900"))
    assert ask(server, "/timer?1").body == b"waited\n"
    assert all(connection.is_silent(0.001) for connection in connections)
    for connection in connections:
        assert connection.read_response().body == b"waited\n"
        connection.close()


def test_bodies(server):
    for length in (0, 1, 99_999):
        body = b"b" * length
        head = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length
        with wire.Connection(server.port) as client:
            client.send(head + body[: length // 2])
            if length > 1:
                assert client.is_silent(0.1)
            client.send(body[length // 2 :])
            assert client.read_response().body == b"%d\n" % length
    with wire.Connection(server.port) as client:
        client.send(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100001\r\n\r\n")
        assert client.read_response().status == 413


def test_pieces_that_a_client_takes_slowly(server):
    """More than any buffer holds: the hook waits for room."""
    with wire.Connection(server.port) as client:
        client.send(wire.get("/pieces?2000"))
        time.sleep(0.3)
        assert ask(server, "/timer?1").status == 200
        assert len(client.read_response().body) == 20_000_000


def test_included(server):
    server.put("part.txt", "the part\n")
    assert ask(server, "/include?/part.txt").body == b"before\nthe part\nafter 0\n"
    assert ask(server, "/include?/timer").body == b"before\nwaited\nafter 0\n"


def test_what_is_thrown(server):
    assert ask(server, "/error").status == 404
    assert ask(server, "/work?bad").status == 422
    wait_until(lambda: "nothing can be made of that" in server.error_log(), "the line")
    assert "there is no such errand" in server.error_log()


def test_many_requests_on_a_connection(server):
    with wire.Connection(server.port) as client:
        client.send(wire.get("/timer?5") + wire.get("/work?a") + wire.get("/together") + wire.get("/timer?1"))
        assert [client.read_response().body for _ in range(4)] == [b"waited\n", b"worked on a\n", b"15\n", b"waited\n"]


@pytest.mark.parametrize("path", ["/timer?5000", "/work?x", "/socket", "/pieces?5000", "/together", "/patient", "/include?/timer"])
def test_a_client_that_goes_away(server, path):
    (worker,) = Processes(server.process.pid).workers
    for _ in range(10):
        client = wire.Connection(server.port)
        client.send(wire.get(path))
        reset(client)
    with wire.Connection(server.port) as client:
        client.send(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
        time.sleep(0.05)
        reset(client)
    time.sleep(0.2)
    assert ask(server, "/timer?1").body == b"waited\n"
    assert Processes(server.process.pid).workers == [worker]


def test_the_request_stays_until_the_hook_is_back(server):
    """The wait does not hear of the client's going; what it does with the request afterwards is still allowed."""
    (worker,) = Processes(server.process.pid).workers
    for number in range(5):
        client = wire.Connection(server.port)
        client.send(wire.get(f"/elsewhere?{number}"))
        time.sleep(0.05)
        reset(client)
    wait_until(lambda: all(f"back from elsewhere: {number}" in server.error_log() for number in range(5)), "five lines")
    assert Processes(server.process.pid).workers == [worker]
    assert ask(server, "/elsewhere?x").body == b"back\n"


def test_a_wait_that_is_too_long(serve, load):
    server = serve(site(load, timeout=1))
    assert ask(server, "/timer?8000").status == 504
    wait_until(lambda: "did not resume it in time" in server.error_log(), "the line")
    assert ask(server, "/timer?1").body == b"waited\n"


def test_one_that_is_included_by_a_request_that_goes(server):
    (worker,) = Processes(server.process.pid).workers
    for _ in range(3):
        client = wire.Connection(server.port)
        client.send(wire.get("/include?/elsewhere"))
        time.sleep(0.05)
        reset(client)
    time.sleep(0.5)
    assert ask(server, "/timer?1").body == b"waited\n"
    assert Processes(server.process.pid).workers == [worker]
