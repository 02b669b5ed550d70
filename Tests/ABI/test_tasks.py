"""Hooks that wait: suspended and resumed, or lent to a thread that may block."""

import os
import socket
import struct
import select
import time

import pytest
from support.waiting import wait_until
from support.wire import Connection, fetch, get
from support.workers import Processes

from .texts import HANDLER

AREA = "tasks"


@pytest.fixture(scope="module")
def server(apus, module):
    with apus("Workers 1\n" + module.load() + HANDLER) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(apus, module):
    """The same with a time-out of a second."""
    with apus("Workers 1\nTimeout 1\n" + module.load() + HANDLER) as running:
        yield running


@pytest.fixture(scope="module")
def lent(apus, module):
    with apus("Workers 1\n" + module.load("lent") + HANDLER) as running:
        yield running


def reset(connection):
    """Closes so that the peer hears of it at once: a plain close says only that no more will be sent."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def count(server, text):
    return server.error_log().count(text)


def test_timer(server):
    started = time.monotonic()
    assert fetch(server.port, get("/timer?50000")).body == b"timer 50000"
    assert 0.045 < time.monotonic() - started < 5


def test_many_wait_at_once(server):
    connections = [Connection(server.port) for _ in range(30)]
    started = time.monotonic()
    for connection in connections:
        connection.send(get("/timer?100000"))
    for connection in connections:
        assert connection.read_response().body == b"timer 100000"
        connection.close()
    assert time.monotonic() - started < 3


def test_keepalive_and_pipelining(server):
    with Connection(server.port) as connection:
        connection.send(get("/timer?20000") + get("/now") + get("/timer?1"))
        assert [connection.read_response().body for _ in range(3)] == [b"timer 20000", b"now", b"timer 1"]


def test_from_another_thread(server):
    """What resume says is what the hook answered."""
    for status in (403, 418, 503):
        assert fetch(server.port, get(f"/thread?{status}")).status == status
    assert fetch(server.port, get("/thread?-1")).status == 500


def test_twice(server):
    before = count(server, "resumed 0 -6")
    assert fetch(server.port, get("/twice")).body == b"twice"
    server.wait_for_log("resumed 0 -6")
    assert count(server, "resumed 0 -6") == before + 1


def test_resumed_before_it_returned(server):
    with Connection(server.port) as connection:
        assert connection.request(get("/early?7")).body == b"early 7"
        assert connection.request(get("/now")).body == b"now"


def test_suspended_without_a_task(server):
    assert fetch(server.port, get("/none")).status == 500
    server.wait_for_log("without a task")


def test_a_task_that_was_not_used_is_stale(server):
    before = count(server, "late ")
    assert fetch(server.port, get("/unused")).body == b"unused"
    server.wait_for_log(rf"(?s)(late .*){{{before + 1}}}")
    assert server.error_log().rsplit("late ", 1)[1].startswith("-6")


def test_without_the_flag(server):
    assert fetch(server.port, get("/unable")).body == b"-12"


def test_blocking_function(server):
    assert fetch(server.port, get("/after")).body == b"after blocked"


def test_post(server):
    assert fetch(server.port, get("/post?3")).body == b"posted 3"


@pytest.mark.parametrize("path", ["/post-loop", "/post-later"], ids=["from-a-thread", "from-the-loop"])
def test_post_for_no_connection(server, path):
    assert fetch(server.port, get(f"{path}?3")).body == b"posted to nobody 3"


def test_watch(server):
    assert fetch(server.port, get("/watch?40")).body == b"watched 42"


def test_cancel_timer(server):
    assert fetch(server.port, get("/cancelled-timer?1")).body == b"not cancelled by the other 1"


def test_timeout_names_the_module(impatient):
    before = count(impatient, "cancelled 0")
    response = fetch(impatient.port, get("/never"))
    assert response.status == 504
    impatient.wait_for_log("abi_tasks_module suspended the request and did not resume it in time")
    time.sleep(0.1)
    assert count(impatient, "cancelled 0") == before + 1


def test_resume_after_the_timeout_is_stale(impatient):
    assert fetch(impatient.port, get("/never?1500")).status == 504
    impatient.wait_for_log("late ")
    assert "late -6" in impatient.error_log()


def test_a_timed_out_connection_is_usable_or_closed(impatient):
    with Connection(impatient.port) as connection:
        response = connection.request(get("/never"))
        assert response.status == 504
        if response.persistent:
            assert connection.request(get("/now")).body == b"now"


def test_client_that_goes_cancels_once(server):
    before = count(server, "cancelled 77")
    with Connection(server.port) as connection:
        connection.send(get("/never?77000"))
        time.sleep(0.1)
        reset(connection)
    server.wait_for_log("cancelled 77000")
    time.sleep(0.2)
    assert count(server, "cancelled 77") == before + 1
    assert fetch(server.port, get("/now")).body == b"now"


def test_half_closed_client_is_answered(server):
    with Connection(server.port) as connection:
        connection.send(get("/timer?100000"))
        connection.half_close()
        assert connection.read_response().body == b"timer 100000"


def test_resume_after_the_client_has_gone_is_stale(server):
    before = count(server, "late ")
    with Connection(server.port) as connection:
        connection.send(get("/never?300"))
        time.sleep(0.05)
        reset(connection)
    server.wait_for_log("cancelled 300")
    server.wait_for_log(rf"(?s)(late .*){{{before + 1}}}")
    assert "late -6" in server.error_log().rsplit("cancelled 300", 1)[1]


def test_stop_while_suspended(apus, module):
    with apus("Workers 1\n" + module.load() + HANDLER) as server, Connection(server.port) as connection:
        connection.send(get("/never"))
        time.sleep(0.1)
        server.stop()


# MAY_BLOCK


def test_lent_runs_on_a_pool_thread(lent):
    assert fetch(lent.port, get("/thread")).body == b"pool"


def test_lent_status(lent):
    assert fetch(lent.port, get("/refuse")).status == 403


def test_lent_does_not_hold_the_loop(lent):
    with Connection(lent.port) as slow, Connection(lent.port) as quick:
        slow.send(get("/sleep?2000000"))
        assert quick.request(get("/thread")).body == b"pool"
        # The slow one is still at it: nobody waited for it.
        assert not select.select([slow.socket], [], [], 0)[0]
        assert slow.read_response().body == b"slept"


@pytest.mark.parametrize("size", [0, 5, 9999, 500_000])
def test_lent_reads_and_writes_bodies(lent, size):
    body = bytes(n % 253 for n in range(size))
    response = fetch(lent.port, get("/echo", f"Content-Length: {size}", method="POST") + body)
    assert (response.status, response.body) == (200, body)


def test_lent_waits_for_a_slow_body(lent):
    with Connection(lent.port) as connection:
        connection.send(get("/echo", "Content-Length: 10", method="POST"))
        for piece in (b"hello", b"world"):
            time.sleep(0.05)
            connection.send(piece)
        assert connection.read_response("POST").body == b"helloworld"
        assert connection.request(get("/thread")).body == b"pool"


def test_lent_client_that_goes(lent):
    with Connection(lent.port) as connection:
        connection.send(get("/echo", "Content-Length: 10", method="POST") + b"hel")
        time.sleep(0.05)
        reset(connection)
    for _ in range(3):
        assert fetch(lent.port, get("/thread")).body == b"pool"


def test_lent_client_that_goes_while_the_hook_sleeps(lent):
    with Connection(lent.port) as connection:
        connection.send(get("/sleep?200000"))
        time.sleep(0.05)
        reset(connection)
    time.sleep(0.3)
    assert fetch(lent.port, get("/thread")).body == b"pool"


@pytest.mark.parametrize(
    "directives, most, spare",
    [
        ("ThreadsPerChild 3\nMaxSpareThreads 1\n", 3, 1),
        ("ThreadsPerChild 9\nThreadLimit 2\n", 2, 2),
        ("MaxRequestWorkers 4\n", 4, 4),
        ("ThreadStackSize 262144\nThreadsPerChild 2\n", 2, 2),
    ],
)
def test_threads_for_blocking_work(apus, module, directives, most, spare):
    """httpd's directives for threads bound the threads for blocking work; what they cannot take up at once waits."""
    with apus("Workers 1\n" + directives + module.load("lent") + HANDLER) as server:
        (worker,) = Processes(server.process.pid).wait_for_workers(1)

        def threads():
            # Without the loop's, and the one that looks after the loop.
            return len(os.listdir(f"/proc/{worker}/task")) - 2

        connections = [Connection(server.port) for _ in range(8)]
        for connection in connections:
            connection.send(get("/sleep?100000"))
        wait_until(lambda: threads() == most, lambda: f"{most} threads, not {threads()}")
        for connection in connections:
            assert connection.read_response().body == b"slept"
            assert threads() <= most
            connection.close()
        wait_until(lambda: threads() == spare, lambda: f"{spare} threads that stay, not {threads()}")
