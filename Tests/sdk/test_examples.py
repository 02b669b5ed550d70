"""The example modules do what they say, built as an author outside this tree would build them."""

import base64
import hashlib
import hmac
import json
import socket
import time

import pytest
from support import wire
from support.waiting import wait_until

from .conftest import EXAMPLES, OWNER, PACKAGES, ask


#: By file, as many as a check takes.
HANDLERS = {
    "mod_later": "later-timer,later-socket,later-block",
    "mod_errand": "errand-timer,errand-work,errand-body,errand-pieces,errand-together,errand-error",
}


@pytest.mark.parametrize("file", OWNER)
def test_each_is_fit(author, package, file):
    modules = ",".join(f"{name}_module" for name in PACKAGES[OWNER[file]][1][file])
    path = package(OWNER[file]) / f"{file}.so"
    text = author.module("check", "--module", modules, "--handler", HANDLERS.get(file, "ledger,mirror,reader,echo"), path)
    assert "warning" not in text, text


@pytest.mark.parametrize("name", ["xsendfile", "geoip", "jwt"])
def test_they_are_small(name):
    """A feature of a third party is less than 300 lines, comments and all."""
    sources = [path for path in (EXAMPLES / name).rglob("*") if path.suffix in (".c", ".rs", ".swift") and path.name != "Package.swift"]
    assert 0 < sum(len(path.read_text().splitlines()) for path in sources) < 300


# ---- C


PRIVATE = """\
LoadModule auth_basic_module @MODULES@/mod_auth_basic.so
LoadModule authn_core_module @MODULES@/mod_authn_core.so
LoadModule authz_user_module @MODULES@/mod_authz_user.so
{load}
KeyringUser alice wonderland
KeyringUser bob builder
<Location "/">
    AuthType Basic
    AuthName keys
    AuthBasicProvider keyring
    Require {require}
</Location>
"""


def basic(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_keyring_knows_users(serve, load):
    server = serve(PRIVATE.format(load=load("mod_keyring"), require="valid-user"))
    server.put("file.txt", "secret\n")
    assert ask(server, "/file.txt").status == 401
    assert ask(server, "/file.txt", basic("alice", "wonderland")).status == 200
    for user, password in (("alice", "wonderlanD"), ("alice", ""), ("alice", "wonderland1"), ("carol", "wonderland")):
        assert ask(server, "/file.txt", basic(user, password)).status == 401


def test_keyring_decides(serve, load):
    server = serve(PRIVATE.format(load=load("mod_keyring"), require="initial xya"))
    server.put("file.txt", "secret\n")
    assert ask(server, "/file.txt").status == 401
    assert ask(server, "/file.txt", basic("alice", "wonderland")).status == 200
    assert ask(server, "/file.txt", basic("bob", "builder")).status == 401


@pytest.mark.parametrize("line, words", [("KeyringUser", "takes"), ('KeyringUser "" x', "empty"), ("KeyringUser a:b x", "colon")])
def test_keyring_refuses(configured, load, line, words):
    server = configured(load("mod_keyring") + line + "\n")
    done = server.run("-t")
    assert done.returncode == 1 and words in done.stderr
    assert server.reports_error_at(done.stderr, server.line_of(line))


def test_ledger_counts_over_all_workers(serve, load):
    server = serve(load("mod_ledger") + 'ServerLimit 3\nLedger "@ROOT@/logs/ledger"\n<Location "/count">\nSetHandler ledger\n</Location>\n')
    for _ in range(20):
        assert ask(server, "/nothing").status == 404
    assert b"requests 21\n" in ask(server, "/count").body
    file = server.root / "logs" / "ledger"
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) == 21, "the lines of the ledger")
    assert sorted(int(line.split()[3]) for line in file.read_text().splitlines()) == list(range(1, 22))
    wait_until(lambda: b"ticks 0\n" not in ask(server, "/count").body, "work that one worker does for all")


def test_ledger_counts_on_a_connection(serve, load):
    server = serve(load("mod_ledger") + 'Ledger "@ROOT@/logs/ledger"\n')
    with wire.Connection(server.port) as connection:
        for path in ("/a", "/b", "/c"):
            connection.request(wire.get(path))
    file = server.root / "logs" / "ledger"
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) == 3, "the lines of the ledger")
    assert [line.split()[1:3] + line.split()[4:] for line in file.read_text().splitlines()] == [["/a", "404", "1"], ["/b", "404", "2"], ["/c", "404", "3"]]


def test_ledger_that_cannot_be_written(configured, load):
    server = configured(load("mod_ledger") + "Ledger /nowhere/at/all\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("Ledger /nowhere/at/all")), done.stderr


# ---- Rust


def test_a_hook_and_a_function_of_another_language(serve, load):
    server = serve(load("mod_ledger", "mod_examples_rust") + 'ServerLimit 1\n<Location "/reader">\nSetHandler reader\n</Location>\n')
    assert ask(server, "/reader").body == b"count 1\nlast "
    assert ask(server, "/elsewhere").status == 404
    assert ask(server, "/reader").body == b"count 3\nlast GET /elsewhere 404 2 1\n"


def test_a_signature_that_is_another_is_refused(configured, load, package):
    server = configured(load("mod_ledger") + f"LoadModule mistaken_module {package('rust')}/mod_examples_rust.so\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert "i(xRs)" in done.stderr and "i(xRI)" in done.stderr, done.stderr


def test_filters_stream(serve, load):
    server = serve(
        load("mod_ledger", "mod_examples_rust") +
        '<Location "/mirror">\nSetHandler mirror\nSetInputFilter ROT13\nSetOutputFilter SHOUT\n</Location>\n'
        '<Location "/big.txt">\nSetOutputFilter SHOUT\n</Location>\n'
    )
    body = b"Hello, World\n" * 20_000
    request = b"POST /mirror HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = wire.fetch(server.port, request + body)
    assert answer.status == 200 and answer.body == b"URYYB, JBEYQ\n" * 20_000
    chunked = b"POST /mirror HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nuRy\r\n2\r\nyb\r\n0\r\n\r\n"
    assert wire.fetch(server.port, chunked).body == b"HELLO"
    server.put("big.txt", "some letters " * 50_000)
    assert ask(server, "/big.txt").body == b"SOME LETTERS " * 50_000


def test_expressions(serve, load):
    server = serve(
        load("mod_ledger", "mod_examples_rust") + "LoadModule headers_module @MODULES@/mod_headers.so\n"
        'Header always set X-Letters "expr=%{LETTERS}"\nHeader always set X-Turned "expr=%{rot13:Uryyb}"\n'
    )
    answer = ask(server, "/abc/12")
    assert answer.header("X-Letters") == "3" and answer.header("X-Turned") == "Hello"


def test_a_cache_of_ones_own(serve, load):
    server = serve(
        "LoadModule auth_basic_module @MODULES@/mod_auth_basic.so\nLoadModule authn_core_module @MODULES@/mod_authn_core.so\n"
        "LoadModule authz_user_module @MODULES@/mod_authz_user.so\nLoadModule authn_file_module @MODULES@/mod_authn_file.so\n"
        "LoadModule authn_socache_module @MODULES@/mod_authn_socache.so\n" + load("mod_ledger", "mod_examples_rust") +
        'AuthnCacheSOCache memory:50\n<Location "/">\nAuthType Basic\nAuthName x\nAuthBasicProvider socache file\nAuthnCacheProvideFor file\n'
        'AuthUserFile "@ROOT@/users"\nRequire valid-user\n</Location>\n',
        modules=("authz_core", "mime", "dir"),
    )
    (server.root / "users").write_text("alice:{SHA}" + base64.b64encode(hashlib.sha1(b"pw").digest()).decode() + "\n")
    for _ in range(3):
        assert ask(server, "/", basic("alice", "pw")).status != 401
        assert ask(server, "/", basic("alice", "no")).status == 401


@pytest.mark.parametrize("argument", ["none", "0", "-1"])
def test_a_cache_that_refuses_its_argument(configured, load, argument):
    server = configured(
        "LoadModule authn_socache_module @MODULES@/mod_authn_socache.so\n" + load("mod_ledger", "mod_examples_rust") + f"AuthnCacheSOCache memory:{argument}\n"
    )
    done = server.run("-t")
    assert done.returncode == 1 and "is not a number of objects above 0" in done.stderr, done.stderr


def test_a_protocol_of_ones_own(serve, load):
    server = serve(load("mod_ledger", "mod_examples_rust") + '<Location "/echo">\nSetHandler echo\n</Location>\n')
    assert ask(server, "/echo").status == 426
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(4096)
        assert received.startswith(b"HTTP/1.1 101 ")
        client.sendall(b"one\ntw")
        client.sendall(b"o\n")
        received = b""
        while received.count(b"\n") < 2:
            received += client.recv(4096)
        assert received == b"one\ntwo\n"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b""


# ---- Swift


def later(load, port):
    names = ("timer", "socket", "block")
    return load("mod_later") + f"ServerLimit 1\nLaterPort {port}\n" + "".join(f'<Location "/{name}">\nSetHandler later-{name}\n</Location>\n' for name in names)


def test_hooks_that_wait(serve, load, peer):
    server = serve(later(load, peer[0]))
    assert ask(server, "/timer?50").body == b"waited\n"
    assert ask(server, "/socket").body == b"from a peer\n"
    assert ask(server, "/block").body == b"worked\n"
    peer[1][0] = b""
    assert ask(server, "/socket").status == 502


def test_others_are_served_meanwhile(serve, load, peer):
    server = serve(later(load, peer[0]))
    with wire.Connection(server.port) as slow:
        slow.send(wire.get("/timer?1500"))
        assert ask(server, "/block").body == b"worked\n"
        assert slow.is_silent(0.1)
        assert slow.read_response().body == b"waited\n"


def test_a_client_that_goes_away_while_it_waits(serve, load, peer):
    server = serve(later(load, peer[0]))
    for path in ("/timer?200", "/socket"):
        for _ in range(5):
            with wire.Connection(server.port) as client:
                client.send(wire.get(path))
    time.sleep(0.4)
    assert ask(server, "/timer?1").body == b"waited\n"


# ---- X-Sendfile


def asis(field, body="what the application wrote\n", extra=""):
    return f"Status: 200 OK\nContent-Type: text/plain\n{extra}X-Sendfile: {field}\n\n{body}"


def test_x_sendfile(apus, load):
    config = (
        "LoadModule asis_module @MODULES@/mod_asis.so\n" + load("mod_xsendfile") +
        'AddHandler send-as-is asis\nXSendFile On\nXSendFilePath "@HTDOCS@/private"\n'
        '<Location "/private">\nRequire all denied\n</Location>\n<Location "/off">\nXSendFile Off\n</Location>\n'
    )
    server = apus("", start=False)
    for directory in ("private/deep", "off"):
        (server.htdocs / directory).mkdir(parents=True)
    server.write_config(config)
    content = bytes(range(256)) * 1000
    private = server.htdocs / "private"
    (private / "deep" / "file.bin").write_bytes(content)
    (server.htdocs / "outside.txt").write_text("outside\n")
    (private / "link").symlink_to(server.htdocs / "outside.txt")
    for name, field in {
        "good": private / "deep" / "file.bin", "outside": server.htdocs / "outside.txt", "dots": f"{private}/../outside.txt",
        "link": private / "link", "absent": private / "absent", "directory": private / "deep", "relative": "deep/file.bin",
        "prefix": f"{private}s/file", "empty": "",
    }.items():  # fmt: skip
        server.put(f"{name}.asis", asis(field))
    server.put("off/good.asis", asis(private / "deep" / "file.bin"))
    with server:
        server.start()
        answer = ask(server, "/good.asis")
        assert answer.status == 200 and answer.body == content
        assert answer.header("X-Sendfile") is None and answer.header("Content-Type") == "text/plain"
        assert answer.header("Last-Modified") is not None
        with wire.Connection(server.port) as connection:
            head = connection.request(wire.get("/good.asis", method="HEAD"), method="HEAD")
        assert head.status == 200 and head.body == b""
        assert ask(server, "/private/deep/file.bin").status == 403
        for name in ("outside", "dots", "link", "absent", "directory", "relative", "prefix"):
            answer = ask(server, f"/{name}.asis")
            assert answer.status == 404 and b"outside" not in answer.body and b"application" not in answer.body, name
        answer = ask(server, "/off/good.asis")
        assert answer.body == b"what the application wrote\n" and answer.header("X-Sendfile") is not None


# ---- GeoIP


GEO = """\
{load}LoadModule headers_module @MODULES@/mod_headers.so
GeoDatabase "@ROOT@/countries"
Header always set X-Country "expr=%{{GEO_COUNTRY}}"
<Location "/local">
    Require country NL BE
</Location>
<Location "/foreign">
    Require country US
</Location>
"""


def test_geoip(apus, load):
    server = apus("", start=False)
    file = server.root / "countries"
    file.write_text("# networks\n10.0.0.0/8 US\n127.0.0.0/8 NL # here\n2001:db8::/32 DE\n")
    server.write_config(GEO.format(load=load("mod_geoip")))
    for name in ("local", "foreign"):
        server.put(f"{name}/file", name)
    with server:
        server.start()
        assert ask(server, "/").header("X-Country") == "NL"
        assert ask(server, "/local/file").status == 200
        assert ask(server, "/foreign/file").status == 403
        file.with_suffix(".new").write_text("127.0.0.0/8 US\n")
        file.with_suffix(".new").rename(file)
        wait_until(lambda: ask(server, "/").header("X-Country") == "US", "the new database")
        assert ask(server, "/local/file").status == 403
        assert ask(server, "/foreign/file").status == 200
        # One that is wrong changes nothing.
        file.write_text("nonsense\n")
        wait_until(lambda: "stays as it was" in (server.root / "logs" / "error.log").read_text(), "the message")
        assert ask(server, "/").header("X-Country") == "US"


@pytest.mark.parametrize(
    "text, words",
    [("1.2.3.4/33 NL\n", "line 1"), ("x\n", "line 1"), ("\n1.2.3.0/24 nl\n", "line 2"), ("1.2.3.0/24 NL\n1.2.0.0/16 BE\n", "overlap")],
)  # fmt: skip
def test_geoip_refuses(configured, load, text, words):
    server = configured("")
    (server.root / "countries").write_text(text)
    server.write_config(GEO.format(load=load("mod_geoip")))
    done = server.run("-t")
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert server.reports_error_at(done.stderr, server.line_of('GeoDatabase "' + str(server.root / "countries") + '"'))


# ---- JWT

SECRET = b"0123456789abcdef0123456789abcdef-secret"


def part(value):
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=").decode()


def token(claims, header=None, secret=SECRET):
    signed = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"Authorization: Bearer {signed}.{part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


@pytest.fixture(scope="module")
def guarded(apus, package):
    path = package("jwt") / "mod_jwt.so"
    server = apus("", start=False)
    (server.root / "key").write_bytes(SECRET)
    server.write_config(
        f"LoadModule jwt_module {path}\nLoadModule authn_core_module @MODULES@/mod_authn_core.so\n"
        "LoadModule authz_user_module @MODULES@/mod_authz_user.so\nLoadModule headers_module @MODULES@/mod_headers.so\n"
        '<Location "/">\nAuthType Bearer\nAuthName x\nJWTSecretFile "@ROOT@/key"\nRequire valid-user\n'
        "Header set X-User expr=%{REMOTE_USER}\nHeader set X-Role %{JWT_role}e\n</Location>\n"
        '<Location "/issued">\nJWTIssuer me\nJWTLeeway 0\n</Location>\n'
    )
    server.put("index.html", "in\n")
    server.put("issued/index.html", "in\n")
    with server:
        yield server.start()


def test_jwt_lets_in(guarded):
    answer = ask(guarded, "/index.html", token({"sub": "alice", "role": "admin", "exp": int(time.time()) + 60, "aud": ["x"], "deep": {"a": None}}))
    assert answer.status == 200 and answer.header("X-User") == "alice" and answer.header("X-Role") == "admin"
    assert ask(guarded, "/issued/index.html", token({"sub": "a", "iss": "me"})).status == 200


BAD_TOKENS = [
    "X: y", "Authorization: Bearer", "Authorization: Bearer a.b.c", "Authorization: Basic YTpi", "Authorization: Bearer ...",
    token({"sub": "alice"}, secret=b"x" * 40), token({}), token({"sub": ""}), token({"sub": 1}), token([]), token(b"{"),
    token(b'{"sub":"a","sub":"b"}'), token(b'{"sub":"a"} x'), token({"sub": "a", "exp": 1}), token({"sub": "a", "exp": "x"}),
    token({"sub": "a", "nbf": 1 << 40}), token({"sub": "a"}, {"alg": "none"}), token({"sub": "a"}, {"alg": "HS256", "crit": ["x"]}),
    token({"sub": "a"}, {"typ": "JWT"}), token(b"[" * 1000), token({"sub": "alice"})[:-2] + "AA", token({"sub": "a"}) + "=",
]  # fmt: skip


@pytest.mark.parametrize("field", BAD_TOKENS, ids=range(len(BAD_TOKENS)))
def test_jwt_keeps_out(guarded, field):
    answer = ask(guarded, "/index.html", field)
    assert answer.status == 401
    assert answer.header("WWW-Authenticate").startswith('Bearer realm="')


def test_jwt_issuer_and_leeway(guarded):
    now = int(time.time())
    assert ask(guarded, "/issued/index.html", token({"sub": "a", "iss": "you"})).status == 401
    assert ask(guarded, "/issued/index.html", token({"sub": "a", "iss": "me", "exp": now - 5})).status == 401
    assert ask(guarded, "/index.html", token({"sub": "a", "exp": now - 5})).status == 200


def test_jwt_refuses_a_short_secret(configured, package):
    server = configured("")
    (server.root / "key").write_text("short\n")
    server.write_config(f'LoadModule jwt_module {package("jwt")}/mod_jwt.so\n<Location "/">\nJWTSecretFile "@ROOT@/key"\n</Location>\n')
    done = server.run("-t")
    assert done.returncode == 1 and "holds 6 bytes; HS256 wants 32" in done.stderr
