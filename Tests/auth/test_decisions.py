"""What the log tells of a decision at level debug: each requirement with its verdict and why, members farther in."""

import base64
import json
import re

import pytest

from support.passwords import USERS, write_user_file
from support.server import DEFAULT_MODULES
from support.waiting import wait_until
from support.wire import Connection

MODULES = (*DEFAULT_MODULES, "auth_basic", "authn_core", "authn_file", "authz_user", "authz_host", "env")
BASIC = 'AuthType Basic\nAuthName "Realm"\nAuthUserFile @ROOT@/users\n'
AREAS = {
    "nested": BASIC
    + "<RequireAny>\n<RequireAll>\nRequire user bob alice\n<RequireNone>\nRequire ip 192.0.2.0/24\nRequire method POST\n</RequireNone>\n"
    "</RequireAll>\n<RequireAll>\nRequire all granted\nRequire not env never\n</RequireAll>\n</RequireAny>\n",
    "denied": '<RequireAll>\nRequire all granted\nRequire not ip 127\nRequire expr "true"\n</RequireAll>\n',
    "limited": "<Limit POST>\nRequire all denied\n</Limit>\n",
    "alias": "Require elsewhere\n",
    "merged": "Require all granted\n",
}
CONFIG = (
    'LogLevel debug\n<AuthzProviderAlias ip elsewhere "192.0.2.0/24 127.0.0.0/8">\n</AuthzProviderAlias>\n'
    + "".join(f'<Directory "@HTDOCS@/{name}">\n{text}</Directory>\n' for name, text in AREAS.items())
    + "<Location /merged>\nAuthMerging And\nRequire method GET\n</Location>\n"
)


@pytest.fixture(scope="module")
def server(apus):
    server = apus(CONFIG, modules=MODULES)
    for name in AREAS:
        server.put(f"{name}/f.txt", "x\n")
    write_user_file(server.root / "users", USERS)
    with server:
        yield server


def decision(server, path, user=None):
    """The status, and the lines about the decision, without what is the same in all."""
    before = len(server.error_log())
    field = ""
    if user:
        field = "Authorization: Basic " + base64.b64encode(f"{user}:{USERS[user].password}".encode()).decode() + "\r\n"
    with Connection(server.port) as connection:
        status = connection.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".encode()).status
    found = []

    def lines():
        found[:] = re.findall(r"(?:AH01626: (.*)|APUS31\d\d: (.*))$", server.error_log()[before:], re.MULTILINE)
        return found

    wait_until(lines, "the decision to be logged")
    return status, [tree.replace("authorization result of ", "") for tree, _ in found if tree], [fact for _, fact in found if fact]


def test_each_node_with_its_verdict(server):
    status, tree, facts = decision(server, "/nested/f.txt", "alice")
    assert status == 200
    assert tree == [
        "<RequireAny>: granted: a member grants",
        "  <RequireAll>: denied (no authenticated user yet)",
        "    Require user bob alice: denied (no authenticated user yet)",
        "    <RequireNone>: neutral: what the members forbid is not so",
        "      Require ip 192.0.2.0/24: denied",
        "      Require method POST: denied",
        "  <RequireAll>: granted: no member denies",
        "    Require all granted: granted",
        "    Require not env never: neutral: what it forbids is not so",
    ]
    assert facts == [
        "the client's address is 127.0.0.1", "the method is GET", "none of the environment variables is set",
    ]  # fmt: skip


def test_what_was_not_asked(server):
    status, tree, _ = decision(server, "/denied/f.txt")
    assert status == 403
    assert tree == [
        "<RequireAny>: denied: no member grants",
        "  <RequireAll>: denied: a member denies",
        "    Require all granted: granted",
        "    Require not ip 127: denied: what it forbids is so",
        "    Require expr \"true\": not asked: it could change nothing",
    ]  # fmt: skip


def test_other_methods(server):
    status, tree, _ = decision(server, "/limited/f.txt")
    assert status == 200
    assert tree == [
        "<RequireAny>: not asked: a <Limit> around it leaves this method out",
        "  Require all denied: not asked: a <Limit> around it leaves this method out",
    ]


def test_an_alias(server):
    status, tree, facts = decision(server, "/alias/f.txt")
    assert status == 200
    assert tree == ["<RequireAny>: granted: a member grants", "  Require elsewhere: granted"]
    assert facts == ["Require elsewhere stands for Require ip 192.0.2.0/24 127.0.0.0/8", "the client's address is 127.0.0.1"]


def test_merged_sections(server):
    status, tree, _ = decision(server, "/merged/f.txt")
    assert status == 200
    assert tree == [
        "<RequireAll>: granted: no member denies",
        "  <RequireAny>: granted: a member grants",
        "    Require all granted: granted",
        "  <RequireAny>: granted: a member grants",
        "    Require method GET: granted",
    ]


def test_an_explanation_tells_the_same(server):
    """Without a log level, and without anything written to the log."""
    before = server.error_log()
    done = server.run_plain(
        "explain", f"http://localhost:{server.port}/nested/f.txt", "--json", *server.command()[1:], "-C", "LogLevel crit"
    )
    assert done.returncode == 0, done.stderr
    events = json.loads(done.stdout)["events"]
    tree = [event["text"] for event in events if event.get("code") == "AH01626"]
    assert "    authorization result of Require user bob alice: denied (no authenticated user yet)" in tree
    assert tree[0] == "authorization result of <RequireAny>: granted: a member grants"
    assert server.error_log() == before
