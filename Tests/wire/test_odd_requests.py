"""What hardly anybody sends, and what little there is to do right about it."""

import os
import time
from email.utils import parsedate_to_datetime

import pytest

from support.server import DEFAULT_MODULES
from support.wire import Connection, fetch, get

SMUGGLED = get("/smuggled")


@pytest.fixture(scope="module")
def server(apus):
    config = (
        "Workers 1\nTimeout 2\nLimitRequestFields 0\nErrorDocument 403 /page.html\nErrorDocument 408 /page.html\n"
        '<Location "/denied">\nRequire all denied\n</Location>\nAddOutputFilter DEFLATE .txt\n'
        '<Files "closing.html">\nHeader set Connection close\n</Files>\n'
        '<Files "always.html">\nHeader always set Connection "x, Close"\n</Files>\n'
    )
    with apus(config, modules=(*DEFAULT_MODULES, "headers", "deflate")) as running:
        for name in ("page", "closing", "always"):
            running.put(f"{name}.html", f"{name}\n")
        yield running


@pytest.mark.parametrize("times", [2, 255, 256, 257, 258, 512])
@pytest.mark.parametrize(
    "line", ["Transfer-Encoding: chunked", "Content-Length: 5", "Host: other", "Expect: 100-continue"], ids=lambda line: line.split(":")[0]
)
def test_however_often_a_field_of_framing_comes(server, line, times):
    """Twice is too often, and 256 times no better."""
    name = line.split(":")[0]
    others = [other for other in (f"Content-Length: {len(SMUGGLED) + 5}", "Host: localhost") if not other.startswith(name)]
    head = "\r\n".join(["POST /page.html HTTP/1.1", *others, *[line] * times, "", ""])
    with Connection(server.port) as connection:
        connection.send(head.encode() + b"0\r\n\r\n" + SMUGGLED)
        assert connection.read_response().status in ((400,) if name != "Expect" else (400, 417))
        connection.read_to_end()
    assert "/smuggled" not in server.access_log()


@pytest.mark.parametrize("empty", [b"\n", b"\n" * 3000, b"\r\n\n", b"\r\n\r\n\n\r\n"], ids=len)
def test_empty_lines_end_in_cr_lf_too(server, empty):
    """And so are counted: nobody fills the memory with them."""
    with Connection(server.port) as connection:
        connection.send(empty)
        assert connection.read_response().status == 400
        connection.read_to_end()


@pytest.mark.parametrize("path", ["/closing.html", "/always.html"])
def test_an_answer_that_says_it_closes(server, path):
    with Connection(server.port) as connection:
        response = connection.request(get(path))
        assert response.header("Connection") == "close"
        assert connection.read_to_end() == b""


def test_a_refusal_does_not_ask_for_the_body(server):
    """Nor does the page that tells it."""
    with Connection(server.port) as connection:
        connection.send(b"POST /denied HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
        response = connection.read_head()
        assert response.status == 403
        assert connection.read_to_end().endswith(b"page\n")


def test_the_page_for_a_body_that_never_came(server):
    with Connection(server.port) as connection:
        connection.send(b"POST /page.html HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nsome")
        response = connection.read_response()
        assert (response.status, response.body) == (408, b"page\n")


@pytest.mark.parametrize("date", [-1, -400_000_000, -20_000_000_000, 7_000_000_000, 13_000_000_000], ids=str)
def test_files_of_other_times(server, date):
    """Their dates are told as the nearest that can be said, and that has been."""
    path = server.put(f"dated{date}.html", "dated\n")
    os.utime(path, (date, date))
    if int(os.stat(path).st_mtime) != date:
        pytest.skip("the file system cannot date it so")
    for _ in range(2):
        response = fetch(server.port, get(f"/dated{date}.html"))
        assert response.status == 200
        told = parsedate_to_datetime(response.header("Last-Modified")).timestamp()
        assert told == 0 if date < 0 else abs(told - time.time()) < 60
