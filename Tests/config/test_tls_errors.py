"""TLS files that are wrong: a configuration that -t accepts must start."""

import pytest

from support.server import DEFAULT_MODULES

MODULES = (*DEFAULT_MODULES, "ssl")

HOST = """\
<VirtualHost 127.0.0.1:@PORT@>
    ServerName one.example
    SSLEngine on
    {lines}
</VirtualHost>
"""

#: Name: (certificate, key, does apache2 -t notice as well?). It looks whether the files exist, at most.
FILES = {
    "certificate absent": ("@ABSENT@", "@ONEKEY@", True),
    "key absent": ("@ONE@", "@ABSENT@", True),
    "certificate is no PEM": ("@GARBAGE@", "@ONEKEY@", False),
    "key is no PEM": ("@ONE@", "@GARBAGE@", False),
    "key of another certificate": ("@ONE@", "@TWOKEY@", False),
    "key of the same kind of another certificate": ("@ONE@", "@THREEKEY@", False),
    "key where the certificate belongs": ("@ONEKEY@", "@ONEKEY@", False),
    "certificate where the key belongs": ("@ONE@", "@ONE@", False),
}

LINES = {
    "protocol": "SSLProtocol TLSv1.9",
    "engine": "SSLEngine perhaps",
    "chain absent": 'SSLCertificateChainFile "@ABSENT@"',
    "CA absent": 'SSLCACertificateFile "@ABSENT@"',
    "client verification": "SSLVerifyClient sometimes",
}


@pytest.fixture
def tls_server(configured, material):
    def make(lines):
        config = HOST.format(lines=lines)
        for mark, path in material.items():
            config = config.replace(mark, str(path))
        return configured(config, modules=MODULES)

    return make


@pytest.mark.parametrize("certificate, key, noticed", FILES.values(), ids=FILES)
def test_wrong_file(tls_server, certificate, key, noticed):
    server = tls_server(f'SSLCertificateFile "{certificate}"\n    SSLCertificateKeyFile "{key}"')
    done = server.run("-t")
    if server.name == "apache2" and not noticed:
        assert done.returncode == 0
        return
    assert done.returncode == 1, done.stderr
    assert any(
        server.reports_error_at(done.stderr, server.line_of(name))
        for name in ("SSLCertificateFile", "SSLCertificateKeyFile")
    )


@pytest.mark.parametrize("certificate, key, noticed", FILES.values(), ids=FILES)
def test_wrong_file_does_not_start(tls_server, certificate, key, noticed):
    server = tls_server(f'SSLCertificateFile "{certificate}"\n    SSLCertificateKeyFile "{key}"')
    assert server.run("-DFOREGROUND").returncode == 1


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_wrong_line(tls_server, line):
    server = tls_server(f'SSLCertificateFile "@ONE@"\n    SSLCertificateKeyFile "@ONEKEY@"\n    {line}')
    done = server.run("-t")
    assert done.returncode == 1, done.stderr
    assert server.reports_error_at(done.stderr, server.line_of(line if "@" not in line else line.split()[0]))


def test_depth_that_httpd_reads_as_zero(apus, tls_server):
    server = tls_server(
        'SSLCertificateFile "@ONE@"\n    SSLCertificateKeyFile "@ONEKEY@"\n    SSLVerifyDepth deep'
    )
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("SSLVerifyDepth"))


def test_no_certificate_at_all(tls_server):
    server = tls_server("")
    assert server.run("-DFOREGROUND").returncode == 1
    if server.name == "apus":
        done = server.run("-t")
        assert done.returncode == 1
        assert "SSLCertificateFile" in done.stderr


def test_all_is_well(tls_server):
    done = tls_server('SSLCertificateFile "@ONE@"\n    SSLCertificateKeyFile "@ONEKEY@"').run("-t")
    assert done.returncode == 0, done.stderr


def test_key_in_the_certificate_file(configured, material):
    """httpd takes the key from SSLCertificateFile when no other is named."""
    both = material["@ONE@"].with_name("both.pem")
    both.write_bytes(material["@ONE@"].read_bytes() + material["@ONEKEY@"].read_bytes())
    server = configured(HOST.format(lines=f'SSLCertificateFile "{both}"'), modules=MODULES)
    done = server.run("-t")
    assert done.returncode == 0, done.stderr


def test_directives_without_the_module(configured):
    server = configured("SSLEngine on\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("SSLEngine"))
