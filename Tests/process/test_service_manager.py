"""What systemd is told, and the sockets it may open for the server."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from support.load import reload
from support.ports import PortReservation
from support.server import PROJECT
from support.waiting import wait_until
from support.wire import fetch, get
from support.workers import Processes


@pytest.fixture
def notifications():
    """A socket as NOTIFY_SOCKET names it, and what came to it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="apus-notify-"))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(directory / "socket"))
    listener.settimeout(10)
    yield listener, {"NOTIFY_SOCKET": str(directory / "socket")}
    listener.close()
    shutil.rmtree(directory)


def next_states(listener):
    return dict(line.split("=", 1) for line in listener.recv(4096).decode().splitlines())


def test_the_manager_is_told(serve_until_killed, notifications):
    listener, environment = notifications
    server = serve_until_killed(environment=environment)
    ready = next_states(listener)
    assert ready["READY"] == "1" and int(ready["MAINPID"]) == server.process.pid
    # Nobody but the supervisor is to speak for the service.
    worker = pathlib.Path(f"/proc/{Processes(server.process.pid).wait_for_workers(2)[0]}/environ").read_bytes()
    assert b"NOTIFY_SOCKET" not in worker
    reload(server)
    reloading = next_states(listener)
    assert reloading["RELOADING"] == "1"
    assert abs(int(reloading["MONOTONIC_USEC"]) / 1e6 - time.clock_gettime(time.CLOCK_MONOTONIC)) < 30
    assert next_states(listener)["READY"] == "1"
    server.config_file.write_text(server.config_file.read_text() + "Bogus on\n")
    server.process.send_signal(signal.SIGUSR1)
    assert next_states(listener)["RELOADING"] == "1"
    failed = next_states(listener)
    assert failed["READY"] == "1" and "failed" in failed["STATUS"]
    server.process.send_signal(signal.SIGTERM)
    assert next_states(listener)["STOPPING"] == "1"
    assert server.process.wait(10) == 0


def test_signs_of_life(serve_until_killed, notifications):
    listener, environment = notifications
    server = serve_until_killed(environment={**environment, "WATCHDOG_USEC": "400000"})
    begin = time.monotonic()
    seen = 0
    while time.monotonic() - begin < 1.5:
        seen += next_states(listener).get("WATCHDOG") == "1"
    assert seen >= 4
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(10)


class Activated:
    """Starts a server with listening sockets as the descriptors from 3 on."""

    def __init__(self, server, sockets):
        self._command, self._sockets = server.command, sockets
        server.command = self.command

    def command(self, *arguments):
        line = " ".join(map(str, self._command(*arguments)))
        moves = " ".join(f"{3 + n}<&{s.fileno()}" for n, s in enumerate(self._sockets))
        return ["bash", "-c", f"exec {moves}; LISTEN_PID=$$ LISTEN_FDS={len(self._sockets)} exec {line}"]


def start_activated(server, sockets):
    Activated(server, sockets)
    console = open(server.root / "logs" / "console", "w+b")
    server._console = console
    server.process = subprocess.Popen(
        server.command("-DFOREGROUND"),
        stdin=subprocess.DEVNULL,
        stdout=console,
        stderr=console,
        start_new_session=True,
        pass_fds=[s.fileno() for s in sockets],
    )
    wait_until(lambda: (server.root / "run" / "httpd.pid").exists(), lambda: "the server" + server.diagnosis())


def listening(port=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen()
    os.set_inheritable(s.fileno(), True)
    return s


def test_socket_activation(apus):
    """A socket that the manager opened serves for the Listen line of its address, now and after reloads."""
    opened = [listening() for _ in range(2)]
    used, unused = (s.getsockname()[1] for s in opened)
    server = apus("", start=False)
    text = server.config_file.read_text()
    server.config_file.write_text(text.replace(f"Listen 127.0.0.1:{server.port}", f"Listen 127.0.0.1:{used}"))
    server.put("index.html", "first\n")
    try:
        start_activated(server, opened)
        inode = os.stat(f"/proc/self/fd/{opened[0].fileno()}").st_ino
        for s in opened:
            s.close()
        server.wait_for_log(rf"APUS1707: the service manager opened a socket \(127\.0\.0\.1:{unused}\) that no Listen line names")
        assert fetch(used, get()).body == b"first\n"
        for _ in range(2):
            command = [str(server.program), "-f", str(server.config_file), "-d", str(server.root), "-k", "graceful"]
            assert subprocess.run(command, check=False).returncode == 0
        assert fetch(used, get()).body == b"first\n"
        assert server.error_log().count("APUS1707") == 3, "once a generation, about the unused socket alone"
        (worker, *_) = Processes(server.process.pid).wait_for_workers(2)
        inodes = {os.stat(f"/proc/{worker}/fd/{fd}").st_ino for fd in os.listdir(f"/proc/{worker}/fd")}
        assert inode in inodes
        assert unused != used
    finally:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        server.process = None
        server.discard()


def test_sockets_for_somebody_else(apus):
    """LISTEN_PID names another process: the descriptors are not ours."""
    with PortReservation(1):
        server = apus("", environment={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
        with server:
            server.put("index.html", "first\n")
            assert fetch(server.port, get()).body == b"first\n"


def test_the_unit():
    """The unit file names what the tests above show to work."""
    text = (PROJECT / "conf" / "systemd" / "apus.service").read_text()
    assert re.search(r"^Type=notify-reload$", text, re.MULTILINE)
    assert re.search(r"^ReloadSignal=SIGUSR1$", text, re.MULTILINE)
    assert re.search(r"^ExecStart=\S+/bin/apus -DFOREGROUND$", text, re.MULTILINE)
