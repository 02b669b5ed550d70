"""AuthThrottle: who fails too often waits, and then is refused; nobody else is."""

import base64
import re
import time

import pytest

from support.passwords import USERS, write_user_file
from support.server import DEFAULT_MODULES
from support.wire import Connection

MODULES = (*DEFAULT_MODULES, "auth_basic", "authn_core", "authn_file", "authz_user")
AREA = 'AuthType Basic\nAuthName "Realm"\nAuthUserFile @ROOT@/users\nRequire valid-user\n'
CONFIG = f"""\
Workers 2
<Directory "@HTDOCS@">
{AREA}
    AuthThrottle 2 600
</Directory>
<Location /free>
    AuthThrottle Off
</Location>
<Location /short>
    AuthThrottle 1 3
</Location>
"""


@pytest.fixture
def server(apus):
    server = apus(CONFIG, modules=MODULES)
    for path in ("f.txt", "free/f.txt", "short/f.txt"):
        server.put(path, "secret\n")
    write_user_file(server.root / "users", USERS)
    with server:
        yield server


def ask(server, name, password, path="/f.txt"):
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    with Connection(server.port) as connection:
        return connection.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n\r\n".encode())


def timed(*arguments):
    start = time.monotonic()
    return ask(*arguments).status, time.monotonic() - start


def test_who_fails_waits_and_is_refused(server):
    assert [ask(server, "carol", "wrong").status for _ in range(2)] == [401, 401]
    status, took = timed(server, "carol", "wrong")
    assert status == 401 and took >= 0.9
    assert timed(server, "carol", "wrong")[1] >= 1.9
    answer = ask(server, "carol", USERS["carol"].password)
    assert answer.status == 429 and 1 <= int(answer.header("Retry-After")) <= 600
    assert not answer.values("WWW-Authenticate")
    server.wait_for_log(r"client 127\.0\.0\.1.* APUS3120: login of user carol delayed after 2 failures")
    server.wait_for_log(r"client 127\.0\.0\.1.* APUS3120: login of user carol refused after 4 failures")
    assert ask(server, "alice", USERS["alice"].password).status == 200
    assert ask(server, "carol", USERS["carol"].password, "/free/f.txt").status == 200


def test_success_forgets_failures(server):
    for _ in range(4):
        assert ask(server, "carol", "wrong").status == 401
        assert ask(server, "carol", USERS["carol"].password).status == 200


def test_many_names_count_for_the_address(server):
    statuses = [ask(server, f"name{number}", "x", "/f.txt").status for number in range(20)]
    assert statuses == [401] * 20
    status, took = timed(server, "another", "x")
    assert status == 401 and took >= 0.9


def test_the_time_comes(server):
    for _ in range(2):
        ask(server, "carol", "wrong", "/short/f.txt")
    assert ask(server, "carol", USERS["carol"].password, "/short/f.txt").status == 429
    deadline = time.monotonic() + 30
    while ask(server, "carol", USERS["carol"].password, "/short/f.txt").status == 429:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("words", ["many", "0", "-1", "5 0", "5 soon", "Off 5", ""])
def test_what_is_no_rule(apus, words):
    with apus(f"<Location />\nAuthThrottle {words}\n</Location>\n", modules=MODULES, start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0 and re.search("AuthThrottle", done.stderr)
