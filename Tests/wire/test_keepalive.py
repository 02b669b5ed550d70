"""Persistent connections: who keeps them, for how long, how many times, and what the fields say."""

import time

import pytest

from support.wire import Connection, fetch, get
from support.site import make_vector_site


@pytest.fixture
def with_config(server_class):
    """Starts servers with extra configuration and stops them after the test."""
    running = []

    def start(config):
        server = server_class(config)
        server.__enter__()
        running.append(server)
        make_vector_site(server)
        return server

    yield start
    for server in running:
        server.__exit__(None, None, None)


def test_http11_is_kept_without_saying_so(server):
    with Connection(server.port) as connection:
        for _ in range(20):
            response = connection.request(get("/probe.txt"))
            assert (response.status, response.header("Connection")) == (200, None)


def test_connection_close_is_answered_and_obeyed(server):
    with Connection(server.port) as connection:
        response = connection.request(get("/probe.txt", "Connection: close"))
        assert response.header("Connection").lower() == "close"
        assert connection.connection_closed()


def test_http10_is_closed(server):
    with Connection(server.port) as connection:
        response = connection.request(get("/probe.txt", version="HTTP/1.0"))
        assert response.header("Connection").lower() == "close"
        assert connection.connection_closed()


def test_http10_keep_alive_is_granted_and_announced(server):
    with Connection(server.port) as connection:
        for _ in range(3):
            response = connection.request(get("/probe.txt", "Connection: Keep-Alive", version="HTTP/1.0"))
            assert response.header("Connection") == "Keep-Alive"
            assert response.header("Keep-Alive").startswith("timeout=5, max=")


def test_keep_alive_field_only_where_asked_for(server):
    """httpd sends Keep-Alive to those alone who sent `Connection: keep-alive`."""
    plain = fetch(server.port, get("/probe.txt"))
    asked = fetch(server.port, get("/probe.txt", "Connection: keep-alive"))
    assert plain.header("Keep-Alive") is None
    assert (asked.header("Connection"), asked.header("Keep-Alive")) == ("Keep-Alive", "timeout=5, max=100")


def test_keep_alive_counts_down(server):
    with Connection(server.port) as connection:
        values = [
            connection.request(get("/probe.txt", "Connection: keep-alive")).header("Keep-Alive")
            for _ in range(3)
        ]
    assert values == ["timeout=5, max=100", "timeout=5, max=99", "timeout=5, max=98"]


def test_max_keepalive_requests(with_config):
    server = with_config("MaxKeepAliveRequests 3\n")
    with Connection(server.port) as connection:
        first = [connection.request(get("/probe.txt", "Connection: keep-alive")) for _ in range(3)]
        assert [response.status for response in first] == [200] * 3
        last = (
            connection.request(get("/probe.txt", "Connection: keep-alive"))
            if first[-1].persistent
            else first[-1]
        )
        assert last.header("Connection").lower() == "close"
        assert connection.connection_closed()


def test_max_keepalive_requests_zero_is_no_limit(with_config):
    server = with_config("MaxKeepAliveRequests 0\n")
    with Connection(server.port) as connection:
        assert all(connection.request(get("/probe.txt")).persistent for _ in range(250))
        response = connection.request(get("/probe.txt", "Connection: keep-alive"))
        assert response.header("Keep-Alive") == "timeout=5"


def test_keepalive_off(with_config):
    server = with_config("KeepAlive Off\n")
    with Connection(server.port) as connection:
        response = connection.request(get("/probe.txt", "Connection: keep-alive"))
        assert response.header("Connection").lower() == "close"
        assert connection.connection_closed()


def test_keepalive_timeout_closes_in_silence(with_config):
    """Bounds are wide: not at once, and not for ever."""
    server = with_config("KeepAliveTimeout 1\n")
    with Connection(server.port) as connection:
        connection.request(get("/probe.txt"))
        begin = time.monotonic()
        assert connection.connection_closed()
        assert time.monotonic() - begin > 0.5


def test_keepalive_timeout_in_milliseconds(with_config):
    server = with_config("KeepAliveTimeout 300ms\n")
    with Connection(server.port) as connection:
        connection.request(get("/probe.txt"))
        assert connection.connection_closed()


def test_timeout_ends_an_unfinished_head(with_config):
    """httpd answers 408; what matters is that the connection ends."""
    server = with_config("Timeout 1\n")
    with Connection(server.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: local")
        assert connection.peek(9) in (b"", b"HTTP/1.1 ")
        if connection.peek(1):
            assert connection.read_response().status == 408
        assert connection.connection_closed()


def test_timeout_ends_an_unfinished_body(with_config):
    server = with_config("Timeout 1\n")
    with Connection(server.port) as connection:
        connection.send(get("/probe.txt", "Content-Length: 10", method="POST") + b"hello")
        if connection.peek(1):
            assert connection.read_response("POST").status in (400, 408)
        assert connection.connection_closed()


def test_timeout_ends_a_connection_without_a_request(apus, with_config):
    """apache2 leaves it to the kernel's deferred accept, which waits longer than this test."""
    server = with_config("Timeout 1\n")
    with Connection(server.port) as connection:
        if connection.peek(1):
            assert connection.read_response().status == 408
        assert connection.connection_closed()


def test_idle_connections_do_not_stop_others(server):
    """More idle connections than a small thread pool has threads."""
    idle = [Connection(server.port) for _ in range(100)]
    try:
        for connection in idle:
            assert connection.request(get("/probe.txt")).status == 200
        assert fetch(server.port, get("/probe.txt")).status == 200
    finally:
        for connection in idle:
            connection.close()


def test_error_pages_keep_the_connection(server):
    with Connection(server.port) as connection:
        statuses = [
            connection.request(get(path)).status
            for path in ("/none", "/denied/file.txt", "/dir", "/probe.txt")
        ]
        assert statuses == [404, 403, 301, 200]
