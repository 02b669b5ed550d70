"""Request bodies read, and response bodies written, as chains of segments."""

import pathlib
import time

import pytest
from support.wire import Connection, fetch, get

from .texts import HANDLER

AREA = "body"


def expected_stream(pieces):
    return b"".join(bytes([97 + left % 26]) * 65536 for left in range(pieces, 0, -1))


def chunked(*chunks, trailers=""):
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return body + b"0\r\n" + trailers.encode() + b"\r\n"


@pytest.fixture(scope="module")
def server(apus, module):
    with apus("Workers 1\n" + module.load() + HANDLER) as running:
        running.put("data.bin", bytes(range(256)) * 40)
        yield running


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 300_000])
def test_content_length(server, size):
    body = bytes(n % 251 for n in range(size))
    response = fetch(server.port, get("/echo", f"Content-Length: {size}", method="POST") + body)
    assert (response.status, response.body) == (200, body)


def test_no_body(server):
    assert fetch(server.port, get("/echo")).body == b""
    assert fetch(server.port, get("/expected")).body == b"0"
    with Connection(server.port) as connection:
        response = connection.request(get("/expected", "Content-Length: 3", method="PUT") + b"abc")
        assert response.body == b"1"
        assert connection.request(get("/expected")).body == b"0"


@pytest.mark.parametrize("pieces", [[b"a"], [b"hello ", b"world"], [b"x" * 5000] * 20])
def test_chunked(server, pieces):
    request = get("/echo", "Transfer-Encoding: chunked", method="POST") + chunked(*pieces)
    assert fetch(server.port, request).body == b"".join(pieces)


def test_slow_body(server):
    """The handler sees AGAIN and is called when the next piece is there."""
    with Connection(server.port) as connection:
        connection.send(get("/echo", "Content-Length: 12", method="POST"))
        for piece in (b"one ", b"two ", b"tree"):
            time.sleep(0.03)
            connection.send(piece)
        assert connection.read_response("POST").body == b"one two tree"
        connection.send(get("/echo", "Transfer-Encoding: chunked", method="POST"))
        connection.send(chunked(b"a" * 20, b"b" * 20), piece=7, pause=0.005)
        assert connection.read_response("POST").body == b"a" * 20 + b"b" * 20
        assert connection.request(get("/echo")).status == 200


def test_expect_continue(server):
    with Connection(server.port) as connection:
        connection.send(get("/echo", "Content-Length: 5", "Expect: 100-continue", method="POST"))
        assert connection.read_head().status == 100
        connection.send(b"hello")
        assert connection.read_response("POST").body == b"hello"


def test_large_upload_in_bounded_memory(server):
    size = 24 << 20
    block = bytes(range(256)) * 4096
    with Connection(server.port) as connection:
        connection.send(get("/count", f"Content-Length: {size}", method="POST"))
        for _ in range(size // len(block)):
            connection.send(block)
        count, total, largest = map(int, connection.read_response("POST").body.split())
    assert (count, total) == (size, sum(range(256)) * size // 256)
    assert largest <= 65536


def test_a_body_that_is_cut_off(server):
    with Connection(server.port) as connection:
        connection.send(get("/count", "Content-Length: 100", method="POST") + b"short")
        connection.half_close()
        answer = connection.read_to_end()
    assert b"200 OK" not in answer
    assert fetch(server.port, get("/expected")).status == 200


def test_a_broken_chunked_body_is_400(server):
    request = get("/echo", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhelloXX"
    with Connection(server.port) as connection:
        assert connection.request(request).status == 400


@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_streamed_answer(server, pieces):
    response = fetch(server.port, get(f"/stream?{pieces}"))
    assert response.framing == "chunked"
    assert response.body == expected_stream(pieces)


def test_back_pressure(server):
    """A client that does not read makes the handler wait, and nothing is lost."""
    with Connection(server.port, receive_buffer=4096) as connection:
        connection.send(get("/stream?160", "TE: trailers"))
        time.sleep(0.3)
        response = connection.read_response()
    assert response.body == expected_stream(160)
    assert dict(response.trailers).get("X-Waits", "waited") == "waited"


def test_client_that_leaves_a_stream(server):
    with Connection(server.port, receive_buffer=4096) as connection:
        connection.send(get("/stream?200"))
        connection.peek(1000)
    for _ in range(3):
        assert fetch(server.port, get("/stream?2")).body == expected_stream(2)


def test_streams_beside_each_other(server):
    connections = [Connection(server.port) for _ in range(6)]
    for connection in connections:
        connection.send(get("/stream?30"))
    for connection in connections:
        assert connection.read_response().body == expected_stream(30)
        connection.close()


def test_pieces_and_release(server):
    before = server.error_log().count("released")
    assert fetch(server.port, get("/pieces")).body == b"one two three"
    server.wait_for_log("released")
    time.sleep(0.05)
    assert server.error_log().count("released") == before + 1


def test_file_segments(server):
    data = bytes(range(256)) * 40
    with Connection(server.port) as connection:
        for _ in range(3):
            assert connection.request(get("/file")).body == b"<" + data[100:1100] + data[5000:5003] + b">"
        assert connection.request(get("/file", method="HEAD")).status == 200


def test_files_are_closed(server):
    def count():
        # the leader's child: the only worker
        (child,) = (
            pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        )
        return sum("data.bin" in str(link.readlink()) for link in pathlib.Path(f"/proc/{child}/fd").iterdir())

    for _ in range(5):
        fetch(server.port, get("/file"))
    assert count() == 0


def test_chains(server):
    text = fetch(server.port, get("/chains")).body.decode()
    assert text.splitlines() == [
        "empty -4",
        "bad -3 -3",
        "3:[cde]",
        "2:[f][FLUSH][g]",
        "2:[hi][END]",
        "0:",
    ]


def test_trailers(server):
    request = get("/trailers", "Transfer-Encoding: chunked", "TE: trailers", "Trailer: X-Sum", method="POST")
    with Connection(server.port) as connection:
        response = connection.request(request + chunked(b"abc", trailers="X-Sum: 17\r\n"))
        assert response.body == b"body abc"
        assert dict(response.trailers) == {"X-Got": "17"}
        response = connection.request(get("/trailers", "TE: trailers"))
        assert dict(response.trailers) == {"X-Got": "none"}


def test_streamed_answer_to_http_1_0(server):
    response = fetch(server.port, get("/stream?3", version="HTTP/1.0"))
    assert response.framing == "close"
    assert response.body == expected_stream(3)


def test_pipelined_behind_a_stream(server):
    with Connection(server.port) as connection:
        connection.send(
            get("/stream?20") + get("/echo", "Content-Length: 2", method="POST") + b"ok" + get("/expected")
        )
        assert connection.read_response().body == expected_stream(20)
        assert connection.read_response("POST").body == b"ok"
        assert connection.read_response().body == b"0"
