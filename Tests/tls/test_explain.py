"""`apus explain` about hosts that speak TLS: nobody has shaken hands, so what depends on the client is told, not decided."""

import pytest

from support.server import DEFAULT_MODULES

MODULES = (*DEFAULT_MODULES, "ssl", "rewrite", "authz_core")

CONFIG = """\
<Location "/plain">
    SSLRequireSSL
</Location>
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    RewriteEngine on
    RewriteCond %{HTTPS} =off
    RewriteRule ^ - [F]
    <Location "/plain">
        SSLRequireSSL
    </Location>
    <Location "/required">
        Require ssl
    </Location>
    <Location "/known">
        SSLVerifyClient require
    </Location>
    <Location "/strong">
        SSLCipherSuite HIGH
        SSLRequire %{SSL_CIPHER_USEKEYSIZE} >= 256
    </Location>
    <Location "/expression">
        Require expr "%{HTTPS} == 'on'"
    </Location>
</VirtualHost>
"""


@pytest.fixture(scope="module")
def server(apus, tls_config):
    with apus(tls_config(CONFIG), ports=2, modules=MODULES) as running:
        for name in ("plain", "required", "known", "strong", "expression"):
            running.put(f"{name}/x.txt", "x")
        yield running


def explain(server, scheme, port, path):
    done = server.run_plain("explain", f"{scheme}://one.example:{port}{path}", *server.command()[1:])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", ["/plain/x.txt", "/required/x.txt", "/expression/x.txt"])
def test_https_is_encrypted(server, path):
    assert "HTTP/1.1 200 OK" in explain(server, "https", server.ports[1], path)


def test_http_is_not(server):
    text = explain(server, "http", server.ports[0], "/plain/x.txt")
    assert "HTTP/1.1 403" in text and "AH02219" in text


def test_what_clients_are_asked_for(server):
    text = explain(server, "https", server.ports[1], "/known/x.txt")
    assert "AH02221: access to" in text and "the client would be asked for require verification" in text


def test_what_depends_on_the_connection(server):
    text = explain(server, "https", server.ports[1], "/strong/x.txt")
    assert "the client would be asked for none verification and HIGH" in text
    assert "whether SSLRequire %{SSL_CIPHER_USEKEYSIZE} >= 256 is true depends on the client's connection" in text
