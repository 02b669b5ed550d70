"""Certificates in the place of passwords: the how-to's FakeBasicAuth and Intranet examples, on Apus and on apache2."""

import base64
import crypt
import pathlib
import shutil
import tempfile

import pytest

from support.certs import Authority
from support.oracle import Oracle
from support.passwords import USERS
from support.server import DEFAULT_MODULES
from support.tls_client import Client, outcome
from support.wire import Connection, get

MODULES = (*DEFAULT_MODULES, "ssl", "auth_basic", "authn_core", "authn_file", "authz_user", "authz_host", "access_compat")
BASIC = 'AuthType Basic\nAuthName "Protected"\nAuthBasicProvider file\nAuthUserFile @ROOT@/users\n'
#: The how-to wants the rewrite module to force https; here one port is http only, the other https only.
INTRANET = (
    "SSLVerifyClient optional\nSSLVerifyDepth 1\nSSLOptions +FakeBasicAuth +StrictRequire\n"
    "SSLRequire %{SSL_CIPHER_USEKEYSIZE} >= 128\n" + BASIC + "Require valid-user\n"
)
AREAS = {
    "fake": "SSLVerifyClient require\nSSLVerifyDepth 5\nSSLOptions +FakeBasicAuth\nSSLRequireSSL\n" + BASIC + "Require valid-user\n",
    "maybe": "SSLVerifyClient optional\nSSLVerifyDepth 5\nSSLOptions +FakeBasicAuth\n" + BASIC + "Require valid-user\n",
    "inside": INTRANET + "Satisfy any\nOrder deny,allow\nDeny from all\nAllow from 127.0.0.1\n",
    "outside": INTRANET + "Satisfy any\nOrder deny,allow\nDeny from all\nAllow from 192.168.1.0/24\n",
    "howto": INTRANET + "Require ip 192.168.1.0/24\n",
}
CONFIG = "".join(f"<Location /{name}>\n{text}</Location>\n" for name, text in AREAS.items()) + """
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    SSLCACertificateFile "@CLIENTS@"
</VirtualHost>
"""
KNOWN_NAME = "/O=Example/CN=known"


@pytest.fixture(scope="module")
def directory():
    path = pathlib.Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def certificates(directory):
    authority = Authority(directory, "clients")
    return {
        "server": authority.server("one.example"),
        "authority": authority.own,
        "known": authority.client("known", KNOWN_NAME),
        "unknown": authority.client("unknown", "/O=Example/CN=unknown"),
    }


@pytest.fixture(scope="module")
def oracle(apus, apache, certificates):
    text = CONFIG
    for mark, path in {
        "@ONE@": certificates["server"].certificate, "@ONEKEY@": certificates["server"].key,
        "@CLIENTS@": certificates["authority"].certificate,
    }.items():  # fmt: skip
        text = text.replace(mark, str(path))
    running = Oracle(apus, text, ports=2, modules=MODULES)
    for server in (running.subject, running.reference):
        for name in AREAS:
            server.put(f"{name}/f.txt", f"{name}\n")
        lines = [f"{KNOWN_NAME}:{crypt.crypt('password', 'xx')}", f"alice:{USERS['alice'].stored}"]
        (server.root / "users").write_text("\n".join(lines) + "\n")
    with running:
        yield running


def token(text):
    return base64.b64encode(text.encode()).decode()


FORGED = token(f"{KNOWN_NAME}:password")
#: What the client sends beside its certificate.
FIELDS = {
    "nothing": (),
    "alice": (f"Authorization: Basic {token('alice:' + USERS['alice'].password)}",),
    "wrong": (f"Authorization: Basic {token('alice:wrong')}",),
    "forged": (f"Authorization: Basic {FORGED}",),
    "forged, no padding": (f"Authorization: Basic {FORGED.rstrip('=')}",),
    "forged, junk behind": (f"Authorization: Basic {FORGED}, Basic x",),
    "forged, junk inside": (f"Authorization: Basic {FORGED[:8]}!{FORGED[8:]}",),
    "forged, more padding": (f"Authorization: Basic {FORGED}====",),
    "forged, two spaces": (f"Authorization: Basic  {FORGED}",),
    "forged, tab": (f"Authorization: Basic\t{FORGED}",),
    "forged, space and tab": (f"Authorization: Basic \t{FORGED}",),
    "forged, lower case": (f"Authorization: basic {FORGED}",),
    "forged, NUL": (f"Authorization: Basic {token(KNOWN_NAME + ':password' + chr(0))}",),
    "forged, NUL and more": (f"Authorization: Basic {token(KNOWN_NAME + ':password' + chr(0) + 'x')}",),
    "forged, twice": (f"Authorization: Basic {FORGED}", f"Authorization: Basic {FORGED}"),
    "forged, second": (f"Authorization: Basic {token('alice:wrong')}", f"Authorization: Basic {FORGED}"),
}
#: apache2 takes no notice of what follows a NUL byte, nor of what is no Base64; here both are no credentials at all, so that
#: the client's certificate counts, if it has one.
STRICTER = {"forged, NUL and more", "forged, junk behind", "forged, junk inside", "forged, twice", "forged, second", "forged, NUL"}


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("certificate", ["none", "known", "unknown"])
@pytest.mark.parametrize("area", AREAS)
def test_over_tls(oracle, certificates, area, certificate, fields):
    ours, theirs = (
        outcome(server.ports[0], Client(certificate=certificates.get(certificate)), f"/{area}/f.txt", *FIELDS[fields])
        for server in (oracle.subject, oracle.reference)
    )
    if fields in STRICTER and certificate == "known":
        assert (ours, theirs) in ((200, 200), (200, 403), (403, 403))
    elif fields in STRICTER and ours in (401, 403):
        assert theirs != 200
    elif theirs == "refused":
        # A certificate that is asked for late and does not come ends the connection there, the request here.
        assert ours == 403
    else:
        assert ours == theirs


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("area", AREAS)
def test_in_clear(oracle, area, fields):
    answers = []
    for server in (oracle.subject, oracle.reference):
        with Connection(server.ports[1]) as connection:
            answers.append(connection.request(get(f"/{area}/f.txt", *FIELDS[fields])).status)
    if fields in STRICTER and answers[0] in (401, 403):
        assert answers[1] != 200
    else:
        assert answers[0] == answers[1]


def test_the_howto_without_old_directives(apus, certificates):
    """Satisfy any beside Require alone: apache2 2.4.71 lets everybody in, Apus whom Require lets in."""
    text = f"<Location />\n{INTRANET}Require ip 192.168.1.0/24\nSatisfy any\n</Location>\n" + CONFIG[CONFIG.index("<VirtualHost") :]
    for mark, path in {
        "@ONE@": certificates["server"].certificate, "@ONEKEY@": certificates["server"].key,
        "@CLIENTS@": certificates["authority"].certificate,
    }.items():  # fmt: skip
        text = text.replace(mark, str(path))
    with apus(text, ports=2, modules=MODULES, start=False) as server:
        server.put("f.txt", "secret\n")
        (server.root / "users").write_text(f"{KNOWN_NAME}:{crypt.crypt('password', 'xx')}\nalice:{USERS['alice'].stored}\n")
        server.start()
        port = server.ports[0]
        assert outcome(port, Client(), "/f.txt") == 401
        assert outcome(port, Client(), "/f.txt", *FIELDS["wrong"]) == 401
        assert outcome(port, Client(), "/f.txt", *FIELDS["alice"]) == 200
        assert outcome(port, Client(certificate=certificates["known"]), "/f.txt") == 200
        assert outcome(port, Client(certificate=certificates["unknown"]), "/f.txt") == 401
