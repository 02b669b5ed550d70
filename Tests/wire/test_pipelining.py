"""Several requests in one go, cut anywhere: answers come whole and in order."""

import pytest

from support.wire import Connection, get

PATHS = ["/probe.txt", "/none", "/index.html", "/dir/", "/denied/file.txt", "/"]
STATUSES = [200, 404, 200, 200, 403, 200]


def burst(repeat=1):
    return b"".join(map(get, PATHS)) * repeat


@pytest.mark.parametrize("piece", [None, 1, 2, 3, 7, 64, 500])
def test_answers_in_order_however_the_bytes_are_cut(server, piece):
    with Connection(server.port) as connection:
        connection.send(burst(), piece=piece)
        assert [connection.read_response().status for _ in PATHS] == STATUSES


@pytest.mark.parametrize("piece", [None, 1, 3, 5])
def test_empty_lines_before_a_request_however_they_are_cut(server, piece):
    with Connection(server.port) as connection:
        for _ in range(3):
            connection.send(b"\r\n\r\n\r\n" + get("/probe.txt"), piece=piece, pause=0.001 if piece else 0)
            assert connection.read_response().body == b"in step\n"


def test_many_at_once(server):
    """More than one receive buffer of requests, and within the keep-alive limit of 100."""
    with Connection(server.port) as connection:
        connection.send(burst(15))
        assert [connection.read_response().status for _ in range(90)] == STATUSES * 15


def test_bodies_between_requests(server):
    inner = get("/none", host="x")
    post = get("/probe.txt", f"Content-Length: {len(inner)}", method="POST") + inner
    chunked = (
        get("/probe.txt", "Transfer-Encoding: chunked", method="POST")
        + b"3\r\nGET\r\n1\r\n \r\n0\r\nX-Trailer: yes\r\n\r\n"
    )
    with Connection(server.port) as connection:
        connection.send((post + chunked + get("/none")) * 5)
        assert [connection.read_response().status for _ in range(15)] == [200, 200, 404] * 5


def test_large_answers_in_a_row(server, large):
    with Connection(server.port) as connection:
        connection.send(get("/large.bin") + get("/probe.txt") + get("/large.bin") + get("/none"))
        assert connection.read_response().body == large
        assert connection.read_response().status == 200
        assert connection.read_response().body == large
        assert connection.read_response().status == 404


def test_head_answers_have_no_body_between_others(server):
    with Connection(server.port) as connection:
        connection.send(get("/large.bin", method="HEAD") + get("/none", method="HEAD") + get("/probe.txt"))
        assert connection.read_response("HEAD").header("Content-Length") == "5242880"
        assert connection.read_response("HEAD").status == 404
        assert connection.read_response().body == b"in step\n"


def test_half_close_after_a_burst(server):
    """A client that has no more to say still gets everything it asked for, then the end of the stream."""
    with Connection(server.port) as connection:
        connection.send(burst(3))
        connection.half_close()
        assert [connection.read_response().status for _ in range(18)] == STATUSES * 3
        assert connection.connection_closed()


def test_last_request_of_a_burst_cut_off(server):
    with Connection(server.port) as connection:
        connection.send(get("/probe.txt") + get("/none")[:-6])
        connection.half_close()
        assert connection.read_response().status == 200
        rest = connection.read_to_end()
        assert not rest or rest.startswith((b"HTTP/1.1 400", b"HTTP/1.1 408"))


def test_each_request_is_logged_once(server):
    with Connection(server.port) as connection:
        connection.send(b"".join(get(f"/logged-{number}") for number in range(20)))
        for _ in range(20):
            connection.read_response()
    server.wait_for_log("GET /logged-19 ", log="access")
    assert [server.access_log().count(f"GET /logged-{number} ") for number in range(20)] == [1] * 20
