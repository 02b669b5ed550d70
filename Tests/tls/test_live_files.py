"""Certificates, keys, authorities and revocation lists that change while the server is at work."""

import os
import signal
import subprocess
import threading

import pytest

from support.server import DEFAULT_MODULES
from support.tls_client import Client, outcome
from support.waiting import wait_until
from support.wire import Connection, get
from support.workers import Processes

MODULES = (*DEFAULT_MODULES, "ssl")
HOST = """\
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@DIR@/cert.pem"
    SSLCertificateKeyFile "@DIR@/key.pem"
    {lines}
</VirtualHost>
"""


@pytest.fixture
def directory(tmp_path):
    return tmp_path


def install(target, source):
    """Puts a file in place at once, as renewal programs do."""
    staged = target.with_name("staged")
    staged.write_bytes(source.read_bytes())
    os.rename(staged, target)


def put(directory, pair):
    install(directory / "key.pem", pair.key)
    install(directory / "cert.pem", pair.certificate)


def served(port):
    """The serial number of the certificate that a new connection gets."""
    with Client("1.3").connect(port) as connection:
        der = connection.socket.getpeercert(binary_form=True)
    return subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-serial"], input=der, capture_output=True).stdout


def serial(pair):
    return subprocess.run(
        ["openssl", "x509", "-in", pair.certificate, "-noout", "-serial"], capture_output=True
    ).stdout


@pytest.fixture
def start(apus, directory):
    def make(lines="", **marks):
        text = HOST.format(lines=lines).replace("@DIR@", str(directory))
        for mark, path in marks.items():
            text = text.replace(f"@{mark}@", str(path))
        return apus(text, modules=MODULES)

    return make


def test_renewed_certificate_under_load(start, certificates, directory):
    """Every worker serves the new one, and no request fails meanwhile."""
    old, new = (certificates.server(name, "one.example") for name in ("live-old", "live-new"))
    put(directory, old)
    with start() as server:
        server.put("index.html", "")
        failures, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                status = outcome(server.port, Client("1.3"), "/index.html")
                if status != 200:
                    failures.append(status)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            assert served(server.port) == serial(old)
            put(directory, new)
            wait_until(lambda: served(server.port) == serial(new), "the new certificate")
            wait_until(lambda: all(served(server.port) == serial(new) for _ in range(12)), "it in every worker")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert failures == []
        server.wait_for_log("APUS3030")
        for _ in range(12):
            assert served(server.port) == serial(new)


def test_key_that_does_not_match(start, certificates, directory):
    """The old pair is served until the new one is whole, and the log says why."""
    old, new = (certificates.server(name, "one.example") for name in ("half-old", "half-new"))
    put(directory, old)
    with start() as server:
        install(directory / "cert.pem", new.certificate)
        server.wait_for_log("AH02565")
        for _ in range(6):
            assert served(server.port) == serial(old)
        install(directory / "key.pem", new.key)
        wait_until(lambda: served(server.port) == serial(new), "the new certificate")


def test_file_that_is_damaged_or_gone(start, certificates, directory):
    old = certificates.server("damaged", "one.example")
    put(directory, old)
    with start() as server:
        (directory / "cert.pem").write_text("nonsense")
        server.wait_for_log("AH02561")
        assert served(server.port) == serial(old)
        (directory / "cert.pem").unlink()
        server.wait_for_log("cannot be read")
        assert served(server.port) == serial(old)


def test_new_certificate_outlives_a_worker(start, certificates, directory):
    """A worker that takes the place of a dead one has it, too."""
    old, new = (certificates.server(name, "one.example") for name in ("worker-old", "worker-new"))
    put(directory, old)
    with start() as server:
        put(directory, new)
        wait_until(lambda: served(server.port) == serial(new), "the new certificate")
        for pid in Processes(server.process.pid).workers:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: all(served(server.port) == serial(new) for _ in range(6)), "it in the new workers")


def test_revocation_list(start, certificates, directory):
    """A client whose certificate is revoked is shut out, also from the session it has."""
    put(directory, certificates.server("revoking", "one.example"))
    mine, other = certificates.client("live-mine"), certificates.client("live-other")
    install(directory / "list.pem", certificates.revoke(other))
    lines = (
        'SSLVerifyClient require\nSSLCACertificateFile "@CA@"\n'
        'SSLCARevocationFile "@DIR@/list.pem"\nSSLCARevocationCheck leaf'
    )
    with start(lines.replace("@DIR@", str(directory)), CA=certificates.certificate) as server:
        server.put("index.html", "")
        client = Client("1.2", mine)
        context = client.context()
        with Connection(server.port, tls=context, server_name="one.example") as connection:
            assert connection.request(get("/index.html", host="one.example")).status == 200
            session = connection.socket.session
        assert outcome(server.port, Client("1.3", other)) == "refused"
        install(directory / "list.pem", certificates.revoke(mine, other))
        wait_until(lambda: outcome(server.port, Client("1.3", mine)) == "refused", "the new list")
        server.wait_for_log("APUS3030")

        def resumed():
            try:
                with Connection(server.port, tls=context, server_name="one.example", session=session) as connection:
                    return connection.request(get("/index.html", host="one.example")).status
            except OSError:
                return "refused"

        wait_until(lambda: [resumed() for _ in range(6)] == ["refused"] * 6, "it in every worker")


def test_ticket_keys(start, certificates, directory):
    """A new key seals; tickets of the one before still open."""
    put(directory, certificates.server("ticketed", "one.example"))
    (directory / "tickets").write_bytes(os.urandom(48))
    with start('SSLSessionTicketKeyFile "@TICKETS@"', TICKETS=directory / "tickets") as server:
        context = Client("1.2").context()

        def visit(session):
            with Connection(server.port, tls=context, server_name="one.example", session=session) as connection:
                connection.request(get(host="one.example"))
                return connection.socket.session_reused, connection.socket.session

        _, session = visit(None)
        assert visit(session)[0]
        (directory / "tickets").write_bytes(os.urandom(48))
        server.wait_for_log("APUS3030")
        assert all(visit(session)[0] for _ in range(6))
