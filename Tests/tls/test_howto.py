"""The configurations of "SSL/TLS Strong Encryption: How-To", with other paths and addresses, as apache2 answers."""

import base64
import itertools

import pytest

from support.certs import Authority
from support.server import DEFAULT_MODULES
from support.tls_client import Client, outcome
from support.wire import fetch, get

MODULES = (*DEFAULT_MODULES, "ssl", "authn_core", "authn_file", "auth_basic", "authz_user", "authz_host", "access_compat", "rewrite")
CREDENTIALS = {"none": (), "right": ("Authorization: Basic Zm9vOnNlY3JldA==",), "wrong": ("Authorization: Basic Zm9vOm5v",)}
VERSIONS = ("1.2", "1.3")

HOST = """\
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
"""

#: The password of each is "password", in crypt(3)'s old form.
PASSWORDS = """\
/C=DE/L=Munich/O=Snake Oil, Ltd./OU=Staff/CN=Foo:xxj31ZMTZzkVA
/C=US/L=S.F./O=Snake Oil, Ltd./OU=CA/CN=Bar:xxj31ZMTZzkVA
/C=US/L=L.A./O=Snake Oil, Ltd./OU=Dev/CN=Quux:xxj31ZMTZzkVA
foo:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
"""

CONFIGURATIONS = {
    "basic": "",
    "strong ciphers only": "SSLCipherSuite HIGH:!aNULL:!MD5",
    "order of ciphers": "SSLCipherSuite RC4-SHA:AES128-SHA:HIGH:!aNULL:!MD5\nSSLHonorCipherOrder on",
    "strong cipher for one location": """
SSLCipherSuite ALL:!aNULL:RC4+RSA:+HIGH:+MEDIUM:+LOW:+EXP:+eNULL
<Location "/strong/area">
SSLCipherSuite HIGH:!aNULL:!MD5
</Location>
""",
    "certificates for the whole server": """
SSLVerifyClient require
SSLVerifyDepth 1
SSLCACertificateFile "@CLIENTS@"
""",
    "certificates for one location": """
SSLVerifyClient none
SSLCACertificateFile "@CLIENTS@"
<Location "/secure/area">
SSLVerifyClient require
SSLVerifyDepth 1
</Location>
""",
    "certificates as passwords": """
SSLVerifyClient      none
SSLCACertificateFile "@CLIENTS@"
SSLCACertificatePath "@DIRECTORY@"
<Directory "@HTDOCS@/secure/area">
    SSLVerifyClient      require
    SSLVerifyDepth       5
    SSLOptions           +FakeBasicAuth
    SSLRequireSSL
    AuthName             "Snake Oil Authentication"
    AuthType             Basic
    AuthBasicProvider    file
    AuthUserFile         "@ROOT@/conf/httpd.passwd"
    Require              valid-user
</Directory>
""",
    "certificates by their names": """
SSLVerifyClient      none
SSLCACertificateFile "@CLIENTS@"
SSLCACertificatePath "@DIRECTORY@"
<Directory "@HTDOCS@/secure/area">
  SSLVerifyClient      require
  SSLVerifyDepth       5
  SSLOptions           +FakeBasicAuth
  SSLRequireSSL
  SSLRequire       %{SSL_CLIENT_S_DN_O}  eq "Snake Oil, Ltd." \\
               and %{SSL_CLIENT_S_DN_OU} in {"Staff", "CA", "Dev"}
</Directory>
""",
    "the Intranet and the others": """
SSLCACertificateFile "@CLIENTS@"
<Directory "@HTDOCS@/subarea">
    SSLVerifyClient      optional
    SSLVerifyDepth       1
    SSLOptions           +FakeBasicAuth +StrictRequire
    SSLRequire           %{SSL_CIPHER_USEKEYSIZE} >= 128
    Satisfy              any
    Require              ip 192.168.1.0/24
    AuthType             basic
    AuthName             "Protected Intranet Area"
    AuthBasicProvider    file
    AuthUserFile         "@ROOT@/conf/httpd.passwd"
    Require              valid-user
</Directory>
""",
    "the Intranet, with ciphers that are too weak": """
SSLCACertificateFile "@CLIENTS@"
<Directory "@HTDOCS@/subarea">
    SSLVerifyClient      optional
    SSLOptions           +FakeBasicAuth +StrictRequire
    SSLRequire           %{SSL_CIPHER_USEKEYSIZE} >= 1280
    Satisfy              any
    Require              ip 127.0.0.0/8
    AuthType             basic
    AuthName             "Protected Intranet Area"
    AuthBasicProvider    file
    AuthUserFile         "@ROOT@/conf/httpd.passwd"
    Require              valid-user
</Directory>
""",
}


def intranet(addresses):
    """The example as it stands, comments left out; the pattern is for the addresses of the Intranet."""
    pattern = addresses.rsplit(".", 1)[0].replace(".", "\\.")
    return f"""
SSLCACertificateFile "@CLIENTS@"
<Directory "@HTDOCS@">
    Require              ip {addresses}
</Directory>
<Directory "@HTDOCS@/subarea">
    SSLVerifyClient      optional
    SSLVerifyDepth       1
    SSLOptions           +FakeBasicAuth +StrictRequire
    SSLRequire           %{{SSL_CIPHER_USEKEYSIZE}} >= 128
    RewriteEngine        on
    RewriteCond          "%{{REMOTE_ADDR}}" "!^{pattern}\\.[0-9]+$"
    RewriteCond          "%{{HTTPS}}" "!=on"
    RewriteRule          "." "-" [F]
    Satisfy              any
    Require              ip {addresses}
    AuthType             basic
    AuthName             "Protected Intranet Area"
    AuthBasicProvider    file
    AuthUserFile         "@ROOT@/conf/httpd.passwd"
    Require              valid-user
</Directory>
"""


CONFIGURATIONS["the Intranet as it stands, seen from outside"] = intranet("192.168.1.0/24")
CONFIGURATIONS["the Intranet as it stands, seen from within"] = intranet("127.0.0.0/24")
PATHS = ("/index.html", "/strong/area/index.html", "/secure/area/index.html", "/subarea/index.html")


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("howto"), "howto-ca")
    return {
        "@CLIENTS@": authority.certificate,
        "none": None,
        "known": authority.client("foo", "/C=DE/L=Munich/O=Snake Oil, Ltd./OU=Staff/CN=Foo"),
        "unlisted": authority.client("who", "/C=DE/L=Munich/O=Snake Oil, Ltd./OU=Staff/CN=Who"),
        "foreign": authority.client("eve", "/C=US/L=L.A./O=Oil of Snakes/OU=Dev/CN=Eve"),
    }


def answers(server_class, config, clients):
    with server_class(config, modules=MODULES, ports=2) as server:
        (server.root / "conf" / "httpd.passwd").write_text(PASSWORDS)
        for path in PATHS:
            server.put(path[1:], "")
        found = {}
        for path, credentials in itertools.product(PATHS, CREDENTIALS):
            fields = CREDENTIALS[credentials]
            found["plain", credentials, path] = fetch(server.ports[1], get(path, *fields, host="one.example")).status
            for version, name in itertools.product(VERSIONS, ("none", "known", "unlisted", "foreign")):
                client = Client(version, clients[name])
                found[version, name, credentials, path] = outcome(server.port, client, path, *fields)
        return found


def is_known(name, ours, theirs):
    """What we do otherwise: where a certificate is missing, apache2 breaks off, and we can still say why. It lets
    everybody in where Satisfy any stands without Allow or Deny, and knows nothing of StrictRequire then, so that it is the rule
    of mod_rewrite that refuses those from outside who come without TLS: here they have been asked for a password before."""
    if "Intranet" in name and (theirs == 200 and ours in (401, 403) or (ours, theirs) == (401, 403)):
        return True
    return (ours, theirs) == (403, "refused")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_same_answers_as_apache(apus, apache, tls_config, clients, name):
    """Each configuration with every path, client, version and password: 108 requests to each server."""
    config = tls_config(f"{CONFIGURATIONS[name]}\n{HOST}").replace("@CLIENTS@", str(clients["@CLIENTS@"]))
    config = config.replace("@DIRECTORY@", str(clients["@CLIENTS@"].parent))
    ours, theirs = (answers(server_class, config, clients) for server_class in (apus, apache))
    different = {
        key: (ours[key], theirs[key])
        for key in ours
        if ours[key] != theirs[key] and not is_known(name, ours[key], theirs[key])
    }
    assert not different


def test_forged_certificate_name(apus, tls_config, clients):
    """A client that sends a certificate's name with FakeBasicAuth's password itself is refused."""
    config = tls_config(CONFIGURATIONS["the Intranet and the others"] + HOST).replace("@CLIENTS@", str(clients["@CLIENTS@"]))
    name = PASSWORDS.split(":")[0]
    field = "Authorization: Basic " + base64.b64encode(f"{name}:password".encode()).decode()
    with apus(config, modules=MODULES, ports=2) as server:
        (server.root / "conf" / "httpd.passwd").write_text(PASSWORDS)
        server.put("subarea/index.html", "")
        for version in VERSIONS:
            assert outcome(server.port, Client(version), "/subarea/index.html", field) == 403


def test_the_intranet_lets_in_whom_it_should(apus, tls_config, clients):
    """From outside: https with a known certificate or a password, else nothing; from within: everybody, with or without TLS."""

    def found(addresses):
        config = tls_config(intranet(addresses) + HOST).replace("@CLIENTS@", str(clients["@CLIENTS@"]))
        return answers(apus, config, clients)

    subarea, rest = PATHS[-1], PATHS[0]
    outside, within = found("192.168.1.0/24"), found("127.0.0.0/24")
    for version in VERSIONS:
        assert outside[version, "known", "none", subarea] == outside[version, "none", "right", subarea] == 200
        assert outside[version, "none", "none", subarea] == outside[version, "none", "wrong", subarea] == 401
        assert outside[version, "known", "right", rest] == 403
        assert within[version, "none", "none", subarea] == within[version, "none", "none", rest] == 200
    assert outside["plain", "right", subarea] == outside["plain", "right", rest] == outside["plain", "none", rest] == 403
    assert outside["plain", "none", subarea] == outside["plain", "wrong", subarea] == 401
    assert {within["plain", credentials, path] for credentials in CREDENTIALS for path in PATHS} == {200}
