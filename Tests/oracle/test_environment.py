"""SetEnvIf and its kin, SetEnv, PassEnv and UnsetEnv, asked on Apus and on Debian's apache2: the answers must agree."""

import re

import pytest

from oracle.hosts import Hosts
from support.server import DEFAULT_MODULES, refusal

MODULES = (*DEFAULT_MODULES, "headers", "setenvif", "env")

SHOW = "".join(f'Header always set {name} "%{{{name}}}e"\n' for name in "ABC")

#: Two things are left out, because apache2 does not do what its manual says: a pattern without any special character fills in
#: no $0, and one variable asked for twice in a row has the value it had at first.
CASES = {
    "utf": 'SetEnvIf T "(*UTF)^w(.)" A=$1',
    "field": "SetEnvIf T 1 A",
    "value": "SetEnvIf T 1 A=x B=y C=z",
    "empty value": "SetEnvIf T 1 A=",
    "value with equal sign": "SetEnvIf T 1 A=b=c",
    "removed": "SetEnvIf Host . A=1 B=2\nSetEnvIf T 1 !A",
    "removed and set": "SetEnvIf T 1 A=1 !A B",
    "groups": 'SetEnvIf User-Agent "^(\\w+)/(\\d+)" A=$1 B=$2 C=$0',
    "groups more": 'SetEnvIf User-Agent "^(\\w+)" A=$1$2$9 B=x$1y',
    "group escaped": 'SetEnvIf User-Agent "^(\\w+)" "A=\\$1" B=a&b',
    "absent field": "SetEnvIf None ^$ A",
    "absent field matches nothing": "SetEnvIf None . A",
    "path": "SetEnvIf Request_URI (.*) A=$1\n<Location />\nSetEnvIf Request_URI (.*) B=$1\n</Location>",
    "case": "SetEnvIf User-Agent BROWSER A",
    "no case": "SetEnvIfNoCase User-Agent BROWSER. A=$0",
    "name in any case": "SetEnvIf user-agent Browser A",
    "address": "SetEnvIf Remote_Addr ^127 A=$0",
    "address in any case": "SetEnvIf REMOTE_ADDR ^127 A",
    "host": "SetEnvIf Remote_Host ^127 A",
    "server address": "SetEnvIf Server_Addr ^127 A",
    "method": "SetEnvIf Request_Method ^HEAD$ A",
    "protocol": "SetEnvIf Request_Protocol ^HTTP/1.1$ A",
    "uri": 'SetEnvIf Request_URI "\\.([a-z]+)$" A=$1',
    "uri has no query": "SetEnvIf Request_URI x=1 A",
    "names by regex": "SetEnvIf ^X- ^a A=$0",
    "names by regex, last": "SetEnvIf ^X- . A=$0",
    "names by regex, none": "SetEnvIf ^Y- ^$ A",
    "names by regex without case": "SetEnvIfNoCase ^x-o ^A A=$0",
    "variable": "SetEnvIf T 1 A=one\nSetEnvIf A ^one$ B=two\nSetEnvIf B two C=three",
    "variable after field": "SetEnvIf Host . T=5\nSetEnvIf T 5 A",
    "browser": "BrowserMatch ^Browser A=$0\nBrowserMatch ^browser B\nBrowserMatch Other !A",
    "browser without case": "BrowserMatchNoCase ^browser A=$0",
    "expression": "SetEnvIfExpr \"%{HTTP:T} == '1'\" A=1 B=2 !C",
    "expression groups": 'SetEnvIfExpr "%{REQUEST_URI} =~ m#/(.)(.*)#" A=$1 B=$2',
    "expression false": "SetEnvIfExpr false A",
    "expression fails": "SetEnvIfExpr \"file('/none') == ''\" A",
    "expression varies": "SetEnvIfExpr \"req('Q') == ''\" A",
    "last wins": "SetEnvIf Host . A=1\nSetEnvIf Host . A=2",
    "in a directory": '<Directory "@HTDOCS@">\nSetEnvIf T 1 A=d\n</Directory>',
    "directory after server": 'SetEnvIf Host . A=s\n<Directory "@HTDOCS@">\nSetEnvIf A s B=d\n</Directory>',
    "in a location": "<Location /sub>\nSetEnvIf T 1 A=l\n</Location>\nSetEnvIf T 1 B=s",
    "in files": "<Files f.txt>\nSetEnvIf T 1 A=f\n</Files>",
    "sections in order": '<Location />\nSetEnvIf Host . A=l\n</Location>\n<Directory "@HTDOCS@">\nSetEnvIf Host . A=d\n</Directory>',
    "in if": "<If true>\nSetEnvIf T 1 A=i\n</If>",
    "for require": "SetEnvIf T 1 A\n<Location />\nRequire env A\n</Location>",
    "for if": "SetEnvIf T 1 A\n<If \"reqenv('A') == '1'\">\nHeader set X yes\n</If>",
    "main server's": "SetEnvIf Host . C=$0",
    "setenv": "SetEnv A one",
    "setenv empty": "SetEnv A",
    "setenv twice": "SetEnv A one\nSetEnv A two",
    "setenv after setenvif": "SetEnvIf Host . A=if\nSetEnv A env",
    "setenv in sections": "SetEnv A server\n<Location /sub>\nSetEnv A location\nSetEnv B location\n</Location>",
    "setenv is late": "SetEnv A 1\n<If \"reqenv('A') == '1'\">\nHeader set X yes\n</If>\nSetEnvIf A 1 B",
    "unsetenv": "SetEnv A one\n<Location /sub>\nUnsetEnv A\n</Location>",
    "unsetenv at once": "SetEnv A one\nUnsetEnv A",
    "unsetenv before": "UnsetEnv A\nSetEnv A one",
    "unsetenv of setenvif": "SetEnvIf Host . A=1\n<Location />\nUnsetEnv A\n</Location>",
    "unsetenv of the main server's": "UnsetEnv C",
    "passenv": "PassEnv APUS_TEST_A\nHeader set X %{APUS_TEST_A}e",
    "passenv several": "PassEnv APUS_TEST_A APUS_TEST_B\nHeader set X %{APUS_TEST_A}e%{APUS_TEST_B}e",
    "passenv absent": "PassEnv APUS_TEST_NONE\nHeader set X %{APUS_TEST_NONE}e",
    "error page": "ErrorDocument 404 /f.txt\nSetEnvIf T 1 A=1\nHeader always set R %{REDIRECT_A}e\nHeader always set S %{REDIRECT_STATUS}e",
}  # fmt: skip

MAIN = f"SetEnv C main\nSetEnvIf Main . A=main\n{SHOW}"

REQUESTS = [
    "GET /f.txt", "HEAD /f.txt", "GET /f.txt?x=1 | T: 1 | User-Agent: Browser/5.0", "GET /sub/a.html | T: 1", "GET /none | T: 1", "GET /",
    "GET / | T: 1", "GET /f.txt | User-Agent: Other | X-One: a | X-Two: ab", "GET /f.txt | X-Two: b | X-One: A", "GET /f.txt | Main: 1",
]  # fmt: skip


@pytest.fixture(scope="module")
def hosts(apus, apache, three_files):
    environment = {"APUS_TEST_A": "passed", "APUS_TEST_B": "as well"}
    with Hosts(apus, CASES, MAIN, htdocs=three_files, modules=MODULES, environment=environment) as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_same_answers(hosts, name):
    hosts.compare(name, REQUESTS)


def test_what_is_no_utf(hosts):
    """A pattern that wants UTF-8 does not find any where there is none, and does not read on behind it."""
    hosts.compare("utf", [f"GET /f.txt | T: w{end} | Secret: key" for end in ("a", "\xc3\xa4", "\xf0", "\xfc", "\xc3", "a\xff", "")])


def test_paths_as_they_were_written(hosts):
    """Outside of sections, where nothing has been done to them yet; known: %{REQUEST_URI} in SetEnvIfExpr is made plain already."""
    hosts.compare("path", ["GET /sub/a%2ehtml?x", "GET /sub/../f.txt", "GET //sub/./a.html", "GET /n%20one"])


MISTAKES = {
    "SetEnvIf Host .": "takes at least",
    "SetEnvIf Host ( A": "regular expression",
    "SetEnvIf ^( . A": "regular expression",
    "SetEnvIf Host . =1": "names no variable",
    "SetEnvIf Host . !": "names no variable",
    "BrowserMatch .": "takes at least",
    "SetEnvIfExpr a A": "at byte",
    "SetEnv": "takes",
    "SetEnv A b c": "takes",
    "UnsetEnv": "takes",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes(apus, line):
    assert re.search(rf"error: .*{re.escape(MISTAKES[line])}", refusal(apus, line + "\n", modules=MODULES))
