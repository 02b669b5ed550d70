"""Filters on bodies: what they make of them, and in which order."""

import itertools

import pytest
from support.waiting import settled, wait_until
from support.wire import Connection, fetch, get

AREA = "filters"

CONFIG = """\
Workers 1
<LocationMatch "^/(abi|echo)">
    SetHandler abi
</LocationMatch>
"""


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(module.load() + CONFIG) as running:
        running.put("file.txt", "some text in a file\n" * 400)
        yield running


def body(server, query, path="/abi"):
    return fetch(server.port, get(f"{path}?{query}")).body


def test_none(server):
    assert body(server, "") == b"Hello, world"


def test_upper(server):
    response = fetch(server.port, get("/abi?out=UPPER"))
    assert response.body == b"HELLO, WORLD"
    assert response.header("X-Inserted") == "UPPER:0"


def test_names_compare_without_case(server):
    assert body(server, "out=uPPer") == b"HELLO, WORLD"


def test_unknown_name(server):
    response = fetch(server.port, get("/abi?out=NOWHERE"))
    assert response.header("X-Inserted") == "NOWHERE:-4"
    assert response.body == b"Hello, world"


def test_direction_is_part_of_the_name(server):
    assert fetch(server.port, get("/abi?out=ROT")).header("X-Inserted") == "ROT:-4"


def test_a_file_through_a_filter(server):
    response = fetch(server.port, get("/file.txt?out=UPPER"))
    assert response.body == b"SOME TEXT IN A FILE\n" * 400


def test_head_through_a_filter(server):
    with Connection(server.port) as connection:
        assert connection.request(get("/file.txt?out=UPPER", method="HEAD")).status == 200
        assert connection.request(get("/abi?out=UPPER")).body == b"HELLO, WORLD"


STAGES = ["MARK-CONTENT", "MARK-TRANSFORM", "MARK-ENCODE", "MARK-FRAME"]


@pytest.mark.parametrize(
    "names", list(itertools.permutations(STAGES))[::5], ids=lambda names: "-".join(n[5] for n in names)
)
def test_stages_decide_not_the_order_of_insertion(server, names):
    expected = b"Hello, world"
    for name in STAGES:
        expected = f"({name} ".encode() + expected + b")"
    assert body(server, "out=" + ",".join(names)) == expected


def test_content_before_encode(server):
    assert body(server, "out=MARK-ENCODE,UPPER") == b"(MARK-ENCODE HELLO, WORLD)"


def test_after_inside_a_stage(server):
    """MARK-A stands after MARK-B: its brackets are outside."""
    for names in ("MARK-A,MARK-B", "MARK-B,MARK-A"):
        assert body(server, f"out={names}") == b"(MARK-A (MARK-B Hello, world))"


def test_removal(server):
    """What follows passes a removed filter by."""
    assert body(server, "out=ONCE") == b"once:Hello, world"
    request = get("/echo?out=ONCE", "Content-Length: 3", method="POST") + b"abc"
    assert fetch(server.port, request).body == b"once:abc"


def test_begin_that_declines_leaves_it_out(server):
    response = fetch(server.port, get("/abi?out=NEVER,UPPER"))
    assert response.body == b"HELLO, WORLD"
    assert response.header("X-Inserted") == "NEVER:0, UPPER:0"


def test_a_filter_that_fails(server):
    with Connection(server.port, timeout=2) as connection:
        connection.send(get("/abi?out=FAIL"))
        data = connection.peek(12)
        assert data == b"" or data.startswith(b"HTTP/1.1 500")
    assert body(server, "out=UPPER") == b"HELLO, WORLD"


def test_end_is_called_once(server):
    # The lines of the tests before may still be on their way.
    before = settled(lambda: server.error_log().count("end UPPER"))
    for path, method in (("/abi", "GET"), ("/file.txt", "HEAD"), ("/abi", "GET")):
        fetch(server.port, get(f"{path}?out=UPPER", method=method))
    wait_until(lambda: server.error_log().count("end UPPER") >= before + 3, "the ends of three filters")
    body(server, "")
    assert server.error_log().count("end UPPER") == before + 3


def test_input(server):
    request = get("/echo?in=ROT", "Content-Length: 5", method="POST") + b"hello"
    assert fetch(server.port, request).body == b"uryyb"


def test_input_in_pieces(server):
    with Connection(server.port) as connection:
        connection.send(get("/echo?in=ROT", "Transfer-Encoding: chunked", method="POST"))
        connection.send(b"3\r\nabc\r\n5\r\nxyzzy\r\n0\r\n\r\n", piece=4, pause=0.01)
        assert connection.read_response("POST").body == b"nopklmml"


def test_input_and_output(server):
    request = get("/echo?in=ROT,UPPER&out=MARK-FRAME", "Content-Length: 5", method="POST") + b"hello"
    assert fetch(server.port, request).body == b"(MARK-FRAME URYYB)"


def test_input_status(server):
    request = get("/echo?in=TOO-BIG", "Content-Length: 5", method="POST") + b"hello"
    assert fetch(server.port, request).status == 413


def test_filters_of_one_request_do_not_touch_the_next(server):
    with Connection(server.port) as connection:
        for query, expected in (
            ("out=UPPER", b"HELLO, WORLD"),
            ("", b"Hello, world"),
            ("out=ONCE", b"once:Hello, world"),
        ):
            assert connection.request(get(f"/abi?{query}")).body == expected


@pytest.mark.parametrize(
    "part, words", [("stage", ['"ODD"', "stage"]), ("rival", ['"upper"', "abi_filters_module"])]
)
def test_refused(configured, module, part, words):
    server = configured(module.load() + module.load(part))
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(f"abi_filters_{part}_module"))
    for word in words:
        assert word in done.stderr


def test_order_in_the_dump(configured, module):
    done = configured(module.load()).run("-M", "-v")
    text = done.stdout.split("Filters, from the handler")[1].split("\n\n")[0].lower()
    places = [
        text.index(name.lower() + " ") for name in ("upper", "mark-transform", "mark-encode", "mark-frame")
    ]
    assert places == sorted(places)
