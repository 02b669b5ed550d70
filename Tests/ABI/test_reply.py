"""A handler that answers in one call, and what its return values come to."""

import pytest
from support.wire import Connection, fetch, get

from .texts import HANDLER

AREA = "reply"


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(module.load() + HANDLER) as running:
        yield running


def test_text(server):
    response = fetch(server.port, get("/text"))
    assert (response.status, response.body) == (200, b"hello")
    assert response.header("Content-Type") == "text/plain"
    assert response.header("Content-Length") == "5"


def test_head_has_the_same_fields_and_no_body(server):
    response = fetch(server.port, get("/text", method="HEAD"))
    assert (response.status, response.body) == (200, b"")
    assert response.header("Content-Length") == "5"


def test_any_method(server):
    response = fetch(server.port, get("/text", method="BREW"))
    assert (response.status, response.body) == (200, b"hello")


@pytest.mark.parametrize("status", [201, 299, 404, 418, 503, 599])
def test_status_with_a_body_of_its_own(server, status):
    response = fetch(server.port, get(f"/status?{status}"))
    assert (response.status, response.body) == (status, b"said")


def test_no_content(server):
    response = fetch(server.port, get("/empty"))
    assert response.status == 204
    assert response.header("Content-Length") is None


def test_empty_content_type_leaves_it(server):
    response = fetch(server.port, get("/untyped"))
    assert response.body == b"hello"
    assert response.header("Content-Type") is None


@pytest.mark.parametrize("status", [400, 403, 404, 429, 503])
def test_returned_status_is_answered_with_an_error_page(server, status):
    response = fetch(server.port, get(f"/return?{status}"))
    assert response.status == status
    assert response.header("Content-Type").startswith("text/html")
    assert response.body


def test_declined_by_all(server):
    """As in httpd a handler that nobody is changes nothing: there is no such file. The log tells why nobody answered."""
    assert fetch(server.port, get("/nothing")).status == 404
    assert fetch(server.port, get("/return?1")).status == 404
    server.wait_for_log("no loaded module answers for the handler abi")


@pytest.mark.parametrize("error", [-1, -3, -11])
def test_negative_status_is_logged_and_the_connection_survives(server, error):
    with Connection(server.port) as connection:
        assert connection.request(get(f"/return?{error}")).status == 500
        assert connection.request(get("/text")).body == b"hello"


def test_negative_status_is_logged_with_module_hook_and_code(server):
    fetch(server.port, get("/return?-7"))
    line = server.wait_for_log(r"^.*-7\b.*$")[0]
    assert "abi_reply" in line and "handler" in line


def test_done(server):
    with Connection(server.port) as connection:
        assert connection.request(get("/done")).body == b"done"
        assert connection.request(get("/text")).body == b"hello"


def test_arguments_out_of_range_are_refused(server):
    response = fetch(server.port, get("/refused"))
    assert response.body == b"-3 -3 -3"
    assert response.header("X-Evil") is None


def test_large_answer(server):
    response = fetch(server.port, get("/big"))
    assert response.body == b"x" * (4 << 20)


def test_pipelined(server):
    with Connection(server.port) as connection:
        connection.send(get("/text") + get("/done") + get("/status?202"))
        assert [connection.read_response().body for _ in range(3)] == [b"hello", b"done", b"said"]
