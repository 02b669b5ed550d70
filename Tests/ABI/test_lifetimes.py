"""What outlives what: names of connections, lent bytes, filters of requests that others took the place of, and what one
connection sets going on another."""

import random

import pytest
from support.waiting import wait_until
from support.wire import Connection, fetch, get

CONFIG = """\
Workers 1
MaxKeepAliveRequests 0
<Location "/filtered">
    SetOutputFilter ENDING
    ErrorDocument 404 /page.html
</Location>
"""


@pytest.fixture(scope="module")
def server(apus, build):
    module = build("lifetimes", "c")
    with apus(f"LoadModule abi_lifetimes_module {module.file}\n" + CONFIG) as running:
        running.put("page.html", "a page\n")
        running.put("plain.html", "plain\n")
        yield running


def test_a_name_of_a_connection_is_never_another_s(server):
    """However the descriptors, and the memory, of those that have gone are dealt out again."""
    seen, chance = set(), random.Random(1)
    with Connection(server.port) as witness:
        for _ in range(40):
            connections = [Connection(server.port) for _ in range(chance.randint(1, 4))]
            names = {connection.request(get("/token")).body for connection in connections}
            assert len(names) == len(connections) and not names & seen
            seen |= names
            chance.shuffle(connections)
            for connection in connections:
                connection.close()
                # One after the other, so that the worker sees them go in this order.
                witness.request(get("/plain.html"))


def test_what_is_posted_to_a_connection_that_has_gone(server):
    with Connection(server.port) as connection:
        connection.request(get("/keep"))
    connections = [Connection(server.port) for _ in range(4)]
    for connection in connections:
        connection.request(get("/post"))
        connection.close()
    assert "posted to somebody" not in server.error_log()


def test_lent_bytes_come_back_before_the_memory_goes(server):
    with Connection(server.port, receive_buffer=4096) as connection:
        connection.send(get("/lend"))
        connection.read_head()
        # Served behind it: now the worker waits for the client.
        fetch(server.port, get("/plain.html"))
        # What it leaves unread makes the kernel reset the connection.
    server.wait_for_log("given back")
    assert "given back too late" not in server.error_log()


def test_filters_of_a_request_that_became_an_error_page_end(server):
    before = server.error_log().count("a filter ended")
    response = fetch(server.port, get("/filtered"))
    assert (response.status, response.body) == (404, b"a page\n")
    wait_until(lambda: server.error_log().count("a filter ended") == before + 1, "the end of the filter")


def test_a_filter_that_another_connection_wakes(server):
    """What the two have sent behind it stays apart."""
    with Connection(server.port) as held, Connection(server.port) as other:
        held.send(get("/hold"))
        fetch(server.port, get("/plain.html"))
        held.send(get("/who?BBBBBBBB") * 3)
        wake = get("/wake")
        # As long as one of the others' requests, so that each would begin where one of theirs does.
        wake = get("/wake?" + "x" * (len(get("/who?BBBBBBBB")) - len(wake) - 1))
        other.send(wake + get("/who?AAAAAAAA"))
        assert [other.read_response().body for _ in range(2)] == [b"woke", b"AAAAAAAA"]
        assert [held.read_response().body for _ in range(4)] == [b"held"] + [b"BBBBBBBB"] * 3


def test_a_reason_is_its_request_s_own(server):
    usual = [fetch(server.port, get("/plain.html")).reason for _ in range(2)]
    fine = fetch(server.port, get("/plain.html?fine"))
    again = fetch(server.port, get("/plain.html"))
    assert (usual, fine.reason, again.reason) == (["OK", "OK"], "Perfectly Fine Indeed", "OK")
    for answer in (fine, again):
        assert len(answer.header("Date")) == 29 and answer.header("Date").endswith(" GMT")
