"""The cache in a database file, beyond what every cache must do: rights, damage, deaths, room."""

import contextlib
import os
import pwd
import random
import re
import signal
import stat
import threading
import time

import pytest
from support.server import running_as_root
from support.waiting import wait_until
from support.wire import Connection, get
from support.workers import Processes, alive

from .conftest import ask, facts

#: Type in the directive, and the files that it makes.
TYPES = {
    "dbm:logs/cache": ["cache", "cache-lock"],
    "dbm:gdbm:logs/cache": ["cache"],
    "dbm:db:logs/cache": ["cache"],
}


@pytest.fixture(params=TYPES)
def word(request):
    return request.param


@pytest.mark.parametrize("word", ["dbm:logs/x", "dbm:default:logs/x", "dbm:LMDB:logs/x", "dbm:gdbm:logs/x", "dbm:db:logs/x", "dbm:/var/tmp/x", "dbm:logs/a:b"])
def test_accepted_arguments(cached, word):
    with cached(word, start=False) as server:
        done = server.run("-t")
        assert done.returncode == 0, done.stderr
        assert not list((server.root / "logs").glob("x*"))


@pytest.mark.parametrize(
    "word, reason",
    {
        "dbm": "need a file",
        "dbm:": "need a file",
        "dbm:lmdb:": "need a file",
        "dbm:sdbm:logs/x": "cannot be shared",
        "dbm:absent/x": "No such file or directory",
        "dbm:logs": "not a file",
    }.items(),
)
def test_refused_arguments(cached, word, reason):
    """By -t as by the start."""
    for arguments in (["-t"], ["-DFOREGROUND"]):
        with cached(word, start=False) as server:
            done = server.run(*arguments)
            assert done.returncode != 0
            line = server.line_of(f'AbiCache "{word}"')
            assert re.search(rf"{re.escape(str(server.config_file))}:{line}:\S* error: ", done.stderr), done.stderr
            assert reason in done.stderr


def test_rights(cached, word):
    """Nobody but the workers' user can read what is in it, whatever the umask."""
    before = os.umask(0)
    try:
        with cached(word) as server:
            for name in TYPES[word]:
                info = (server.root / "logs" / name).stat()
                assert stat.S_IMODE(info.st_mode) == 0o600
                if running_as_root():
                    assert pwd.getpwuid(info.st_uid).pw_name == "www-data"
    finally:
        os.umask(before)


@pytest.mark.skipif(not running_as_root(), reason="needs another user for the workers")
def test_a_directory_that_workers_cannot_enter(cached, word):
    with cached(word.replace("logs/", "private/"), start=False) as server:
        (server.root / "private").mkdir(mode=0o700)
        done = server.run("-DFOREGROUND")
        assert done.returncode != 0 and "chmod o+x" in done.stderr


def test_one_file_for_two_caches(cached, text_for):
    with cached("dbm:logs/x", start=False) as server:
        text = text_for("dbm:logs/x").replace("AbiCache", "SSLSessionCache dbm:logs/x\nAbiCache", 1)
        server.write_config(f"LoadModule ssl_module {server.module_path('ssl')}\n" + text)
        done = server.run("-t")
        assert done.returncode != 0 and "another cache already" in done.stderr


# Damage.


def zeroes(file):
    file.write_bytes(bytes(file.stat().st_size))


def noise(file):
    file.write_bytes(random.Random(1).randbytes(max(file.stat().st_size, 8192)))


def halved(file):
    os.truncate(file, file.stat().st_size // 2 + 100)


def short(file):
    file.write_bytes(file.read_bytes()[:10])


def text(file):
    file.write_text("a file of something else\n" * 1000)


def scrambled_behind_the_head(file):
    data = bytearray(file.read_bytes())
    data[8192:] = random.Random(2).randbytes(len(data) - 8192)
    file.write_bytes(data)


@pytest.mark.parametrize("damage", [zeroes, noise, halved, short, text, scrambled_behind_the_head])
def test_a_damaged_file_is_set_aside(cached, word, damage):
    """With a warning; the start goes on with an empty one."""
    with cached(word) as server:
        assert ask(server.port, "/store/a/0/60/2000/600000") == {"ok": 60}
        server.stop()
        file = server.root / "logs" / "cache"
        damage(file)
        damaged = file.read_bytes()
        server.start()
        server.wait_for_log("APUS4020: .*cache.* is damaged")
        assert file.with_name("cache.damaged").read_bytes() == damaged
        assert ask(server.port, "/check/a/0/60/2000") == {"missing": 60}
        assert ask(server.port, "/mix/a/0/60/2000/600000") == {"ok": 60}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_empty_file_is_taken(cached, word):
    with cached(word, start=False) as server:
        (server.root / "logs" / "cache").touch()
        server.start()
        assert ask(server.port, "/mix/a/0/10/200/600000") == {"ok": 10}


def test_a_sound_file_is_left_alone(cached, word):
    with cached(word) as server:
        for _ in range(3):
            server.stop()
            server.start()
        assert "APUS4020" not in server.error_log()
        assert not (server.root / "logs" / "cache.damaged").exists()


# Deaths.


def kill_everything(server):
    processes = Processes(server.process.pid).all()
    for pid in processes:
        # The leader ends by itself when the supervisor has gone.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait(timeout=10)
    server.process = None
    wait_until(lambda: not any(alive(pid) for pid in processes), "all processes to end")


def test_everything_killed_at_work(cached, word):
    """The file is sound, and what was stored before is there. A file of GDBM or Berkeley DB may be damaged and set aside."""
    is_sound = word == "dbm:logs/cache"
    moment = random.Random(3)
    with cached(word, workers=3) as server:
        for number in range(8):
            assert ask(server.port, f"/store/kept{number}-/0/50/200/600000") == {"ok": 50}
            connections = [Connection(server.port) for _ in range(3)]
            for index, connection in enumerate(connections):
                connection.send(get(f"/mix/w{number}{index}-/0/1000000/200/600000"))
            time.sleep(moment.uniform(0.01, 0.1))
            kill_everything(server)
            for connection in connections:
                connection.close()
            server.start()
            for earlier in range(number + 1):
                counted = ask(server.port, f"/check/kept{earlier}-/0/50/200")
                assert counted == {"ok": 50} or not is_sound and set(counted) <= {"ok", "missing"}
        assert not is_sound or "APUS4020" not in server.error_log()


def test_two_generations_at_work(cached, word):
    """The one that leaves and the one that comes use the same file."""
    with cached(word) as server:
        stop = threading.Event()
        answers = []

        def work():
            while not stop.is_set():
                answers.append(ask(server.port, "/mix/w-/0/50/200/600000"))

        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(4):
            assert server.run("-k", "graceful").returncode == 0
        stop.set()
        thread.join(timeout=60)
        assert answers and all(answer == {"ok": 50} for answer in answers)


# Room.


def test_expired_objects_are_removed(cached, word):
    with cached(word) as server:
        assert ask(server.port, "/store/brief-/0/200/200/1000") == {"ok": 200}
        assert ask(server.port, "/store/lasting-/0/10/200/600000") == {"ok": 10}
        assert int(facts(server.port)["current entries"]) > 10
        wait_until(lambda: facts(server.port)["current entries"] == "10", "expired objects to go")
        assert ask(server.port, "/check/lasting-/0/10/200") == {"ok": 10}


def test_a_full_file_makes_room(cached):
    """Those that expire first go."""
    with cached("dbm:logs/cache") as server:
        assert ask(server.port, "/store/first-/0/20/100/1000000") == {"ok": 20}
        for number in range(22):
            assert ask(server.port, f"/mix/large-/{number}/1/12000000/{2000000 + number}") == {"ok": 1}
        assert ask(server.port, "/check/large-/17/5/12000000") == {"ok": 5}
        assert (server.root / "logs" / "cache").stat().st_size <= 256 << 20


def test_many_objects(cached, word):
    with cached(word) as server:
        # GDBM brings each change to the disk by itself.
        count = 200 if "gdbm" in word else 10000
        assert ask(server.port, f"/store/many-/0/{count}/200/600000") == {"ok": count}
        assert ask(server.port, f"/check/many-/0/{count}/200") == {"ok": count}
        assert facts(server.port)["current entries"] == str(count)
