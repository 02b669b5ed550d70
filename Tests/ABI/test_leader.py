"""What the leader does for modules, and what generations leave each other."""

import os
import signal
import time

import pytest
from support.waiting import wait_until
from support.wire import Connection, fetch, get
from support.workers import Processes, one_connection_each

from .texts import HANDLER

AREA = "leader"


@pytest.fixture
def server(apus, module):
    with apus("Workers 2\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\n" + module.load() + HANDLER) as running:
        yield running


def ask(server, path):
    return fetch(server.port, get(path)).body.decode()


def both_workers(server):
    return one_connection_each(server.port, 2, lambda c: c.request(get("/told")).body.split()[0])


def told(connection):
    return connection.request(get("/told")).body.decode().split(" ", 2)[1:]


def reload(server):
    generation = int(ask(server, "/generation"))
    assert server.run("-k", "graceful").returncode == 0, server.diagnosis()
    wait_until(lambda: int(ask(server, "/generation")) == generation + 1, "the next generation")


def test_a_message_of_a_worker_reaches_all(server):
    one, two = both_workers(server)
    with one, two:
        assert one.request(get("/say?hello")).body == b"0"
        for connection in (one, two):
            wait_until(lambda c=connection: told(c) == ["1", "said=5:hello"], "the message")


def test_a_message_of_any_length(server):
    one, two = both_workers(server)
    with one, two:
        assert one.request(get("/say-large")).body == b"0"
        for connection in (one, two):
            wait_until(lambda c=connection: told(c) == ["1", f"large={3 << 20}:{'x' * 40}"], "the message")


def test_many_messages_arrive_in_their_order(server):
    one, two = both_workers(server)
    with one, two:
        for number in range(500):
            assert one.request(get(f"/say?{number}")).body == b"0"
        for connection in (one, two):
            wait_until(lambda c=connection: told(c) == ["500", "said=3:499"], "all messages")


def test_a_message_needs_a_name(server):
    assert ask(server, "/say-badly") == "-3 -3"


def test_a_watched_file(server):
    """Made, changed, replaced and removed: every worker hears of it, and one that is started later inherits it."""
    file = server.root / "watched"
    one, two = both_workers(server)
    with one, two:

        def heard(text):
            for connection in (one, two):
                wait_until(lambda c=connection: told(c)[1] == f"file={len(text)}:{text}", f"{text}", patience=5)

        file.write_text("first")
        heard("first")
        file.write_text("second!")
        heard("second!")
        other = server.root / "other"
        other.write_text("third")
        os.rename(other, file)
        heard("third")
        file.unlink()
        heard("(gone)")
    processes = Processes(server.process.pid)
    victim = processes.workers[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in processes.workers and len(processes.workers) == 2, "a new worker")
    for connection in both_workers(server):
        with connection:
            assert told(connection)[1] == "file=6:(gone)"


def test_one_worker_holds_a_lease(server):
    one, two = both_workers(server)
    with one, two:
        def lease(c):
            return c.request(get("/lease")).body.split()[1]

        assert lease(one) == b"0"
        assert lease(two) == b"1"
        assert lease(one) == b"0"
        one.request(get("/release"))
        assert lease(two) == b"0"
        assert lease(one) == b"1"


def test_a_lease_outlives_nobody(server):
    """The worker that holds it dies: another gets it at once, not only when its time is over."""
    one, two = both_workers(server)
    with one, two:
        assert one.request(get("/lease")).body.split()[1] == b"0"
        processes = Processes(server.process.pid)
        before = processes.workers
        # Which of the two holds it does not matter: kill until the other gets it.
        for pid in before:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda p=pid: p not in processes.workers and len(processes.workers) == 2, "a new worker")
    begin = time.monotonic()
    with Connection(server.port) as connection:
        assert connection.request(get("/lease")).body.split()[1] == b"0"
    assert time.monotonic() - begin < 4


def test_a_value_is_left_to_the_next_generation(server):
    assert ask(server, "/left") == "nothing"
    (server.root / "watched").write_text("for later")
    wait_until(lambda: "for later" in ask(server, "/told"), "the file to be seen", patience=5)
    for _ in range(3):
        reload(server)
        assert ask(server, "/left") == "for later"


def test_memory_that_lasts(server):
    """The next generation has the same memory, and may move out of it into a larger one."""
    assert ask(server, "/count") == "1 0 0"
    assert ask(server, "/count") == "2 0 0"
    reload(server)
    assert ask(server, "/count") == "3 1 4096"


def test_memory_of_another_length_is_new(apus, module):
    with apus("Workers 1\n" + module.load() + HANDLER) as server:
        assert ask(server, "/count") == "1 0 0"
        assert ask(server, "/count") == "2 0 0"
        # The module asks for more where this file is.
        (server.root / "larger").touch()
        reload(server)
        assert ask(server, "/count") == "1 0 4096"


def test_not_in_a_worker(server):
    assert ask(server, "/late") == "-10 -10"


def test_in_one_process(apus, module):
    """With -X messages come back at once, a lease is never refused, and nobody keeps values."""
    with apus(module.load() + HANDLER, arguments=("-X",)) as server:
        assert ask(server, "/say?alone") == "0"
        assert ask(server, "/told").endswith("1 said=5:alone")
        assert ask(server, "/lease").endswith(" 0")
        assert ask(server, "/count") == "1 0 0"
