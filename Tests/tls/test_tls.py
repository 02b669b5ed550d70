"""https over the wire: versions, names, chains, sessions, and the same HTTP underneath as without TLS."""

import re
import socket
import ssl

import pytest

from support.server import DEFAULT_MODULES
from support.wire import Connection, fetch, get, tls_context

MODULES = (*DEFAULT_MODULES, "ssl")
LARGE = bytes(range(256)) * (5 * 1024 * 1024 // 256)

#: Port 1: two names, RSA and ECDSA. 2: TLS 1.2 alone. 3: TLS 1.3 alone. 4: an intermediate CA in the
#: certificate file. 5: the same by SSLCertificateChainFile. 6: plain http.
CONFIG = """\
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    DocumentRoot "@HTDOCS@/one"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName two.example
    SSLEngine on
    SSLCertificateFile "@TWO@"
    SSLCertificateKeyFile "@TWOKEY@"
    DocumentRoot "@HTDOCS@/two"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName one.example
    SSLEngine on
    SSLProtocol -all +TLSv1.2
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT3@>
    ServerName one.example
    SSLEngine on
    SSLProtocol -all +TLSv1.3
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT4@>
    ServerName three.example
    SSLEngine on
    SSLCertificateFile "@THREECHAIN@"
    SSLCertificateKeyFile "@THREEKEY@"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT5@>
    ServerName three.example
    SSLEngine on
    SSLCertificateFile "@THREE@"
    SSLCertificateKeyFile "@THREEKEY@"
    SSLCertificateChainFile "@INTERMEDIATE@"
</VirtualHost>
"""

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module")
def server(server_class, tls_config):
    with server_class(tls_config(CONFIG), modules=MODULES, ports=6) as running:
        running.put("probe.txt", "in step\n")
        running.put("large.bin", LARGE)
        for name in ("one", "two"):
            running.put(f"{name}/index.html", f"<p>{name}</p>\n")
            running.put(f"{name}/large.bin", LARGE)
        yield running


@pytest.fixture(scope="session")
def context(material):
    """Client contexts that trust the test CA, of one version or of any."""

    def make(version=None):
        return tls_context(material["@CA@"], minimum=version, maximum=version)

    return make


def connect(server, context, name="one.example", port=1, **options):
    return Connection(server.ports[port - 1], tls=context, server_name=name, **options)


@pytest.mark.parametrize("name, version", VERSIONS.items(), ids=VERSIONS)
def test_both_versions(server, context, name, version):
    with connect(server, context(version)) as connection:
        assert connection.socket.version() == name
        assert connection.request(get(host="one.example")).body == b"<p>one</p>\n"


def test_newest_version_is_chosen(server, context):
    with connect(server, context()) as connection:
        assert connection.socket.version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["one.example", "two.example"])
@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_certificate_and_site_follow_the_name(server, context, name, version):
    """The context verifies that the certificate bears the name asked for."""
    with connect(server, context(version), name) as connection:
        assert connection.request(get(host=name)).body == f"<p>{name[:3]}</p>\n".encode()


def test_unknown_name_gets_the_first_host(server):
    with connect(server, tls_context(), "unknown.example") as connection:
        assert connection.request(get(host="unknown.example")).body == b"<p>one</p>\n"


def test_no_name_gets_the_first_host(server):
    with connect(server, tls_context(), None) as connection:
        assert connection.request(get(host="one.example")).body == b"<p>one</p>\n"


def test_name_and_host_field_may_not_contradict(server, context):
    """httpd answers 421 where the two hosts differ in their TLS settings, and serves where they agree."""
    with connect(server, context(), "one.example") as connection:
        response = connection.request(get(host="two.example"))
        assert response.status in (200, 421)
        assert response.status == 421 or response.body == b"<p>two</p>\n"


@pytest.mark.parametrize("port, spoken, refused", [(2, "TLSv1.2", "TLSv1.3"), (3, "TLSv1.3", "TLSv1.2")])
def test_protocol_restriction(server, context, port, spoken, refused):
    with connect(server, context(VERSIONS[spoken]), port=port) as connection:
        assert connection.socket.version() == spoken
        assert connection.request(get("/probe.txt", host="one.example")).status == 200
    with pytest.raises(ssl.SSLError):
        connect(server, context(VERSIONS[refused]), port=port)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(server):
    context = tls_context(minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        connect(server, context)


@pytest.mark.parametrize("port", [4, 5], ids=["in the certificate file", "SSLCertificateChainFile"])
def test_intermediate_certificates_are_sent(server, context, port):
    """The client knows the root alone and could not verify otherwise."""
    with connect(server, context(), "three.example", port) as connection:
        assert connection.request(get("/probe.txt", host="three.example")).status == 200


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_session_is_resumed(server, context, version):
    shared = context(version)
    with connect(server, shared) as first:
        first.request(get(host="one.example"))
        session = first.socket.session
        assert not first.socket.session_reused
        first.request(get(host="one.example", method="GET", path="/"))
    with connect(server, shared, session=session) as second:
        assert second.socket.session_reused
        assert second.request(get(host="one.example")).body == b"<p>one</p>\n"


def test_keepalive(server, context):
    with connect(server, context()) as connection:
        for _ in range(20):
            assert connection.request(get(host="one.example")).status == 200
        last = connection.request(get("/", "Connection: close", host="one.example"))
        assert not last.persistent
        assert connection.connection_closed()


@pytest.mark.parametrize("piece", [None, 1, 50])
def test_pipelining(server, context, piece):
    """Each piece is a TLS record of its own."""
    with connect(server, context()) as connection:
        connection.send((get(host="one.example") + get("/none", host="one.example")) * 5, piece=piece)
        assert [connection.read_response().status for _ in range(10)] == [200, 404] * 5


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_large_file(server, context, version):
    with connect(server, context(version)) as connection:
        connection.send(get("/large.bin", host="one.example") + get(host="one.example"))
        assert connection.read_response().body == LARGE
        assert connection.read_response().body == b"<p>one</p>\n"


def test_large_file_to_a_slow_reader(server, context):
    with connect(server, context(), receive_buffer=4096) as connection:
        assert connection.request(get("/large.bin", host="one.example")).body == LARGE


def test_request_body(server, context):
    body = LARGE[:300_000]
    with connect(server, context()) as connection:
        assert (
            connection.request(
                get("/", f"Content-Length: {len(body)}", host="one.example", method="POST") + body
            ).status
            == 200
        )
        assert connection.request(get(host="one.example")).status == 200


def test_half_close_without_notify(server, context):
    """A client that ends its direction of the TCP connection still gets its answer."""
    with connect(server, context()) as connection:
        connection.send(get(host="one.example"))
        connection.half_close()
        assert connection.read_response().body == b"<p>one</p>\n"
        assert connection.connection_closed()


def test_half_close_with_notify(server, context):
    """RFC 8446 section 6.1: close_notify ends one direction only. The last answer still comes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context().wrap_bio(incoming, outgoing, server_hostname="one.example")
    with socket.create_connection(("127.0.0.1", server.ports[0]), timeout=10) as plain:
        pump(session.do_handshake, plain, incoming, outgoing)
        session.write(get(host="one.example"))
        with pytest.raises(ssl.SSLWantReadError):
            session.unwrap()
        plain.sendall(outgoing.read())
        received = pump(lambda: session.read(100), plain, incoming, outgoing)
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")


def pump(step, plain, incoming, outgoing):
    """Carries bytes between a memory-based TLS session and a socket until `step` is done."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            data = plain.recv(65536)
            assert data, "the server closed"
            incoming.write(data)
        finally:
            if outgoing.pending:
                plain.sendall(outgoing.read())


def test_server_says_goodbye(server, context):
    """Without close_notify a client could not tell the end from a cut (RFC 8446 section 6.1)."""
    with connect(server, context()) as connection:
        connection.socket.suppress_ragged_eofs = False
        connection.request(get("/", "Connection: close", host="one.example"))
        assert connection.socket.recv(1) == b""


def test_plain_http_on_the_tls_port(server):
    """httpd answers in clear that this port speaks https."""
    response = fetch(server.ports[0], get(host="one.example"))
    assert response.status == 400
    assert b"plain HTTP" in response.body


@pytest.mark.parametrize(
    "junk",
    [b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"a" * 500, b"\x80\x2e\x01\0\x02"],
    ids=["zeros", "record", "ssl2"],
)
def test_junk_on_the_tls_port(server, junk):
    with Connection(server.ports[0]) as connection:
        connection.send(junk)
        connection.half_close()
        assert len(connection.read_to_end()) < 1000
    assert fetch(server.ports[5], get("/probe.txt")).status == 200


def test_tls_on_the_plain_port(server):
    with pytest.raises((ssl.SSLError, OSError)):
        connect(server, tls_context(), port=6)


def test_plain_and_tls_side_by_side(server):
    assert fetch(server.ports[5], get("/probe.txt")).body == b"in step\n"


def test_handshake_cut_off_harms_nobody(server, context):
    for _ in range(20):
        with Connection(server.ports[0]) as connection:
            connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    with connect(server, context()) as connection:
        assert connection.request(get(host="one.example")).status == 200


def test_many_connections_at_once(server, context):
    shared = context()
    connections = [connect(server, shared) for _ in range(12)]
    try:
        for connection in connections:
            connection.send(get(host="one.example"))
        assert [connection.read_response().status for connection in connections] == [200] * 12
    finally:
        for connection in connections:
            connection.close()


def test_no_protocol_is_negotiated_but_http(server, context):
    """Without mod_http2 nobody may be told h2."""
    offering = context()
    offering.set_alpn_protocols(["h2", "http/1.1"])
    with connect(server, offering) as connection:
        assert connection.socket.selected_alpn_protocol() in (None, "http/1.1")
        assert connection.request(get(host="one.example")).status == 200


def test_a_slow_reader_gets_the_end(server, context):
    """What the transport has encrypted and the kernel has not taken is sent before the connection ends, whatever fits."""
    for size in range(2_800_000, 4_600_000, 40_000):
        server.put("two/slow.bin", b"s" * size)
        with Connection(
            server.ports[0], tls=context(), server_name="two.example", receive_buffer=4096
        ) as connection:
            connection.send(get("/slow.bin", "Connection: close", host="two.example"))
            assert connection.read_head().header("Content-Length") == str(size)
            assert len(connection.read_to_end()) == size


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_failed_handshake_says_what_was_offered(apus, tls_config):
    config = "LogLevel ssl:info\n" + tls_config(CONFIG)
    with apus(config, modules=MODULES, ports=6) as server:
        with pytest.raises(ssl.SSLError):
            context = tls_context(maximum=ssl.TLSVersion.TLSv1_1, minimum=ssl.TLSVersion.TLSv1)
            context.set_ciphers("ECDHE-RSA-AES128-SHA:@SECLEVEL=0")
            connect(server, context)
        server.wait_for_log(r"AH02008.*unsupported protocol.*SNI one.example; offered up to TLSv1.1; .*ECDHE-RSA-AES128-SHA")
        with pytest.raises(ssl.SSLError):
            context = tls_context(maximum=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers("AES128-SHA")
            connect(server, context)
        server.wait_for_log(r"AH02008.*no shared cipher.*offered .*TLSv1.2.*AES128-SHA")


#: What each level adds, with mod_ssl's numbers where it has such a line.
LEVELS = {
    "info": [r"AH01964: TLS begins with 127.0.0.1:\d+", "AH02034: first request", "AH01998: TLS ends"],
    "debug": ["AH02043: the client names one.example", r"AH02041: protocol TLSv1.\d, cipher \S+ .*new session", "AH02034: another request"],
    "trace2": [r"session cache: store done, id \w{64}", "session cache: retrieve finds"],
    "trace3": ["OpenSSL: handshake begins", "OpenSSL: handshake is done"],
    "trace4": [r"OpenSSL reads \d+ bytes", r"OpenSSL writes \d+ bytes"],
    "trace7": ["0000: 16030"],
}


@pytest.mark.parametrize("level", ["warn", *LEVELS])
def test_what_each_level_tells(apus, tls_config, level):
    config = f'LogLevel warn ssl:{level}\nSSLSessionCache "shmcb:logs/cache(100000)"\n' + tls_config(CONFIG)
    with apus(config, modules=(*MODULES, "socache_shmcb"), ports=6) as server:
        context = tls_context(minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_2)
        context.options |= ssl.OP_NO_TICKET
        session = None
        for _ in range(2):
            with Connection(server.port, tls=context, server_name="one.example", session=session) as connection:
                for _ in range(2):
                    connection.request(get(host="one.example"))
                session = connection.socket.session
        wanted = [name for name in LEVELS if list(LEVELS).index(name) <= list(LEVELS).index(level)] if level in LEVELS else []
        for name in wanted:
            for pattern in LEVELS[name]:
                server.wait_for_log(pattern)
        log = server.error_log()
        for name in set(LEVELS) - set(wanted):
            for pattern in LEVELS[name]:
                assert not re.search(pattern, log), pattern


def test_the_goodbye_shares_the_packet(apus, tls_config):
    """Where the connection ends with the answer, its close_notify (a record of kind 21) comes with the last bytes."""
    with apus(tls_config(CONFIG), modules=MODULES, ports=6) as server:
        server.put("probe.txt", "in step\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="one.example")
        with socket.create_connection(("127.0.0.1", server.ports[1]), 10) as wire:
            request = get("/probe.txt", "Connection: close", host="one.example")
            steps = [tls.do_handshake, lambda: tls.write(request)]
            while steps:
                try:
                    steps[0]()
                    steps.pop(0)
                except ssl.SSLWantReadError:
                    wire.sendall(outgoing.read())
                    incoming.write(wire.recv(65536))
            wire.sendall(outgoing.read())
            answer = wire.recv(65536)
            assert wire.recv(65536) == b""
        kinds = []
        while answer:
            kinds.append(answer[0])
            answer = answer[5 + int.from_bytes(answer[3:5], "big") :]
        assert kinds == [23, 21]
