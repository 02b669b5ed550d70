"""What every provider of group socache/1 must do, whatever keeps its objects.

The providers of this project, and one from elsewhere: APUS_SOCACHE and APUS_SOCACHE_MODULE, see conftest.py.
"""

import os
import random
import signal
import threading
import time

import pytest
from support.waiting import wait_until
from support.wire import Connection, fetch, get
from support.workers import Processes

from .conftest import ask, each_worker
from support.engines import engine_for

SHARED, MAY_BLOCK, SURVIVES_RESTART, ANY_THREAD = 1, 2, 4, 8

#: Name and the flags that it must have.
PROVIDERS = {
    "shmcb": SHARED | ANY_THREAD,
    "dbm": SHARED | SURVIVES_RESTART | ANY_THREAD,
    "dbm:gdbm:logs/cache": SHARED | SURVIVES_RESTART | ANY_THREAD,
    "dbm:db:logs/cache": SHARED | SURVIVES_RESTART | ANY_THREAD,
    "memcache": SHARED | MAY_BLOCK | SURVIVES_RESTART,
    "redis": SHARED | MAY_BLOCK | SURVIVES_RESTART,
}
if "APUS_SOCACHE" in os.environ:
    PROVIDERS = {os.environ["APUS_SOCACHE"]: None}


@pytest.fixture(scope="module", params=PROVIDERS)
def cache(request, tmp_path_factory):
    """The word of the directive, with the engine behind it if there is one."""
    with engine_for(request.param) as word:
        yield word


@pytest.fixture(scope="module")
def server(cached, cache):
    with cached(cache) as running:
        yield running


@pytest.fixture(scope="module")
def flags(server):
    return int(fetch(server.port, get("/flags")).body)


@pytest.fixture(scope="module")
def pair(server, flags):
    """Connections to two workers that see the same objects, or twice to one."""
    one, two = each_worker(server)
    yield (one, two) if flags & SHARED else (one, one)
    one.close()
    two.close()


def test_flags(flags, cache):
    expected = PROVIDERS.get(cache.split(":")[0])
    assert expected is None or flags == expected


def test_what_is_stored_is_found_by_all(pair):
    one, two = pair
    assert ask(one, "/store/found-/0/100/200/60000") == {"ok": 100}
    assert ask(two, "/check/found-/0/100/200") == {"ok": 100}
    assert ask(one, "/check/found-/0/100/200") == {"ok": 100}


def test_what_is_not_stored_is_not_found(pair):
    assert ask(pair[0], "/check/absent-/0/50/10") == {"missing": 50}


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 200, 1024, 5000])
def test_sizes(pair, size):
    one, two = pair
    assert ask(one, f"/store/size{size}-/0/3/{size}/60000") == {"ok": 3}
    assert ask(two, f"/check/size{size}-/0/3/{size}") == {"ok": 3}


@pytest.mark.parametrize("length", [1, 20, 32, 100, 255, 256, 400, 1000])
def test_lengths_of_ids(pair, length):
    one, two = pair
    prefix = "k" * length
    assert ask(one, f"/store/{prefix}/0/3/50/60000") == {"ok": 3}
    assert ask(two, f"/check/{prefix}/0/3/50") == {"ok": 3}
    assert ask(two, f"/check/{prefix[:-1]}j/0/3/50") == {"missing": 3}


def test_ids_that_begin_alike(pair):
    """1, 10, 100 …: no id is found by a part of it."""
    one, two = pair
    assert ask(one, "/store/alike/1/1/50/60000") == {"ok": 1}
    assert ask(two, "/check/alike/10/1/50") == {"missing": 1}
    assert ask(one, "/store/alike/10/1/50/60000") == {"ok": 1}
    assert ask(two, "/check/alike/1/1/50") == {"ok": 1}


def test_an_object_takes_the_place_of_another(pair):
    one, two = pair
    for size in (100, 300, 20, 300, 0):
        assert ask(one, f"/store/again/0/5/{size}/60000") == {"ok": 5}
        assert ask(two, f"/check/again/0/5/{size}") == {"ok": 5}


def test_removed_ones_are_gone(pair):
    one, two = pair
    assert ask(one, "/store/removed-/0/10/60/60000") == {"ok": 10}
    assert ask(two, "/remove/removed-/3/4") == {"ok": 4}
    assert ask(one, "/check/removed-/3/4/60") == {"missing": 4}
    assert ask(one, "/check/removed-/0/3/60") == {"ok": 3}
    assert ask(one, "/check/removed-/7/3/60") == {"ok": 3}
    assert ask(one, "/store/removed-/3/4/60/60000") == {"ok": 4}
    assert ask(two, "/check/removed-/0/10/60") == {"ok": 10}


def test_removing_what_is_not_there(pair):
    assert ask(pair[0], "/remove/never-there-/0/3") == {"ok": 3}


def test_objects_expire(pair):
    one, two = pair
    assert ask(one, "/store/brief-/0/5/60/1100") == {"ok": 5}
    assert ask(one, "/store/lasting-/0/5/60/60000") == {"ok": 5}
    assert ask(two, "/check/brief-/0/5/60") == {"ok": 5}
    wait_until(lambda: ask(two, "/check/brief-/0/5/60") == {"missing": 5}, "the objects to expire")
    assert ask(one, "/check/brief-/0/5/60") == {"missing": 5}
    assert ask(one, "/check/lasting-/0/5/60") == {"ok": 5}


def test_a_stored_one_that_has_expired(pair):
    """It is not found, and neither is the one it takes the place of."""
    one, two = pair
    assert ask(one, "/store/late-/0/2/60/60000") == {"ok": 2}
    ask(one, "/store/late-/0/2/60/-5000")
    assert ask(two, "/check/late-/0/2/60") == {"missing": 2}


def test_too_big(pair):
    """It is refused with an answer of its own, or kept; the caches of this project refuse 64 MiB."""
    one, two = pair
    stored = ask(one, "/store/big-/0/1/67108864/60000")
    assert stored in ({"big": 1}, {"ok": 1})
    if stored == {"big": 1}:
        assert ask(two, "/check/big-/0/1/67108864") == {"missing": 1}
    assert ask(one, "/mix/after-big-/0/3/50/60000") == {"ok": 3}


def test_all_workers_at_once(pair):
    """Nothing is ever found that was not stored so; few are evicted."""
    answers = []

    def mix(connection, prefix):
        for _ in range(5):
            answers.append(ask(connection, f"/mix/{prefix}-/0/200/200/60000"))

    threads = [
        threading.Thread(target=mix, args=arguments) for arguments in zip(set(pair), ("left", "right"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == 5 * len(threads)
    for answer in answers:
        assert set(answer) <= {"ok", "missing"} and answer["ok"] >= 195


def test_status_has_names_and_values(server):
    lines = fetch(server.port, get("/status")).body.decode().splitlines()
    assert lines and all(": " in line for line in lines)


def test_configuration_test_accepts_it(server):
    done = server.run("-t")
    assert done.returncode == 0, done.stderr


# Ends.


def kill_a_worker(server, processes, workers=2):
    victim = processes.workers[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(
        lambda: victim not in processes.workers and len(processes.workers) == workers,
        lambda: f"another worker in place of {victim}: {processes.workers}",
    )


def test_a_killed_worker(cached, cache, flags):
    """What was stored stays, and the others go on."""
    with cached(cache) as server:
        processes = Processes(server.process.pid)
        assert ask(server.port, "/store/stays-/0/50/200/600000") == {"ok": 50}
        for _ in range(3):
            kill_a_worker(server, processes)
            if flags & SHARED:
                assert ask(server.port, "/check/stays-/0/50/200") == {"ok": 50}
            assert ask(server.port, "/mix/new-/0/50/200/60000") == {"ok": 50}


def test_workers_killed_at_work(cached, cache):
    """At any instruction: nobody waits for ever, and nothing false is found. A file of GDBM or Berkeley DB is not used again
    until it was looked at."""
    fragile = cache.startswith(("dbm:gdbm:", "dbm:db:"))
    moment = random.Random(7)
    with cached(cache) as server:
        processes = Processes(server.process.pid)
        for number in range(8):
            with Connection(server.port) as connection:
                victim = int(connection.request(get("/who")).body.split()[1])
                connection.send(get(f"/mix/w{number}-/0/1000000/200/60000"))
                time.sleep(moment.uniform(0.001, 0.02))
                os.kill(victim, signal.SIGKILL)
            counted = ask(server.port, f"/check/w{number}-/0/2000/200")
            assert set(counted) <= ({"ok", "missing", "failed"} if fragile else {"ok", "missing"})
            patience = None if fragile else 0
            wait_until(lambda: ask(server.port, "/mix/after-/0/20/200/60000") == {"ok": 20}, "all to be well", patience)
            processes.wait_for_workers(2)


def test_reload(cached, cache, flags):
    if not flags & SHARED:
        pytest.skip("its content is a worker's own")
    with cached(cache) as server:
        assert ask(server.port, "/store/reload-/0/100/200/600000") == {"ok": 100}
        assert ask(server.port, "/store/brief-/0/3/60/1") == {"ok": 3}
        for _ in range(2):
            assert server.run("-k", "graceful").returncode == 0
            assert ask(server.port, "/check/reload-/0/100/200") == {"ok": 100}
            assert ask(server.port, "/check/brief-/0/3/60") == {"missing": 3}


def test_restart(cached, cache, flags):
    with cached(cache) as server:
        assert ask(server.port, "/store/restart-/0/100/200/600000") == {"ok": 100}
        server.stop()
        server.start()
        expected = "ok" if flags & SURVIVES_RESTART else "missing"
        assert ask(server.port, "/check/restart-/0/100/200") == {expected: 100}
