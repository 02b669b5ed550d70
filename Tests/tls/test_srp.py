"""TLS-SRP: clients that prove a password."""

import subprocess

import pytest

from support.server import DEFAULT_MODULES

MODULES = (*DEFAULT_MODULES, "ssl")
CONFIG = """\
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    SSLProtocol -all +TLSv1.2
    SSLCipherSuite "SRP:@SECLEVEL=0"
    SSLSRPVerifierFile "@VERIFIERS@"
    SSLSRPUnknownUserSeed "a secret"
</VirtualHost>
LogFormat "%>s user=%{SSL_SRP_USER}x" srp
CustomLog "@ROOT@/logs/srp.log" srp
"""


@pytest.fixture(scope="module")
def verifiers(tmp_path_factory):
    path = tmp_path_factory.mktemp("srp") / "users.srpv"
    path.touch()
    done = subprocess.run(
        ["openssl", "srp", "-srpvfile", path, "-add", "-gn", "2048", "-passout", "pass:secret", "alice"],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip("this OpenSSL makes no SRP verifiers")
    return path


def visit(port, user, password):
    """By curl: the client of OpenSSL 3.0 itself crashes."""
    credentials = ("--tlsauthtype", "SRP", "--tlsuser", user, "--tlspassword", password)
    return subprocess.run(
        [
            *("curl", "-sk", "--tls-max", "1.2", "--ciphers", "SRP:@SECLEVEL=0", *credentials),
            *("--connect-to", f"::127.0.0.1:{port}", f"https://one.example:{port}/index.html"),
        ],
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_password_is_asked_for(server_class, tls_config, verifiers):
    config = tls_config(CONFIG).replace("@VERIFIERS@", str(verifiers))
    with server_class(config, modules=MODULES) as server:
        server.put("index.html", "known\n")
        assert "known" in visit(server.port, "alice", "secret").stdout
        assert "known" not in visit(server.port, "alice", "wrong").stdout
        assert "known" not in visit(server.port, "mallory", "secret").stdout
        assert "200 user=alice" in (server.root / "logs" / "srp.log").read_text()


def test_file_that_is_none(configured, tls_config):
    server = configured(tls_config(CONFIG.replace("@VERIFIERS@", "@GARBAGE@").replace("SRP:@SECLEVEL=0", "HIGH")), modules=MODULES)
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("SSLSRPVerifierFile"))
