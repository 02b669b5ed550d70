"""The cache in shared memory, beyond what every cache must do: arguments, eviction, reloads, deaths, statistics."""

import os
import signal
import time

import pytest
from support.wire import Connection, get
from support.workers import Processes

from .conftest import ask, each_worker, facts

#: httpd's answers, asked of Debian's apache2 with SSLSessionCache.
ACCEPTED = [
    "shmcb",
    "shmcb:",
    "shmcb:logs/x",
    "shmcb:logs/x(512000)",
    "shmcb:logs/x(8192)",
    "shmcb:/abs/x(1073741824)",
    "shmcb:(9000)",
    "shmcb:logs/a b(20000)",
    "shmcb:logs/a(b)(20000)",
]
REFUSED = {
    "shmcb:logs/x(100)": "between 8192 and",
    "shmcb:logs/x(8191)": "between 8192 and",
    "shmcb:logs/x(4294967295)": "between 8192 and",
    "shmcb:logs/x(99999999999999999999)": "not a number",
    "shmcb:logs/x(abc)": "not a number",
    "shmcb:logs/x(8192abc)": "not a number",
    "shmcb:logs/x(-1)": "",
    "shmcb:logs/x()": "lacks the size",
    "shmcb:logs/x(": "lacks the size",
    "shmcb:logs/x)": "opening parenthesis",
    "shmcb:logs/x(9000)y": "closing parenthesis",
}


@pytest.mark.parametrize("word", ACCEPTED)
def test_accepted_arguments(cached, word):
    with cached(word, start=False) as server:
        done = server.run("-t")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("word, reason", REFUSED.items())
def test_refused_arguments(cached, word, reason):
    with cached(word, start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0
        assert server.reports_error_at(done.stderr, server.line_of(f'AbiCache "{word}"'))
        assert reason in done.stderr and "shmcb:path(bytes)" in done.stderr


def test_the_provider_of_no_name(cached):
    """What httpd's users take when nothing is said: "default"."""
    with cached("shmcb:logs/x", start=False) as server:
        server.config_file.write_text(server.config_file.read_text().replace('"shmcb:logs/x"', "default"))
        assert server.run("-t").returncode == 0


def test_the_oldest_go_first(cached):
    with cached("shmcb:logs/x(65536)") as server:
        assert ask(server.port, "/store/old-/0/1000/200/60000") == {"ok": 1000}
        kept = [ask(server.port, f"/check/old-/{first}/100/200").get("ok", 0) for first in range(0, 1000, 100)]
        assert kept[-1] == 100 and kept[0] == 0 and kept == sorted(kept)
        told = facts(server.port)
        assert int(told["scrolled out"]) == 1000 - sum(kept) == 1000 - int(told["current entries"])
        assert int(told["stores"]) == 1000


def test_expired_ones_do_not_count_as_scrolled_out(cached):
    with cached("shmcb:logs/x(8192)") as server:
        assert ask(server.port, "/store/brief-/0/25/200/1") == {"ok": 25}
        time.sleep(0.01)
        assert ask(server.port, "/store/next-/0/25/200/60000") == {"ok": 25}
        told = facts(server.port)
        assert int(told["expired"]) >= 20 and told["scrolled out"] == "0"


@pytest.mark.parametrize("size", [8192, 32768, 100000])
def test_objects_as_large_as_a_part(cached, size):
    with cached(f"shmcb:logs/x({size})") as server:
        largest = int(facts(server.port)["largest object"])
        # The ids are "big0" and so on.
        assert ask(server.port, f"/mix/big/0/9/{largest - 4}/60000") == {"ok": 9}
        assert ask(server.port, f"/store/big/0/1/{largest - 3}/60000") == {"big": 1}
        assert ask(server.port, "/mix/small/0/9/20/60000") == {"ok": 9}


def test_statistics(cached):
    with cached("shmcb:logs/x(1000000)") as server:
        ask(server.port, "/store/a/0/10/100/60000")
        ask(server.port, "/store/a/0/3/100/60000")
        ask(server.port, "/check/a/0/20/100")
        ask(server.port, "/remove/a/8/5")
        told = facts(server.port)
        assert told["cache type"] == "SHMCB" and told["shared memory"] == "1000000"
        expected = {
            "stores": 13,
            "replaced": 3,
            "hits": 10,
            "misses": 10,
            "removes": 2,
            "remove misses": 3,
            "current entries": 8,
            "scrolled out": 0,
        }
        assert {name: int(told[name]) for name in expected} == expected


@pytest.mark.parametrize("size, kept", [(1000000, 300), (400000, 300), (60000, None)])
def test_a_reload_with_another_size(cached, text_for, size, kept):
    """What fits moves along; of the rest what would expire first stays behind."""
    with cached("shmcb:logs/x(500000)") as server:
        assert ask(server.port, "/store/early-/0/150/300/300000") == {"ok": 150}
        assert ask(server.port, "/store/late-/0/150/300/600000") == {"ok": 150}
        server.write_config(text_for(f"shmcb:logs/x({size})"))
        assert server.run("-k", "graceful").returncode == 0
        assert facts(server.port)["shared memory"] == str(size)
        early = ask(server.port, "/check/early-/0/150/300").get("ok", 0)
        late = ask(server.port, "/check/late-/0/150/300").get("ok", 0)
        if kept:
            assert early + late == kept
        else:
            assert early < 30 and 100 < late <= 150
        assert ask(server.port, "/mix/new-/0/50/300/60000") == {"ok": 50}


def test_a_reload_with_another_path_begins_anew(cached, text_for):
    with cached("shmcb:logs/x(100000)") as server:
        assert ask(server.port, "/store/a/0/10/100/60000") == {"ok": 10}
        server.write_config(text_for("shmcb:logs/y(100000)"))
        assert server.run("-k", "graceful").returncode == 0
        assert ask(server.port, "/check/a/0/10/100") == {"missing": 10}


def test_two_generations_share_it(cached):
    """The workers that leave and those that come see the same."""
    with cached("shmcb:logs/x(100000)", workers=1) as server, Connection(server.port) as old:
        assert ask(old, "/store/a/0/10/100/60000") == {"ok": 10}
        old.send(b"GET /check/a/0/10/100 HTTP/1.1\r\nHost: x\r\n")
        assert server.run("-k", "graceful").returncode == 0
        assert ask(server.port, "/store/b/0/10/100/60000") == {"ok": 10}
        old.send(b"\r\n")
        assert b"ok 10 missing 0" in old.read_response().body
        assert ask(server.port, "/check/a/0/10/100") == {"ok": 10}


def test_a_lock_whose_owner_died(cached):
    """The next one makes sense of what is there, and says so."""
    with cached("shmcb:logs/x(8192)") as server:
        processes = Processes(server.process.pid)
        for _ in range(60):
            with Connection(server.port) as connection:
                victim = int(connection.request(get("/who")).body.split()[1])
                connection.send(get("/mix/w-/0/100000000/200/60000"))
                time.sleep(0.005)
                os.kill(victim, signal.SIGKILL)
            assert ask(server.port, "/mix/after-/0/9/200/60000") == {"ok": 9}
            processes.wait_for_workers(2)
            if facts(server.port)["recovered"] != "0":
                break
        else:
            raise AssertionError("no worker died with the lock")
        server.wait_for_log("APUS4010: a process died while it used the cache abi-test")


def test_workers_do_not_wait_for_each_other(cached):
    """Two parts of the cache can be used at once; the counter only shows that locks are not for ever."""
    with cached("shmcb:logs/x(1000000)") as server:
        one, two = each_worker(server)
        with one, two:
            one.send(get("/mix/one-/0/20000/200/60000"))
            assert ask(two, "/mix/two-/0/20000/200/60000")["ok"] > 19000
            assert one.read_response().status == 200
        assert int(facts(server.port)["subcaches"]) > 16
