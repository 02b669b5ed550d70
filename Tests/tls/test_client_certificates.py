"""Client certificates, for whole servers and for parts of them: the same outcomes as with apache2."""

import itertools
import pathlib
import shutil
import tempfile

import pytest

from support.certs import Authority, bundle
from support.server import DEFAULT_MODULES
from support.tls_client import Client, outcome
from support.waiting import wait_until

MODULES = (*DEFAULT_MODULES, "ssl")

#: Ports 1 to 4: what the whole server asks. 5: the same as 2, with a revocation list. 6: plain http.
HOST = """\
<VirtualHost 127.0.0.1:@PORT{port}@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    SSLCACertificateFile "@CLIENTS@"
    {lines}
</VirtualHost>
"""
SERVERS = {
    1: "SSLVerifyClient none",
    2: "SSLVerifyClient require\nSSLVerifyDepth 2",
    3: "SSLVerifyClient optional",
    4: "SSLVerifyClient optional_no_ca\nSSLVerifyDepth 2",
    5: 'SSLVerifyClient require\nSSLCARevocationFile "@CRL@"\nSSLCARevocationCheck leaf',
}
LOCATIONS = {
    "/open": "",
    "/require": "SSLVerifyClient require\nSSLVerifyDepth 5",
    "/depth1": "SSLVerifyClient require\nSSLVerifyDepth 1",
    "/optional": "SSLVerifyClient optional\nSSLVerifyDepth 5",
    "/noca": "SSLVerifyClient optional_no_ca\nSSLVerifyDepth 5",
    "/none": "SSLVerifyClient none",
    "/ssl": "SSLRequireSSL",
    "/bits": "SSLRequire %{SSL_CIPHER_USEKEYSIZE} >= 128",
    "/manybits": "SSLRequire %{SSL_CIPHER_USEKEYSIZE} >= 1000",
    "/dn": 'SSLVerifyClient require\nSSLVerifyDepth 5\n'
    'SSLRequire %{SSL_CLIENT_S_DN_O} eq "Snake Oil, Ltd." and %{SSL_CLIENT_S_DN_OU} in {"Staff", "CA", "Dev"}',
    "/verified": "Require ssl-verify-client",
    "/encrypted": "Require ssl",
}
CERTIFICATES = ("none", "good", "other", "chained", "stranger", "revoked", "expired")
CLIENTS = {
    f"TLS {version}, {certificate}": (version, certificate)
    for version, certificate in itertools.product(("1.2", "1.3"), CERTIFICATES)
}

VARIABLES = (
    "SSL_PROTOCOL SSL_CLIENT_VERIFY SSL_CLIENT_S_DN SSL_CLIENT_I_DN SSL_CLIENT_S_DN_O SSL_CLIENT_S_DN_OU "
    "SSL_CLIENT_S_DN_OU_0 SSL_CLIENT_S_DN_OU_1 SSL_CLIENT_S_DN_OU_2 SSL_CLIENT_S_DN_CN SSL_CLIENT_S_DN_CN_RAW "
    "SSL_CLIENT_S_DN_Email SSL_CLIENT_S_DN_ST SSL_CLIENT_S_DN_SP SSL_CLIENT_I_DN_CN SSL_CLIENT_M_VERSION "
    "SSL_CLIENT_M_SERIAL SSL_CLIENT_V_START SSL_CLIENT_V_END SSL_CLIENT_V_REMAIN SSL_CLIENT_A_SIG SSL_CLIENT_A_KEY "
    "SSL_CLIENT_SAN_Email_0 SSL_CLIENT_SAN_Email_1 SSL_CLIENT_SAN_Email_2 SSL_CLIENT_SAN_DNS_0 "
    "SSL_CLIENT_SAN_OTHER_msUPN_0 SSL_CLIENT_CERT_RFC4523_CEA SSL_CLIENT_CERT SSL_CLIENT_CERT_CHAIN_0 "
    "SSL_CLIENT_CERT_CHAIN_1 SSL_SERVER_S_DN SSL_SERVER_I_DN_CN SSL_SERVER_M_SERIAL SSL_SERVER_SAN_DNS_1 SSL_CIPHER "
    "SSL_SERVER_CERT SSL_CIPHER_USEKEYSIZE SSL_CIPHER_ALGKEYSIZE SSL_CIPHER_EXPORT SSL_SECURE_RENEG SSL_TLS_SNI "
    "SSL_SESSION_RESUMED SSL_COMPRESS_METHOD SSL_VERSION_LIBRARY SSL_NONSENSE HTTPS"
).split()
ITEMS = [
    "%>s",
    "%U",
    *(f"%{{{name}}}x" for name in VARIABLES),
    *(f"%{{{name}}}e" for name in VARIABLES),
    *(f"%{{{name}}}c" for name in ("version", "cipher", "subjectdn", "issuerdn", "clientcert", "cacert")),
]


@pytest.fixture(scope="module")
def authority():
    """The CA of clients and what it and others have issued."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="apus-clients-"))
    directory.chmod(0o755)
    yield Material(directory)
    shutil.rmtree(directory, ignore_errors=True)


class Material:
    def __init__(self, directory):
        authority = Authority(directory, "clients")
        second = Authority(directory, "second", parent=authority)
        strangers = Authority(directory, "strangers")
        subject = "/C=DE/ST=Bayern/O=Snake Oil, Ltd./OU=Dev/OU=Ops/CN=Jörg \\\\\"Müller\\\\\"/emailAddress=j@example.com"
        names = (
            "subjectAltName=email:j@example.com,email:k@example.com,DNS:me.example,"
            "otherName:msUPN;UTF8:joerg@example.com"
        )
        chained = second.client("chained", "/O=Snake Oil, Ltd./OU=Staff/CN=chained")
        self.certificates = {
            "none": None,
            "good": authority.client("good", subject, kind="rsa", extensions=names),
            "other": authority.client("other", "/O=Other/OU=Dev/CN=other"),
            "chained": type(chained)(
                bundle(directory / "chained.pem", chained.certificate, second.certificate), chained.key
            ),
            "stranger": strangers.client("stranger", "/O=Snake Oil, Ltd./OU=Dev/CN=stranger"),
            "revoked": authority.client("revoked", "/O=Snake Oil, Ltd./OU=CA/CN=revoked"),
            "expired": authority.client("expired", days=-1),
        }
        self.files = {
            "@CLIENTS@": authority.certificate,
            "@CRL@": authority.revoke(self.certificates["revoked"]),
        }

    def client(self, version, certificate, **options):
        return Client(version, self.certificates[certificate], **options)


def configuration():
    hosts = "\n".join(HOST.format(port=port, lines=lines) for port, lines in SERVERS.items())
    locations = "\n".join(f'<Location "{path}">\n{lines}\n</Location>' for path, lines in LOCATIONS.items())
    log = " | ".join(ITEMS)
    return f"""{hosts}
{locations}
<Location "/open">
SSLOptions +StdEnvVars +ExportCertData
</Location>
LogFormat "{log}" all
CustomLog "@ROOT@/logs/all.log" all
"""


def make_site(server):
    for path in LOCATIONS:
        server.put(f"{path[1:]}/index.html", path)


@pytest.fixture(scope="module")
def pair(apus, apache, tls_config, authority):
    text = tls_config(configuration())
    for mark, path in authority.files.items():
        text = text.replace(mark, str(path))
    with apus(text, modules=MODULES, ports=6) as ours, apache(text, modules=MODULES, ports=6) as theirs:
        make_site(ours)
        make_site(theirs)
        yield ours, theirs


def expected(port, path, theirs, version, certificate):
    """What we answer where apache2 answers `theirs`."""
    # apache2 does not hold a certificate that the whole server asked for against a smaller depth of a location.
    if path == "/depth1" and certificate == "chained":
        return "refused" if version == "1.2" else theirs
    # In TLS 1.3 it asks a client again for the certificate that it has shown already, and fails.
    if version == "1.3" and theirs == 403 and certificate in ("good", "other", "chained", "revoked"):
        is_known = path in ("/require", "/depth1") or path == "/dn" and certificate != "other"
        return 200 if is_known and port in (2, 3, 4) else theirs
    # A client without a certificate, which a location requires, gets an answer and keeps its connection.
    if theirs == "refused" and certificate == "none" and port in (1, 3, 4):
        return 403
    return theirs


@pytest.mark.parametrize("version, certificate", CLIENTS.values(), ids=CLIENTS)
def test_same_outcome_as_apache(pair, authority, version, certificate):
    """Every server and location with every client: 720 connections to each server."""
    client = authority.client(version, certificate)
    differences = []
    for port, path in itertools.product(SERVERS, LOCATIONS):
        ours, theirs = (outcome(server.ports[port - 1], client, f"{path}/index.html") for server in pair)
        if ours != expected(port, path, theirs, version, certificate):
            differences.append(f"{SERVERS[port]!r} {path}: {ours}, apache2 {theirs}")
    assert not differences, "\n".join(differences)


LOGGED = [("1.2", "good"), ("1.3", "good"), ("1.2", "none"), ("1.3", "chained"), ("1.3", "stranger")]


def all_lines(server):
    log = server.root / "logs" / "all.log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("version, certificate", LOGGED)
def test_same_log_as_apache(pair, authority, version, certificate):
    """All variables of a request, as log items and in the environment."""
    client = authority.client(version, certificate)
    lines = []
    for server in pair:
        before = len(all_lines(server))
        assert outcome(server.ports[3], client, f"/open/index.html?{version}-{certificate}") == 200
        wait_until(lambda: len(all_lines(server)) > before, "the line of the request")
        lines.append(all_lines(server)[-1].split(" | "))
    different = {
        item: values for item, *values in zip(ITEMS, *lines, strict=True) if values[0] != values[1]
    }
    assert not different


def test_plain_requests(pair):
    from support.wire import fetch, get

    for path in ("/ssl", "/encrypted", "/bits", "/verified", "/require"):
        ours, theirs = (fetch(server.ports[5], get(f"{path}/index.html")).status for server in pair)
        assert ours == theirs, path
