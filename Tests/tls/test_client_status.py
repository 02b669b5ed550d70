"""SSLOCSPEnable: clients are looked up with the responders of their certificates while others are served."""

import contextlib
import itertools
import os
import socket
import ssl
import threading

import pytest

from support.certs import Authority, bundle
from support.ocsp import Responder
from support.server import DEFAULT_MODULES
from support.tls_client import VERSIONS, Client, outcome
from support.waiting import wait_until
from support.workers import Processes

MODULES = (*DEFAULT_MODULES, "ssl")
CONFIG = """\
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    SSLCACertificateFile "@CLIENTS@"
    SSLVerifyDepth 3
    {lines}
</VirtualHost>
LogLevel ssl:info
<Location "/secret">
    SSLVerifyClient require
</Location>
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("clients"), "clients-ca")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger-ca")


@pytest.fixture
def responder(authority, stranger):
    with Responder(authority, stranger) as running:
        yield running


@pytest.fixture
def start(apus, tls_config, authority):
    def make(lines, server_class=apus):
        text = tls_config(CONFIG.format(lines=lines)).replace("@CLIENTS@", str(authority.certificate))
        return server_class(text, modules=MODULES)

    return make


@pytest.fixture(scope="module")
def silent(authority):
    """A certificate that names no responder."""
    return authority.client("silent")


MOODS = ["good", "revoked", "unknown", "later", "garbage", "forged", "error"]


@pytest.mark.parametrize("mood, version", itertools.product(MOODS, VERSIONS))
def test_whole_server(start, responder, silent, mood, version):
    responder.mood = mood
    lines = f"SSLVerifyClient require\nSSLOCSPEnable on\nSSLOCSPDefaultResponder {responder.url}"
    with start(lines) as server:
        server.put("index.html", "")
        assert outcome(server.port, Client(version, silent)) == (200 if mood == "good" else "refused")
        assert responder.requests == 1
        if mood != "good":
            server.wait_for_log("AH01926")


@pytest.mark.parametrize("mood, version", itertools.product(["good", "revoked"], VERSIONS))
def test_location(start, responder, silent, mood, version):
    responder.mood = mood
    lines = f"SSLOCSPEnable on\nSSLOCSPDefaultResponder {responder.url}"
    with start(lines) as server:
        server.put("index.html", "")
        server.put("secret/index.html", "")
        client = Client(version, silent)
        assert outcome(server.port, client) == 200
        assert outcome(server.port, client, "/secret/index.html") == (200 if mood == "good" else 403)


@pytest.mark.parametrize("version", VERSIONS)
def test_responder_that_the_certificate_names(start, authority, responder, version):
    named = authority.client(f"named-{version}", extensions=f"authorityInfoAccess=OCSP;URI:{responder.url}")
    with start("SSLVerifyClient require\nSSLOCSPEnable on\nSSLOCSPDefaultResponder http://127.0.0.1:1/") as server:
        server.put("index.html", "")
        assert outcome(server.port, Client(version, named)) == 200


def test_responder_that_overrides(start, authority, responder):
    named = authority.client("misled", extensions="authorityInfoAccess=OCSP;URI:http://127.0.0.1:1/")
    lines = f"SSLOCSPEnable on\nSSLOCSPDefaultResponder {responder.url}\nSSLOCSPOverrideResponder on"
    with start(f"SSLVerifyClient require\n{lines}") as server:
        server.put("index.html", "")
        assert outcome(server.port, Client("1.3", named)) == 200


@pytest.mark.parametrize("flag, expected", [("", "refused"), ("no_ocsp_for_cert_ok", 200)])
def test_certificate_without_responder(start, silent, flag, expected):
    with start(f"SSLVerifyClient require\nSSLOCSPEnable leaf {flag}") as server:
        server.put("index.html", "")
        assert outcome(server.port, Client("1.3", silent)) == expected


def test_others_are_served_meanwhile(start, responder, silent):
    responder.mood = "hang"
    lines = f"SSLVerifyClient optional\nSSLOCSPEnable on\nSSLOCSPDefaultResponder {responder.url}"
    with start(lines) as server:
        server.put("index.html", "")
        waiting = [Client("1.3", silent).connect(server.port) for _ in range(8)]
        try:
            wait_until(lambda: responder.requests == 8, "all look-ups")
            for _ in range(20):
                assert outcome(server.port, Client("1.3")) == 200
        finally:
            for connection in waiting:
                connection.close()
        assert outcome(server.port, Client("1.3")) == 200


def test_look_ups_share_few_threads(start, responder, silent):
    """However many clients wait for a responder that hangs, each gets its turn."""
    responder.mood = "hang"
    lines = f"SSLVerifyClient optional\nSSLOCSPEnable on\nSSLOCSPDefaultResponder {responder.url}\nSSLOCSPResponderTimeout 2"
    with start(lines) as server:
        processes = Processes(server.process.pid)
        before = {pid: threads(pid) for pid in processes.workers}
        waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(80)]
        clients = [threading.Thread(target=shake_hands, args=(wire, silent)) for wire in waiting]
        for client in clients:
            client.start()
        wait_until(lambda: responder.requests >= 16, "look-ups")
        most = max(threads(pid) - before[pid] for pid in processes.workers)
        assert 0 < most <= 16
        assert outcome(server.port, Client("1.3")) in (403, 404)
        for client in clients:
            client.join(timeout=60)
            assert not client.is_alive()
        wait_until(lambda: all(threads(pid) <= before[pid] for pid in processes.workers), "the threads to end")


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def shake_hands(wire, certificate):
    """As far as it comes."""
    wire.settimeout(60)
    with contextlib.suppress(ssl.SSLError, OSError):
        Client("1.2", certificate).context().wrap_socket(wire, server_hostname="one.example").close()


def test_responder_that_is_too_slow(start, responder, silent):
    responder.mood = "hang"
    lines = f"SSLOCSPEnable on\nSSLOCSPDefaultResponder {responder.url}\nSSLOCSPResponderTimeout 1"
    with start(f"SSLVerifyClient require\n{lines}") as server:
        assert outcome(server.port, Client("1.3", silent)) == "refused"
        server.wait_for_log("AH01926.*did not answer")


def test_signer_that_the_configuration_names(start, stranger, responder, silent):
    responder.mood = "forged"
    lines = f"SSLVerifyClient require\nSSLOCSPEnable on\nSSLOCSPDefaultResponder {responder.url}\n"
    with start(lines + f'SSLOCSPResponderCertificateFile "{stranger.certificate}"') as server:
        server.put("index.html", "")
        assert outcome(server.port, Client("1.3", silent)) == 200


def test_session_is_not_looked_up_again(start, responder, silent):
    from support.wire import Connection, get

    lines = f"SSLVerifyClient require\nSSLOCSPEnable on\nSSLOCSPDefaultResponder {responder.url}"
    context = Client("1.2", silent).context()
    with start(lines) as server:
        server.put("index.html", "")
        session = None
        for _ in range(3):
            with Connection(server.port, tls=context, server_name="one.example", session=session) as connection:
                assert connection.request(get("/index.html", host="one.example")).status == 200
                session = connection.socket.session
        assert responder.requests == 1


def test_chain(start, authority, responder, silent):
    """With `leaf` the authorities between are not looked up."""
    second = Authority(authority.directory, "second-ca", parent=authority)
    own = second.client("below")
    both = type(own)(bundle(own.certificate.with_suffix(".chain"), own.certificate, second.certificate), own.key)
    for mode, requests in (("leaf", 1), ("on", 2)):
        with Responder(second) as other:
            lines = f"SSLVerifyClient require\nSSLOCSPEnable {mode}\nSSLOCSPDefaultResponder {other.url}\nSSLOCSPNoverify on"
            with start(lines) as server:
                server.put("index.html", "")
                outcome(server.port, Client("1.3", both))
                assert other.requests == requests
