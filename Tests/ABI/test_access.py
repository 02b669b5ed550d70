"""Providers of users and requirements that take their time, AuthTypes, and settings that hold when a module says so."""

import base64

import pytest
from support.server import DEFAULT_MODULES
from support.waiting import wait_until
from support.wire import Connection, fetch, get

from .texts import HANDLER

AREA = "access"
MODULES = (*DEFAULT_MODULES, "authn_core", "auth_basic", "authz_user")
CONFIG = (
    HANDLER
    + """
AbiWord server
<AbiSet>
    AbiWord inside
</AbiSet>
<Location /users>
    AuthType Basic
    AuthName Realm
    AuthBasicProvider abi
    Require valid-user
</Location>
<Location /wanted>
    AbiWord wanted
    AuthType Basic
    AuthName Realm
    AuthBasicProvider abi
    Require abi now
</Location>
<LocationMatch ^/again>
    AuthType Abi
    Require valid-user
</LocationMatch>
<Location /again-not>
    Require user somebody
</Location>
"""
)


@pytest.fixture(scope="module")
def server(apus, module):
    with apus("Workers 1\n" + module.load() + CONFIG, modules=MODULES) as running:
        yield running


def ask(server, path, user=None, password=None):
    fields = []
    if user:
        fields.append("Authorization: Basic " + base64.b64encode(f"{user}:{password or user}".encode()).decode())
    return fetch(server.port, get(path, *fields))


@pytest.mark.parametrize(
    "user, password, status",
    [("now", None, 200), ("now", "x", 401), ("later", None, 200), ("later", "x", 401), ("later-unknown", None, 401),
     ("unknown", None, 401), ("broken", None, 500)],
)  # fmt: skip
def test_users(server, user, password, status):
    assert ask(server, "/users", user, password).status == status


def test_a_requirement_that_waits(server):
    assert ask(server, "/wanted", "now").body == b"wanted inside 7 wanted now"
    assert ask(server, "/wanted", "later").status == 401
    assert ask(server, "/wanted").status == 401


def test_a_hook_that_asks_to_be_called_again(server):
    assert ask(server, "/again").body == b"server inside 7 server patient"


def test_how_to_log_in(server):
    """The module of the AuthType is asked when another refuses the user."""
    answer = ask(server, "/again-not")
    assert answer.status == 401 and answer.values("WWW-Authenticate") == ["Abi"]


def test_many_at_once(server):
    """Each answer belongs to its question, on connections that are used again."""
    connections = [Connection(server.port) for _ in range(20)]
    for _ in range(5):
        for number, connection in enumerate(connections):
            token = base64.b64encode(b"later:later" if number % 2 else b"later:x").decode()
            connection.send(get("/users", f"Authorization: Basic {token}"))
        assert [connection.read_response().status for connection in connections] == [401, 200] * 10
    for connection in connections:
        connection.close()


def test_work_is_freed(server):
    """Also when the client did not wait for it."""
    for _ in range(20):
        with Connection(server.port) as connection:
            connection.send(get("/users", "Authorization: Basic " + base64.b64encode(b"later:later").decode()))
    wait_until(lambda: ask(server, "/live").body == b"0", "all work to be freed")


def test_settings_that_hold_when_asked_for(server):
    assert ask(server, "/").body == b"server inside 7 server "


def test_mistakes_in_a_set_are_shown(apus, module):
    text = module.load() + HANDLER + "<AbiSet>\nAbiWord\nRequire nobody\n</AbiSet>\n"
    with apus(text, modules=MODULES, start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0
        assert server.reports_error_at(done.stderr, server.line_of("AbiWord"))
        assert server.reports_error_at(done.stderr, server.line_of("Require nobody"))
