"""Where `Satisfy Any` differs from httpd's on purpose: without Order, Allow or Deny it opens no door."""

import base64

import pytest

from support.passwords import USERS, write_user_file
from support.server import DEFAULT_MODULES
from support.wire import Connection

MODULES = (*DEFAULT_MODULES, "auth_basic", "authn_core", "authn_file", "authz_user", "authz_host", "access_compat")
BASIC = 'AuthType Basic\nAuthName "Realm"\nAuthUserFile @ROOT@/users\n'
CONFIG = f"""\
<Directory "@HTDOCS@/intranet">
{BASIC}
    Require ip 192.168.1.0/24
    Require valid-user
    Satisfy any
</Directory>
<Directory "@HTDOCS@/ruled">
{BASIC}
    Require valid-user
    Satisfy any
    Order deny,allow
    Deny from all
</Directory>
<Directory "@HTDOCS@/limited">
{BASIC}
    Require valid-user
    Satisfy any
    <Limit POST>
        Deny from all
    </Limit>
</Directory>
"""


def status(server, path, user=None):
    field = ""
    if user:
        field = "Authorization: Basic " + base64.b64encode(f"{user}:{USERS[user].password}".encode()).decode() + "\r\n"
    with Connection(server.port) as connection:
        return connection.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".encode()).status


@pytest.fixture(scope="module")
def server(apus):
    server = apus(CONFIG, modules=MODULES)
    for name in ("intranet", "ruled", "limited"):
        server.put(f"{name}/f.txt", "secret\n")
    write_user_file(server.root / "users", USERS)
    with server:
        yield server


@pytest.mark.parametrize("name", ["intranet", "ruled", "limited"])
def test_nobody_comes_in_without_a_password(server, name):
    assert status(server, f"/{name}/f.txt") == 401
    assert status(server, f"/{name}/f.txt", "alice") == 200


def test_the_configuration_test_says_where(server):
    done = server.run("-t")
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if "APUS3103" in line]
    assert len(warnings) == 1 and "warning" in warnings[0]
    number = [i for i, line in enumerate(server.config_file.read_text().splitlines(), 1) if "Satisfy any" in line][0]
    assert f"{server.config_file}:{number}:" in warnings[0]
