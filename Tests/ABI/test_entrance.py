"""What connections begin with, who is shown their bytes and who takes them; other bodies; what the server is made of.

In C: the Swift side is what the modules remoteip, dumpio, echo, auth_form and info are made with.
"""

import socket

import pytest
from support.server import DEFAULT_MODULES
from support.wire import Connection, fetch, get, tls_context

from .texts import HANDLER

AREA = "entrance"

#: Port 1 begins with a preface, port 2 is tapped, port 3 is taken.
CONFIG = """\
Workers 1
AbiPorts @PORT1@ @PORT2@ @PORT3@
<Location "/secret">
    AbiSecret hidden
</Location>
"""
TLS = """\
Workers 1
AbiPorts @PORT1@ @PORT1@ 0
<VirtualHost 127.0.0.1:@PORT1@>
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
"""


@pytest.fixture(scope="module")
def module(build):
    return build(AREA, "c")


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(module.load() + HANDLER + CONFIG, ports=3) as running:
        yield running


def raw(port, *pieces):
    """Everything that comes back; an empty text when the connection is closed without a word."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.settimeout(10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b""
        try:
            for piece in pieces:
                plain.sendall(piece)
            while data := plain.recv(65536):
                answer += data
        except ConnectionError:
            pass
        return answer


def test_preface(server):
    head = get("/word", "Connection: close")
    assert raw(server.ports[0], b"<first>" + head).endswith(b"first")
    assert raw(server.ports[0], *[bytes([byte]) for byte in b"<slowly>"], head).endswith(b"slowly")
    assert fetch(server.ports[1], get("/word")).body == b"none"


@pytest.mark.parametrize("bytes_", [b"GET / HTTP/1.1\r\n\r\n", b"<no>", b"<too much>", b"<" + b"x" * 5000])
def test_refused_prefaces(server, bytes_):
    assert raw(server.ports[0], bytes_) == b""


def test_tap(server):
    before = [int(word) for word in fetch(server.ports[1], get("/counts")).body.split()]
    with Connection(server.ports[1]) as connection:
        connection.request(get("/word"))
        after = [int(word) for word in connection.request(get("/counts")).body.split()]
    assert after[0] - before[0] >= len(get("/word")) and after[1] > before[1]


def test_before_tls(apus, module, tls_config):
    with apus(module.load() + HANDLER + tls_config(TLS), modules=(*DEFAULT_MODULES, "ssl")) as server:
        plain = socket.create_connection(("127.0.0.1", server.port))
        plain.settimeout(10)
        plain.sendall(b"<outside>")
        with tls_context().wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(get("/word"))
            first = secure.recv(65536)
            assert first.endswith(b"outside")
            secure.sendall(get("/counts"))
            # The tap counted bytes as they were before the encryption: two requests, and the first answer.
            received, sent, _ = secure.recv(65536).split(b"\r\n\r\n")[1].split()
            assert (int(received), int(sent)) == (len(get("/word") + get("/counts")), len(first))


def test_taken(server):
    with socket.create_connection(("127.0.0.1", server.ports[2])) as plain:
        plain.settimeout(10)
        assert plain.recv(100) == b"hello "
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert plain.recv(100) == b"[GET / HTTP/1.1\r\n\r\n]"
        plain.shutdown(socket.SHUT_WR)
        assert plain.recv(100) == b""
    server.wait_for_log("the taken connection closes")


def post(server, path, body):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with Connection(server.ports[1]) as connection:
        answer = connection.request(head.encode() + body)
        # The connection goes on behind the body that came, not behind the one that was given.
        assert connection.request(get("/word")).body == b"none"
        return answer


@pytest.mark.parametrize("body", [b"abc", b"x" * 2000])
def test_another_body(server, body):
    answer = post(server, "/twice", body)
    assert answer.body == body * 2 and answer.header("X-Length") == str(len(body) * 2)


def test_another_body_need_not_be_read(server):
    assert post(server, "/unread", b"abc").body == b"left"


def test_a_body_that_is_not_read_is_not_replaced(server):
    assert post(server, "/early", b"abc").body == b"-3"
    assert post(server, "/early", b"").body == b"0"


@pytest.mark.parametrize("size, included", [(100, b"POST abc"), (0, b"GET ")])
def test_kept_bodies(apus, module, size, included):
    """What a part of an answer is made of is asked for with the method and body of the whole."""
    config = f"<Location /include>\nKeptBodySize {size}\n</Location>\n"
    with apus(module.load() + HANDLER + config + "AbiPorts 0 0 0\n", ports=2, modules=(*DEFAULT_MODULES, "request")) as server:
        assert post(server, "/include", b"abc").body == included
        assert post(server, "/echo", b"abc").body == b"POST abc"
        if size:
            too_long = b"POST /include HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n\r\n" + b"x" * 101
            assert fetch(server.ports[1], too_long).status == 413


def lines(server, path):
    return fetch(server.ports[1], get(path)).body.decode().splitlines()


def test_lines(server):
    found = lines(server, "/lines")
    assert "0 0 AbiPorts({} {} {}) abi_entrance_module placed".format(*server.ports) in found
    assert "0 1 AbiSecret((redacted)) abi_entrance_module placed" in found
    assert '1 0 Location("/secret") core_module placed' in found and "2 0 Location() core_module nowhere" in found


def test_parts(server):
    assert lines(server, "/directives") == ["AbiPorts: three ports 0", "AbiSecret: nobody's business 0"]
    assert lines(server, "/callbacks") == ["handler 10", "process_connection 0"]
    assert lines(server, "/providers") == ["preface/0.1 abi-word", "tap/0.1 abi-count"]
    assert all(line.split()[-1] in "01" for line in lines(server, "/filters"))
