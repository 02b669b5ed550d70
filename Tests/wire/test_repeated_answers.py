"""Answers about a file are as they would be the first time, whatever was asked for before: what the server keeps of an answer
must not come back where anything about the request, the file or the configuration is another."""

import os
import time

import pytest
from support.wire import Connection, get

CONFIG = """
Alias /other @HTDOCS@
<Location /other>
    ForceType text/x-other
    FileETag None
</Location>
<FilesMatch "\\.named$">
    ForceType text/x-named
</FilesMatch>
MaxKeepAliveRequests 0
"""


@pytest.fixture(scope="module")
def site(server_class):
    with server_class(CONFIG) as running:
        running.put("plain.txt", "plain")
        running.put("dir/file.named", "named")
        running.put("dir/..hidden/x.txt", "x")
        yield running


def age(server, path, seconds=60):
    """Makes a file old enough to be kept by the server, which no file is that has just been changed."""
    moment = time.time() - seconds
    os.utime(server.htdocs / path, (moment, moment))
    time.sleep(0.05)


def described(response):
    return {name: value for name, value in response.headers if name != "Date"} | {"": response.status}


def test_each_kind_of_request_gets_its_own_head(site):
    age(site, "plain.txt")
    asked = [
        get("/plain.txt"),
        get("/plain.txt", "Connection: keep-alive"),
        get("/other/plain.txt"),
        get("/plain.txt", method="HEAD"),
        get("/plain.txt", "Range: bytes=1-2"),
        get("/plain.txt", "If-None-Match: *"),
        get("/dir/file.named"),
    ]
    with Connection(site.port) as connection:
        first = [described(connection.request(request)) for request in asked]
    assert first[2]["Content-Type"] == "text/x-other" and "ETag" not in first[2]
    assert first[0]["Content-Type"] == "text/plain" and "ETag" in first[0]
    assert [answer[""] for answer in first] == [200, 200, 200, 200, 206, 304, 200]
    with Connection(site.port) as connection:
        for _ in range(3):
            for request, expected in zip(asked, first):
                got = described(connection.request(request))
                got.pop("Keep-Alive", None), expected.pop("Keep-Alive", None)
                assert got == expected, request


def test_one_file_by_two_paths_is_under_the_sections_of_each(site):
    age(site, "plain.txt")
    with Connection(site.port) as connection:
        for _ in range(4):
            assert connection.request(get("/plain.txt")).header("Content-Type") == "text/plain"
            assert connection.request(get("/other/plain.txt")).header("Content-Type") == "text/x-other"


def test_a_connection_that_ends_is_told_so_after_one_that_is_kept(site):
    age(site, "plain.txt")
    for _ in range(3):
        with Connection(site.port) as connection:
            assert connection.request(get("/plain.txt")).header("Connection") is None
            assert connection.request(get("/plain.txt", "Connection: close")).header("Connection") == "close"
            assert connection.connection_closed()


def test_a_file_that_changes_is_described_anew(site):
    with Connection(site.port) as connection:
        for number in range(4):
            site.put("changing.txt", "x" * (number + 1))
            age(site, "changing.txt", 100 - number)
            tags = set()
            for _ in range(3):
                response = connection.request(get("/changing.txt"))
                assert response.body == b"x" * (number + 1)
                assert response.header("Content-Length") == str(number + 1)
                tags.add(response.header("ETag"))
            assert len(tags) == 1


def test_the_date_goes_on(site):
    age(site, "plain.txt")
    with Connection(site.port) as connection:
        dates = set()
        for _ in range(25):
            dates.add(connection.request(get("/plain.txt")).header("Date"))
            time.sleep(0.1)
    assert len(dates) in (3, 4)


@pytest.mark.parametrize("path", ["//dir//file.named", "/dir/./file.named", "/dir/x/../file.named", "/dir/%66ile.named"])
def test_a_path_that_is_not_plain_leads_to_the_same(site, path):
    with Connection(site.port) as connection:
        for _ in range(2):
            assert connection.request(get(path)).header("Content-Type") == "text/x-named"


def test_names_of_dots_are_names(site):
    with Connection(site.port) as connection:
        assert connection.request(get("/dir/..hidden/x.txt")).body == b"x"
