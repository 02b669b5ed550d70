"""Connections taken over by a protocol of a module, over http and https; interim answers before the answer."""

import socket

import pytest
from support.load import reload
from support.server import DEFAULT_MODULES
from support.waiting import settled, wait_until
from support.wire import Connection, fetch, get, tls_context

from .texts import HANDLER

AREA = "upgrade"

#: Port 2 is carried by a transport that agrees on the protocol, port 3 by TLS.
CONFIG = """\
Workers 1
AbiEchoPort @PORT2@
LogFormat "%s %I %O %X" sizes
CustomLog "@ROOT@/logs/sizes.log" sizes
<VirtualHost 127.0.0.1:@PORT3@>
    ServerName localhost
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    <Location "/">
        SetHandler abi
    </Location>
</VirtualHost>
"""
OFFER = ("Connection: Upgrade", "Upgrade: abi-echo")


@pytest.fixture(scope="module")
def server(apus, module, tls_config):
    with apus(tls_config(module.load() + HANDLER + CONFIG), modules=(*DEFAULT_MODULES, "ssl"), ports=3) as running:
        yield running


@pytest.fixture(params=["http", "https"])
def connect(server, request):
    """Opens a connection to the server, plainly or by TLS."""

    def make(**options):
        if request.param == "http":
            return Connection(server.port, **options)
        return Connection(server.ports[2], tls=tls_context(), **options)

    return make


def upgrade(connection, path="/echo", *fields):
    connection.send(get(path, *OFFER, *fields))
    head = connection.read_head()
    assert (head.status, head.reason) == (101, "Switching Protocols")
    return head


def test_echo(connect):
    with connect() as connection:
        head = upgrade(connection)
        assert head.values("Upgrade") == ["abi-echo"] and head.values("Connection") == ["Upgrade"]
        assert head.values("X-Abi") == ["switched"]
        for name in ("Content-Length", "Transfer-Encoding", "Content-Type", "Keep-Alive"):
            assert not head.values(name)
        for text in (b"one", b"two\r\n\r\n", bytes(range(256))):
            connection.send(text)
            assert connection.read_exactly(len(text)) == text
        connection.send(b"bye")
        assert connection.read_to_end() == b"bye"


def test_after_other_requests(connect):
    with connect() as connection:
        assert connection.request(get("/asked")).body == b"0"
        assert connection.request(get("/asked", *OFFER)).body == b"1"
        upgrade(connection)
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.read_exactly(18) == b"GET / HTTP/1.1\r\n\r\n"


def test_bytes_sent_with_the_request(connect):
    """A client need not wait for the 101 (it should), and the protocol may speak before it is spoken to."""
    with connect() as connection:
        connection.send(get("/echo?early", *OFFER) + b"at once")
        assert connection.read_head().status == 101
        assert connection.read_exactly(12) == b"earlyat once"


def test_a_suspended_handler_switches(connect):
    with connect() as connection:
        upgrade(connection, "/late")
        connection.send(b"hello")
        assert connection.read_exactly(5) == b"hello"


def test_a_large_exchange(connect):
    block = bytes(range(256)) * 256
    with connect() as connection:
        upgrade(connection)
        for _ in range(16):
            connection.send(block)
            assert connection.read_exactly(len(block)) == block


def test_writing_waits_for_the_client(connect, server):
    """What the client does not take is not piled up: the protocol is told to wait, and when to go on."""
    with connect(receive_buffer=4096) as connection:
        upgrade(connection)
        connection.send(b"flood")
        text = connection.read_to_end()
    assert len(text) == 8 << 20 and not text.strip(b"f")
    assert "waits for nothing" not in server.error_log()


def test_held_bytes_come_later(connect):
    with connect() as connection:
        upgrade(connection)
        connection.send(b"hold")
        assert connection.read_exactly(4) == b"held"
        connection.send(b"later")
        assert connection.read_exactly(5) == b"later"


def test_half_close(server):
    with Connection(server.port) as connection:
        upgrade(connection)
        connection.half_close()
        assert connection.read_to_end() == b"ended"


@pytest.mark.parametrize("last", [b"bye", b"fail", b"idle", None])
def test_each_end_is_told_once(connect, server, last):
    """By the protocol, by its failure, by silence, by the client: `close` is called, and the request logged."""
    before = settled(server.error_log).count("echo closes")
    lines = server._read("sizes.log").count("101 ")
    with connect() as connection:
        upgrade(connection)
        if last:
            connection.send(last)
            connection.read_to_end()
    wait_until(lambda: server.error_log().count("echo closes") == before + 1, "the protocol to be told of the end")
    wait_until(lambda: server._read("sizes.log").count("101 ") == lines + 1, "the log line")


def test_a_client_that_vanishes(server):
    before = settled(server.error_log).count("echo closes")
    for text in (b"hold", b"flood"):
        connection = Connection(server.port)
        upgrade(connection)
        connection.send(text)
        connection.read_exactly(4)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    wait_until(lambda: server.error_log().count("echo closes") == before + 2, "both to be told of the end")


def test_the_log_counts_all_bytes(server):
    with Connection(server.port) as connection:
        request = get("/echo", *OFFER, "X-Mark: counted")
        connection.send(request)
        head = connection.read_head()
        connection.send(b"x" * 1000)
        connection.read_exactly(1000)
        connection.send(b"bye")
        connection.read_to_end()
    size = len(f"HTTP/1.1 101 {head.reason}\r\n\r\n") + sum(len(n) + len(v) + 4 for n, v in head.headers)
    expected = f"101 {len(request) + 1003} {size + 1003} "
    wait_until(lambda: expected in server._read("sizes.log"), lambda: f"{expected!r} in {server._read('sizes.log')}")


def test_a_reload_leaves_it_alone(connect, server):
    """The worker that has it stays until it ends; new connections go to the next generation."""
    with connect() as connection:
        upgrade(connection)
        reload(server)
        with connect() as another:
            assert another.request(get("/asked")).body == b"0"
        connection.send(b"still here")
        assert connection.read_exactly(10) == b"still here"
        connection.send(b"bye")
        assert connection.read_to_end() == b"bye"


NOT_ASKED = {
    "no offer": ([], "HTTP/1.1"),
    "Connection does not say so": (["Upgrade: abi-echo"], "HTTP/1.1"),
    "another protocol": (["Connection: upgrade", "Upgrade: websocket"], "HTTP/1.1"),
    "a name that only begins so": (["Connection: upgrade", "Upgrade: abi-echo/2"], "HTTP/1.1"),
    "HTTP/1.0": (["Connection: upgrade", "Upgrade: abi-echo"], "HTTP/1.0"),
    "a body that is not read": ([*OFFER, "Content-Length: 3"], "HTTP/1.1"),
}


@pytest.mark.parametrize("fields, version", NOT_ASKED.values(), ids=NOT_ASKED)
def test_not_switched(server, fields, version):
    body = b"abc" if "Content-Length: 3" in fields else b""
    with Connection(server.port) as connection:
        response = connection.request(get("/echo", *fields, version=version) + body)
        assert (response.status, response.body) == (200, b"not switched")
        assert response.values("Upgrade") == []


@pytest.mark.parametrize("fields", [
    ["Connection: keep-alive, Upgrade", "Upgrade: websocket, abi-echo"],
    ["Connection: keep-alive", "connection: UPGRADE", "upgrade: ABI-ECHO"],
    ["Connection: upgrade", "Upgrade: a", "Upgrade: b,,  abi-echo"],
])  # fmt: skip
def test_spellings_of_the_offer(server, fields):
    with Connection(server.port) as connection:
        connection.send(get("/echo", *fields))
        assert connection.read_head().status == 101


def test_not_from_the_pool(server):
    assert fetch(server.port, get("/pool/echo", *OFFER)).body == b"-10"


def test_agreed_by_the_transport(server):
    with Connection(server.ports[1]) as connection:
        assert connection.read_exactly(5) == b"hello"
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.read_exactly(18) == b"GET / HTTP/1.1\r\n\r\n"
        connection.send(b"bye")
        assert connection.read_to_end() == b"bye"


# Interim answers


@pytest.mark.parametrize("path", ["/hints", "/pool/hints"])
def test_interim_answers(connect, path):
    with connect() as connection:
        response = connection.request(get(path))
        assert [answer.status for answer in response.interim] == [103, 102, 199]
        for answer in response.interim:
            assert answer.headers == [("Link", "</style.css>; rel=preload")]
        assert response.status == 200
        assert response.values("Link") == ["</style.css>; rel=preload"] and response.values("X-Later") == ["1"]
        assert response.body == b"0 0 0 -3 -3"
        assert connection.request(get("/asked")).body == b"0"


def test_no_interim_answers_for_http_1_0(server):
    response = fetch(server.port, get("/hints", version="HTTP/1.0"))
    assert response.interim == [] and response.body == b"1 1 1 -3 -3"


def test_an_interim_answer_is_sent_at_once(server):
    """And the head of a final answer never leaves with a status below 200."""
    with Connection(server.port) as connection:
        connection.send(get("/hints"))
        assert connection.read_head().status == 103


# What is agreed on by ALPN

PROTOCOLS = {
    "nothing said": ("", {"abi-echo http/1.1": "http/1.1", "http/1.1": "http/1.1"}),
    "named first": ("Protocols abi-echo http/1.1", {"http/1.1 abi-echo": "abi-echo", "http/1.1": "http/1.1", "abi-echo": "abi-echo"}),
    "named last": ("Protocols http/1.1\nProtocols abi-echo", {"abi-echo http/1.1": "http/1.1", "abi-echo": "abi-echo"}),
    "the client's order": (
        "Protocols abi-echo http/1.1\nProtocolsHonorOrder Off",
        {"http/1.1 abi-echo": "http/1.1", "abi-echo http/1.1": "abi-echo"},
    ),
    "HTTP/1.1 not named": ("Protocols abi-echo", {"http/1.1": "http/1.1", "h2 abi-echo": "abi-echo"}),
    "one that nobody speaks": ("Protocols h2 http/1.1", {"h2 http/1.1": "http/1.1"}),
}


@pytest.fixture(scope="module")
def agreeing(apus, module, tls_config):
    hosts = "".join(
        f'<VirtualHost 127.0.0.1:@PORT{number}@>\nServerName localhost\nSSLEngine on\nSSLCertificateFile "@ONE@"\n'
        f'SSLCertificateKeyFile "@ONEKEY@"\n{text}\n</VirtualHost>\n'
        for number, (text, _) in enumerate(PROTOCOLS.values(), 1)
    )
    text = module.load() + "LogLevel info\nWorkers 1\n" + hosts
    with apus(tls_config(text), modules=(*DEFAULT_MODULES, "ssl"), ports=len(PROTOCOLS)) as running:
        yield running


@pytest.mark.parametrize("number", range(len(PROTOCOLS)), ids=list(PROTOCOLS))
def test_agreement_by_alpn(agreeing, number):
    for offer, chosen in list(PROTOCOLS.values())[number][1].items():
        context = tls_context()
        context.set_alpn_protocols(offer.split())
        with Connection(agreeing.ports[number], tls=context) as connection:
            assert connection.socket.selected_alpn_protocol() == chosen, offer
            if chosen == "http/1.1":
                assert connection.request(get("/")).status < 500


def test_protocols_that_nobody_speaks_are_noted(agreeing):
    agreeing.wait_for_log(r"APUS1708: .*: Protocols has no effect: no loaded module speaks h2")
