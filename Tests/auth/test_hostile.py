"""What whoever may write .htaccess files, or send requests, might try on those who decide about access."""

import base64
import itertools
import os

import pytest

from support.passwords import USERS, write_user_file
from support.server import DEFAULT_MODULES
from support.wire import Connection
from support.workers import Processes

MODULES = (
    *DEFAULT_MODULES, "auth_basic", "auth_digest", "authn_core", "authn_file", "authn_dbm", "authz_user", "authz_groupfile",
    "authz_dbm", "authz_host", "access_compat",
)  # fmt: skip
CONFIG = """\
Workers 1
<Directory "@HTDOCS@">
    AllowOverride AuthConfig Limit
</Directory>
"""
BASIC = 'AuthType Basic\nAuthName "Realm"\nAuthUserFile @ROOT@/users\n'


@pytest.fixture(scope="module")
def server(apus):
    server = apus(CONFIG, modules=MODULES)
    write_user_file(server.root / "users", USERS)
    os.mkfifo(server.root / "pipe")
    os.chmod(server.root / "pipe", 0o644)
    with server:
        yield server


NUMBERS = itertools.count()


@pytest.fixture
def area(server):
    """A directory of its own for each test, whose .htaccess file it writes."""
    name = f"area{next(NUMBERS)}"
    server.put(f"{name}/f.txt", "secret\n")

    def write(text):
        server.put(f"{name}/.htaccess", server.fill(text))
        return f"/{name}/f.txt"

    workers = Processes(server.process.pid).workers
    yield write
    assert Processes(server.process.pid).workers == workers


def ask(server, path, credentials=None, fields=""):
    if credentials is not None:
        fields += "Authorization: Basic " + base64.b64encode(credentials.encode()).decode() + "\r\n"
    with Connection(server.port) as connection:
        return connection.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode())


ALICE = f"alice:{USERS['alice'].password}"


@pytest.mark.parametrize("kind", ["Basic", "Digest"])
@pytest.mark.parametrize("name", ["%{unescape:a%0d%0aX-Forged: 1}", "%{unescape:%{QUERY_STRING}}", "%{req:X-Name}"])
def test_a_realm_forges_no_fields(server, area, kind, name):
    path = area(f'AuthType {kind}\nAuthName "{name}"\nAuthUserFile @ROOT@/users\nRequire valid-user\n')
    answer = ask(server, path + "?a%0d%0aX-Forged:%201", fields='X-Name: a", error="x\r\n')
    assert answer.status in (401, 500)
    assert not answer.values("X-Forged")
    for value in answer.values("WWW-Authenticate"):
        assert value.count('"') - value.count('\\"') == (2 if kind == "Basic" else 6)


@pytest.mark.parametrize("file", ["/dev/zero", "/dev/stdin", "@ROOT@/pipe", "@ROOT@", "/proc/self/mem", "@ROOT@/lost", "@ROOT@/users/x", "/" + "x" * 5000])
@pytest.mark.parametrize("directive", ["AuthUserFile", "AuthGroupFile", "AuthDBMUserFile", "AuthDBMGroupFile"])
def test_files_that_are_none(server, area, directive, file):
    dbm = "AuthBasicProvider dbm\n" if directive == "AuthDBMUserFile" else ""
    group = {"AuthGroupFile": "Require group x\n", "AuthDBMGroupFile": "Require dbm-group x\n"}.get(directive, "Require valid-user\n")
    path = area(f'{BASIC}{dbm}{directive} "{file}"\n{group}')
    assert ask(server, path, ALICE).status in (401, 500)


def test_many_files(server, area):
    """Each edit of the file names another file of users."""
    for number in range(100):
        path = area(f"{BASIC}AuthUserFile @ROOT@/users{number}\nRequire valid-user\n")
        (server.root / f"users{number}").write_text(f"alice:{USERS['alice'].stored}\n")
        assert ask(server, path, ALICE).status == 200


def test_deep_and_wide_requirements(server, area):
    deep = "".join("<RequireAll>\n<RequireAny>\n" for _ in range(60)) + "Require valid-user\n"
    deep += "".join("</RequireAny>\n</RequireAll>\n" for _ in range(60))
    assert ask(server, area(BASIC + deep), ALICE).status in (200, 500)
    wide = "<RequireAny>\n" + "Require user x\n" * 20_000 + "Require user alice\n</RequireAny>\n"
    path = area(BASIC + wide)
    assert ask(server, path, ALICE).status == 200
    assert ask(server, path, f"carol:{USERS['carol'].password}").status == 401


@pytest.mark.parametrize(
    "credentials",
    ["", ":", "alice", "alice:", ":x", "a" * 4000 + ":" + "b" * 1500, "alice:" + "x" * 5000, "\x01\x02:\x03", "alice\r\nX: y:z", "%s%n:%d"],
)
def test_odd_credentials(server, area, credentials):
    path = area(BASIC + "Require valid-user\n")
    assert ask(server, path, credentials).status == 401


@pytest.mark.parametrize(
    "field", ["Basic", "Basic ", "Basic =", "Basic ====", "Basic \xff\xfe", "Basic " + "A" * 7000, "Basic YWxpY2U", "BasicYWxpY2U6eA==", "\t"]
)
def test_odd_fields(server, area, field):
    path = area(BASIC + "Require valid-user\n")
    with Connection(server.port) as connection:
        answer = connection.request(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ".encode() + field.encode("latin-1") + b"\r\n\r\n"
        )
    assert answer.status == 401
