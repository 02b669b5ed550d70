"""Digest authentication: what clients may send, what is refused, and that nothing is taken twice, by whatever worker."""

import hashlib
import re
import shutil
import subprocess
import threading

import pytest

from support.digest import challenges, credentials, get, nonce
from support.load import reload
from support.passwords import USERS, write_digest_file
from support.server import DEFAULT_MODULES
from support.wire import Connection
from support.workers import Processes, one_connection_each, worker_of

MODULES = (*DEFAULT_MODULES, "auth_digest", "authn_core", "authn_file", "authz_user")
AREA = 'AuthType Digest\nAuthName "Top Secret"\nAuthUserFile @ROOT@/digest\nRequire valid-user\n'
AREAS = {
    "plain": AREA,
    "both": AREA + "AuthDigestAlgorithm SHA-256 MD5\n",
    "sha": AREA + "AuthDigestAlgorithm SHA-256\n",
    "old": AREA + "AuthDigestQop none\n",
    "once": AREA + "AuthDigestNonceLifetime 0\n",
    "short": AREA + "AuthDigestNonceLifetime 1\n",
    "domain": AREA + "AuthDigestDomain /domain/ /other/\n",
    "quoted": AREA + 'AuthName "a \\"b\\""\n',
    "index": AREA + "DirectoryIndex f.txt\n",
    "alice": AREA + "Require user alice\n",
}
CONFIG = "Workers 2\nAuthDigestShmemSize 8K\n" + "".join(
    f'<Directory "@HTDOCS@/{name}">\n{text}</Directory>\n' for name, text in AREAS.items()
)


@pytest.fixture(scope="module")
def server(apus):
    server = apus(CONFIG, modules=MODULES)
    for name in AREAS:
        server.put(f"{name}/f.txt", "secret\n")
    write_digest_file(server.root / "digest")
    with open(server.root / "digest", "a") as file:
        text = f"alice:Top Secret:{USERS['alice'].password}"
        file.write(f"alice:Top Secret:{hashlib.sha256(text.encode()).hexdigest()}\n")
        text = f"alice:a \"b\":{USERS['alice'].password}"
        file.write(f"alice:a \"b\":{hashlib.md5(text.encode()).hexdigest()}\n")
    with server:
        yield server


def test_the_challenge(server):
    (one,) = get(server, "/plain/f.txt").values("WWW-Authenticate")
    assert re.fullmatch(r'Digest realm="Top Secret", nonce="[0-9a-f]{64}", algorithm=MD5, qop="auth"', one)
    both = get(server, "/both/f.txt").values("WWW-Authenticate")
    assert [re.search("algorithm=([^,]+)", each)[1] for each in both] == ["SHA-256", "MD5"]
    assert "qop" not in get(server, "/old/f.txt").values("WWW-Authenticate")[0]
    assert 'domain="/domain/ /other/"' in get(server, "/domain/f.txt").values("WWW-Authenticate")[0]


def test_the_right_password(server):
    value = nonce(server, "/plain/f.txt")
    answer = get(server, "/plain/f.txt", credentials("/plain/f.txt", value))
    assert answer.status == 200
    info = answer.header("Authentication-Info")
    first = hashlib.md5(f"alice:Top Secret:{USERS['alice'].password}".encode()).hexdigest()
    second = hashlib.md5(b":/plain/f.txt").hexdigest()
    proof = hashlib.md5(f"{first}:{value}:00000001:abc:auth:{second}".encode()).hexdigest()
    assert info == f'rspauth="{proof}", cnonce="abc", nc=00000001, qop=auth'


@pytest.mark.parametrize(
    "changes, status",
    [
        ({"password": "wrong"}, 401),
        ({"user": "bob", "password": "wrong"}, 401),
        ({"username": '"nobody"'}, 401),
        ({"realm": '"Other"'}, 401),
        ({"uri": '"/plain/other.txt"'}, 400),
        ({"uri": '"http://localhost/plain/f.txt"'}, 401),  # another URI was hashed
        ({"algorithm": None}, 200),
        ({"algorithm": "md5"}, 200),
        ({"algorithm": '"MD5"'}, 200),
        ({"algorithm": "SHA-256"}, 401),
        ({"algorithm": "MD5-sess"}, 401),
        ({"algorithm": "SHA-512-256"}, 401),
        ({"qop": '"auth"'}, 200),
        ({"qop": "auth-int"}, 401),
        ({"qop": None}, 401),
        ({"nc": None}, 401),
        ({"nc": "1"}, 401),
        ({"nc": "0000000g"}, 401),
        ({"nc": "00000000"}, 401),
        ({"cnonce": None}, 401),
        ({"cnonce": '"abd"'}, 401),
        ({"response": '""'}, 401),
        ({"response": None}, 401),
        ({"nonce": None}, 401),
        ({"nonce": '"' + "0" * 64 + '"'}, 401),
        ({"nonce": '"short"'}, 401),
        ({"username": None}, 401),
        ({"username": None, "username*": "UTF-8''%61lice"}, 200),
        ({"username*": "UTF-8''alice"}, 401),
        ({"userhash": "false"}, 200),
        ({"userhash": "true"}, 401),
        ({"opaque": '"any"'}, 200),
        ({"unknown": '"a, b=\\"c\\""'}, 200),
        ({"realm": '"Top Secret", realm="Top Secret"'}, 401),
        ({"realm": '"Top Secret'}, 401),
        ({"user": "bob"}, 200),
        ({"method": "POST"}, 401),
    ],
)
def test_what_clients_send(server, changes, status):
    field = credentials("/plain/f.txt", nonce(server, "/plain/f.txt"), **dict(changes))
    answer = get(server, "/plain/f.txt", field)
    assert answer.status == status
    assert bool(answer.values("WWW-Authenticate")) == (status == 401)


@pytest.mark.parametrize("field", ["Digest", "Digest ", "Digest a", "Digest ,,,", 'Digest username="', "Basic YTpi", "digest x=y"])
def test_what_is_no_digest(server, field):
    assert get(server, "/plain/f.txt", field).status == 401


def test_sha_256(server):
    for path in ("/sha/f.txt", "/both/f.txt"):
        assert get(server, path, credentials(path, nonce(server, path), hashed="SHA-256")).status == 200
    assert get(server, "/both/f.txt", credentials("/both/f.txt", nonce(server, "/both/f.txt"))).status == 200
    assert get(server, "/sha/f.txt", credentials("/sha/f.txt", nonce(server, "/sha/f.txt"))).status == 401


def test_without_qop(server):
    value = nonce(server, "/old/f.txt")
    for _ in range(2):
        assert get(server, "/old/f.txt", credentials("/old/f.txt", value, qop=None, nc=None, cnonce=None)).status == 200


def test_a_realm_with_quotation_marks(server):
    field = credentials("/quoted/f.txt", nonce(server, "/quoted/f.txt"), hashed_realm='a "b"')
    assert get(server, "/quoted/f.txt", field).status == 200


def test_a_nonce_of_another_realm(server):
    field = credentials("/plain/f.txt", nonce(server, "/quoted/f.txt"))
    answer = get(server, "/plain/f.txt", field)
    assert answer.status == 401 and challenges(answer)[0]["stale"] == "true"


def test_counts_may_overtake_each_other(server):
    value = nonce(server, "/plain/f.txt")
    for count in (1, 3, 2, 70, 60, 69, 7000):
        assert get(server, "/plain/f.txt", credentials("/plain/f.txt", value, count)).status == 200
    for count in (1, 3, 2, 70, 7000, 6936, 4):
        answer = get(server, "/plain/f.txt", credentials("/plain/f.txt", value, count))
        assert answer.status == 401 and challenges(answer)[0]["stale"] == "true"
    assert get(server, "/plain/f.txt", credentials("/plain/f.txt", value, 6937)).status == 200


def test_stale_is_told_to_those_who_know_the_password_only(server):
    value = nonce(server, "/plain/f.txt")
    field = credentials("/plain/f.txt", value)
    assert get(server, "/plain/f.txt", field).status == 200
    assert challenges(get(server, "/plain/f.txt", field))[0].get("stale") == "true"
    wrong = credentials("/plain/f.txt", value, password="wrong")
    assert "stale" not in challenges(get(server, "/plain/f.txt", wrong))[0]


def test_a_replay_reaches_no_worker(server):
    """The same field on many connections, which two workers take."""
    field = credentials("/plain/f.txt", nonce(server, "/plain/f.txt"))
    seen = []
    barrier = threading.Barrier(16)

    def run():
        with Connection(server.port) as connection:
            barrier.wait()
            seen.append(get(server, "/plain/f.txt", field, connection=connection).status)

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [200] + [401] * 15


def test_a_replay_reaches_no_other_worker(server):
    """What one worker has taken, neither takes again, whichever took it."""
    workers = Processes(server.process.pid).wait_for_workers(2)

    def served_by(connection):
        get(server, "/plain/f.txt", connection=connection)
        return worker_of(connection, workers)

    one, other = one_connection_each(server.port, 2, served_by)
    with one, other:
        assert {worker_of(one, workers), worker_of(other, workers)} == set(workers)
        for first, second in ((one, other), (other, one)):
            field = credentials("/plain/f.txt", nonce(server, "/plain/f.txt"))
            assert get(server, "/plain/f.txt", field, connection=first).status == 200
            for connection in (second, first):
                answer = get(server, "/plain/f.txt", field, connection=connection)
                assert answer.status == 401 and challenges(answer)[0]["stale"] == "true"
            following = credentials("/plain/f.txt", challenges(answer)[0]["nonce"], 1)
            assert get(server, "/plain/f.txt", following, connection=second).status == 200


def test_more_nonces_than_there_is_room_for(server):
    """What the table has forgotten is stale, never good again."""
    fields = [credentials("/plain/f.txt", nonce(server, "/plain/f.txt")) for _ in range(600)]
    assert {get(server, "/plain/f.txt", field).status for field in fields} <= {200, 401}
    assert {get(server, "/plain/f.txt", field).status for field in fields} == {401}
    assert get(server, "/plain/f.txt", credentials("/plain/f.txt", nonce(server, "/plain/f.txt"))).status == 200


def test_nonces_outlive_a_reload(server):
    value = nonce(server, "/plain/f.txt")
    assert get(server, "/plain/f.txt", credentials("/plain/f.txt", value)).status == 200
    reload(server)
    assert get(server, "/plain/f.txt", credentials("/plain/f.txt", value)).status == 401
    assert get(server, "/plain/f.txt", credentials("/plain/f.txt", value, 2)).status == 200


def test_one_request_a_nonce(server):
    value = nonce(server, "/once/f.txt")
    for _ in range(3):
        assert get(server, "/once/f.txt", credentials("/once/f.txt", value, 2)).status == 401
        answer = get(server, "/once/f.txt", credentials("/once/f.txt", value))
        assert answer.status == 200
        assert get(server, "/once/f.txt", credentials("/once/f.txt", value)).status == 401
        value = re.search('nextnonce="(.*?)"', answer.header("Authentication-Info"))[1]


def test_the_index_of_a_directory(server):
    """A request inside the server brings the count of the one that the client sent."""
    assert get(server, "/index/", credentials("/index/", nonce(server, "/index/"))).status == 200
    assert get(server, "/index", credentials("/index", nonce(server, "/index/"))).status == 301


def test_a_user_who_may_not(server):
    answer = get(server, "/alice/f.txt", credentials("/alice/f.txt", nonce(server, "/alice/f.txt"), user="bob"))
    assert answer.status in (200, 401)
    assert get(server, "/alice/f.txt", credentials("/alice/f.txt", nonce(server, "/alice/f.txt"))).status == 200


def test_curl(server):
    for password, status in ((USERS["alice"].password, "200"), ("wrong", "401")):
        for area in ("plain", "both", "sha", "old", "once", "quoted"):
            done = subprocess.run(
                ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} ", "--digest", "-u", f"alice:{password}"]
                + [f"http://127.0.0.1:{server.port}/{area}/f.txt"] * 3,
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.stdout.split()[-1] == status, f"{area} {done.stdout}"


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
@pytest.mark.parametrize("area", ["plain", "both", "sha", "old", "once", "quoted"])
@pytest.mark.parametrize("password", [USERS["alice"].password, "wrong"], ids=["right", "wrong"])
def test_chromium(server, tmp_path, area, password):
    """A browser that has the credentials shows the page, and two more of it that the page asks for."""
    server.put(f"{area}/page.html", '<p>seen</p><img src="f.txt?1"><img src="f.txt?2">\n')
    before = len(server.access_log())
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"]
        + ["--dump-dom", f"http://alice:{password}@127.0.0.1:{server.port}/{area}/page.html"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    isRight = password != "wrong"
    assert ("<p>seen</p>" in done.stdout) == isRight, done.stderr
    if isRight:
        server.wait_for_log(rf'"GET /{area}/f\.txt\?1 HTTP/1\.1" 200', "access")
        server.wait_for_log(rf'"GET /{area}/f\.txt\?2 HTTP/1\.1" 200', "access")
    else:
        assert '" 200 ' not in server.access_log()[before:]


@pytest.mark.parametrize(
    "line, message",
    [
        ("AuthDigestAlgorithm MD5-sess", "not implemented"),
        ("AuthDigestAlgorithm SHA-1", "neither MD5 nor SHA-256"),
        ("AuthDigestQop auth-int", "not implemented"),
        ("AuthDigestQop both", "neither auth nor none"),
        ("AuthDigestNonceLifetime soon", "not a whole number"),
        ("AuthDigestProvider lost", "no loaded module has a provider"),
        ("AuthDigestDomain nowhere", "neither a path nor a URL"),
    ],
)
def test_what_is_no_setting(apus, line, message):
    with apus(f"<Location />\n{line}\n</Location>\n", modules=MODULES, start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0 and message in done.stderr
        assert server.reports_error_at(done.stderr, server.line_of(line))
