"""What stands behind the caches that are not memory of the server's own."""

import contextlib
import os
import shutil
import signal
import subprocess

import pytest
from .ports import PortReservation, accepts
from .server import running_as_root
from .waiting import wait_until
from .workers import thread_states


class Engine:
    """A memcached or Redis server of this machine, on a port of its own; it can be stopped and started again."""

    def __init__(self, kind, *arguments, tls=None, authority=None):
        """`tls` is the certificate of a Redis that speaks only that; with `authority` it wants its clients' certificates."""
        program = {"redis": "redis-server", "memcache": "memcached"}[kind]
        if not shutil.which(program):
            pytest.skip(f"needs {program}")
        self.kind = kind
        self._reservation = PortReservation(1)
        (self.port,) = self._reservation.ports
        if kind == "redis":
            line = [program, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        else:
            line = [program, "-l", "127.0.0.1", "-p", str(self.port), "-U", "0"]
            line += ["-u", "nobody"] if running_as_root() else []
        if tls:
            line += ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "yes" if authority else "no"]
            line += ["--tls-cert-file", str(tls.certificate), "--tls-key-file", str(tls.key)]
            line += ["--tls-ca-cert-file", str(authority or tls.certificate)]
        self._line = [*line, *arguments]
        self._process = None

    @property
    def place(self):
        return f"127.0.0.1:{self.port}"

    @property
    def word(self):
        return f"{self.kind}:{self.place}"

    def start(self):
        self._process = subprocess.Popen(
            self._line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp"
        )
        wait_until(lambda: accepts(self.port), f"{self.kind} to accept on {self.port}")
        return self

    def stop(self, how=signal.SIGKILL):
        process, self._process = self._process, None
        if process:
            process.send_signal(how)
            process.wait(timeout=10)

    def pause(self):
        """It is there, and does not answer: the signal stops its threads one after another."""
        os.kill(self._process.pid, signal.SIGSTOP)
        wait_until(lambda: set(thread_states(self._process.pid)) == {"T"}, f"all threads of {self.kind} to stop")

    def go_on(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        self._reservation.release()


@contextlib.contextmanager
def engine_for(name):
    """The word of a directive for a cache of that name, with what must run for it."""
    if name == "shmcb":
        yield "shmcb:logs/cache(4000000)"
    elif name == "dbm":
        yield "dbm:logs/cache"
    elif name in ("redis", "memcache"):
        with Engine(name) as engine:
            yield engine.word
    else:
        yield name
