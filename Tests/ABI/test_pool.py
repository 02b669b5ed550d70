"""Memory that is freed at once, and what is called then."""

import pathlib
import re

import pytest
from support.wire import Connection, fetch, get

from .texts import HANDLER

AREA = "pool"


@pytest.fixture(scope="module")
def server(apus, module):
    with apus("Workers 1\nMaxKeepAliveRequests 0\n" + module.load() + HANDLER) as running:
        yield running


def freed(server, before):
    return re.findall(r"freed (.+)$", server.error_log()[before:], re.MULTILINE)


def test_last_registered_first_called_after_logging(server):
    before = len(server.error_log())
    with Connection(server.port) as connection:
        for _ in range(2):
            connection.request(get("/order"))
        server.wait_for_log(r"(?s)(freed one.*){2}")
    assert freed(server, before) == ["logged", "three", "two", "one"] * 2


def test_children(server):
    before = len(server.error_log())
    fetch(server.port, get("/children"))
    server.wait_for_log("freed grandchild")
    server.wait_for_log("freed late child")
    found = freed(server, before)
    assert found[:5] == ["early child", "early done", "orphan", "orphan done", "parent"]
    assert sorted(found[5:]) == ["grandchild", "late child"]


def test_memory(server):
    assert fetch(server.port, get("/memory")).body == b"1 1 bytes 0 0 1"


def test_memory_is_given_back(server):
    """Three megabytes a request; the worker does not grow by them."""

    def resident():
        (child,) = (
            pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        )
        text = pathlib.Path(f"/proc/{child}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])

    with Connection(server.port) as connection:
        for _ in range(20):
            connection.request(get("/memory"))
        first = resident()
        for _ in range(200):
            connection.request(get("/memory"))
        assert resident() - first < 20_000
