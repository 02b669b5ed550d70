"""What modules read and change of a request: its strings, numbers and tables."""

import time

import pytest
from support.wire import Connection, fetch, get

from .texts import HANDLER

AREA = "request"

CONFIG = HANDLER + '<Location "/identity/two">\n    LimitRequestBody 1000\n</Location>\n'


@pytest.fixture(scope="module")
def server(apus, module):
    with apus("Workers 1\n" + module.load() + CONFIG) as running:
        running.put("fields/file.txt", "x" * 77)
        yield running


def ask(server, path, *fields, **options):
    return fetch(server.port, get(path, *fields, **options)).body.decode()


def values(text):
    return dict(line.split("=", 1) for line in text.splitlines())


def test_strings(server):
    found = values(ask(server, "/fields/a%20b//../c?x=%20y", host="LOCALhost:1234"))
    assert found["method"] == "GET"
    assert found["target"] == "/fields/a%20b//../c?x=%20y"
    assert found["query"] == "x=%20y"
    assert found["protocol"] == "HTTP/1.1"
    assert found["scheme"] == "http"
    assert found["host"] == "localhost"
    assert found["request-line"] == "GET /fields/a%20b//../c?x=%20y HTTP/1.1"
    assert found["handler"] == "abi"
    assert found["peer-address"] == "127.0.0.1"
    assert "user" not in found and "auth-type" not in found
    assert ".." not in found["path"] and found["path"].startswith("/fields/")


def test_unset_strings(server):
    found = values(ask(server, "/fields-bare"))
    assert "query" not in found
    assert values(ask(server, "/fields-bare?"))["query"] == ""


def test_file_of_a_request(server):
    found = values(ask(server, "/fields/file.txt/more/info"))
    assert found["filename"] == str(server.htdocs / "fields" / "file.txt")
    assert found["path-info"] == "/more/info"


@pytest.mark.parametrize(
    "host, answer",
    [("named.example", "1 0"), ("ALIAS.example", "1 0"), ("x.wild.example", "1 0"), ("other.example", "0 0")],
)
def test_own_hosts(apus, module, host, answer):
    config = "<VirtualHost *:@PORT@>\nServerName named.example:8080\nServerAlias alias.example *.wild.example\n</VirtualHost>\n"
    with apus("Workers 1\n" + module.load() + HANDLER + config) as running:
        assert fetch(running.port, get(f"/own?{host}")).body.decode().strip() == answer


def test_http_1_0(server):
    assert values(ask(server, "/fields-bare", version="HTTP/1.0"))["protocol"] == "HTTP/1.0"


def test_numbers(server):
    with Connection(server.port) as connection:
        first = values(connection.request(get("/numbers")).body.decode())
        request = get("/numbers", "Content-Length: 2", method="POST")
        second = values(connection.request(request + b"ab").body.decode())
    assert (first["status"], first["bytes-sent"], first["is-subrequest"], first["is-explain"]) == (
        "200",
        "0",
        "0",
        "0",
    )
    assert (first["keepalives"], second["keepalives"]) == ("0", "1")
    assert (first["body-expected"], second["body-expected"]) == ("0", "1")
    assert abs(int(first["time"]) / 1e6 - time.time()) < 20
    assert int(first["port"]) == server.port
    assert int(first["wire-received"]) == len(get("/numbers"))
    assert values(ask(server, "/numbers", host="localhost:4711"))["port"] == "4711"


def test_sets(server):
    answers, holds, numbers, refused = [line.split() for line in ask(server, "/sets").splitlines()]
    writable = {0, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}
    assert [int(answer) for answer in answers] == [0 if field in writable else -3 for field in range(19)]
    assert {field for field, holds in enumerate(holds) if holds == "1"} >= writable
    assert numbers == ["0", "-3", "-3", "0", "-3"]
    assert refused == ["-3", "-3"]


@pytest.mark.parametrize(
    "table", [0, 1, 2, 3, 5, 6], ids=["in", "out", "err", "notes", "trailers-in", "trailers-out"]
)
def test_tables(server, table):
    assert ask(server, f"/tables?{table}").splitlines() == [
        "0 0 0 0",
        "changed 1 1",
        "[Abi-One=1; Abi-Two=a; abi-two=b; Abi-Three=3]",
        "a b 1 1",
        "[Abi-One=1; Abi-Two=a; abi-two=b, c; Abi-Three=3; Abi-Four=4]",
        "[Abi-One=changed; Abi-Two=only; Abi-Three=3; Abi-Four=4]",
        "early 1",
        "0 -4 3",
        "-4",
        "empty 1 0",
        "[]",
    ]


def test_environment_compares_with_case(server):
    assert ask(server, "/case") == "lower upper"


def test_invalid_bytes(server):
    response = fetch(server.port, get("/bytes"))
    lines = [line.split() for line in response.body.decode().splitlines()]
    for table in (1, 2, 6):
        assert lines[table] == [f"{table}:", "-3", "-3", "-3", "-3", "0"]
    assert lines[7] == ["7:"] + ["-3"] * 5
    assert response.header("Abi-V") is None


def test_headers_in(server):
    text = ask(server, "/in", "X-Abi: one", "x-abi:   two  ", "X-Empty:")
    assert text == "[Host=localhost; X-Abi=one; x-abi=two; X-Empty=]\n"


def test_headers_out(server):
    response = fetch(server.port, get("/out"))
    assert response.values("X-Out") == ["out"]
    assert response.values("X-Err") == ["one", "two"]


def test_reason(server):
    response = fetch(server.port, get("/reason"))
    assert (response.status, response.reason, response.body.split()) == (200, "Fine", [b"-3", b"0", b"Fine"])
    # It is that of another status.
    assert fetch(server.port, get("/reason?403")).reason == "Forbidden"


@pytest.mark.parametrize(
    "field, status",
    [
        ("X: y", 200), ('If-None-Match: "tag"', 304), ('If-None-Match: "other"', 200), ('If-Match: "other"', 412), ('If-Match: "tag"', 200),
        ("If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", 304), ("If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT", 200),
        ("If-Unmodified-Since: Tue, 14 Nov 2023 22:13:19 GMT", 412),
    ],
)  # fmt: skip
def test_preconditions(server, field, status):
    response = fetch(server.port, get("/conditions", field))
    assert response.status == status
    if status == 304:
        assert response.header("ETag") == '"tag"'


def test_headers_of_an_error(server):
    response = fetch(server.port, get("/out?403"))
    assert response.values("X-Out") == []
    assert response.values("X-Err") == ["one", "two"]


def test_slot(server):
    assert ask(server, "/slot") == "kept 1 1"


def test_identity(server):
    one, again, two = (ask(server, path) for path in ("/identity/one", "/identity/one", "/identity/two"))
    assert one == again != two
    assert int(one) > 0
