"""Resumption, session tickets and host names never carry a client across a boundary of authorisation."""

import itertools
import ssl
import subprocess

import pytest

from support.certs import Authority
from support.server import DEFAULT_MODULES
from support.tls_client import VERSIONS, Client
from support.wire import Connection, ConnectionEnded, get

MODULES = (*DEFAULT_MODULES, "ssl")
PAIR = 'SSLCertificateFile "@ONE@"\n    SSLCertificateKeyFile "@ONEKEY@"'
HOST = """\
<VirtualHost 127.0.0.1:@PORT{port}@>
    ServerName {name}.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    {lines}
</VirtualHost>
"""

#: What the hosts of one address ask of clients. Each is reached by name; "lax" is the first.
POLICIES = {
    "lax": "",
    "same": "",
    "optional": 'SSLVerifyClient optional\nSSLCACertificateFile "@CA@"',
    "strict": 'SSLVerifyClient require\nSSLCACertificateFile "@CA@"',
    "others": 'SSLVerifyClient require\nSSLCACertificateFile "@OTHERCA@"',
    "deeper": 'SSLVerifyClient require\nSSLVerifyDepth 3\nSSLCACertificateFile "@CA@"',
    "revoking": 'SSLVerifyClient require\nSSLCACertificateFile "@CA@"\n'
    'SSLCARevocationFile "@CRL@"\nSSLCARevocationCheck chain',
    "ciphers": "SSLCipherSuite ECDHE+AESGCM",
}


@pytest.fixture(scope="module")
def files(certificates, tmp_path_factory):
    directory = tmp_path_factory.mktemp("others")
    other = Authority(directory, "other-ca")
    ours, theirs = certificates.client("ours"), other.client("theirs")
    return {"@OTHERCA@": other.certificate, "@CRL@": certificates.revoke(ours), "ours": ours, "theirs": theirs}


def fill(tls_config, files, text):
    text = tls_config(text)
    for mark in ("@OTHERCA@", "@CRL@"):
        text = text.replace(mark, str(files[mark]))
    return text


@pytest.fixture(scope="module", params=["tickets", "ids"])
def hosts(request, apus, tls_config, files):
    """Port 1: all policies by name. With session ids instead of tickets the cache is shared memory."""
    tickets = request.param == "tickets"
    main = "" if tickets else 'SSLSessionTickets off\nSSLSessionCache "shmcb:@ROOT@/logs/cache(512000)"\n'
    config = main + "\n".join(HOST.format(port=1, name=name, lines=lines) for name, lines in POLICIES.items())
    modules = MODULES if tickets else (*MODULES, "socache_shmcb")
    with apus(fill(tls_config, files, config), modules=modules) as server:
        for name in POLICIES:
            server.put("index.html", "secret\n")
        yield server


def exchange(server, context, name, host=None, session=None):
    """Status, whether the session was resumed, and the session; None for a failed handshake."""
    try:
        with Connection(server.port, tls=context, server_name=f"{name}.example", session=session) as connection:
            status = connection.request(get("/index.html", host=f"{host or name}.example")).status
            return status, connection.socket.session_reused, connection.socket.session
    except (ssl.SSLError, ConnectionEnded, ConnectionError):
        return None, False, None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("certificate", ["ours", "theirs", None])
def test_no_session_crosses_a_boundary(hosts, files, version, certificate):
    """A session of each host, with each certificate, offered to every other one: nobody is let in who would not be in a
    full handshake, and no session is resumed at another host."""
    wrong = []
    context = Client(version, files.get(certificate)).context()
    full = {name: exchange(hosts, context, name) for name in POLICIES}
    for source, target in itertools.product(POLICIES, POLICIES):
        session = full[source][2]
        if session is None:
            continue
        status, resumed, _ = exchange(hosts, context, target, session=session)
        if status != full[target][0] or resumed and source != target:
            wrong.append(f"{source} -> {target}: {status}, resumed {resumed}; a full handshake gives {full[target][0]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed_where_they_were_made(hosts, files, version):
    context = Client(version, files["ours"]).context()
    for name in ("lax", "optional", "strict", "ciphers"):
        status, _, session = exchange(hosts, context, name)
        assert status == 200
        assert exchange(hosts, context, name, session=session)[:2] == (200, True), name


@pytest.mark.parametrize("policy", ["strict", "secure", "authonly", "insecure"])
def test_host_of_the_request_and_of_the_handshake(apus, apache, tls_config, files, policy):
    """Every pair of hosts under every SSLVHostSNIPolicy: 64 pairs each, as apache2 answers."""
    names = ["lax", "same", "optional", "strict", "others", "deeper", "ciphers"]
    config = f"SSLVHostSNIPolicy {policy}\n" + "\n".join(
        HOST.format(port=1, name=name, lines=POLICIES[name]) for name in names
    )
    config = fill(tls_config, files, config)
    context = Client("1.2", files["ours"]).context()
    answers = []
    for server_class in (apus, apache):
        with server_class(config, modules=MODULES) as server:
            server.put("index.html", "secret\n")
            answers.append(
                {pair: exchange(server, context, *pair)[0] for pair in itertools.product(names, names)}
            )
    ours, theirs = answers
    different = {pair: (ours[pair], theirs[pair]) for pair in ours if ours[pair] != theirs[pair]}
    if policy == "insecure":
        # apache2 asks again, by authorities that the connection's host does not have; or breaks the connection.
        different = {pair: answers for pair, answers in different.items() if answers not in ((200, None), (200, 403))}
    assert not different


@pytest.mark.parametrize("first, second", itertools.product(["", "SSLStrictSNIVHostCheck on"], repeat=2))
def test_clients_that_name_no_host(apus, apache, tls_config, first, second):
    config = HOST.format(port=1, name="first", lines=first) + HOST.format(port=1, name="second", lines=second)
    config = tls_config(config)
    answers = []
    for server_class in (apus, apache):
        with server_class(config, modules=MODULES) as server:
            server.put("index.html", "secret\n")
            statuses = []
            for name, host in itertools.product((None, "first.example", "second.example", "x.example"), ("first", "second")):
                with Connection(server.port, tls=Client().context(), server_name=name) as connection:
                    statuses.append(connection.request(get("/index.html", host=f"{host}.example")).status)
            answers.append(statuses)
    assert answers[0] == answers[1]


def resumes(port, session, context):
    with Connection(port, tls=context, server_name="one.example", session=session) as connection:
        connection.request(get("/index.html", host="one.example"))
        return connection.socket.session_reused, connection.socket.session


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_outlive_a_reload(apus, tls_config, version):
    config = tls_config(HOST.format(port=1, name="one", lines=""))
    context = Client(version).context()
    with apus(config, modules=MODULES) as server:
        _, session = resumes(server.port, None, context)
        assert resumes(server.port, session, context)[0]
        assert server.run("-k", "graceful").returncode == 0
        for _ in range(5):
            assert resumes(server.port, session, context)[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_fleet_shares_its_ticket_keys(apus, tls_config, version, tmp_path):
    """Two servers with one SSLSessionTicketKeyFile resume each other's sessions; without it they do not."""
    key = tmp_path / "tickets"
    subprocess.run(["openssl", "rand", "-out", str(key), "48"], check=True)
    context = Client(version).context()
    for lines, expected in ((f'SSLSessionTicketKeyFile "{key}"', True), ("", False)):
        config = tls_config(HOST.format(port=1, name="one", lines=lines))
        with apus(config, modules=MODULES) as one, apus(config, modules=MODULES) as two:
            two.config_file.write_text(two.config_file.read_text())
            _, session = resumes(one.port, None, context)
            assert resumes(two.port, session, context)[0] is expected


def test_no_tickets(apus, tls_config):
    config = tls_config(HOST.format(port=1, name="one", lines="SSLSessionTickets off"))
    context = Client("1.2").context()
    with apus(config, modules=MODULES) as server:
        _, session = resumes(server.port, None, context)
        assert session is None or not session.has_ticket
