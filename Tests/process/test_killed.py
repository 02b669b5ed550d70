"""Processes that die or stand still: what it costs, and what is left."""

import os
import pathlib
import random
import signal
import subprocess
import time

import pytest

from support.load import Load, reload
from support.ports import accepts
from support.waiting import wait_until
from support.wire import Connection, ConnectionEnded, fetch, get
from support.workers import Processes, alive, stat_of

LARGE = bytes(range(256)) * (24 * 1024 * 1024 // 256)


def kill(pid, number):
    os.kill(pid, number)
    wait_until(lambda: not alive(pid), f"process {pid} to end")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_costs_its_own_requests_only(serve, number):
    """Under load each killed worker fails at most the requests that it had at hand: one for each of its connections."""
    server = serve("Workers 2\nMaxKeepAliveRequests 0\n")
    processes = Processes(server.process.pid)
    clients, kills = 6, 5
    with Load(server.port, clients=clients) as load:
        for _ in range(kills):
            victim = random.choice(processes.wait_for_workers(2))
            os.kill(victim, number)
            wait_until(lambda v=victim: not alive(v), "its end")
            processes.wait_for_workers(2)
            time.sleep(0.2)
        before = load.requests
        wait_until(lambda: load.requests > before + 200, "requests after all")
    assert len(load.failures) <= clients * kills
    assert server.error_log().count("AH00052") + server.error_log().count("AH00051") == kills
    assert fetch(server.port, get()).status == 200


def test_a_stopped_worker_is_continued(serve):
    server = serve("Workers 2\nMaxKeepAliveRequests 0\n")
    processes = Processes(server.process.pid)
    workers = processes.wait_for_workers(2)
    with Load(server.port, clients=4) as load:
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        server.wait_for_log(rf"APUS1705: the worker with pid {workers[0]} was stopped by a signal; it is continued")
        before = load.requests
        wait_until(lambda: load.requests > before + 100, "requests after all")
    assert load.failures == []
    assert processes.workers == workers


def test_the_leader_dies(serve):
    """Its workers serve until the next generation is ready; then they leave, and nothing was lost."""
    server = serve("Workers 2\nMaxKeepAliveRequests 0\nKeepAliveTimeout 1\n")
    processes = Processes(server.process.pid)
    workers = processes.wait_for_workers(2)
    with Load(server.port, clients=4) as load:
        for _ in range(3):
            leader = processes.leader
            kill(leader, signal.SIGKILL)
            wait_until(lambda old=leader: processes.leaders and processes.leader != old, "another leader")
            time.sleep(0.3)
    assert load.failures == []
    server.wait_for_log(r"APUS1731: the leader \(pid \d+\) of generation 1 was ended by signal 9; another is started")
    wait_until(lambda: not any(alive(pid) for pid in workers), "the orphaned workers to leave")
    processes.wait_for_workers(2)
    reload(server)
    assert fetch(server.port, get()).body == b"first\n"


def test_a_download_of_an_orphaned_worker_goes_on(serve):
    server = serve("Workers 1\n")
    server.put("large.bin", LARGE)
    processes = Processes(server.process.pid)
    with Connection(server.port, receive_buffer=65536) as download:
        download.send(get("/large.bin", "Connection: close"))
        first = download.read_exactly(1000)
        (worker,) = processes.workers
        kill(processes.leader, signal.SIGKILL)
        wait_until(lambda: "generation 2 serves" in server.error_log(), "another generation")
        assert alive(worker)
        assert (first + download.read_to_end()).split(b"\r\n\r\n", 1)[1] == LARGE
    wait_until(lambda: not alive(worker), "the orphaned worker to leave")


def test_the_leader_dies_while_the_configuration_is_broken(serve):
    """There is no other leader then, but the workers go on, and the mistake is told again and again until it is mended."""
    server = serve("Workers 2\n")
    processes = Processes(server.process.pid)
    workers = processes.wait_for_workers(2)
    text = server.config_file.read_text()
    server.config_file.write_text(text + "Bogus on\n")
    kill(processes.leader, signal.SIGKILL)
    server.wait_for_log(r"APUS1732: the new generation ended with status 1 before it was ready; it is tried again")
    assert fetch(server.port, get()).status == 200
    assert all(alive(pid) for pid in workers)
    server.config_file.write_text(text)
    wait_until(lambda: "serves" in server.error_log(), "a leader", patience=15)
    wait_until(lambda: not any(alive(pid) for pid in workers), "the orphaned workers to leave", patience=15)
    assert fetch(server.port, get()).status == 200


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "worker stopped"])
def test_the_supervisor_dies(serve_until_killed, stopped):
    """Nothing is left, and the port is free within a second."""
    server = serve_until_killed("Workers 2\nKeepAliveTimeout 60\n")
    processes = Processes(server.process.pid)
    processes.wait_for_workers(2)
    everything = processes.all()
    with Connection(server.port) as idle:
        idle.request(get())
        if stopped:
            os.kill(processes.workers[0], signal.SIGSTOP)
        begin = time.monotonic()
        os.kill(server.process.pid, signal.SIGKILL)
        wait_until(lambda: not accepts(server.port), "the port to be free")
        wait_until(lambda: not any(alive(pid) for pid in everything), "all processes to end")
        assert time.monotonic() - begin < 2
        with pytest.raises((ConnectionEnded, OSError)):
            idle.request(get())
            idle.request(get())


def test_a_server_takes_the_place_of_one_that_was_killed(serve_until_killed):
    """A pid file was left behind; it holds nobody up."""
    server = serve_until_killed()
    wait_until((server.root / "run" / "httpd.pid").exists, "the pid file")
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    wait_until(lambda: not accepts(server.port), "the port to be free")
    assert (server.root / "run" / "httpd.pid").exists()
    server.start()
    pid_file = server.root / "run" / "httpd.pid"
    wait_until(lambda: int(pid_file.read_text()) == server.process.pid, "the new number")


def test_a_pid_file_that_names_another_server(serve, configured):
    """The number belongs to a server, but not to the one of this file."""
    other = serve()
    server = configured("")
    pid_file = server.root / "run" / "httpd.pid"
    pid_file.write_text(f"{other.process.pid}\n")
    done = server.run("-k", "stop")
    assert done.returncode == 0 and "not running" in done.stdout + done.stderr
    assert server.run("-k", "start").returncode == 0
    try:
        assert int(pid_file.read_text()) != other.process.pid
    finally:
        server.run("-k", "stop")
    assert other.process.poll() is None and fetch(other.port, get()).status == 200


def test_a_second_instance_is_refused(serve):
    """By the pid file, and where that is another, by the address."""
    server = serve()
    done = server.run("-DFOREGROUND")
    assert done.returncode == 0 and "already running" in done.stdout + done.stderr
    text = server.config_file.read_text().replace("httpd.pid", "other.pid")
    server.config_file.write_text(text)
    done = server.run("-DFOREGROUND")
    assert done.returncode == 1
    assert f"Listen: cannot listen on 127.0.0.1:{server.port}" in done.stderr
    assert fetch(server.port, get()).status == 200


def test_workers_make_room_for_others(serve):
    """MaxConnectionsPerChild: the successor serves before the worker leaves, so no connection is refused."""
    server = serve("Workers 2\nMaxConnectionsPerChild 20\nMaxKeepAliveRequests 0\n")
    processes = Processes(server.process.pid)
    first = processes.wait_for_workers(2)
    with Load(server.port, clients=4) as load:
        wait_until(lambda: load.requests > 2000, "many requests")
    assert load.failures == []
    assert not set(first) & set(processes.wait_for_workers(2))
    log = server.error_log()
    assert "AH0005" not in log and "APUS170" not in log
    assert stat_of(server.process.pid) is not None


def test_there_is_always_somebody_who_accepts(serve):
    """Every slot is taken by a worker that cannot leave yet: those that serve go on beyond their limit."""
    server = serve("Workers 1\nMaxConnectionsPerChild 1\n")
    server.put("large.bin", LARGE)
    stuck = []
    try:
        for _ in range(6):
            connection = Connection(server.port, receive_buffer=4096)
            connection.send(get("/large.bin", "Connection: close"))
            connection.read_exactly(100)
            stuck.append(connection)
        for _ in range(20):
            assert fetch(server.port, get()).status == 200
    finally:
        for connection in stuck:
            connection.close()
    Processes(server.process.pid).wait_for_workers(1)


@pytest.mark.parametrize("number", [signal.SIGTRAP, signal.SIGSYS, signal.SIGABRT, signal.SIGBUS])
def test_every_fatal_signal_ends_a_worker(serve, number):
    server = serve("Workers 1\n")
    processes = Processes(server.process.pid)
    (worker,) = processes.wait_for_workers(1)
    kill(worker, number)
    server.wait_for_log(rf"AH0005[12]: child pid {worker} exit signal .*\({int(number)}\)")
    assert processes.wait_for_workers(1) != [worker]


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_descriptor_left_for_a_connection(apus):
    """The worker does not spin over a connection that it cannot take, and does not fill the log about it."""
    server = apus("Workers 1\nKeepAliveTimeout 60\n", start=False)
    command = server.command
    server.command = lambda *arguments: ["sh", "-c", "ulimit -n 40; exec " + " ".join(command(*arguments))]
    server.start()
    server.put("index.html", "first\n")
    (worker,) = Processes(server.process.pid).wait_for_workers(1)
    idle = []
    try:
        for _ in range(40):
            connection = Connection(server.port)
            connection.send(get())
            idle.append(connection)
        server.wait_for_log(r"APUS1301: connections cannot be accepted: no more files can be opened")
        before, begin = cpu_of(worker), time.monotonic()
        time.sleep(1.5)
        assert cpu_of(worker) - before < 0.5 * (time.monotonic() - begin)
        assert server.error_log().count("APUS1301") <= 2
    finally:
        for connection in idle:
            connection.close()
    wait_until(lambda: fetch(server.port, get()).status == 200, "an answer when there is room again")
    server.stop()
    server.discard()


def test_idle_processes_do_nothing(serve):
    """In every state: serving, with a generation that is leaving, and orphaned."""
    server = serve("Workers 2\nKeepAliveTimeout 60\n")
    processes = Processes(server.process.pid)
    processes.wait_for_workers(2)
    with Connection(server.port) as idle:
        idle.request(get())
        reload(server)
        text = server.config_file.read_text()
        server.config_file.write_text(text + "Bogus on\n")
        kill(processes.leader, signal.SIGKILL)
        server.wait_for_log("it is tried again")
        everything = [pid for pid in processes.all() if pid != server.process.pid]
        before = {pid: cpu_of(pid) for pid in everything}
        time.sleep(2)
        for pid in everything:
            if alive(pid):
                assert cpu_of(pid) - before[pid] < 0.3, pid
        server.config_file.write_text(text)


def test_closed_standard_descriptors(apus):
    """Nothing takes the place of a stream that the starter has closed."""
    server = apus("", start=False)
    try:
        line = " ".join(server.command("-k", "start"))
        assert subprocess.run(["sh", "-c", f"exec {line} <&- >&- 2>&-"], check=False).returncode == 0
        server.put("index.html", "first\n")
        assert fetch(server.port, get()).status == 200
        assert server.run("-k", "graceful").returncode == 0
        assert fetch(server.port, get()).status == 200
        pid = int((server.root / "run" / "httpd.pid").read_text())
        before = cpu_of(pid)
        time.sleep(1)
        assert cpu_of(pid) - before < 0.2
    finally:
        assert server.run("-k", "stop").returncode == 0
        server.discard()


def test_a_stopped_leader_is_continued(serve):
    server = serve("Workers 1\n")
    leader = Processes(server.process.pid).leader
    os.kill(leader, signal.SIGSTOP)
    server.wait_for_log(rf"APUS1736: process {leader} was stopped by a signal; it is continued")
    reload(server)
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 5
