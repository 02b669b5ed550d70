"""Clients that are slow, by nature or on purpose: each part of an exchange has its time, and no other client pays for it."""

import threading
import time

import pytest

from support.server import DEFAULT_MODULES
from support.wire import Connection, ConnectionEnded, fetch, get, tls_context

MODULES = (*DEFAULT_MODULES, "reqtimeout")
LARGE = bytes(range(256)) * (24 * 1024 * 1024 // 256)


@pytest.fixture
def slow_server(apus):
    made = []

    def start(config, modules=MODULES, **options):
        server = apus(config, modules=modules, **options)
        server.start()
        made.append(server)
        server.put("index.html", "page\n")
        return server

    yield start
    for server in made:
        server.stop()
        server.discard()


def time_until_closed(connection, action=lambda: None, pause=0.1, patience=8):
    """Repeats an action until the server closes; returns the seconds that took and what it said."""
    begin = time.monotonic()
    connection.socket.settimeout(pause)
    said = b""
    while time.monotonic() - begin < patience:
        try:
            action()
            piece = connection.socket.recv(65536)
            said += piece
            if not piece:
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begin, said


def test_a_head_has_its_time(slow_server):
    """Each byte does not begin it anew."""
    server = slow_server("RequestReadTimeout header=1\n")
    with Connection(server.port) as slow:
        slow.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        took, said = time_until_closed(slow, lambda: slow.socket.sendall(b"x"))
    assert 0.7 < took < 3
    assert said.startswith(b"HTTP/1.1 408 ") and b"Connection: close" in said


def test_bytes_extend_the_time_of_a_head(slow_server):
    """Each 100 bytes earn a second, up to the maximum."""
    server = slow_server("RequestReadTimeout header=1-3,MinRate=100\n")
    with Connection(server.port) as slow:
        slow.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 170)
        took, said = time_until_closed(slow)
    assert 2.5 < took < 5 and b" 408 " in said
    with Connection(server.port) as slow:
        slow.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 4000)
        took, said = time_until_closed(slow)
    assert 2.5 < took < 5 and b" 408 " in said


def test_the_time_of_a_head_begins_with_it(slow_server):
    """The pause between two requests is KeepAliveTimeout's."""
    server = slow_server("RequestReadTimeout header=1\nKeepAliveTimeout 4\n")
    with Connection(server.port) as client:
        assert client.request(get()).status == 200
        time.sleep(1.7)
        client.send(get()[:20])
        time.sleep(0.5)
        client.send(get()[20:])
        assert client.read_response().status == 200


def test_a_connection_without_a_request(slow_server):
    server = slow_server("RequestReadTimeout header=1\n")
    with Connection(server.port) as silent:
        took, said = time_until_closed(silent)
    assert 0.7 < took < 3 and said == b""


def test_a_handshake_has_its_time(slow_server, tls_config):
    server = slow_server(
        tls_config(
            "RequestReadTimeout handshake=1\n<VirtualHost *:@PORT@>\nSSLEngine on\n"
            'SSLCertificateFile "@ONE@"\nSSLCertificateKeyFile "@ONEKEY@"\n</VirtualHost>\n'
        ),
        modules=(*MODULES, "ssl"),
    )
    with Connection(server.port) as silent:
        silent.send(b"\x16\x03\x01")
        took, _ = time_until_closed(silent)
    assert 0.7 < took < 3
    with Connection(server.port, tls=tls_context()) as client:
        assert client.request(get()).status == 200


def test_a_body_has_its_time(slow_server):
    """A reader of the body learns of it as 408."""
    server = slow_server("RequestReadTimeout body=1\n")
    with Connection(server.port) as slow:
        slow.send(get("/", "Content-Length: 1000", method="POST") + b"x")
        took, said = time_until_closed(slow, lambda: slow.socket.sendall(b"x"))
    assert 0.7 < took < 3
    assert said.startswith(b"HTTP/1.1 408 ") and b"Connection: close" in said
    server.wait_for_log(r'"POST / HTTP/1.1" 408|POST / HTTP/1.1" 408', log="access")


def test_a_body_that_comes_may_take_long(slow_server):
    """Each wait may take Timeout, and there is no end to how many there are while the rate is kept."""
    server = slow_server("RequestReadTimeout body=1,MinRate=50\nTimeout 2\n")
    with Connection(server.port) as steady:
        steady.send(get("/", "Content-Length: 800", method="POST"))
        for _ in range(16):
            steady.send(b"x" * 50)
            time.sleep(0.25)
        assert steady.read_response().status == 200


@pytest.mark.parametrize("modules", [DEFAULT_MODULES, MODULES], ids=["alone", "with reqtimeout"])
def test_timeout_is_for_each_wait(slow_server, modules):
    server = slow_server("Timeout 1\n", modules=modules)
    with Connection(server.port) as steady:
        steady.send(get("/", "Content-Length: 10", method="POST"))
        for _ in range(10):
            time.sleep(0.3)
            steady.send(b"x")
        assert steady.read_response().status == 200


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_reader_that_takes_nothing(slow_server, secure, tls_config):
    """The answer waits for room that does not come."""
    config = "Timeout 1\nLogLevel info\n"
    if secure:
        config += tls_config('SSLEngine on\nSSLCertificateFile "@ONE@"\nSSLCertificateKeyFile "@ONEKEY@"\n')
    server = slow_server(config, modules=(*MODULES, "ssl") if secure else MODULES)
    server.put("large.bin", LARGE)
    with Connection(server.port, receive_buffer=4096, tls=tls_context() if secure else None) as stuck:
        stuck.send(get("/large.bin"))
        server.wait_for_log("APUS1103: the client took too long to send or to take bytes")
        with pytest.raises((ConnectionEnded, OSError)):
            stuck.read_exactly(len(LARGE))


def test_a_reader_below_the_rate(slow_server):
    """It takes a little now and then: enough for Timeout, not for the rate."""
    server = slow_server("RequestReadTimeout response=1,MinRate=100000\nTimeout 30\nLogLevel info\n")
    server.put("large.bin", LARGE)
    with Connection(server.port, receive_buffer=4096) as stingy:
        stingy.send(get("/large.bin"))
        begin = time.monotonic()
        ended = False
        while time.monotonic() - begin < 10 and not ended:
            try:
                ended = not stingy.socket.recv(2048)
            except OSError:
                ended = True
            time.sleep(0.2)
            if "APUS1103" in server.error_log():
                break
        assert time.monotonic() - begin < 9
        server.wait_for_log("APUS1103: the client took too long to send or to take bytes")


def test_a_slow_reader_that_keeps_the_rate(slow_server):
    """A whole download at a modest pace takes many windows, and comes through."""
    server = slow_server("RequestReadTimeout response=1,MinRate=1000\nTimeout 2\n")
    server.put("large.bin", LARGE[: 6 << 20])
    with Connection(server.port, receive_buffer=65536) as modest:
        modest.send(get("/large.bin", "Connection: close"))
        received = 0
        begin = time.monotonic()
        while True:
            piece = modest.socket.recv(60_000)
            if not piece:
                break
            received += len(piece)
            time.sleep(0.04)
        assert time.monotonic() - begin > 3
        assert received > 6 << 20


def test_others_do_not_notice(slow_server):
    """Three hundred clients that send a byte now and then, and one that asks as usual."""
    server = slow_server("Workers 1\n")
    slow = [Connection(server.port) for _ in range(300)]
    ending = threading.Event()

    def drip():
        while not ending.is_set():
            for connection in slow:
                try:
                    connection.socket.sendall(b"G")
                except OSError:
                    pass
            time.sleep(0.2)

    for connection in slow:
        connection.send(b"GET /")
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        times = []
        for _ in range(100):
            begin = time.monotonic()
            assert fetch(server.port, get()).status == 200
            times.append(time.monotonic() - begin)
    finally:
        ending.set()
        thread.join()
        for connection in slow:
            connection.close()
    assert sorted(times)[95] < 1


@pytest.mark.parametrize(
    "value, message",
    [
        ("header", "not of the form PHASE=TIMEOUT"),
        ("head=3", "not one of handshake, header, body, response"),
        ("header=x", "not a number of seconds"),
        ("header=20-40", "without MinRate"),
        ("header=20-10,MinRate=5", "must be larger"),
        ("header=20,MinRate=0", "MinRate="),
        ("header=20,Rate=5", "MinRate="),
        ("response=20-30,MinRate=5", "no maximum"),
    ],
)
def test_mistakes(apus, value, message):
    server = apus(f"RequestReadTimeout {value}\n", modules=MODULES, start=False)
    try:
        done = server.run("-t")
        assert done.returncode == 1
        assert server.reports_error_at(done.stderr, server.line_of("RequestReadTimeout"))
        assert message in done.stderr
    finally:
        server.discard()
