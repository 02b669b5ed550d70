"""Connections as modules see them."""

import re

import pytest
from support.wire import Connection, fetch, get

from .texts import HANDLER

AREA = "conn"

HOSTS = """\
<VirtualHost 127.0.0.1:@PORT@>
    ServerName one.example
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName two.example
    ServerAlias *.two.example
</VirtualHost>
"""


@pytest.fixture(scope="module")
def server(apus, module):
    with apus("Workers 1\n" + module.load() + HANDLER + HOSTS) as running:
        yield running


def facts(connection, **options):
    text = connection.request(get("/facts", **options)).body.decode()
    return dict(line.split("=", 1) for line in text.splitlines())


def test_facts(server):
    with Connection(server.port) as connection:
        found = facts(connection)
        assert (found["peer"], found["local"], found["transport"], found["protocol"]) == (
            "127.0.0.1",
            "127.0.0.1",
            "tcp",
            "",
        )
        assert int(found["peer-port"]) == connection.socket.getsockname()[1]
        assert int(found["local-port"]) == server.port
        assert (found["secure"], found["token"]) == ("0", "1")
        assert found["requests"] == "1"
        again = facts(connection)
        assert (again["requests"], again["slot"], again["id"]) == ("2", "2", found["id"])


def test_each_connection_has_its_own_slot_and_id(server):
    with Connection(server.port) as one, Connection(server.port) as two:
        first, second = facts(one), facts(two)
        assert (first["slot"], second["slot"]) == ("1", "1")
        assert first["id"] != second["id"]


def test_pool_goes_with_the_connection(server):
    with Connection(server.port) as connection:
        number = facts(connection)["id"]
        assert f"pool of connection {number} freed" not in server.error_log()
    server.wait_for_log(f"pool of connection {number} freed")
    log = server.error_log()
    assert log.index(f"connection {number} closes") < log.index(f"pool of connection {number} freed")
    assert log.count(f"connection {number} closes") == 1


def test_close(server):
    with Connection(server.port) as connection:
        connection.send(get("/close"))
        assert connection.read_response().body == b"bye"
        assert connection.connection_closed()


def test_close_says_so(server):
    response = fetch(server.port, get("/close"))
    assert not response.persistent


def test_refusal(apus, module):
    with apus(module.load() + HANDLER + "AbiRefusePort @PORT2@\n", ports=2) as server:
        for _ in range(3):
            with Connection(server.ports[1]) as connection:
                connection.send(get("/facts"))
                assert connection.read_to_end() == b""
            assert fetch(server.ports[0], get("/facts")).status == 200


def test_post(server):
    with Connection(server.port) as one, Connection(server.port) as two:
        number = one.request(get("/keep")).body.decode()
        assert two.request(get("/post")).body == b"0"
        server.wait_for_log(f"posted to {number}$")


def test_post_to_a_connection_that_has_gone(server):
    with Connection(server.port) as connection:
        number = connection.request(get("/keep")).body.decode()
    server.wait_for_log(f"connection {number} closes")
    assert fetch(server.port, get("/post")).body == b"-6"
    assert not re.search(rf"posted to {number}$", server.error_log(), re.MULTILINE)
