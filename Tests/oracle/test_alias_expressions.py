"""Alias, ScriptAlias and Redirect in <Location>, whose targets are expressions, on Apus and on Debian's apache2."""

import pytest

from support.oracle import Oracle, describe, ask, mismatch
from support.server import DEFAULT_MODULES
from support.wire import get

CONFIG = r"""
<Location /plain>
    Alias @HTDOCS@/files/a.txt
</Location>
<Location /by-header>
    Alias "@HTDOCS@/files/%{HTTP:X-File}.txt"
</Location>
<Location /by-header-keeping>
    Alias "@HTDOCS@/%{HTTP:X-Dir}"
    AliasPreservePath On
</Location>
<LocationMatch "^/match/(?<NAME>[^/]+)/(?<rest>.*)$">
    Alias "@HTDOCS@/files/%{env:MATCH_NAME}.txt"
</LocationMatch>
<Location /to-host>
    Redirect "http://%{HTTP_HOST}/there"
</Location>
<Location /to-header>
    Redirect permanent "http://target.example/%{HTTP:X-Where}"
</Location>
<Location /to-path>
    Redirect 303 "/files/%{HTTP:X-Where}"
</Location>
<Location /to-nowhere>
    Redirect "%{HTTP:X-Where}"
</Location>
<LocationMatch "^/moved/(?<what>[a-z]+)$">
    Redirect 308 "http://target.example/%{env:MATCH_WHAT}?q=1"
</LocationMatch>
"""
REQUESTS = [
    get("/plain"), get("/plain/x"), get("/by-header", "X-File: a"), get("/by-header", "X-File: b"), get("/by-header"),
    get("/by-header/x", "X-File: a"), get("/by-header-keeping/a.txt", "X-Dir: files"), get("/by-header-keeping/", "X-Dir: files"),
    get("/by-header-keeping/a.txt", "X-Dir: other"), get("/match/a/x"), get("/match/b/y/z"), get("/match/none/x"), get("/match/a"),
    get("/to-host"), get("/to-host/x?y"), get("/to-host", host="named.example:81"), get("/to-header", "X-Where: a/b?c=d#e"),
    get("/to-header"), get("/to-path", "X-Where: a.txt"), get("/to-nowhere", "X-Where: http://x.example/"),
    get("/to-nowhere", "X-Where: /path"), get("/moved/abc"), get("/moved/abc?x"), get("/moved/ABC"),
]  # fmt: skip
#: What is put together of header fields and cannot be taken as it is: each is refused or made harmless.
HOSTILE = [
    get("/by-header", "X-File: ../../secret"), get("/by-header", "X-File: ../files/a"), get("/by-header-keeping/a.txt", "X-Dir: .."),
    get("/by-header-keeping/etc/passwd", "X-Dir: ../../../.."),
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(apus, apache):
    with Oracle(apus, CONFIG, modules=DEFAULT_MODULES) as running:
        for server in (running.subject, running.reference):
            for name in "ab":
                server.put(f"files/{name}.txt", f"file {name}\n")
            (server.root / "secret.txt").write_text("secret")
        yield running


@pytest.mark.parametrize("request_bytes", REQUESTS, ids=lambda data: data.split(b" HTTP")[0].decode() + data[-40:].decode())
def test_same_answer(oracle, request_bytes):
    text = request_bytes.decode()
    ours, theirs = (describe(ask(server, text), {"date", "server", "etag", "last-modified"}) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(text, ours, theirs, "apus")


@pytest.mark.parametrize("request_bytes", HOSTILE)
def test_nothing_leads_out(oracle, request_bytes):
    answer = ask(oracle.subject, request_bytes.decode())
    assert answer.status in (403, 404) and b"secret" not in answer.body and b"root:" not in answer.body


@pytest.mark.parametrize("value", ["a b", 'a"b', "a<b>", "\xe4"])
def test_a_location_holds_no_stray_bytes(oracle, value):
    answer = ask(oracle.subject, get("/to-header", f"X-Where: {value}").decode("latin-1"))
    location = answer.header("Location")
    assert answer.status == 301 and location.startswith("http://target.example/a%" if value[0] == "a" else "http://target.example/%")
