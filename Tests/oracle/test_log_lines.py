"""The lines that formats of CustomLog write for a corpus of requests, on Apus and on Debian's apache2."""

import os
import re

import pytest

from support.oracle import Oracle
from support.server import DEFAULT_MODULES
from support.waiting import wait_until
from support.wire import Connection, ConnectionEnded, get

#: Items alone: most lines are one field.
ITEMS = r"""
%a %{c}a %A %B %b %{sid}C %{SID}C %{none}C %{none}e %f %h %{c}h %H %{User-Agent}i %{X-Two}i %{none}i %{Host}i %k %l %m %{note}n
%{Content-Type}o %{content-length}o %{Content-Length}o %{Connection}o %{Keep-Alive}o %{Transfer-Encoding}o %{ETag}o
%{Last-Modified}o %{Location}o %{Date}o %{Server}o %{Allow}o %{Accept-Ranges}o %{none}o %{Content-Range}o %{Content-Encoding}o
%{Content-Language}o %{Vary}o %p %{canonical}p %{local}p %{foo}p %q %r %R %s %>s %<s %>U %U %<U %u %>u %v %V %X %>r %<r %>m %>q
%{VARNAME}^ti %{VARNAME}^to %{X-Trail}^ti %>f %<f %I %% %!200,304{User-Agent}i %200{User-Agent}i %404,200{User-Agent}i %!404r
%200,304,302>s %!200s %>200s %{%Y-%m-%d}t %{begin:%Y}t %{end:%Y}t %{%%}t %{begin:%d/%b}t %{Foo}T %T %{s}T %>T %>R %{}i %{X-Quote}i
%{X-Empty}i %{%d.%m}^ti %!503X %404p
""".split()
#: Text around items, and escapes in it.
TEXTS = [
    "literal", r"a\tb", r"a\\b", r"a\xb", r"\"q\"", '%h %l %u "%r" %>s %b', "%v:%p %h", "%m%%%m", "100%% of %s", r"%s\\",
    '%h %l %u "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
]  # fmt: skip
#: Fields that differ from one request to the next, by what they look like.
SHAPES = {
    "%t": r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]",
    "%{begin:%T}t": r"\d\d:\d\d:\d\d",
    "%{end:%T}t": r"\d\d:\d\d:\d\d",
    "%{sec}t": r"\d{10}",
    "%{msec}t": r"\d{13}",
    "%{usec}t": r"\d{16}",
    "%{end:usec}t": r"\d{16}",
    "%{begin:msec}t": r"\d{13}",
    "%{msec_frac}t": r"\d{3}",
    "%{usec_frac}t": r"\d{6}",
    "%{end:msec_frac}t": r"\d{3}",
    "%{%FT%T}t.%{msec_frac}t%{%z}t": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}",
    "%D": r"\d+",
    "%{us}T": r"\d+",
    "%{ms}T": r"\d+",
    "%P": r"\d+",
    "%{pid}P": r"\d+",
    "%{tid}P": r"\d+",
    "%{hextid}P": r"[0-9a-f]+",
    "%{remote}p": r"\d{4,5}",
    "%O": r"\d+",
    "%S": r"\d+",
}
FORMATS = [*ITEMS, *TEXTS, *SHAPES]

SITE = """\
ServerTokens Prod
AddLanguage fr .fr
AddEncoding x-gzip .gz
ErrorDocument 404 /err.html
ErrorDocument 403 "forbidden text"
ErrorDocument 400 "bad"
ErrorDocument 405 "not allowed"
ErrorDocument 416 "range"
ErrorDocument 301 "moved"
ErrorDocument 302 "found"
ErrorDocument 417 "exp"
ErrorDocument 501 "unknown"
Redirect /redir http://t.example/x
<Location /forbidden>
    Require all denied
</Location>
<Directory @HTDOCS@/fb>
    FallbackResource /a.txt
</Directory>
GlobalLog "@ROOT@/logs/global.log" "%v %>s"
<VirtualHost *:@PORT2@>
    ServerName second.example
    CustomLog "@ROOT@/logs/second.log" "%v %V %U %>s"
    LogFormat "named %U" name
    CustomLog "@ROOT@/logs/second.log" name
    LogFormat "transferred %U"
    TransferLog "@ROOT@/logs/second.log"
</VirtualHost>
"""
FILES = {
    "a.txt": "0123456789\n", "b.txt.fr.gz": "zz", "empty.txt": "", "err.html": "ERR", "dir/index.html": "idx", 'a b"c.txt': "sp",
    "big.bin": "x" * 300_000, "fb/x": "x",
}  # fmt: skip

REQUESTS = [
    get("/a.txt"),
    get('/a.txt?x=1&y="q"', 'User-Agent: te"st\\agent\tx\xe4'),
    get("/a.txt", "Connection: keep-alive", "Cookie: a=b; sid=abc; c=d", "X-Two: 1", "X-Two: 2"),
    get("/a.txt", "Cookie: sid = spaced ; z", 'X-Quote: a\\"b', "X-Empty:"),
    get("/none.txt"), get("/dir"), get("/dir/"), get("/redir/y?q"), get("/forbidden/x"),
    get("/a.txt", method="HEAD"), get("/a.txt", method="OPTIONS"), get("/a.txt", method="PUT"), get("/a.txt", method="BREW"),
    get("/a.txt", "Range: bytes=0-3"), get("/a.txt", "Range: bytes=100-"), get("/a.txt", "If-None-Match: *"),
    get("/b.txt.fr.gz"), get("/empty.txt"), get("/a.txt", version="HTTP/1.0"),
    get("/a.txt", "Connection: Keep-Alive", version="HTTP/1.0"), get("http://user:pass@localhost/a.txt"), get("/fb/missing"),
    get("/a.txt", "Connection: close"), get("/a%20b%22c.txt"), get("/a.txt", "Authorization: Basic dTpw"), get("/big.bin"),
    get("/a.txt", "Content-Length: 5", method="POST") + b"hello",
    get("/a.txt", "Transfer-Encoding: chunked", "Trailer: X-Trail", method="POST") + b"3\r\nabc\r\n0\r\nX-Trail: tv\r\n\r\n",
    b"GET /bad HTTP/1.1\r\n\r\n", b"GET /bad\x01 HTTP/1.1\r\nHost: x\r\n\r\n", b"NONSENSE\r\n\r\n", get("*", method="OPTIONS"),
    get("/a.txt", "Expect: foo"), get("/%zz"), get("/a.txt", "Host: two"), get("/a.txt/rest"),
]  # fmt: skip

#: Requests whose lines differ in some fields, with the reason. The fields of all others are equal.
UNSATISFIABLE, USERINFO, CONTROL, NO_TARGET, ASTERISK = 14, 20, 29, 30, 31
KNOWN = {
    # httpd finds out that no range is satisfiable when the answer has begun: it sends it chunked, and counts it as kept.
    UNSATISFIABLE: {"%k", "%{content-length}o", "%{Content-Length}o", "%{Transfer-Encoding}o", "%{Content-Range}o"},
    # httpd takes such a target apart before it refuses it; here what is refused is not looked at any further.
    USERINFO: {"%{Host}i", "%U", "%>U", "%<U", "%I"},
    CONTROL: {"%H", "%m", "%>m", "%U", "%>U", "%<U", "%I"},
    NO_TARGET: {"%m", "%>m", "%I"},
    # No file is looked for.
    ASTERISK: {"%f", "%>f", "%<f"},
}


def config():
    logs = []
    for number, text in enumerate(FORMATS):
        quoted = text if '\\"' in text else text.replace('"', '\\"')
        logs.append(f'CustomLog "@ROOT@/logs/f{number}.log" "{quoted}"')
    return SITE + "\n".join(logs) + "\n"


def send_all(server):
    """One request after the other, each when the line of the one before is there: logs of many threads mix."""
    for count, request in enumerate(REQUESTS, 1):
        with Connection(server.port) as connection:
            connection.send(request)
            try:
                connection.read_response(request.split(b" ")[0].decode())
            except ConnectionEnded:
                pytest.fail(f"{server.name} did not answer {request!r}{server.diagnosis()}")
        last = f"f{len(FORMATS) - 1}.log"
        wait_until(lambda: server._read(last).count("\n") == count, f"the line of {request!r}")
    for path in ("/a.txt", "/none", "/dir/"):
        with Connection(server.ports[1]) as connection:
            connection.request(get(path, host="other.example"))
    wait_until(lambda: server._read("second.log").count("\n") == 9, "the lines of the second server")


@pytest.fixture(scope="module")
def lines(apus, apache):
    """The lines of each log on both servers, with what is each server's own replaced by marks."""
    with Oracle(apus, config(), modules=DEFAULT_MODULES, ports=2) as oracle:
        found = []
        for server in (oracle.subject, oracle.reference):
            for path, content in FILES.items():
                os.utime(server.put(path, content), (1_600_000_000, 1_600_000_000))
            send_all(server)
            logs = {}
            for log in (*(f"f{number}.log" for number in range(len(FORMATS))), "global.log", "second.log"):
                content = server.with_marks(server._read(log).replace(str(server.root), "@ROOT@"))
                logs[log] = content.split("\n")[:-1]
            found.append(logs)
        yield found


@pytest.mark.parametrize("number", range(len(FORMATS)), ids=FORMATS)
def test_lines_of_a_format(lines, number):
    text = FORMATS[number]
    ours, theirs = (logs[f"f{number}.log"] for logs in lines)
    assert len(ours) == len(theirs) == len(REQUESTS)
    for index, (left, right) in enumerate(zip(ours, theirs)):
        if text in SHAPES:
            assert re.fullmatch(SHAPES[text], left) and re.fullmatch(SHAPES[text], right)
        elif not is_known(text, index):
            assert in_order(left) == in_order(right), REQUESTS[index]


def is_known(text, index):
    """Whether the line of a request is known to differ: by the field, or because other text holds such a field."""
    return index in KNOWN and (text in KNOWN[index] or text not in ITEMS)


def in_order(line):
    """httpd lists methods in the order of a randomly seeded hash table."""
    return ",".join(sorted(line.split(",")))


def test_logs_of_another_server(lines):
    """GlobalLog hears of every request, a server's own logs of its own alone."""
    for name in ("second.log", "global.log"):
        assert sorted(lines[0][name]) == sorted(lines[1][name])
    assert sum(line.startswith("second.example") for line in lines[0]["global.log"]) == 3
