"""Memory and locks that the workers share."""

import threading

import pytest
from support.waiting import wait_until
from support.wire import Connection, fetch, get
from support.workers import one_connection_each

from .texts import HANDLER

AREA = "shared"


@pytest.fixture
def server(apus, module):
    with apus("Workers 2\nMaxKeepAliveRequests 0\n" + module.load() + HANDLER) as running:
        yield running


def count(connection):
    return [int(number) for number in connection.request(get("/count")).body.split()]


def two_workers(server):
    """Connections to both workers."""
    return one_connection_each(server.port, 2, lambda connection: count(connection)[3])


def test_both_workers_count_together(server):
    one, two = two_workers(server)
    with one, two:
        start = count(one)[1]
        for step in range(1, 6):
            assert count(two)[1] == start + 2 * step - 1
            assert count(one)[1] == start + 2 * step


def test_no_count_is_lost(server):
    connections = two_workers(server)
    start = count(connections[0])[1]

    def many(connection):
        for _ in range(300):
            connection.request(get("/count"))

    threads = [threading.Thread(target=many, args=[connection]) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert count(connections[0])[1] == start + 601
    for connection in connections:
        connection.close()


def test_try_lock(server):
    assert fetch(server.port, get("/try")).body == b"4 0"


def test_no_segment_in_a_worker(server):
    assert int(fetch(server.port, get("/late")).body) == -10


def test_a_worker_that_dies_with_the_lock(server):
    """The next to take the lock learns that what it guards may be half changed; then all is as before."""
    one, two = two_workers(server)
    with one, two:
        one.send(get("/die"))
        assert one.read_to_end() == b""
        status, number, recovered, _ = count(two)
        assert (status, recovered) == (5, 1)
        assert count(two)[:3] == [0, number + 1, 1]
    wait_until(lambda: len(set(workers(server))) == 2, "a new worker in place of the dead one")
    assert fetch(server.port, get("/try")).body == b"4 0"


def workers(server):
    for _ in range(20):
        with Connection(server.port) as connection:
            yield count(connection)[3]


def test_the_death_is_logged(server):
    with Connection(server.port) as connection:
        connection.send(get("/die"))
        connection.read_to_end()
    server.wait_for_log(r"(?i)(worker|child|pid \d+).*(7|exit)")
