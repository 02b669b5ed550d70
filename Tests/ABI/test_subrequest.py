"""Requests inside the server: looked up, adopted and redirected to."""

import pytest
from support.waiting import settled
from support.wire import Connection, fetch, get

AREA = "subrequest"

CONFIG = """\
Workers 1
<Location "/abi">
    SetHandler abi
</Location>
<Directory "@HTDOCS@/private">
    Require all denied
</Directory>
"""


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(module.load() + CONFIG) as running:
        running.put("file.txt", "the file")
        running.put("page.html", "<p>page")
        running.put("private/secret.txt", "secret")
        running.put("folder/index.html", "index")
        yield running


def ask(server, path, **options):
    text = fetch(server.port, get(path, **options)).body.decode()
    return dict(line.split("=", 1) for line in text.splitlines())


def test_lookup_of_a_file(server):
    found = ask(server, "/abi/lookup?/file.txt")
    assert found["lookup"] == "0"
    assert (found["status"], found["type"], found["size"]) == ("200", "1", "8")
    assert found["content-type"] == "text/plain"
    assert found["filename"] == str(server.htdocs / "file.txt")
    assert (found["method"], found["sub"], found["main"]) == ("GET", "1", "1")


def test_lookup_of_a_directory(server):
    assert ask(server, "/abi/lookup?/folder/")["lookup"] == "0"
    assert ask(server, "/abi/lookup?/private/../folder")["type"] in ("2", "1")


def test_lookup_of_nothing(server):
    found = ask(server, "/abi/lookup?/nowhere.txt")
    assert found["type"] == "0"


def test_lookup_of_what_is_forbidden(server):
    assert ask(server, "/abi/lookup?/private/secret.txt")["status"] == "403"


def test_lookup_with_a_query(server):
    found = ask(server, "/abi/lookup?/file.txt?a=b")
    assert (found["path"], found["query"]) == ("/file.txt", "a=b")


def test_relative_lookup(server):
    assert ask(server, "/abi/lookup?target")["path"] == "/abi/target"


def test_lookup_does_not_leave_the_root(server):
    found = ask(server, "/abi/lookup?/../../etc/passwd")
    assert found["lookup"] == "-3" or found["filename"].startswith(str(server.htdocs))


def test_adopt(server):
    response = fetch(server.port, get("/adopt?/page.html"))
    assert (response.status, response.body) == (200, b"<p>page")
    assert response.header("Content-Type").startswith("text/html")
    assert fetch(server.port, get("/adopt?/private/secret.txt")).status == 403


def test_redirect(server):
    found = ask(server, "/abi/redirect?/abi/target?x=y")
    assert (found["path"], found["query"], found["method"]) == ("/abi/target", "x=y", "GET")
    assert (found["previous"], found["sub"]) == ("/abi/redirect", "0")


def test_redirect_keeps_the_method(server):
    with Connection(server.port) as connection:
        request = get("/abi/redirect?/abi/target", "Content-Length: 3", method="POST") + b"abc"
        assert b"method=POST" in connection.request(request).body
        assert connection.request(get("/file.txt")).body == b"the file"


def test_redirect_of_a_head_stays_one(server):
    with Connection(server.port) as connection:
        assert (
            connection.request(get("/abi/redirect?/file.txt", method="HEAD")).header("Content-Length") == "8"
        )
        assert connection.request(get("/file.txt")).body == b"the file"


@pytest.mark.parametrize("target", ["/..", "/%zz", "/a%2fb", "/a%00b"])
def test_redirect_to_no_path(server, target):
    assert fetch(server.port, get(f"/abi/redirect?{target}")).status == 500


def test_redirect_to_a_file(server):
    assert fetch(server.port, get("/abi/redirect?/file.txt")).body == b"the file"


def test_redirect_to_an_error(server):
    assert fetch(server.port, get("/abi/redirect?/private/secret.txt")).status == 403
    assert fetch(server.port, get("/abi/redirect?/nowhere")).status == 404


def test_redirect_to_a_request_that_waits(server):
    with Connection(server.port) as connection:
        assert connection.request(get("/abi/slow")).body == b"late"
        assert connection.request(get("/abi/redirect?/abi/slow")).body == b"late"
        assert connection.request(get("/file.txt")).body == b"the file"


def test_redirect_in_a_circle(server):
    assert fetch(server.port, get("/abi/loop")).status == 500
    server.wait_for_log("AH00124")


def test_logged_once(server):
    before = settled(server.access_log).count("/abi/redirect?/file.txt HTTP")
    fetch(server.port, get("/abi/redirect?/file.txt"))
    server.wait_for_log(rf"(?s)(/abi/redirect\?/file\.txt HTTP.*){{{before + 1}}}", log="access")
    assert server.access_log().count("/abi/redirect?/file.txt HTTP") == before + 1


def test_absolute_url(server):
    response = fetch(server.port, get("/abi/url", host="example.org:8080"))
    assert response.body == b"http://example.org:8080/a%20b/%c3%a9%3fc%25d"
    assert (
        fetch(server.port, get("/abi/url", host="example.org")).body
        == b"http://example.org/a%20b/%c3%a9%3fc%25d"
    )
