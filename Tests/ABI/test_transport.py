"""A transport from outside the server: one that XORs every byte."""

import time

import pytest
from support.waiting import wait_until
from support.wire import Connection, fetch, get

AREA = "transport"

CONFIG = """\
Workers 1
AbiXorPort @PORT2@
<Location "/abi">
    SetHandler abi
</Location>
"""
KEY = 0x2A


def scramble(data):
    return bytes(byte ^ KEY for byte in data)


class Scrambled:
    """A socket whose bytes are scrambled on both ways."""

    def __init__(self, plain):
        self.plain = plain

    def sendall(self, data):
        self.plain.sendall(scramble(data))

    def recv(self, size):
        return scramble(self.plain.recv(size))

    def __getattr__(self, name):
        return getattr(self.plain, name)


def connect(port, hello=b"X", **options):
    connection = Connection(port, **options)
    connection.socket.sendall(hello)
    connection.socket = Scrambled(connection.socket)
    return connection


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(module.load() + CONFIG, ports=2) as running:
        running.put("file.bin", bytes(range(256)) * 8000)
        running.put("small.txt", "small")
        yield running


@pytest.fixture
def port(server):
    return server.ports[1]


def test_a_request(port):
    with connect(port) as connection:
        assert connection.request(get("/small.txt")).body == b"small"
        assert connection.request(get("/small.txt")).body == b"small"


def test_what_modules_see(server, port):
    with connect(port) as connection:
        answer = connection.request(get("/abi", host="h:9")).body
    assert answer == b"abi-xor 1 https 1 https://h:9/x"
    assert fetch(server.ports[0], get("/abi", host="h:9")).body == b"tcp 0 http 0 http://h:9/x"


def test_other_ports_are_plain(server):
    assert fetch(server.ports[0], get("/small.txt")).body == b"small"


def test_a_large_file(port):
    """No sendfile round the transport."""
    with connect(port) as connection:
        assert connection.request(get("/file.bin")).body == bytes(range(256)) * 8000


def test_a_slow_reader(port):
    with connect(port, receive_buffer=4096) as connection:
        connection.send(get("/file.bin"))
        time.sleep(0.2)
        assert connection.read_response().body == bytes(range(256)) * 8000


def test_pipelining(port):
    with connect(port) as connection:
        connection.send(get("/small.txt") * 5, piece=11, pause=0.001)
        assert [connection.read_response().body for _ in range(5)] == [b"small"] * 5


def test_ranges(port):
    with connect(port) as connection:
        response = connection.request(get("/file.bin", "Range: bytes=256-511"))
        assert (response.status, response.body) == (206, bytes(range(256)))


def test_suspended_handshake(port):
    started = time.monotonic()
    with connect(port, b"S") as connection:
        assert connection.request(get("/small.txt")).body == b"small"
    assert time.monotonic() - started > 0.045


def test_client_that_leaves_a_suspended_handshake(server, port):
    with connect(port, b"S"):
        pass
    with connect(port) as connection:
        time.sleep(0.1)
        assert connection.request(get("/small.txt")).body == b"small"


def test_plain_http_is_told_so(port):
    with Connection(port) as connection:
        connection.send(get("/"))
        assert connection.read_response().status == 400


def test_a_handshake_that_fails(port):
    with Connection(port) as connection:
        connection.send(b"?")
        assert connection.read_to_end() == b""


@pytest.fixture
def fresh(apus, module):
    """A server of the test's own, so that no other connection's end is in its log."""
    with apus(module.load() + CONFIG, ports=2) as running:
        running.put("small.txt", "small")
        yield running


def test_goodbye_and_close(fresh):
    with connect(fresh.ports[1]) as connection:
        connection.send(get("/small.txt", "Connection: close"))
        assert connection.read_response().body == b"small"
        assert connection.read_to_end() == b""
    # The test for readiness connects, too, and leaves without a word.
    wait_until(lambda: fresh.error_log().count("transport closes") >= 2, "the end of the transport")
    log = fresh.error_log()
    assert log.count("transport closes") == 2
    assert log.count("transport gets the last") == 1
    assert log.index("transport gets the last") < log.rindex("transport says goodbye")


def test_client_that_closes(fresh):
    with connect(fresh.ports[1]) as connection:
        connection.request(get("/small.txt"))
    wait_until(lambda: fresh.error_log().count("transport closes") >= 2, "the end of the transport")
    assert "transport gets the last" not in fresh.error_log()
    assert fresh.error_log().count("transport closes") == 2


HOSTS = """\
<VirtualHost 127.0.0.1:@PORT@>
    ServerName one.example
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName two.example
    ServerAlias *.two.example
</VirtualHost>
"""


@pytest.fixture(scope="module")
def hosts(apus, module):
    with apus(module.load() + CONFIG + HOSTS, ports=2) as running:
        yield running


@pytest.mark.parametrize(
    "name, answer",
    [("two.example", "two.example 1"), ("TWO.example", "two.example 1"), ("none.example", "one.example 0")],
)
def test_select_server(hosts, name, answer):
    assert fetch(hosts.port, get(f"/abi/select?{name}")).body.decode() == answer


def test_select_server_by_wildcard_alias(hosts):
    """RFC 6066 names hosts; ServerAlias gives them patterns."""
    assert fetch(hosts.port, get("/abi/select?a.two.example")).body.decode() == "two.example 1"
