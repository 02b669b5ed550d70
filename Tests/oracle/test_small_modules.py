"""mod_userdir, mod_vhost_alias, mod_speling, mod_substitute, mod_reflector: compared with apache2."""

import gzip
import os
import pwd
import shutil

import pytest

from support.oracle import Oracle, ask, describe, mismatch
from support.server import DEFAULT_MODULES, world_readable_directory
from support.wire import Connection, ConnectionEnded

USER = next(entry for entry in pwd.getpwall() if entry.pw_dir.startswith("/") and entry.pw_name not in ("root",))

CONFIGURATIONS = {
    "userdir stars": 'UserDir @HTDOCS@/users/*/site\nUserDir disabled carol',
    "userdir below": "UserDir @HTDOCS@/users",
    "userdir home": "UserDir public_html",
    "userdir away": "UserDir http://people.example/~*/x http://other.example",
    "userdir some": "UserDir @HTDOCS@/users/*/site\nUserDir disabled\nUserDir enabled bob",
    "userdir several": "UserDir @HTDOCS@/nowhere/*/ @HTDOCS@/users/*/site",
    "by name": "VirtualDocumentRoot @HTDOCS@/hosts/%0",
    "by parts": "VirtualDocumentRoot @HTDOCS@/hosts/%2+/%1",
    "by letters": "VirtualDocumentRoot @HTDOCS@/hosts/%1.1/%1.-1/%-1/%p",
    "by address": "VirtualDocumentRootIP @HTDOCS@/hosts/%1/%4",
    "spelling": "CheckSpelling On",
    "case only": "CheckSpelling On\nCheckCaseOnly On",
    "no base name": "CheckSpelling On\nCheckBasenameMatch Off",
    "substituted": '<Location />\nSetOutputFilter SUBSTITUTE\nSubstitute s/foo/BAR/\nSubstitute "s|b(a)r|[$1&]|i"\nSubstitute s/x.z/dot/n\n</Location>',
    "substituted closed": '<Location />\nSetOutputFilter SUBSTITUTE\nSubstitute s/foo/bar/q\nSubstitute s/bar/baz/q\n</Location>',
    "substituted inherited": '<Directory "@HTDOCS@">\nSubstitute s/foo/outer/\n</Directory>\n<Location />\nSetOutputFilter SUBSTITUTE\nSubstitute s/outer/inner/\n</Location>',
    "substituted before": '<Directory "@HTDOCS@">\nSubstitute s/foo/outer/\n</Directory>\n<Location />\nSetOutputFilter SUBSTITUTE\n'
    "SubstituteInheritBefore On\nSubstitute s/outer/inner/\n</Location>",
    "reflected": "<Location />\nSetHandler reflector\nReflectorHeader X-Asked\nReflectorHeader X-Other X-Told\n</Location>",
    "reflected inflated": "<Location />\nSetHandler reflector\nSetInputFilter DEFLATE\nLimitRequestBody 1000000\n</Location>",
}  # fmt: skip
PORTS = {name: number for number, name in enumerate(CONFIGURATIONS, 1)}

FILES = {
    "users/bob/site/index.html": "bob", "users/bob/site/a/b.txt": "ab", "users/alice/site/x.txt": "alice", "users/carol/site/x.txt": "carol",
    "users/bob/index.html": "below", "hosts/www.example.org/x.txt": "www", "hosts/example.org/www/x.txt": "parts", "hosts/w/w/org/80/x.txt": "letters",
    "hosts/127/1/x.txt": "address", "hosts/_/x.txt": "underscore", "docs/Readme.txt": "r", "docs/manual.html": "m", "docs/manual.txt": "t", "docs/FAQ": "f",
    "docs/sub/file.txt": "s", "text.txt": "foo and Bar and xyz x.z\nfoofoo barbar\nnothing\nfoo", "long.txt": "foo" * 1000, "empty.txt": "", "lines.txt": "foo\n" * 5000,
}  # fmt: skip


def request(path, *fields, host="localhost", method="GET", body=b""):
    length = [f"Content-Length: {len(body)}"] if body or method == "POST" else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, *length, "", body.decode("latin-1")])


def questions():
    for name in [name for name in CONFIGURATIONS if name.startswith("userdir")]:
        for path in (
            "/~bob/", "/~bob", "/~bob/a/b.txt", "/~alice/x.txt", "/~carol/x.txt", "/~nobodyatall/x.txt", "/~/x", "/~../x", "/~bob/../x", "/~bob/%2e%2e/x",
            "/~.", "/~bob%2f..%2falice/", "/bob/", "/~root/", f"/~{USER.pw_name}/x.txt", "/~bob/a?b=c", "//~bob/",
        ):  # fmt: skip
            yield name, request(path)
    for name in ("by name", "by parts", "by letters", "by address"):
        for host in ("www.example.org", "WWW.Example.ORG", "www.example.org:80", "example.org", "x", "unknown.host", "..", "a..b", "127.0.0.1"):
            yield name, request("/x.txt", host=host)
            yield name, request("/", host=host)
    for name in ("spelling", "case only", "no base name"):
        for path in (
            "/docs/readme.txt", "/docs/Readme.tx", "/docs/Radme.txt", "/docs/Raedme.txt", "/docs/Readmee.txt", "/docs/Rezdme.txt", "/docs/Readme.html",
            "/docs/Readme", "/docs/manual", "/docs/manual.doc", "/docs/manal.html", "/docs/nothing", "/Docs/Readme.txt", "/docs/readme.txt?a=b", "/docs/faq",
            "/docs/fqa", "/docs/Readme.txt", "/docs/sbu/file.txt", "/docs/readme.txt/info",
        ):  # fmt: skip
            yield name, request(path)
        yield name, request("/docs/readme.txt", method="POST")
    for name in [name for name in CONFIGURATIONS if name.startswith("substituted")]:
        for path in ("/text.txt", "/long.txt", "/empty.txt", "/lines.txt"):
            yield name, request(path)
            yield name, request(path, method="HEAD")
    for body in (b"", b"hello", b"x" * 50000):
        yield "reflected", request("/a", "X-Asked: yes", "X-Other: it", "Content-Type: text/x", method="POST", body=body)
    yield "reflected", request("/a")
    for body in (gzip.compress(b"hello", mtime=0), gzip.compress(b"x" * 900000, mtime=0), gzip.compress(b"ab" * 100, mtime=0)):
        # Inflated bodies are left out: httpd announces the length they had before.
        yield "reflected inflated", request("/a", method="POST", body=body)


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()
    for name, text in FILES.items():
        path = site / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    hosts = "".join(
        f"<VirtualHost *:@PORT{PORTS[name]}@>\nServerName localhost\n{text}\n</VirtualHost>\n" for name, text in CONFIGURATIONS.items()
    )
    modules = (*DEFAULT_MODULES, "userdir", "vhost_alias", "speling", "filter", "substitute", "reflector", "deflate")
    with Oracle(apus, hosts, htdocs=site, ports=len(CONFIGURATIONS), modules=modules) as running:
        yield running
    shutil.rmtree(site)


def compared(answer):
    # Known: httpd says of what the reflector sends back when the file beside it was changed.
    ignored = {
        "date", "server", "content-length", "transfer-encoding", "connection", "keep-alive", "etag", "vary", "last-modified", "accept-ranges",
    }  # fmt: skip
    lines = describe(answer, ignored)
    return [line for line in lines if not line.startswith("(") and not (answer.status >= 300 and line.startswith("<title>"))]


@pytest.mark.parametrize("name, text", list(questions()), ids=lambda value: str(value)[:60])
def test_same_answer(oracle, name, text):
    ours, theirs = (compared(ask(server, text, PORTS[name])) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(text[:300], ours, theirs, "apus")


def test_bodies_that_grow_too_much_are_refused(oracle):
    text = os.urandom(750_000).hex().encode()
    for plain in (text, text[:1_000_001]):
        too_long = request("/a", "Content-Encoding: gzip", method="POST", body=gzip.compress(plain))
        try:
            assert ask(oracle.subject, too_long, PORTS["reflected inflated"]).status == 413
        except ConnectionEnded:
            pass  # Too late for a status: the reflector had begun to answer.
    oracle.subject.wait_for_log("AH02647")
    for plain, status in ((text[:900_000], 200), (b"x" * 900_000, 400)):
        body = gzip.compress(plain, mtime=0)
        answer = ask(oracle.subject, request("/a", "Content-Encoding: gzip", method="POST", body=body), PORTS["reflected inflated"])
        assert answer.status == status
    answer = ask(oracle.subject, request("/a", "Content-Encoding: gzip", method="POST", body=b"no gzip at all"), PORTS["reflected inflated"])
    assert answer.status == 400


@pytest.mark.parametrize("tail, status", [(b"", 200), (b"\x1f", 200), (b"\0" * 3, 200), (b"\x1f\x8c\x1f\x8b", 200), (b"\x1f\x8b", 400)])
def test_where_a_compressed_body_comes_apart_makes_no_difference(oracle, tail, status):
    """All members of the body are read, and what is none behind them is passed over, whichever bytes come together."""
    body = gzip.compress(b"first", mtime=0) + gzip.compress(b"second", mtime=0) + gzip.compress(b"", mtime=0) + tail
    head = b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    for place in range(1, len(body)):
        for pieces in ((body[:place], body[place:]), (body[:place], body[place : place + 1], body[place + 1 :])):
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
            with Connection(oracle.subject.ports[PORTS["reflected inflated"] - 1]) as connection:
                try:
                    answer = connection.request(head + chunks + b"0\r\n\r\n")
                except ConnectionEnded:
                    # Too late for a status: the reflector had begun to answer.
                    assert status == 400
                    continue
            assert answer.status == status and (status != 200 or answer.body == b"firstsecond"), place
