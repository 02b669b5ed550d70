"""New handshakes inside a connection: what is in flight survives them, limits hold, and refusals say why."""

import subprocess

import pytest

from support.server import DEFAULT_MODULES
from support.tls_client import VERSIONS, Client, outcome
from support.waiting import wait_until
from support.wire import Connection, get

MODULES = (*DEFAULT_MODULES, "ssl")
CONFIG = """\
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    SSLCACertificateFile "@CA@"
</VirtualHost>
<Location "/secret">
    SSLVerifyClient require
</Location>
<Location "/small">
    SSLVerifyClient require
    SSLRenegBufferSize 1000
</Location>
<Location "/ask">
    SSLVerifyClient optional
</Location>
<Location "/strong">
    SSLCipherSuite AES256
</Location>
LogFormat "%>s %U %{SSL_CLIENT_S_DN_CN}x" facts
CustomLog "@ROOT@/logs/facts.log" facts
LogLevel ssl:debug
"""


@pytest.fixture(scope="module")
def server(server_class, tls_config):
    with server_class(tls_config(CONFIG), modules=MODULES) as running:
        for name in ("open", "secret", "small", "ask", "strong"):
            running.put(f"{name}/index.html", name)
        yield running


@pytest.fixture(scope="module")
def me(certificates):
    return certificates.client("negotiator", "/CN=me")


def request(path, **options):
    return get(f"/{path}/index.html", host="one.example", **options)


@pytest.mark.parametrize("version", VERSIONS)
def test_certificate_is_asked_for_once_on_a_connection(server, me, version):
    with Client(version, me).connect(server.port) as connection:
        for path in ("open", "secret", "open", "secret", "ask", "small"):
            assert connection.request(request(path)).body == path.encode()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece", [None, 100])
def test_pipelined_requests_survive(server, me, version, piece):
    """Requests around the one that waits are answered in their order."""
    paths = ["open", "ask", "secret", "open", "small", "secret", "open"]
    with Client(version, me).connect(server.port) as connection:
        connection.send(b"".join(map(request, paths)), piece=piece)
        assert [connection.read_response().body for _ in paths] == [path.encode() for path in paths]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("length", [1, 900, 60_000, 100_000])
def test_body_in_flight_survives(server, me, version, length):
    """The body comes before the client can have seen the request for a certificate."""
    body = b"x" * length
    post = get("/secret/index.html", f"Content-Length: {length}", host="one.example", method="POST")
    with Client(version, me).connect(server.port) as connection:
        assert connection.request(post + body).status == 200
        assert connection.request(request("secret")).body == b"secret"


@pytest.mark.parametrize("version", VERSIONS)
def test_chunked_body_in_flight_survives(server, me, version):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"a" * 5000, b"b" * 20_000)) + b"0\r\n\r\n"
    post = get("/secret/index.html", "Transfer-Encoding: chunked", host="one.example", method="POST")
    with Client(version, me).connect(server.port) as connection:
        assert connection.request(post + chunks).status == 200
        assert connection.request(request("secret")).body == b"secret"


@pytest.mark.parametrize("version", VERSIONS)
def test_body_longer_than_the_buffer(server, me, version):
    """What does not fit SSLRenegBufferSize is 413."""
    body = b"x" * 60_000
    post = get("/small/index.html", f"Content-Length: {len(body)}", host="one.example", method="POST")
    with Client(version, me).connect(server.port) as connection:
        assert connection.request(post + body).status == 413
    assert outcome(server.port, Client(version, me), "/open/index.html") == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_client_that_waits_for_a_go_ahead(server, me, version):
    """Expect: 100-continue: the new handshake comes first, so that a body of any length is taken."""
    body = b"x" * 500_000
    post = get(
        "/secret/index.html", f"Content-Length: {len(body)}", "Expect: 100-continue", host="one.example", method="POST"
    )
    with Client(version, me).connect(server.port) as connection:
        connection.send(post)
        assert connection.peek(12) == b"HTTP/1.1 100"
        connection.send(body)
        assert connection.read_response().status == 200


def test_no_certificate_gets_an_answer_that_says_so(apus, server):
    for version in VERSIONS:
        with Client(version).connect(server.port) as connection:
            assert connection.request(request("secret")).status == 403
            assert connection.request(request("open")).status == 200
            assert connection.request(request("ask")).status == 200
            assert connection.request(request("secret")).status == 403
    server.wait_for_log("AH02263.*showed no certificate")


def test_client_without_post_handshake_authentication(apus, server, me):
    with Client("1.3", me, authenticates_later=False).connect(server.port) as connection:
        assert connection.request(request("ask")).status == 200
        assert connection.request(request("secret")).status == 403
        assert connection.request(request("open")).status == 200
    server.wait_for_log("AH02225.*did not offer TLS 1.3 post-handshake authentication")


def test_stronger_cipher_for_one_location(server):
    """By renegotiation in TLS 1.2; the ciphers of TLS 1.3 are all strong."""
    client = Client("1.2", ciphers="ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384")
    with client.connect(server.port) as connection:
        assert connection.socket.cipher()[0] == "ECDHE-RSA-AES128-GCM-SHA256"
        assert connection.request(request("strong")).status == 200
        assert connection.socket.cipher()[0] == "ECDHE-RSA-AES256-GCM-SHA384"
        assert connection.request(request("open")).status == 200
    assert outcome(server.port, Client("1.3"), "/strong/index.html") == 200


def test_client_without_the_stronger_cipher(server):
    client = Client("1.2", ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    assert outcome(server.port, client, "/strong/index.html") in (403, "refused")


def test_ciphers_in_htaccess_change_with_the_file(server_class, tls_config):
    config = 'Workers 1\n<Directory "@HTDOCS@">\nAllowOverride AuthConfig\n</Directory>\n' + CONFIG
    client = Client("1.2", ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    with server_class(tls_config(config), modules=MODULES) as running:
        running.put("open/index.html", "open")
        # What a file says may lie where an older one's text lay.
        for number, ciphers in enumerate(("AES128", "AES128", "AES256", "AES256", "AES128") * 3):
            running.put("open/.htaccess.new", f"SSLCipherSuite {ciphers}\n# {number}\n").rename(running.htdocs / "open/.htaccess")
            answer = outcome(running.port, client, "/open/index.html")
            assert answer == 200 if ciphers == "AES128" else answer in (403, "refused"), number


@pytest.mark.parametrize("version", VERSIONS)
def test_certificate_is_not_carried_to_another_connection(server, me, version):
    """A client that has shown its certificate in the middle of a connection is asked again on the next one: it
    goes on with no session that would bear the certificate."""
    client = Client(version, me)
    context = client.context()
    with Connection(server.port, tls=context, server_name=client.name) as connection:
        assert connection.request(request("secret")).status == 200
        assert connection.request(request("open")).status == 200
        session = connection.socket.session
    with Connection(server.port, tls=context, server_name=client.name, session=session) as connection:
        assert connection.request(request("open")).status == 200
    facts = server.root / "logs" / "facts.log"
    wait_until(lambda: facts.read_text().endswith("200 /open/index.html -\n"), "a line without a certificate")


@pytest.mark.parametrize("version", VERSIONS)
def test_client_that_goes_away_meanwhile(server, me, version):
    for _ in range(10):
        with Client(version, me).connect(server.port) as connection:
            connection.send(request("secret"))
    assert outcome(server.port, Client(version, me), "/secret/index.html") == 200


def test_client_that_starts_a_new_handshake_itself(apus, server):
    """Renegotiation by clients costs them nothing and us much: it is refused."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2", "-servername", "one.example"],
        input="R\nGET /open/index.html HTTP/1.0\n\n",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "no renegotiation" in done.stderr or "handshake failure" in done.stderr


def test_many_at_once(server, me):
    connections = [Client("1.2" if n % 2 else "1.3", me).connect(server.port) for n in range(10)]
    try:
        for connection in connections:
            connection.send(request("secret"))
        for connection in connections:
            assert connection.read_response().body == b"secret"
    finally:
        for connection in connections:
            connection.close()
