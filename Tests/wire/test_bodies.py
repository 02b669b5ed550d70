"""What comes back: files whole, HEAD without a body, pages for errors; and request bodies of every shape."""

import os

import pytest

from support.wire import Connection, fetch, get


def test_a_file_with_its_fields(server):
    response = fetch(server.port, get("/probe.txt"))
    assert (response.status, response.reason, response.body) == (200, "OK", b"in step\n")
    assert response.header("Content-Type") == "text/plain"
    assert response.header("Content-Length") == "8"
    assert response.header("Accept-Ranges") == "bytes"
    for name in ("Date", "Last-Modified", "ETag", "Server"):
        assert response.header(name), name


@pytest.mark.parametrize(
    "path", ["/probe.txt", "/large.bin", "/empty.txt", "/", "/none", "/dir", "/denied/file.txt"]
)
def test_head_has_the_fields_of_get(server, path):
    """RFC 9110 section 9.3.2; a length may be missing where the body is made on the fly, or empty."""
    got, head = (fetch(server.port, get(path, method=method)) for method in ("GET", "HEAD"))
    assert (head.status, head.reason) == (got.status, got.reason)
    optional = {"Content-Length", "Transfer-Encoding"} if got.status >= 300 or not got.body else set()
    missing = {name for name, _ in got.headers} - {name for name, _ in head.headers}
    assert missing <= optional
    for name in ("Content-Type", "ETag", "Last-Modified", "Location"):
        assert head.values(name) == got.values(name)


def test_head_sends_nothing_after_the_head(server):
    with Connection(server.port) as connection:
        connection.request(get("/large.bin", "Connection: close", method="HEAD"))
        assert connection.connection_closed()


def test_an_empty_file(server):
    response = fetch(server.port, get("/empty.txt"))
    assert (response.status, response.body, response.header("Content-Length")) == (200, b"", "0")


@pytest.mark.parametrize(
    "path, status, reason", [("/none", 404, "Not Found"), ("/denied/file.txt", 403, "Forbidden")]
)
def test_error_pages(server, path, status, reason):
    response = fetch(server.port, get(path))
    assert (response.status, response.reason) == (status, reason)
    assert response.header("Content-Type") == "text/html; charset=iso-8859-1"
    assert f"<h1>{reason}</h1>".encode() in response.body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_method_not_allowed_names_those_allowed(server, method):
    response = fetch(server.port, get("/probe.txt", "Content-Length: 0", method=method))
    assert response.status == 405
    allowed = {name.strip() for name in response.header("Allow").split(",")}
    assert {"GET", "HEAD", "OPTIONS"} <= allowed


def test_error_pages_escape_the_path(server):
    """Nothing that a client sends reaches a page unescaped."""
    response = fetch(server.port, get("/<script>alert(1)</script>"))
    assert response.status == 404
    assert b"<script>" not in response.body


def test_log_escapes_what_a_client_sends(server):
    fetch(server.port, get('/log-me?"quoted\\', "User-Agent: x"))
    line = server.wait_for_log(r".*/log-me.*", log="access").group()
    assert r"\"quoted\\" in line


def test_large_file_whole(server, large):
    assert fetch(server.port, get("/large.bin")).body == large


def test_large_file_to_a_slow_reader(server, large):
    """A small receive buffer and small reads: the server is made to wait many times."""
    with Connection(server.port, receive_buffer=4096) as connection:
        connection.send(get("/large.bin"))
        head = connection.read_head()
        assert head.header("Content-Length") == str(len(large))
        body = bytearray()
        while len(body) < len(large):
            body += connection.read_exactly(min(1500, len(large) - len(body)))
    assert bytes(body) == large


def test_a_reader_that_goes_away_harms_nobody(server):
    for _ in range(20):
        with Connection(server.port, receive_buffer=4096) as connection:
            connection.send(get("/large.bin"))
            connection.read_head()
    assert fetch(server.port, get("/probe.txt")).status == 200


def test_byte_by_byte_request(server):
    with Connection(server.port) as connection:
        connection.send(get("/probe.txt", "X-Slow: yes"), piece=1, pause=0.001)
        assert connection.read_response().body == b"in step\n"


def test_byte_by_byte_chunked_body(server):
    data = (
        get("/probe.txt", "Transfer-Encoding: chunked", method="POST")
        + b"5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n"
    )
    with Connection(server.port) as connection:
        connection.send(data, piece=1, pause=0.001)
        assert connection.read_response().status == 200
        assert connection.request(get("/probe.txt")).status == 200


@pytest.mark.parametrize("size", [1, 8191, 65536, 1_000_000])
def test_request_bodies_by_length_are_consumed(server, size):
    with Connection(server.port) as connection:
        body = os.urandom(size)
        response = connection.request(get("/probe.txt", f"Content-Length: {size}", method="POST") + body)
        assert response.status == 200
        assert connection.request(get("/probe.txt")).body == b"in step\n"


@pytest.mark.parametrize("chunk", [1, 100, 4096, 70_000])
def test_request_bodies_in_chunks_are_consumed(server, chunk):
    count = min(2000, 1_000_000 // chunk)
    data = (b"%x\r\n" % chunk + b"\n" * chunk + b"\r\n") * count + b"0\r\n\r\n"
    with Connection(server.port) as connection:
        assert (
            connection.request(get("/probe.txt", "Transfer-Encoding: chunked", method="POST") + data).status
            == 200
        )
        assert connection.request(get("/probe.txt")).body == b"in step\n"


def test_expect_continue_is_answered_before_the_body(server):
    with Connection(server.port) as connection:
        connection.send(get("/probe.txt", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        interim = connection.read_head()
        assert (interim.status, interim.headers) == (100, [])
        connection.send(b"hello")
        assert connection.read_response().status == 200
        assert connection.request(get("/probe.txt")).status == 200


def test_expect_continue_refused_before_the_body(server):
    """The final status comes instead of 100, and the connection ends: the body may come or not."""
    with Connection(server.port) as connection:
        connection.send(get("/denied/file.txt", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        response = connection.read_response()
        assert (response.status, response.interim) == (403, [])
        assert not response.persistent
        assert connection.connection_closed()


def test_limit_request_body(server_class):
    with server_class("LimitRequestBody 10\n") as limited:
        limited.put("probe.txt", "in step\n")
        within = get("/probe.txt", "Content-Length: 10", method="POST") + b"x" * 10
        above = get("/probe.txt", "Content-Length: 11", method="POST") + b"x" * 11
        chunked = (
            get("/probe.txt", "Transfer-Encoding: chunked", method="POST")
            + b"b\r\n"
            + b"x" * 11
            + b"\r\n0\r\n\r\n"
        )
        assert [fetch(limited.port, data).status for data in (within, above, chunked)] == [200, 413, 413]


def test_limits_are_configurable(server_class):
    config = "LimitRequestLine 100\nLimitRequestFields 5\nLimitRequestFieldSize 50\n"
    with server_class(config) as limited:
        limited.put("probe.txt", "in step\n")
        asked = [
            get("/probe.txt"),
            get("/probe.txt?" + "a" * 120),
            get("/probe.txt", *["X: y"] * 5),
            get("/probe.txt", "X: " + "y" * 60),
        ]
        statuses = [fetch(limited.port, data).status for data in asked]
    assert statuses[0] == 200
    assert statuses[1] == 414
    assert statuses[2] in (400, 431) and statuses[3] in (400, 431)


def test_trace_echoes_and_can_be_disabled(server_class):
    request = get("/probe.txt", "X-Echo: me", method="TRACE")
    with server_class("TraceEnable On\n") as on, server_class("TraceEnable Off\n") as off:
        echo = fetch(on.port, request)
        assert (echo.status, echo.header("Content-Type")) == (200, "message/http")
        assert echo.body.startswith(request[:-2])
        assert fetch(off.port, request).status == 405
