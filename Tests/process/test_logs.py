"""Logs beyond plain files: programs that read them, and the logs of the system."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from support.load import reload
from support.ports import accepts
from support.server import running_as_root
from support.waiting import wait_until
from support.wire import fetch, get
from support.workers import Processes, alive, children_of


def reader(server, name):
    """A program that appends what it reads to a file, under a name of its own in the process table."""
    path = server.root / name
    path.write_text(f"#!/bin/sh\necho $$ >{server.root}/{name}.pid\nexec cat >>{server.root}/logs/{name}.out\n")
    path.chmod(0o755)
    return path


def pid_in(path):
    return wait_until(lambda: path.exists() and path.read_text().strip() and int(path.read_text()), str(path))


def piped(serve, config="", error=None):
    """A server whose access log (and error log) goes to the reader."""
    server = serve("Workers 1\n" + config)
    with server.config_file.open("a") as file:
        file.write(f'CustomLog "|{reader(server, "reader")}" "%r"\n')
        if error:
            file.write(f'ErrorLog "|{reader(server, "errors")}"\n')
    reload(server)
    return server


def test_a_reader_that_dies_is_started_again(serve):
    """No line is lost: what is logged meanwhile waits in the pipe."""
    server = piped(serve)
    out = server.root / "logs" / "reader.out"
    first = pid_in(server.root / "reader.pid")
    fetch(server.port, get("/one"))
    wait_until(lambda: out.exists() and "GET /one" in out.read_text(), "the first line")
    os.kill(first, signal.SIGKILL)
    server.wait_for_log(r"AH00106: piped log program '.*/reader' ended unexpectedly with signal 9; it is started again")
    fetch(server.port, get("/two"))
    wait_until(lambda: "GET /two" in out.read_text(), "the second line")
    assert pid_in(server.root / "reader.pid") != first


def test_readers_end_with_their_generation(serve):
    server = piped(serve, "KeepAliveTimeout 1\n")
    first = pid_in(server.root / "reader.pid")
    fetch(server.port, get("/one"))
    reload(server)
    wait_until(lambda: not alive(first), "the old reader to end")
    second = wait_until(lambda: pid_in(server.root / "reader.pid") != first and pid_in(server.root / "reader.pid"), "a new one")
    fetch(server.port, get("/two"))
    out = server.root / "logs" / "reader.out"
    wait_until(lambda: "GET /two" in out.read_text(), "the second line")
    server.stop()
    assert not alive(second)
    assert [line.split()[1] for line in out.read_text().splitlines()] == ["/one", "/two"]


def test_a_reader_that_takes_no_notice_is_ended(serve_until_killed):
    server = serve_until_killed('CustomLog "|$trap \'\' PIPE; while :; do sleep 1; done" "%r"\n')
    (leader,) = Processes(server.process.pid).leaders
    readers = [pid for pid in children_of(leader) if pid not in Processes(server.process.pid).workers]
    assert len(readers) == 1
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(10) == 0
    wait_until(lambda: not alive(readers[0]), "the reader to end")


def test_readers_of_a_leader_that_died_are_ended(serve_until_killed):
    server = serve_until_killed('CustomLog "|exec sleep 1000" "%r"\n')
    supervisor = server.process.pid
    for _ in range(2):
        leader = Processes(supervisor).leader
        os.kill(leader, signal.SIGKILL)
        wait_until(lambda old=leader: Processes(supervisor).leaders not in ([], [old]), "another leader")
        wait_until(lambda: len(children_of(supervisor)) == 1, "its reader to be ended")
    os.kill(supervisor, signal.SIGTERM)
    assert server.process.wait(10) == 0


def test_standard_error_of_a_daemon(configured):
    """The log that was opened on it goes on after a reload."""
    server = configured('ErrorLog "/dev/stderr"\n')
    log = server.root / "logs" / "stderr"
    try:
        with log.open("w") as file:
            assert subprocess.run(server.command("-k", "start"), stderr=file, check=False).returncode == 0
        assert server.run("-k", "graceful").returncode == 0
        wait_until(lambda: "generation 2 serves" in log.read_text(), lambda: log.read_text())
    finally:
        server.run("-k", "stop")


def test_the_error_log_may_be_piped(serve):
    """What the supervisor has to say arrives there, too; and the reader ends with the server, at once."""
    server = piped(serve, error=True)
    out = server.root / "logs" / "errors.out"
    wait_until(lambda: out.exists() and "generation 2" in out.read_text(), "the leader's line")
    reload(server)
    wait_until(lambda: "AH00493" in out.read_text() and "generation 3 serves" in out.read_text(), "the supervisor's lines")
    last = pid_in(server.root / "errors.pid")
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 2
    assert not alive(last)
    assert "AH00491: caught SIGTERM, shutting down" in out.read_text()


def test_standard_error_of_the_server(serve):
    """ErrorLog /dev/stderr is the standard error of the one who started it, also after a reload."""
    server = serve('ErrorLog "/dev/stderr"\n')
    reload(server)
    wait_until(lambda: "generation 2 serves" in server.console(), lambda: server.console())
    assert "configured -- resuming normal operations" in server.console()


# The logs of the system are sockets of fixed names: the tests have a file system view of their own for them.

isolated = pytest.mark.skipif(
    not running_as_root() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0,
    reason="needs root and a mount namespace of its own",
)


class Inside:
    """Runs the server where a directory of the test lies over the place of the socket."""

    def __init__(self, server, place, directory):
        mount = f"mkdir -p {place} && mount --bind {directory} {place} && "
        if place == "/dev":
            for name in ("null", "zero", "random", "urandom"):
                mount = f"touch {directory}/{name} && mount --bind /dev/{name} {directory}/{name} && " + mount
            mount = mount.replace(f"mount --bind {directory} {place}", f"mount --rbind {directory} {place}")
        self._command = server.command
        self._mount = mount
        server.command = self.command

    def command(self, *arguments):
        line = " ".join(map(str, self._command(*arguments)))
        return ["unshare", "-m", "sh", "-c", f"{self._mount} exec {line}"]


@pytest.fixture
def system_log(apus):
    """Starts a server whose log socket is ours; yields a function that takes the configuration."""
    made = []

    def start(config, place, name):
        server = apus(config, start=False)
        directory = server.root / "sockets"
        directory.mkdir()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(directory / name))
        (directory / name).chmod(0o666)
        listener.settimeout(10)
        Inside(server, place, directory)
        server.start()
        made.append((server, listener))
        return server, listener

    yield start
    for server, listener in made:
        server.stop()
        server.discard()
        listener.close()


def receive_until(listener, pattern):
    seen = []
    for _ in range(50):
        seen.append(listener.recv(65536).decode())
        match = re.search(pattern, seen[-1], re.DOTALL)
        if match:
            return match
    raise AssertionError(f"{pattern!r} not among {seen}")


@isolated
def test_syslog(system_log):
    """<facility * 8 + level>, a time, the tag with the process, and the message without a time of its own."""
    server, listener = system_log("ErrorLog syslog:local3:web\nLogLevel info\n", "/dev", "log")
    match = receive_until(listener, r"^<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d web\[(\d+)\]: \[core:notice\] \[pid (\d+)\] AH00489: ")
    assert int(match[1]) == 19 * 8 + 5 and match[2] == match[3]
    fetch(server.port, b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    match = receive_until(listener, r"^<(\d+)>.*\[core:info\].*request refused")
    assert int(match[1]) == 19 * 8 + 6


@isolated
def test_access_log_to_syslog(system_log):
    server, listener = system_log('CustomLog "syslog:local5:access" "%r"\n', "/dev", "log")
    fetch(server.port, get("/%3c0%3e"))
    match = receive_until(listener, r"^<(\d+)>.* access\[\d+\]: GET /%3c0%3e HTTP/1.1$")
    assert int(match[1]) == 21 * 8 + 6


@isolated
def test_journald(system_log):
    server, listener = system_log("ErrorLog journald:web\n", "/run/systemd/journal", "socket")
    match = receive_until(listener, r"^PRIORITY=5\nSYSLOG_IDENTIFIER=web\nSYSLOG_PID=(\d+)\nMESSAGE=\[core:notice\] .*AH00489[^\n]*\n$")
    assert int(match[1]) in Processes(server.process.pid).all()


def test_a_facility_that_is_none(configured):
    server = configured("ErrorLog syslog:local9\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("ErrorLog syslog:local9"))
    assert "local7" in done.stderr


def test_a_log_daemon_that_is_not_there(configured):
    if pathlib.Path("/run/systemd/journal/socket").exists():
        pytest.skip("this machine has a journal")
    server = configured("ErrorLog journald\n")
    done = server.run("-DFOREGROUND")
    assert done.returncode == 1
    assert "ErrorLog: cannot open journald: No such file or directory" in done.stderr
    assert not accepts(server.port)
