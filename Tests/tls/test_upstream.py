"""TLS to other servers by the SSLProxy directives, as a module that speaks to them uses it."""

import pytest

from support.building import compile_shared
from support.certs import Authority, bundle
from support.server import DEFAULT_MODULES, DISTRIBUTION, PROJECT
from support.wire import fetch, get

BACKEND = """\
<VirtualHost 127.0.0.1:@PORT{port}@>
    ServerName backend.example
    SSLEngine on
    SSLCertificateFile "{pair.certificate}"
    SSLCertificateKeyFile "{pair.key}"
    {lines}
</VirtualHost>
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    file = tmp_path_factory.mktemp("module") / "mod_abi_upstream.so"
    areas = PROJECT / "Tests" / "ABI"
    compile_shared(areas / "upstream" / "mod.c", file, f"-I{DISTRIBUTION / 'include'}", f"-I{areas}", "-fvisibility=hidden")
    return file


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    directory = tmp_path_factory.mktemp("backends")
    authority = Authority(directory, "backends-ca")
    second = Authority(directory, "backends-second", parent=authority)
    deep = second.server("deep", "backend.example")
    own = authority.client("ourselves")
    return {
        "authority": authority,
        "good": authority.server("backend.example"),
        "other": authority.server("other.example"),
        "deep": type(deep)(bundle(deep.certificate.with_suffix(".chain"), deep.certificate, second.certificate), deep.key),
        "expired": authority._issue("backend-expired", "ecdsa", "subjectAltName=DNS:backend.example", days=-1),
        "stranger": Authority(directory, "strange-ca").server("strange", "backend.example"),
        "own": bundle(directory / "own.pem", own.certificate, own.key),
        "list": authority.revoke(authority.server("revoked", "backend.example")),
        "revoked": type(own)(directory / "revoked.crt", directory / "revoked.key"),
    }


BACKENDS = ["good", "other", "deep", "expired", "stranger", "revoked", "asking", "old"]


@pytest.fixture(scope="module")
def backend(apus, material):
    lines = {
        "asking": f'SSLVerifyClient require\nSSLCACertificateFile "{material["authority"].certificate}"',
        "old": "SSLProtocol -all +TLSv1.2",
    }
    config = "".join(
        BACKEND.format(port=port, pair=material.get(name, material["good"]), lines=lines.get(name, ""))
        for port, name in enumerate(BACKENDS, 1)
    )
    with apus(config, modules=(*DEFAULT_MODULES, "ssl"), ports=len(BACKENDS)) as server:
        server.put("index.html", "from behind\n")
        yield server


@pytest.fixture
def front(apus, module):
    def make(lines):
        config = f'LoadModule abi_upstream_module {module}\n<Location "/up">\nSetHandler abi-upstream\n</Location>\n{lines}'
        return apus(config, modules=(*DEFAULT_MODULES, "ssl"))

    return make


def ask(server, backend, name, host="backend.example"):
    return fetch(server.port, get(f"/up?{backend.ports[BACKENDS.index(name)]},{host}"))


def trusting(material, *lines):
    authority = f'SSLProxyCACertificateFile "{material["authority"].certificate}"'
    return "\n".join(["SSLProxyEngine on", "SSLProxyVerify require", authority, *lines])


#: Settings: who is refused, and a word of the reason.
RULES = {
    "SSLProxyVerifyDepth 1": {"other": "name", "deep": "chain too long", "expired": "expired", "stranger": "issuer"},
    "SSLProxyVerifyDepth 2": {"other": "name", "expired": "expired", "stranger": "issuer"},
    "SSLProxyVerifyDepth 2\nSSLProxyCheckPeerName off": {
        "other": "common name",
        "deep": "common name",
        "expired": "expired",
        "stranger": "issuer",
        "revoked": "common name",
    },
    "SSLProxyVerifyDepth 2\nSSLProxyCheckPeerName off\nSSLProxyCheckPeerCN off": {"expired": "expired", "stranger": "issuer"},
    "SSLProxyVerifyDepth 2\nSSLProxyCheckPeerExpire off": {"other": "name", "stranger": "issuer"},
    'SSLProxyCARevocationFile "@LIST@"\nSSLProxyCARevocationCheck leaf': {
        "other": "name",
        "deep": "",
        "expired": "",
        "stranger": "",
        "revoked": "revoked",
    },
    "SSLProxyVerify none": {"other": "name", "expired": "not valid now"},
    "SSLProxyVerify optional_no_ca": {"other": "name", "expired": "expired", "deep": "chain too long"},
}


@pytest.mark.parametrize("rule", RULES)
def test_who_is_refused(front, backend, material, rule):
    lines = trusting(material, rule).replace("@LIST@", str(material["list"]))
    wrong = []
    with front(lines) as server:
        for name in ("good", "other", "deep", "expired", "stranger", "revoked"):
            answer = ask(server, backend, name)
            reason = RULES[rule].get(name)
            if reason is None:
                fits = answer.status == 200 and b"from behind" in answer.body
            else:
                fits = answer.status == 502 and reason.encode() in answer.body
            if not fits:
                wrong.append(f"{name}: {answer.status} {answer.body[-100:]}")
    assert not wrong, "\n".join(wrong)


def test_off(front, backend):
    with front("") as server:
        assert ask(server, backend, "good").status == 501


@pytest.mark.parametrize("own, expected", [(True, 200), (False, 502)])
def test_own_certificate(front, backend, material, own, expected):
    line = f'SSLProxyMachineCertificateFile "{material["own"]}"' if own else ""
    with front(trusting(material, line, "SSLProxyProtocol -all +TLSv1.2")) as server:
        assert ask(server, backend, "asking").status == expected


@pytest.mark.parametrize("version, spoken", [("TLSv1.2", 200), ("TLSv1.3", 502)])
def test_protocol(front, backend, material, version, spoken):
    with front(trusting(material, f"SSLProxyProtocol -all +{version}")) as server:
        assert ask(server, backend, "good").body.startswith(version.encode())
        assert ask(server, backend, "old").status == spoken


def test_cipher(front, backend, material):
    lines = trusting(
        material, "SSLProxyCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384", "SSLProxyCipherSuite TLSv1.3 TLS_CHACHA20_POLY1305_SHA256"
    )
    with front(lines) as server:
        assert b"TLS_CHACHA20_POLY1305_SHA256 SUCCESS" in ask(server, backend, "good").body
        assert b"ECDHE-ECDSA-AES256-GCM-SHA384 SUCCESS" in ask(server, backend, "old").body


@pytest.mark.parametrize(
    "line",
    [
        "SSLProxyProtocol TLSv9",
        "SSLProxyCipherSuite NOSUCHCIPHER",
        "SSLProxyVerify perhaps",
        "SSLProxyVerifyDepth deep",
        'SSLProxyCACertificateFile "/no/such/file"',
        'SSLProxyMachineCertificateFile "/no/such/file"',
        "SSLProxyCARevocationCheck never",
    ],
)
def test_wrong_line(configured, line):
    server = configured(f"SSLProxyEngine on\n{line}", modules=(*DEFAULT_MODULES, "ssl"))
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(line))
