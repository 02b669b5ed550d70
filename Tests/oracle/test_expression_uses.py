"""Directives that take expressions, asked on Apus and on Debian's apache2: the answers, and the lines logged, must agree."""

import re

import pytest

from oracle.hosts import Hosts
from support.server import DEFAULT_MODULES, refusal
from support.waiting import wait_until

MODULES = (*DEFAULT_MODULES, "headers")

CASES = {
    "text": 'ErrorDocument 404 "no %{REQUEST_URI} for %{HTTP:T}"',
    "text without parts": 'ErrorDocument 404 "100% sure: $ and %"',
    "text with escapes": 'ErrorDocument 404 "a \\\\% b"',
    "text of functions": 'ErrorDocument 404 "%{md5:%{REQUEST_URI}} %{toupper:%{HTTP:T}}"',
    "text that fails": 'ErrorDocument 404 "%{file:/none}"',
    "path": "ErrorDocument 404 /%{HTTP:T}.txt",
    "path of the site": "ErrorDocument 404 /f.txt?%{REQUEST_URI}",
    "url": "ErrorDocument 404 http://target.example%{REQUEST_URI}?%{HTTP:T}",
    "default": "ErrorDocument 404 default",
    "of a section": '<Location /sub>\nErrorDocument 404 "sub %{REQUEST_URI}"\n</Location>\nErrorDocument 404 "%{REQUEST_URI}"',
    "handler": 'SetHandler "expr=%{HTTP:H}"',
    "handler of a section": '<Location /sub>\nSetHandler "expr=%{HTTP:H}"\n</Location>',
    "handler none": 'SetHandler none-such\n<Location /sub>\nSetHandler "expr=none"\n</Location>',
    "handler inside": 'SetHandler "expr=%{HTTP:H}"\n<Location /sub>\nSetHandler none\n</Location>',
    "handler fails": 'SetHandler "expr=%{file:/none}"',
    "require": "<Location />\nRequire expr %{HTTP:T} == 'f'\n</Location>",
    "require quoted": "<Location />\nRequire expr \"%{HTTP:T} == 'f'\"\n</Location>",
    "require not": "<Location />\n<RequireAll>\nRequire all granted\nRequire not expr %{HTTP:T} == 'f'\n</RequireAll>\n</Location>",
    "require any": "<Location />\n<RequireAny>\nRequire expr %{HTTP:T} == 'f'\nRequire expr %{REQUEST_URI} =~ /sub/\n</RequireAny>\n</Location>",
    "require fails": "<Location />\nRequire expr file('/none') == ''\n</Location>",
    "log": "CustomLog \"@ROOT@/logs/conditional.log\" \"%U %>s\" \"expr=%{REQUEST_STATUS} == '404' && %{HTTP:T} == 'f'\"",
    "log of answers": "Header set Logged yes\nCustomLog \"@ROOT@/logs/conditional.log\" \"%U\" \"expr=resp('Logged') == 'yes'\"",
    "log that fails": "CustomLog \"@ROOT@/logs/conditional.log\" \"%U\" \"expr=file('/none') == ''\"",
}  # fmt: skip

REQUESTS = [
    "GET /f.txt", "GET /none", "GET /none | T: f", "GET /sub/none | T: f", "HEAD /none | T: f", "GET /sub/a.html | H: none-such",
    "GET /sub/a.html | H: default-handler", "GET /f.txt | H: None | T: f", "GET /n%3Cb%3E?x=1 | T: f",
]  # fmt: skip


@pytest.fixture(scope="module")
def hosts(apus, apache, three_files):
    with Hosts(apus, CASES, htdocs=three_files, modules=MODULES) as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_same_answers(hosts, name):
    # After an error of its own apache2 ends the connection.
    hosts.compare(name, REQUESTS, ignore=["Connection"])


def test_same_lines_logged(hosts):
    servers = hosts.oracle.subject, hosts.oracle.reference
    for name in ("log", "log of answers", "log that fails"):
        hosts.compare(name, REQUESTS, ignore=["Connection"])

    def lines():
        return [(server.root / "logs" / "conditional.log").read_text().splitlines() for server in servers]

    wait_until(lambda: len(set(map(len, lines()))) == 1 and lines()[0], lambda: f"equal logs: {lines()}")
    ours, theirs = lines()
    assert ours == theirs


MISTAKES = {
    'ErrorDocument 404 "%{NONE}"': "there is no variable NONE",
    'SetHandler "expr=%{"': "the name of a variable",
    'CustomLog logs/x common "expr=a"': "at byte",
    'CustomLog logs/x common "when=a"': "is no condition",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes(apus, apache, line):
    assert re.search(rf"error: .*{re.escape(MISTAKES[line])}", refusal(apus, line + "\n", modules=MODULES))
    refusal(apache, line + "\n", modules=MODULES)
