"""A reload is a new generation on the same sockets: nothing is lost, and one that fails changes nothing."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from support.building import build_module
from support.load import Load, reload
from support.ports import PortReservation, accepts
from support.server import DEFAULT_MODULES, DISTRIBUTION, world_readable_directory
from support.waiting import settled, wait_until
from support.wire import Connection, fetch, get, tls_context
from support.workers import Processes, alive, children_of

TLS = """\
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
"""

LARGE = bytes(range(256)) * (24 * 1024 * 1024 // 256)


def append(server, text):
    with server.config_file.open("a") as file:
        file.write(text)


@pytest.fixture
def processes():
    return lambda server: Processes(server.process.pid)


# What a client notices


def test_no_request_is_lost(serve, tls_config):
    server = serve(
        tls_config("Workers 2\nMaxKeepAliveRequests 0\n" + TLS), modules=(*DEFAULT_MODULES, "ssl"), ports=2
    )
    with Load(server.port) as plain, Load(server.ports[1], tls=tls_context()) as secure:
        for _ in range(10):
            reload(server)
    assert plain.failures == [] and secure.failures == []
    assert plain.requests > 100 and secure.requests > 100


def test_an_idle_connection_is_answered(serve):
    """The client may send just when the server reloads: its request is answered, and the answer says that it is the last."""
    server = serve("KeepAliveTimeout 30\n")
    with Connection(server.port) as idle, Connection(server.port) as unused:
        assert idle.request(get()).persistent
        reload(server)
        time.sleep(0.3)
        for connection in (idle, unused):
            response = connection.request(get())
            assert (response.status, response.body) == (200, b"first\n")
            assert not response.persistent
            assert connection.connection_closed()


def test_an_idle_connection_ends_by_its_time(serve, processes):
    server = serve("KeepAliveTimeout 1\n")
    before = processes(server).leader
    with Connection(server.port) as idle:
        idle.request(get())
        reload(server)
        assert idle.connection_closed(timeout=4)
    wait_until(lambda: not alive(before), "the old generation to leave")


def test_a_download_goes_on(serve, processes):
    server = serve("Workers 2\n")
    server.put("large.bin", LARGE)
    before = processes(server).leader
    with Connection(server.port, receive_buffer=65536) as download:
        download.send(get("/large.bin", "Connection: close"))
        first = download.read_exactly(100_000)
        for _ in range(3):
            reload(server)
        assert alive(before)
        body = (first + download.read_to_end()).split(b"\r\n\r\n", 1)[1]
        assert body == LARGE
    wait_until(lambda: not alive(before), "the old generation to leave")


def test_an_upload_goes_on(serve):
    server = serve()
    with Connection(server.port) as upload:
        upload.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
        reload(server)
        upload.send(b"67890")
        assert upload.read_response().status in (200, 405)


def test_a_half_sent_head_is_answered(serve):
    server = serve()
    with Connection(server.port) as slow:
        slow.send(b"GET / HTTP/1.1\r\nHost: lo")
        reload(server)
        slow.send(b"calhost\r\n\r\n")
        response = slow.read_response()
        assert response.status == 200 and not response.persistent


def test_patience_has_an_end(serve, processes):
    """GracefulShutdownTimeout bounds how long a generation may take to leave."""
    server = serve("GracefulShutdownTimeout 1\n")
    server.put("large.bin", LARGE)
    before = processes(server).leader
    with Connection(server.port, receive_buffer=65536) as stuck:
        stuck.send(get("/large.bin"))
        stuck.read_exactly(1000)
        reload(server)
        begin = time.monotonic()
        wait_until(lambda: not alive(before), "the old generation to leave")
        assert time.monotonic() - begin < 8


def test_a_restart_does_not_wait(serve, processes):
    server = serve("KeepAliveTimeout 60\n")
    before = processes(server).leader
    with Connection(server.port) as idle:
        idle.request(get())
        reload(server, "restart")
        wait_until(lambda: not alive(before), "the old generation to leave")
        assert idle.connection_closed()
    assert fetch(server.port, get()).body == b"first\n"


# What changes


@pytest.mark.parametrize("how", ["graceful", "restart", signal.SIGHUP, signal.SIGUSR1])
def test_the_configuration_is_read_again(serve, how):
    server = serve()
    other = server.root / "other"
    other.mkdir()
    (other / "index.html").write_text("second\n")
    append(server, f'DocumentRoot "{other}"\n<Directory "{other}">\n    Require all granted\n</Directory>\n')
    if isinstance(how, str):
        reload(server, how)
        assert fetch(server.port, get()).body == b"second\n"
    else:
        server.process.send_signal(how)
        wait_until(lambda: fetch(server.port, get()).body == b"second\n", "the new configuration")
    assert server.process.poll() is None


def test_listening_addresses_come_and_go(serve, processes):
    with PortReservation(1) as reserved:
        server = serve(ports=2)
        added = reserved.ports[0]
        text = server.config_file.read_text()
        server.config_file.write_text(
            text.replace(f"Listen 127.0.0.1:{server.ports[1]}", f"Listen 127.0.0.1:{added}")
        )
        kept = Connection(server.ports[1])
        kept.request(get())
        reload(server)
        assert accepts(added) and accepts(server.ports[0])
        assert kept.request(get()).status == 200
        kept.close()
        wait_until(lambda: not accepts(server.ports[1]), "the old address to be let go of")
        server.config_file.write_text(text)
        reload(server)
        assert accepts(server.ports[1])
        wait_until(lambda: not accepts(added), "the added address to be let go of")


def test_logs_are_opened_again(serve):
    """As logrotate does it: the files are renamed, then the server is told."""
    server = serve()
    fetch(server.port, get("/before"))
    server.wait_for_log(r"GET /before", log="access")
    logs = server.root / "logs"
    for name in ("error.log", "access.log"):
        os.rename(logs / name, logs / f"{name}.1")
    reload(server)
    fetch(server.port, get("/after"))
    server.wait_for_log(r"GET /after", log="access")
    assert "/before" in (logs / "access.log.1").read_text()
    assert "/before" not in (logs / "access.log").read_text()
    # The supervisor, too, writes to the new file from now on.
    reload(server)
    server.wait_for_log(r"AH00493.*starting generation 3")


def test_a_new_pid_file(serve, processes):
    server = serve()
    old, new = server.root / "run" / "httpd.pid", server.root / "run" / "other.pid"
    append(server, f'PidFile "{new}"\n')
    os.kill(server.process.pid, signal.SIGUSR1)
    wait_until(new.exists, "the new pid file")
    assert int(new.read_text()) == server.process.pid
    wait_until(lambda: not old.exists(), "the old pid file to go")


GREETER = """
#include <apus/all.h>
#include <string.h>
static const apus_body_v1 *body;
static const apus_request_v1 *request;
static apus_status handle(void *ctx, apus_req *r) {
    (void)ctx;
    apus_str handler = request->get(r, APUS_R_HANDLER);
    if (handler.len != 5 || memcmp(handler.ptr, "greet", 5)) return APUS_DECLINED;
    return body->reply(r, 200, (apus_str){"text/plain", 10}, (apus_str){GREETING, sizeof(GREETING) - 1});
}
static apus_status attach(const apus_host *h, void **ctx) {
    (void)ctx;
    body = h->extension(h, APUS_EXT_BODY);
    request = h->extension(h, APUS_EXT_REQUEST);
    const apus_hooks_v1 *hooks = h->extension(h, APUS_EXT_HOOKS);
    apus_hook_reg reg = {sizeof reg, APUS_MIDDLE, "handler", "i(xR)", (apus_fn)handle, 0, 0, 0, 0, 0};
    return hooks->add(h, &reg);
}
static const apus_module greeter = {
    .size = sizeof greeter, .abi_major = APUS_ABI_MAJOR, .abi_minor_min = APUS_ABI_MINOR,
    .name = "greeter_module", .version = "1", .toolchain = "c", .attach = attach};
APUS_EXPORT const apus_module *apus_module_entry(const apus_host *h, const char *name) {
    (void)h; (void)name; return &greeter; }
"""


def test_a_newer_module_answers(serve):
    """A module file is replaced by rename; the old generation keeps the one it has."""
    directory = world_readable_directory()
    try:
        for greeting in ("one", "two"):
            build_module(GREETER, directory / greeting, "greeter", flags=[f'-DGREETING="{greeting}"'])
        file = directory / "mod_greeter.so"
        shutil.copy(directory / "one" / "mod_greeter.so", file)
        server = serve(f'LoadModule greeter_module "{file}"\n<Location "/">\n    SetHandler greet\n</Location>\n')
        assert fetch(server.port, get()).body == b"one"
        os.rename(directory / "two" / "mod_greeter.so", file)
        assert fetch(server.port, get()).body == b"one"
        reload(server)
        assert fetch(server.port, get()).body == b"two"
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def moved_tree():
    """A copy of the distribution, whose binary may be replaced."""
    directory = world_readable_directory()
    for part in ("bin", "lib", "modules"):
        shutil.copytree(DISTRIBUTION / part, directory / part)
    yield directory
    shutil.rmtree(directory)


def test_a_newer_binary_serves(serve_until_killed, apus, moved_tree, monkeypatch):
    """The supervisor starts what lies at the binary's path now, though it stays what it was."""
    program = moved_tree / "bin" / "apus"
    monkeypatch.setattr(apus, "program", program)
    server = serve_until_killed()
    processes = Processes(server.process.pid)
    with Load(server.port, clients=2) as load:
        replacement = moved_tree / "bin" / "apus.new"
        shutil.copy(program, replacement)
        os.rename(replacement, program)
        reload(server)
    assert load.failures == []
    assert os.readlink(f"/proc/{processes.leader}/exe") == str(program)
    assert os.readlink(f"/proc/{processes.supervisor}/exe").endswith("(deleted)")


# What must not change


BROKEN = {
    "directive": ("Bogus on\n", r"unknown directive Bogus"),
    "module": ("LoadModule lost_module modules/mod_lost.so\n", r"mod_lost\.so"),
    "no module": ('LoadModule text_module "@ROOT@/conf/mime.types"\n', r"not a shared object"),
    "section": ("<Directory /tmp>\n", r"<Directory>"),
    "user": ("User nobody-of-that-name\n", r"there is no user"),
    "key": (
        'SSLEngine on\nSSLCertificateFile "@ONE@"\nSSLCertificateKeyFile "@TWOKEY@"\n',
        r"[Kk]ey",
    ),
    "certificate": ('SSLEngine on\nSSLCertificateFile "@ABSENT@"\n', r"absent\.pem"),
    "log": ('ErrorLog "@ROOT@/nowhere/error.log"\n', r"ErrorLog: cannot open"),
    "port": ("Listen 127.0.0.1:@TAKEN@\n", r"Listen: cannot listen on"),
    "include": ("Include conf/nowhere/site.conf\n", r"nowhere"),
}


@pytest.mark.parametrize("order", ["graceful", "restart", "signal"])
def test_ten_broken_reloads(serve, tls_config, order):
    """The site never blinks, and each reason is told to whoever ordered the reload and to the log."""
    server = serve("Workers 2\nMaxKeepAliveRequests 0\n", modules=(*DEFAULT_MODULES, "ssl"))
    text = server.config_file.read_text()
    before = Processes(server.process.pid).wait_for_workers(2)
    with PortReservation(1) as reserved, Load(server.port, clients=2) as load:
        taken = reserved.listen()
        for name, (lines, message) in BROKEN.items():
            lines = server.fill(tls_config(lines)).replace("@TAKEN@", str(taken))
            server.config_file.write_text(text + lines)
            if order == "signal":
                failures = server.error_log().count("APUS1732")
                server.process.send_signal(signal.SIGUSR1)
                wait_until(lambda n=failures: server.error_log().count("APUS1732") == n + 1, name)
                assert re.search(rf"APUS1735: reload: .*({message})", server.error_log()), (name, server.error_log())
            else:
                done = server.run("-k", order)
                assert done.returncode == 1, name
                assert re.search(message, done.stderr), (name, done.stderr)
            assert Processes(server.process.pid).workers == before, name
    assert load.failures == []
    server.config_file.write_text(text)
    reload(server)


def test_a_missing_binary(serve_until_killed, apus, moved_tree, monkeypatch):
    monkeypatch.setattr(apus, "program", moved_tree / "bin" / "apus")
    server = serve_until_killed()
    os.unlink(moved_tree / "bin" / "apus")
    server.process.send_signal(signal.SIGUSR1)
    server.wait_for_log(r"APUS1735: reload: apus: cannot start .*No such file")
    server.wait_for_log(r"APUS1732: .*the one before goes on serving")
    assert fetch(server.port, get()).status == 200


def test_a_storm_of_orders(serve):
    """Orders that come while a generation starts are carried out together."""
    server = serve("Workers 1\n")
    with Load(server.port, clients=2) as load:
        for _ in range(40):
            server.process.send_signal(signal.SIGUSR1)
            time.sleep(0.002)
        orders = [threading.Thread(target=reload, args=[server]) for _ in range(4)]
        for order in orders:
            order.start()
        for order in orders:
            order.join()
    assert load.failures == []
    settled(lambda: server.error_log().count("AH00493"))
    # The last order, at least, is followed by a generation that has seen what it was about.
    assert 2 <= server.error_log().count("AH00493") <= 20
    Processes(server.process.pid).wait_for_workers(1)


def test_nothing_piles_up(serve, processes):
    """Twenty reloads leave no process, no descriptor and no temporary file behind."""
    server = serve("Workers 1\nKeepAliveTimeout 1\n", ports=2)

    def descriptors(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    reload(server)
    processes(server).wait_for_workers(1)
    supervisor, leader = (descriptors(pid) for pid in (server.process.pid, processes(server).leader))
    for _ in range(20):
        reload(server)
    processes(server).wait_for_workers(1)
    assert descriptors(server.process.pid) == supervisor
    assert descriptors(processes(server).leader) == leader
    assert len(processes(server).all()) == 3
    assert os.listdir(server.root / "run") == ["httpd.pid"]


# Ends


def test_graceful_stop_lets_a_download_finish(serve_until_killed):
    server = serve_until_killed()
    server.put("large.bin", LARGE)
    with Connection(server.port, receive_buffer=65536) as download:
        download.send(get("/large.bin"))
        download.read_exactly(1000)
        assert server.run("-k", "graceful-stop").returncode == 0
        wait_until(lambda: not accepts(server.port), "no more connections")
        assert server.process.poll() is None
        assert len(download.read_to_end()) > len(LARGE) - 1000
    assert server.process.wait(10) == 0
    assert not (server.root / "run" / "httpd.pid").exists()


def test_stop_ends_everything(serve_until_killed):
    server = serve_until_killed("KeepAliveTimeout 60\n")
    everything = Processes(server.process.pid).all()
    with Connection(server.port) as idle:
        idle.request(get())
        assert server.run("-k", "stop").returncode == 0
        assert idle.connection_closed()
    assert server.process.wait(10) == 0
    assert [pid for pid in everything if alive(pid)] == []
    assert not accepts(server.port)


def test_stop_while_a_generation_starts(serve_until_killed, apus):
    """A generation that hangs does not hold up the end."""
    directory = world_readable_directory()
    source = GREETER.replace("(void)ctx;\n    body", "(void)ctx; if (h) for (;;) pause();\n    body").replace(
        "#include <string.h>", "#include <string.h>\n#include <unistd.h>"
    )
    file = build_module(source, directory, "greeter", flags=['-DGREETING="x"'])
    server = serve_until_killed()
    append(server, f'LoadModule greeter_module "{file}"\n')
    os.kill(server.process.pid, signal.SIGUSR1)
    wait_until(lambda: len(children_of(server.process.pid)) == 2, "the generation that hangs")
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(10) == 0
    shutil.rmtree(directory)


def test_no_reload_while_it_ends(serve_until_killed):
    server = serve_until_killed()
    server.put("large.bin", LARGE)
    with Connection(server.port, receive_buffer=65536) as download:
        download.send(get("/large.bin"))
        download.read_exactly(1000)
        server.run("-k", "graceful-stop")
        wait_until(lambda: not accepts(server.port), "no more connections")
        assert server.run("-k", "graceful").returncode == 1
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_verbs_when_nothing_runs(configured):
    """httpd starts the server for restart and graceful, and says so."""
    server = configured("")
    try:
        for verb in ("graceful-stop", "stop"):
            done = server.run("-k", verb)
            assert done.returncode == 0 and "not running" in done.stdout + done.stderr
        done = server.run("-k", "graceful")
        assert done.returncode == 0 and "not running, trying to start" in done.stdout + done.stderr
        wait_until(lambda: accepts(server.port), "the server")
    finally:
        subprocess.run(server.command("-k", "stop"), check=False)


def test_many_addresses_under_a_low_limit(apus):
    """The supervisor holds a socket for each, and for a moment two."""
    server = apus("", ports=120, start=False)
    command = server.command
    server.command = lambda *arguments: ["sh", "-c", "ulimit -Sn 160; exec " + " ".join(command(*arguments))]
    with server:
        server.start()
        server.put("index.html", "first\n")
        for _ in range(3):
            reload(server)
        assert fetch(server.ports[-1], get()).body == b"first\n"


def test_an_address_that_covers_its_own(serve):
    """The kernel does not have both at once; the message says so, and nothing changes."""
    server = serve()
    text = server.config_file.read_text()
    server.config_file.write_text(text.replace(f"Listen 127.0.0.1:{server.port}", f"Listen {server.port}"))
    done = server.run("-k", "graceful")
    assert done.returncode == 1
    assert "this server itself listens on the port with another address" in done.stderr
    assert fetch(server.port, get()).status == 200


def test_a_pid_file_of_another_server(serve):
    """It is left alone: each can still be told to stop."""
    one, two = serve(), serve()
    pid_file = one.root / "run" / "httpd.pid"
    wait_until(pid_file.exists, "the pid file")
    append(two, f'PidFile "{pid_file}"\n')
    os.kill(two.process.pid, signal.SIGUSR1)
    two.wait_for_log(rf"AH00098: {re.escape(str(pid_file))} is the PidFile of the server with pid {one.process.pid}")
    assert int(pid_file.read_text()) == one.process.pid
    assert int((two.root / "run" / "httpd.pid").read_text()) == two.process.pid


def test_a_pid_file_that_is_a_pipe(configured):
    server = configured("")
    os.mkfifo(server.root / "run" / "httpd.pid")
    done = server.run("-k", "stop")
    assert done.returncode == 0 and "not running" in done.stdout + done.stderr


def test_signals_of_a_single_process(apus):
    """-X has no generations: what asks for one is refused, and a terminal that changes its size is none of its business."""
    with apus("", arguments=("-X",)) as server:
        server.put("index.html", "first\n")
        for number in (signal.SIGUSR1, signal.SIGHUP):
            server.process.send_signal(number)
            server.wait_for_log(rf"APUS1701: signal {int(number)} asks for a reload, which there is none of with -X")
        assert fetch(server.port, get()).body == b"first\n"


def test_a_pid_file_that_was_removed(serve):
    server = serve()
    pid_file = server.root / "run" / "httpd.pid"
    pid_file.unlink()
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: pid_file.exists() and int(pid_file.read_text()) == server.process.pid, "the pid file")
    reload(server)
