"""`apus explain`: what it foretells is what the server then does, and it says why."""

import base64
import hashlib
import hmac
import json
import os
import re
import time

import pytest

from support.server import DEFAULT_MODULES
from support.waiting import settled
from support.wire import Connection

MODULES = (
    *DEFAULT_MODULES, "headers", "rewrite", "setenvif", "auth_basic", "authn_core", "authn_file", "authz_user", "authz_host", "env", "autoindex",
    "negotiation",
)  # fmt: skip

CONFIG = """\
DebugTraceSecret 0123456789abcdef
<Directory "@HTDOCS@">
    Options FollowSymLinks
    AllowOverride All
    Require all granted
</Directory>
<Directory "@HTDOCS@/private">
    AuthType Basic
    AuthName "Private"
    AuthBasicProvider file
    AuthUserFile "@ROOT@/conf/users"
    Require valid-user
</Directory>
<Directory "@HTDOCS@/listed">
    Options +Indexes
</Directory>
<VirtualHost *:@PORT@>
    ServerName first.example
    DocumentRoot "@HTDOCS@"
    Redirect permanent /old http://first.example/new
    ErrorDocument 404 /missing.html
    Header set X-Site first
    RewriteEngine On
    RewriteRule ^/short/(.*)$ /long/$1 [PT]
    RewriteCond %{QUERY_STRING} ^no$
    RewriteRule ^/gone$ - [G]
    SetEnvIf User-Agent bot is_bot
    <Location /robots-out>
        <RequireAll>
            Require all granted
            Require not env is_bot
        </RequireAll>
    </Location>
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName second.example
    ServerAlias *.second.example
    DocumentRoot "@HTDOCS@/long"
    <If "%{HTTP:X-Want} == 'json'">
        Header set X-Chosen json
    </If>
</VirtualHost>
"""

#: Host, method, path, header fields.
URLS = [
    ("first.example", "GET", "/", []),
    ("first.example", "GET", "/old/page?x=1", []),
    ("first.example", "GET", "/nowhere", []),
    ("first.example", "GET", "/short/a.txt", []),
    ("first.example", "GET", "/gone?no", []),
    ("first.example", "GET", "/gone", []),
    ("first.example", "GET", "/private/x.html", []),
    ("first.example", "GET", "/private/x.html", ["Authorization: Basic " + base64.b64encode(b"joe:secret").decode()]),
    ("first.example", "GET", "/private/x.html", ["Authorization: Basic " + base64.b64encode(b"joe:wrong").decode()]),
    ("first.example", "GET", "/robots-out/", ["User-Agent: a bot"]),
    ("first.example", "POST", "/index.html", []),
    ("first.example", "GET", "/broken/x", []),
    ("first.example", "GET", "/listed", []),
    ("first.example", "GET", "/%2e%2e/etc/passwd", []),
    ("x.second.example", "GET", "/a.txt", ["X-Want: json"]),
    ("second.example", "GET", "/a.txt", ["If-None-Match: *"]),
    ("unknown.example", "GET", "/index.html", ["Range: bytes=0-3"]),
]


def furnish(server):
    server.put("index.html", "<p>index</p>\n")
    server.put("missing.html", "<p>not here</p>\n")
    server.put("long/a.txt", "long\n")
    server.put("private/x.html", "secret\n")
    server.put("robots-out/index.html", "people\n")
    server.put("listed/a.txt", "a\n")
    server.put("broken/.htaccess", "NoSuchDirective on\n")
    server.put("broken/x", "x\n")
    # The validator of a file that has just been changed is weak for a moment.
    for path in server.htdocs.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    password = "{SHA}" + base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    (server.root / "conf/users").write_text(f"joe:{password}\n")


@pytest.fixture(scope="module")
def server(server_class):
    server = server_class(CONFIG, modules=MODULES, start=False)
    furnish(server)
    with server:
        server.start()
        yield server


def explain(server, host, path, *arguments, port=None):
    url = f"http://{host}:{port or server.port}{path}"
    return server.run_plain("explain", url, *arguments, *server.command()[1:])


def foretold(server, host, path, *arguments):
    done = explain(server, host, path, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("host", "method", "path", "fields"), URLS, ids=lambda value: value if isinstance(value, str) else None)
def test_the_answer_is_as_foretold(server, host, method, path, fields):
    options = [option for field in fields for option in ("-H", field)]
    report = foretold(server, host, path, "-X", method, *options)
    lines = "".join(f"{field}\r\n" for field in fields)
    with Connection(server.port) as connection:
        answer = connection.request(f"{method} {path} HTTP/1.1\r\nHost: {host}:{server.port}\r\n{lines}Connection: close\r\n\r\n".encode())
    assert report["response"]["status"] == answer.status
    told = [(name, value) for name, value in report["response"]["fields"] if name != "Date"]
    assert sorted(told) == sorted((name, value) for name, value in answer.headers if name != "Date")


def test_a_handler_is_not_run(server):
    report = foretold(server, "first.example", "/listed/")
    assert report["response"] == {"handler": "httpd/unix-directory"}
    assert {"event": "hook", "depth": 0, "phase": "handler", "module": "autoindex_module", "verdict": "not run"} in report["events"]


def test_nothing_is_logged(server):
    before = settled(server.access_log), settled(server.error_log)
    foretold(server, "first.example", "/nowhere")
    assert (settled(server.access_log), settled(server.error_log)) == before


def test_the_host_and_why(server):
    report = foretold(server, "first.example", "/")["server"]
    assert report["name"] == "first.example" and report["place"]["line"] == server.line_of("ServerName first.example") - 1
    assert report["because"].startswith("its ServerName is first.example")
    assert "*.second.example matches x.second.example" in foretold(server, "x.second.example", "/")["server"]["because"]
    assert "the first of them" in foretold(server, "unknown.example", "/")["server"]["because"]


def test_sections_in_the_order_of_merging(server):
    sections = [each["section"] for each in foretold(server, "first.example", "/private/x.html")["sections"]]
    assert sections[-1] == f'<Directory "{server.htdocs}/private">' and f'<Directory "{server.htdocs}">' in sections[:-1]


def test_an_access_file_and_what_it_replaces(server):
    server.put("own/.htaccess", "Options -FollowSymLinks\nForceType text/x-own\n<Files a>\nForceType text/x-a\n</Files>\n")
    server.put("own/a", "a")
    report = foretold(server, "first.example", "/own/a")
    directives = {(each["name"], each["arguments"]): each for each in report["directives"]}
    outer, inner = directives["ForceType", "text/x-own"], directives["ForceType", "text/x-a"]
    assert outer["place"] == {"file": f"{server.htdocs}/own/.htaccess", "line": 2}
    assert outer["replacedAt"] == inner["place"] == {"file": f"{server.htdocs}/own/.htaccess", "line": 4}
    assert "replacedAt" not in inner and report["request"]["contentType"] == "text/x-a"


def test_rules_of_a_directory_lead_on(server):
    server.put("blog/.htaccess", "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . /blog/index.html [L]\n")
    server.put("blog/index.html", "blog\n")
    report = foretold(server, "first.example", "/blog/2026/post")
    assert report["response"]["status"] == 200 and report["request"]["path"] == "/blog/index.html"
    messages = [event["text"] for event in report["events"] if event["event"] == "message"]
    assert any("RewriteCond: input=" in text and "/blog/.htaccess:2" in text for text in messages)
    assert "internal redirect" in [event["event"] for event in report["events"]]
    rules = [each for each in report["directives"] if each["name"] == "RewriteRule" and each["place"]["file"].endswith(".htaccess")]
    assert len(rules) == 1 and "replacedAt" not in rules[0]


def test_secrets_are_not_told(server):
    done = explain(server, "first.example", "/")
    assert "0123456789abcdef" not in done.stdout and "DebugTraceSecret (redacted)" in done.stdout


def test_a_condition_that_holds(server):
    sections = lambda *arguments: [each["section"] for each in foretold(server, "second.example", "/a.txt", *arguments)["sections"]]  # noqa: E731
    assert any(each.startswith("<If ") for each in sections("-H", "X-Want: json"))
    assert not any(each.startswith("<If ") for each in sections())


def test_messages_stand_below_their_hooks(server):
    text = explain(server, "first.example", "/broken/x").stdout
    assert re.search(r"map_to_storage\n +core_module +500 Internal Server Error\n +alert: .*\.htaccess:1", text)


def test_redirects_inside_are_told(server):
    text = explain(server, "first.example", "/nowhere").stdout
    assert "--- internal redirect: GET /missing.html" in text
    text = explain(server, "first.example", "/").stdout
    assert "--- sub-request: GET /index.html" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage: apus explain URL"),
        (["-X", "GET"], "explain needs a URL"),
        (["ftp://x/"], '"ftp" is neither http nor https'),
        (["http://x/", "http://y/"], "explain takes one URL"),
        (["http://x:99999/"], "has no valid port"),
        (["http://x/a b"], "the URL holds a space"),
        (["http://x/", "-H", "nonsense"], 'write "Name: value"'),
        (["http://x/", "-X", "G T"], "can be no method"),
        (["http://x:1/"], "nothing listens on port 1: the Listen lines name"),
        (["http://x:@PORT@/", "--from", "nobody.invalid"], "is no address"),
    ],
)
def test_mistakes(server, arguments, message):
    arguments = [server.fill(argument) for argument in arguments]
    done = server.run_plain("explain", *arguments, *(server.command()[1:] if arguments else ()))
    assert done.returncode == 1 and message in done.stdout + done.stderr


def test_an_unknown_command(server):
    done = server.run_plain("explian")
    assert done.returncode == 1 and '"explian" is no command: it is one of explain' in done.stderr


def test_a_path_alone_is_the_main_server_s(server):
    done = server.run_plain("explain", "/index.html", *server.command()[1:])
    assert done.returncode == 0 and "\n  HTTP/1.1 200 OK\n" in done.stdout


def signature(method, host, target, when, secret=b"0123456789abcdef"):
    text = f"{method}\n{host}\n{target}\n{when}".encode()
    return f"{when}:{hmac.new(secret, text, hashlib.sha256).hexdigest()}"


def traced(server, value, path="/short/a.txt?q"):
    """The lines of the error log that a request with that field leaves."""
    before = len(settled(server.error_log))
    with Connection(server.port) as connection:
        connection.request(f"GET {path} HTTP/1.1\r\nHost: first.example\r\nApus-Trace: {value}\r\n\r\n".encode())
    return settled(server.error_log)[before:]


def test_a_signed_request_is_traced(server):
    lines = traced(server, signature("GET", "first.example", "/short/a.txt?q", int(time.time())))
    assert "trace: request: GET /short/a.txt?q" in lines
    assert "trace: translate_name: rewrite_module: OK" in lines or "trace: translate_name: rewrite_module: declined" in lines
    assert "trace: handler: core_module: OK" in lines
    # The trace levels of the modules are on for this one request.
    assert "rewrite:trace" in lines


def test_explain_makes_the_signature(server):
    done = explain(server, "first.example", "/short/a.txt?q", "--sign")
    assert done.returncode == 0
    name, value = done.stdout.strip().split(": ")
    assert name == "Apus-Trace" and "trace: handler: core_module: OK" in traced(server, value)


@pytest.mark.parametrize("flaw", ["late", "early", "method", "host", "target", "secret", "cut", "empty", "words"])
def test_an_unsigned_request_is_not_traced(server, flaw):
    now = int(time.time())
    method, host, target, secret = "GET", "first.example", "/short/a.txt?q", b"0123456789abcdef"
    value = {
        "late": signature(method, host, target, now - 70),
        "early": signature(method, host, target, now + 70),
        "method": signature("POST", host, target, now),
        "host": signature(method, "second.example", target, now),
        "target": signature(method, host, "/short/a.txt", now),
        "secret": signature(method, host, target, now, b"0123456789abcdeF"),
        "cut": signature(method, host, target, now)[:-1],
        "empty": "",
        "words": "please",
    }[flaw]
    lines = traced(server, value)
    assert "trace:" not in lines and "the request is not traced" in lines


def test_a_short_secret_is_refused(server_class):
    server = server_class("DebugTraceSecret short\n", start=False)
    done = server.run("-t")
    assert done.returncode == 1 and "too short" in done.stderr
    server.discard()
