"""A module that faults costs one worker, and the log says whose fault it was."""

import os
import re
import signal
import subprocess
import time

import pytest
from support.waiting import wait_until
from support.wire import Connection, fetch, get
from support.workers import Processes, alive, children_of, one_connection_each

from .texts import HANDLER

AREA = "faults"


@pytest.fixture
def server(apus, module):
    config = 'Workers 2\nHangTimeout 3\nCustomLog "@ROOT@/logs/plain" "%r"\n'
    with apus(config + module.load() + HANDLER) as running:
        yield running


def kill_by(server, path):
    """Asks for a path that ends the worker; returns the number of the worker that it ended."""
    processes = Processes(server.process.pid)
    before = processes.wait_for_workers(2)
    with Connection(server.port, timeout=20) as connection:
        connection.send(get(path))
        assert connection.read_to_end() == b""
    (pid,) = wait_until(lambda: [p for p in before if not alive(p)], "the end of a worker")
    processes.wait_for_workers(2)
    assert int(fetch(server.port, get("/pid")).body) in processes.workers
    return pid


def test_a_fault_in_a_hook(server):
    pid = kill_by(server, "/fault?%22quoted%22")
    log = server.wait_for_log(rf"AH0005[12]: child pid {pid} exit signal Segmentation fault \(11\).*; it is replaced")
    assert log
    server.wait_for_log(
        rf"APUS1710: pid {pid} crashed at address 0x8 in abi_faults_module, hook handler while serving"
        r' "GET /fault\?%22quoted%22 HTTP/1\.1" of client 127\.0\.0\.1:\d+ to localhost'
    )
    frames = re.findall(rf"APUS1711: pid {pid} (#\d+ .*)", server.error_log())
    assert re.match(r"#0 mod_abi_faults_\w+\.so\+0x[0-9a-f]+ .*fault_?[hH]ere", frames[0]), frames
    assert any("apus+0x" in frame for frame in frames)


def test_abort(server):
    pid = kill_by(server, "/abort")
    server.wait_for_log(rf"child pid {pid} exit signal Aborted \(6\)")
    server.wait_for_log(rf"APUS1710: pid {pid} crashed in abi_faults_module, hook handler")


def test_a_fault_on_the_pool(server):
    """The thread that faulted is named, and the request it was lent."""
    pid = kill_by(server, "/pool")
    server.wait_for_log(
        rf"APUS1710: pid {pid} crashed at address 0x8 on thread \d+ in abi_faults_module, hook fixups while serving"
        r' "GET /pool HTTP/1\.1"'
    )


def test_an_exit(server):
    pid = kill_by(server, "/leave")
    server.wait_for_log(rf"APUS1702: child pid {pid} ended with status 9, in abi_faults_module, hook handler; it is replaced")


def test_a_kill(server):
    """For want of memory the kernel kills: then it helps to know who was running."""
    before = Processes(server.process.pid).wait_for_workers(2)
    with Connection(server.port, timeout=20) as connection:
        connection.send(get("/hang"))
        (pid,) = wait_until(lambda: [p for p in before if is_busy(p)], "the worker to be at it")
        os.kill(pid, signal.SIGKILL)
        server.wait_for_log(rf"AH00052: child pid {pid} exit signal Killed \(9\), in abi_faults_module, hook handler; it is replaced")


def is_busy(pid):
    """Whether it has used the processor for a tenth of a second."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(") ", 1)[1].split()[11]) >= 10


def test_a_call_of_exit(server):
    """As a crash, whatever status it chose."""
    pid = kill_by(server, "/quit")
    server.wait_for_log(rf"APUS1702: child pid {pid} ended with status 0, in abi_faults_module, hook handler; it is replaced")
    server.wait_for_log(
        rf'APUS1710: pid {pid} was ended by a call of exit in abi_faults_module, hook handler while serving "GET /quit HTTP/1\.1"'
    )
    server.wait_for_log(rf"APUS1711: pid {pid} #\d mod_abi_faults_\w+\.so")


def test_a_child_that_faults(server):
    """What a child of a worker does is not taken for the worker's: its own crash is told as ever."""
    pid = int(fetch(server.port, get("/child")).body)
    pid = kill_by(server, "/fault")
    server.wait_for_log(rf'APUS1710: pid {pid} crashed at address 0x8 in abi_faults_module, hook handler while serving "GET /fault')


def test_a_loop_that_stands_still(server):
    """The worker is asked where it is, by the signal that leaves a backtrace."""
    pid = kill_by(server, "/hang")
    server.wait_for_log(rf"APUS1704: the worker with pid {pid} has not turned its loop for \d+ s; in abi_faults_module, hook handler")
    server.wait_for_log(rf"APUS1710: pid {pid} crashed in abi_faults_module, hook handler while serving \"GET /hang")
    assert re.search(rf"APUS1711: pid {pid} #\d+ mod_abi_faults", server.error_log())


def test_lines_of_a_dead_worker_are_written(server):
    """Two requests in one packet: the first is logged but not written yet when the second ends the worker."""
    for number in range(3):
        with Connection(server.port) as connection:
            connection.send(get(f"/first-{number}") + get("/fault"))
            connection.read_to_end()
        wait_until(
            lambda n=number: f"GET /first-{n} " in (server.root / "logs" / "plain").read_text(),
            f"the line of request {number}",
        )
        Processes(server.process.pid).wait_for_workers(2)


def test_only_requests_of_that_worker_suffer(server):
    """Connections to the other worker go on."""
    Processes(server.process.pid).wait_for_workers(2)
    connections = one_connection_each(server.port, 2, lambda c: int(c.request(get("/pid")).body))
    kept = {int(c.request(get("/pid")).body): c for c in connections}
    victim, survivor = kept
    kept[victim].send(get("/fault"))
    assert kept[victim].read_to_end() == b""
    assert int(kept[survivor].request(get("/pid")).body) == survivor
    for connection in kept.values():
        connection.close()


START_MESSAGES = {
    "directive": r"crashed in abi_faults_module, a directive; the way there:\n.*mod_abi_faults",
    "open": r"crashed in abi_faults_module, hook open_config; the way there:\n.*mod_abi_faults",
    "quit": r"was ended by a call of exit in abi_faults_module, a directive; the way there:\n.*mod_abi_faults",
    "init": r"a worker ended before it could serve; the reason stands in \S+/error\.log",
    "exit": r"the server ended with status 3 before it was ready",
    "thread": r"a module started 1 thread\(s\) before the workers are forked",
    "refuse": r"httpd\.conf:\d+:\d+: error: abi_faults_module could not open what it needs",
}


@pytest.mark.parametrize("moment", START_MESSAGES)
def test_a_fault_at_the_start(configured, module, moment):
    """The start fails, with a status and a word about it; nothing is left running."""
    server = configured(module.load() + HANDLER + f"AbiFault {moment}\n")
    done = server.run("-DFOREGROUND")
    assert done.returncode != 0
    assert re.search(START_MESSAGES[moment], done.stderr), done.stderr
    assert not (server.root / "run" / "httpd.pid").exists()


def test_a_fault_at_the_start_of_a_daemon(configured, module):
    server = configured(module.load() + HANDLER + "AbiFault init\n")
    done = server.run("-k", "start")
    assert done.returncode == 1
    assert "a worker ended before it could serve" in done.stderr
    server.wait_for_log(r"APUS1710: pid \d+ crashed at address 0x8 in abi_faults_module, hook child_init")


def test_a_fault_at_the_start_with_piped_logs(configured, module):
    """The programs that read the logs are let go: nobody waits for them."""
    config = 'ErrorLog "|cat >>@ROOT@/logs/piped"\nCustomLog "|cat >/dev/null" "%r"\n'
    server = configured(config + module.load() + HANDLER + "AbiFault init\n")
    done = server.run("-k", "start")
    assert done.returncode == 1
    assert "a worker ended before it could serve" in done.stderr


@pytest.mark.parametrize("moment", ["directive", "open", "init", "exit", "thread", "refuse", "hang"])
@pytest.mark.parametrize("order", ["graceful", "signal"])
def test_a_fault_in_a_reload(apus, module, moment, order):
    """The generation before goes on; whoever ordered the reload, and the log, hear why."""
    with apus("Workers 2\nReloadTimeout 2\n" + module.load() + HANDLER) as server:
        processes = Processes(server.process.pid)
        before = processes.wait_for_workers(2)
        with server.config_file.open("a") as file:
            file.write(f"AbiFault {moment}\n")
        with Connection(server.port) as kept:
            kept.request(get("/pid"))
            if order == "signal":
                server.process.send_signal(signal.SIGUSR1)
            elif moment != "directive":  # the client itself reads the configuration first
                done = server.run("-k", "graceful")
                assert done.returncode == 1
                assert "has not reloaded" in done.stderr
            else:
                server.run("-k", "graceful")
                return
            server.wait_for_log(r"APUS1732: the new generation .* before it was ready; the one before goes on serving")
            assert int(kept.request(get("/pid")).body) in before
        assert processes.workers == before


def test_a_fault_at_the_end(apus, module):
    """A worker that faults while it leaves is told of, and holds nobody up."""
    with apus("Workers 1\n" + module.load() + HANDLER + "AbiFault leave\n") as server:
        assert server.run("-k", "graceful").returncode == 0
        server.wait_for_log(r"APUS1710: pid \d+ crashed at address 0x8 in abi_faults_module, hook child_exit")


def test_dying_again_and_again_slows_down(apus, module):
    """A module that ends every worker soon after its start is not given all the machine's time."""
    with apus("Workers 1\n" + module.load() + HANDLER) as server:
        for _ in range(4):
            (pid,) = Processes(server.process.pid).wait_for_workers(1)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda p=pid: not alive(p), "its end")
        server.wait_for_log(r"APUS1703: workers keep dying soon after their start; the next is started in \d")
        Processes(server.process.pid).wait_for_workers(1)
        assert fetch(server.port, get("/pid")).status == 200


def test_one_crashing_path_does_not_keep_the_server_down(apus, module):
    """However often it is asked for: others are served in between."""
    with apus("Workers 2\n" + module.load() + HANDLER) as server:
        for _ in range(15):
            wait_until(lambda: answers(server, "/fault") is False, "the crash")
        begin = time.monotonic()
        wait_until(lambda: answers(server, "/pid"), "an answer")
        assert time.monotonic() - begin < 0.8
        Processes(server.process.pid).wait_for_workers(2)


def answers(server, path):
    """Whether there is an answer; None: there is not even a connection."""
    try:
        with Connection(server.port) as connection:
            connection.send(get(path))
            return bool(connection.read_to_end() if path == "/fault" else connection.read_response())
    except (AssertionError, OSError):
        return None


def hang(server):
    """A client that has one worker's loop stand still; returns the connection."""
    connection = Connection(server.port)
    connection.send(get("/hang"))
    time.sleep(0.3)
    return connection


def test_a_loop_that_stands_still_holds_no_port(apus, module):
    """Those who would end it are gone: it ends all the same."""
    server = apus("Workers 1\n" + module.load() + HANDLER, start=False)
    server.start()
    processes = Processes(server.process.pid)
    (worker,) = processes.wait_for_workers(1)
    with hang(server):
        for pid in (processes.leader, processes.supervisor):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(worker), "the worker to end")
    server.process.wait(10)
    server.process = None
    server.discard()


def test_a_loop_that_stands_still_without_a_leader(apus, module):
    with apus("Workers 1\nHangTimeout 3\n" + module.load() + HANDLER) as server:
        processes = Processes(server.process.pid)
        (worker,) = processes.wait_for_workers(1)
        with hang(server):
            os.kill(processes.leader, signal.SIGKILL)
            wait_until(lambda: not alive(worker), "the worker to end", patience=20)
            server.wait_for_log(rf"APUS1704: the worker with pid {worker} has not turned its loop for \d+ s; in abi_faults_module, hook handler")
            server.wait_for_log(r'"GET /hang HTTP/1.1" of client')
        processes.wait_for_workers(1)


def test_a_start_that_hangs_ends_with_the_supervisor(apus, module):
    server = apus(module.load() + HANDLER, start=False)
    server.start()
    processes = Processes(server.process.pid)
    with server.config_file.open("a") as file:
        file.write("AbiFault hang\n")
    os.kill(server.process.pid, signal.SIGUSR1)
    wait_until(lambda: len(processes.all()) > 4, "the generation that hangs")
    everything = processes.all()
    os.kill(server.process.pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in everything[1:]), "all processes to end")
    server.process.wait(10)
    server.process = None
    server.discard()


def test_a_recovery_that_hangs_is_given_up(apus, module):
    with apus("ReloadTimeout 1\n" + module.load() + HANDLER) as server:
        text = server.config_file.read_text()
        server.config_file.write_text(text + "AbiFault hang\n")
        os.kill(Processes(server.process.pid).leader, signal.SIGKILL)
        server.wait_for_log("APUS1733: generation 2 did not become ready in time and is ended")
        server.config_file.write_text(text)
        wait_until(lambda: "serves" in server.error_log(), "a generation that serves", patience=20)


def test_a_start_that_is_given_up_is_told(configured, module):
    """The daemon is ended while its first generation starts: the starter's status says so."""
    server = configured(module.load() + HANDLER + "AbiFault hang\n")
    starter = subprocess.Popen(server.command("-k", "start"), stderr=subprocess.PIPE, text=True)
    try:
        (daemon,) = wait_until(lambda: children_of(starter.pid), "the daemon")
        wait_until(lambda: children_of(daemon), "the generation")
        os.kill(daemon, signal.SIGTERM)
        assert starter.wait(20) == 1
        assert "ended before the server was ready" in starter.stderr.read()
    finally:
        starter.kill()


def test_a_starter_that_goes_takes_the_start_with_it(configured, module):
    server = configured(module.load() + HANDLER + "AbiFault hang\n")
    starter = subprocess.Popen(server.command("-k", "start"), stderr=subprocess.DEVNULL)
    (daemon,) = wait_until(lambda: children_of(starter.pid), "the daemon")
    (leader,) = wait_until(lambda: children_of(daemon), "the generation")
    starter.kill()
    starter.wait(10)
    wait_until(lambda: not alive(daemon) and not alive(leader), "the end of what it started")


def test_a_blocking_hook_in_a_sub_request(apus, module):
    """mod_dir looks up the index file: the hook runs for that, too, and nobody is left waiting for it."""
    with apus("Workers 1\n" + module.load()) as server:
        server.put("index.html", "index\n")
        server.put("sub/index.html", "sub\n")
        for _ in range(20):
            assert fetch(server.port, get("/")).body == b"index\n"
            assert fetch(server.port, get("/sub/")).body == b"sub\n"
        assert "APUS1710" not in server.error_log()


def test_a_hook_that_holds_the_loop_is_named(server):
    def is_named():
        with Connection(server.port) as connection:
            connection.request(get("/hold"))
            connection.request(get("/hold"))
        return "APUS1713" in server.error_log()

    wait_until(is_named, "the name of who holds the loop")
    assert re.search(r"stood still for [2-9]\d\d ms, in abi_faults_module, hook handler, .*\"GET /hold HTTP/1.1\"", server.error_log())
