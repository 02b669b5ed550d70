"""Directives about how requests are read, asked on Apus and on Debian's apache2: the answers must agree."""

import pathlib
import re
import shutil

import pytest

from support.oracle import Oracle, ask, describe, mismatch
from support.server import world_readable_directory

#: A directive for each port, and what to ask there.
RULES = {
    "slashes as sent": "MergeSlashes Off",
    "encoded slashes": "AllowEncodedSlashes On",
    "encoded slashes kept": "AllowEncodedSlashes NoDecode",
    "encoded and merged": "AllowEncodedSlashes On\nMergeSlashes Off",
    "strict host": "StrictHostCheck On\nServerName named.example\nServerAlias *.wild.example",
    "registered methods": "HttpProtocolOptions RegisteredMethods",
    "one range": "MaxRanges 1",
    "no range": "MaxRanges none",
    "any ranges": "MaxRanges unlimited\nMaxRangeOverlaps unlimited\nMaxRangeReversals unlimited",
    "no overlap": "MaxRangeOverlaps 1",
    "no reversal": "MaxRangeReversals 1",
    "kept for a moment": "KeepAliveTimeout 1500ms",
    "etag reduced": "FileETag -MTime",
    "etag changed": "FileETag +INode -MTime",
    "etag named": "FileETag All -INode",
    "etag in a section": "FileETag None\n<Location /a>\nFileETag +Size\n</Location>",
    "log levels": "LogLevel http_module:info mod_so.c:warn mpm_event:debug notice",
    "error pages": 'ErrorDocument 301 "moved"\nErrorDocument 302 /a/b/f.txt\nErrorDocument 410 \'gone\'\nErrorDocument 401 http://x.example/',
    "handlers": "AddHandler nobody .txt\n<Location /secret>\nRequire all granted\nSetHandler server-status\n</Location>\nForceType text/x-forced",
}
PORTS = {name: number for number, name in enumerate(RULES, 1)}

COMMON = """\
Redirect /r http://target.example/R
Redirect gone /g
<Location /secret>
    Require all denied
</Location>
"""

PATHS = [
    "/a/b/f.txt", "/a//b/f.txt", "//a/b/f.txt", "/a/b//f.txt", "/a/b//", "//r/x", "/r//x", "/a/x/..//b/f.txt",
    "/a//../b/f.txt", "/a%2Fb/f.txt", "/a%2fb/f.txt", "/r/x%2Fy", "/r/x%2fy%20z", "/a/..%2Fa/b/f.txt",
    "/a%2F..%2Fa/b/f.txt", "/a/b/f.txt%2F", "/a//", "//", "/..%2F..%2Fetc/passwd", "/a/%2e%2e%2fa/b/f.txt",
    "/secret/f.txt", "/private/f.txt", "/private//f.txt", "//private/f.txt", "/private%2Ff.txt", "/a/..%2fprivate/f.txt",
    "/a/%2e%2e/private/f.txt", "/a%00/f.txt", "/a%2500/f.txt", "/.%2e/a/b/f.txt", "/a/.%2fb/f.txt", "/a/b/%2ff.txt",
]  # fmt: skip
RANGES = [
    "bytes=0-1", "bytes=0-1,3-4", "bytes=0-1,3-4,6-7", "bytes=5-6,0-1", "bytes=0-0,1-1,2-2", "bytes=9-9,8-8,7-7",
    "bytes=0-8,2-9", "bytes=2-9,0-8", "bytes=4-5,0-9", "bytes=20-,3-4", "bytes=1-2,x", "bytes=5-6,3-4,0-1", "bytes=0-5,3-6",
    "bytes=0-5,3-6,4-7", "bytes=-3", "bytes=0-,0-,0-", "bytes=3-5,0-", "bytes=5-6,3-4,1-2,0-", "bytes=1-2,3-4,0-",
    "bytes=0-,x", "bytes=x,0-", "bytes=1-,1-,1-", "bytes=2-3,0-,6-7,4-5", "bytes=0-,0-", "bytes=0-10,0-10,0-10", "bytes=00-", "bytes=" + ",".join(["0-0"] * 30),
]  # fmt: skip

EXPECTATIONS = [
    ["Expect:"], ["Expect: foo"], ["Expect: 100-continue, foo"], ["Expect: 100-continue", "Expect: 100-continue"], ["Expect: ,"],
    ["Expect:", "Expect: 100-continue"], ["Expect:", "Expect:"],
]  # fmt: skip


def lines(path="/a/b/f.txt", *fields, host="localhost", method="GET"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, "", ""])


def questions():
    for name in ("slashes as sent", "encoded slashes", "encoded slashes kept", "encoded and merged"):
        for path in PATHS:
            yield name, lines(path)
    for host in ("named.example", "NAMED.example:80", "a.wild.example", "other.example", "localhost", "127.0.0.1", "named.example."):
        yield "strict host", lines(host=host)
    for method in ("GET", "PROPFIND", "FOO", "get", "BREW", "PATCH"):
        yield "registered methods", lines(method=method)
        yield "one range", lines(method=method)
    for fields in ([], ["Connection: keep-alive"], ["Connection: close"]):
        yield "kept for a moment", lines("/a/b/f.txt", *fields)
    for name in ("etag changed", "etag reduced", "etag named", "etag in a section", "log levels"):
        yield name, lines()
        yield name, lines("/private/f.txt")
    for path in ("/a", "/a/b", "/r", "/r/x", "/g", "/nothing"):
        for method in ("GET", "HEAD"):
            yield "error pages", lines(path, method=method)
    for path in ("/a/b/f.txt", "/a/b/none.txt", "/secret/f.txt", "/secret/none", "/a/b/"):
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            yield "handlers", lines(path, method=method)
    for fields in EXPECTATIONS:
        yield "handlers", lines("/a/b/f.txt", *fields)
    for name in ("one range", "no range", "any ranges", "no overlap", "no reversal"):
        for value in RANGES:
            yield name, lines("/a/b/f.txt", f"Range: {value}")


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()
    for path, text in {
        "a/b/f.txt": "0123456789\n", "a%2Fb/f.txt": "kept\n", "secret/f.txt": "secret\n", "private/f.txt": "private\n",
    }.items():  # fmt: skip
        file = pathlib.Path(site, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    hosts = "".join(
        f"<VirtualHost *:@PORT{PORTS[name]}@>\n{rule if 'ServerName' in rule else 'ServerName localhost' + chr(10) + rule}\n{COMMON}</VirtualHost>\n"
        for name, rule in RULES.items()
    )
    config = '<Directory "@HTDOCS@/private">\n    Require all denied\n</Directory>\nRegisterHttpMethod BREW\n' + hosts
    with Oracle(apus, config, htdocs=site, ports=len(RULES)) as running:
        yield running
    shutil.rmtree(site)


def without_boundary(answer):
    """The boundary of a multipart answer is anybody's: both get the same."""
    kind = answer.header("Content-Type", "")
    match = re.match(r"multipart/byteranges; boundary=(\S+)", kind)
    if match:
        body = answer.body.replace(match[1].encode(), b"(boundary)")
        answer.body = body.replace(b"Content-type:", b"Content-Type:").replace(b"Content-range:", b"Content-Range:")
        answer.headers = [(k, "multipart/byteranges" if k == "Content-Type" else v) for k, v in answer.headers]
    return describe(answer, {"date", "server", *({"content-length"} if match else ())})


#: httpd answers an unregistered method with an Allow field that names none but TRACE; a path above the root with 404
#: when its slashes are encoded, where a plain one is 400.
KNOWN = {"Allow: TRACE"}


@pytest.mark.parametrize("name, text", list(questions()), ids=lambda value: str(value).split("\r\n")[0][:60])
def test_same_answer(oracle, name, text):
    ours, theirs = (without_boundary(ask(server, text, PORTS[name])) for server in (oracle.subject, oracle.reference))
    theirs = [line for line in theirs if line not in KNOWN]
    if "/..%2F..%2F" in text:
        assert ours[0][:3] in ("400", "404") and theirs[0][:3] == "404"
    else:
        assert ours == theirs, mismatch(text, ours, theirs, oracle.subject.name)


def test_connections_are_not_kept(apus, apache):
    """In a virtual host httpd takes 0 for "not said" (and -1 of MaxKeepAliveRequests): there the main server's holds."""
    with Oracle(apus, "KeepAliveTimeout 0\nMaxKeepAliveRequests -1\n") as oracle:
        for server in (oracle.subject, oracle.reference):
            server.put("f.txt", "text")
        for fields in ([], ["Connection: keep-alive"], ["Connection: close"]):
            answer = oracle.compare(lines("/f.txt", *fields), {"etag", "last-modified"})
            assert not answer.persistent
