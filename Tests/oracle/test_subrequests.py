"""What hooks see of requests inside the server: included documents, error pages, indexes and internal redirects, compared with apache2."""

import shutil

import pytest

from oracle.hosts import Hosts
from support.server import DEFAULT_MODULES, world_readable_directory

MODULES = (*DEFAULT_MODULES, "include", "setenvif", "env", "headers", "negotiation", "rewrite", "actions", "cgi", "remoteip", "unique_id")

NAMES = ("A", "B", "C", "REDIRECT_A", "REDIRECT_B", "REDIRECT_C", "HTTP_X_EARLY", "HTTP_X_LATE", "REMOTE_ADDR", "REQUEST_URI", "DOCUMENT_URI")
ECHOES = "".join(f'{name}=<!--#echo var="{name}" -->\n' for name in NAMES)
FILES = {
    "outer.shtml": f'outer\n{ECHOES}<!--#include virtual="/inner.shtml" --><!--#include virtual="/sub/" --><!--#include file="inner.shtml" -->end\n',
    "inner.shtml": f"inner\n{ECHOES}",
    "sub/index.shtml": f"index\n{ECHOES}",
    "view.shtml.en": f"view\n{ECHOES}",
    "missing.shtml": f"missing\n{ECHOES}",
    "two.shtml": '<!--#include virtual="/outer.shtml" -->',
    "programs.shtml": '<!--#include virtual="/cgi/environment" -->',
    "cgi/environment": f'#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nenv | grep -E "^({"|".join(NAMES)})=" | sort\n',
}

COMMON = """\
AddOutputFilter INCLUDES .shtml
AddType text/html .shtml
AddLanguage en .en
ScriptAlias /cgi/ @HTDOCS@/cgi/
<Directory "@HTDOCS@">
Options +Includes +MultiViews
DirectoryIndex index.shtml
</Directory>
"""
CASES = {
    "by path": "SetEnvIf Request_URI inner A=inner\nSetEnvIf Request_URI outer B=outer\nSetEnvIf Request_URI sub C=sub",
    "by path in a section": '<Directory "@HTDOCS@">\nSetEnvIf Request_URI inner A=inner\nSetEnvIf Request_URI outer B=outer\n</Directory>\n'
    "<Location /sub>\nSetEnvIf Request_URI . C=sub\n</Location>",
    "early": "RequestHeader add X-Early one early\nRequestHeader append X-Early two early\nRequestHeader set X-Late three",
    "early by variable": "SetEnvIf X-Early one A=seen\nRequestHeader set X-Early one early",
    "setenv": "SetEnv A always\n<Location /inner.shtml>\nSetEnv B inner\n</Location>",
    "error page": "ErrorDocument 404 /missing.shtml\nSetEnvIf Request_URI ^/none A=$0\nSetEnvIf Request_URI ^/missing B=$0\nRequestHeader set X-Early one early",
    "redirect": "RewriteEngine On\nRewriteRule ^/moved$ /inner.shtml [PT]\n<Directory @HTDOCS@>\nRewriteEngine On\nRewriteRule ^again$ /inner.shtml\n</Directory>\n"
    "SetEnvIf Request_URI again A\nSetEnvIf Request_URI inner B\nRequestHeader append X-Early one early",
    "client": "RemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.1\nSetEnvIf Remote_Addr (.*) A=$1",
    "action": "Action x-shown /cgi/environment\n<Location /f.x>\nSetHandler x-shown\n</Location>\nSetEnvIf Request_URI f.x A=file\nSetEnvIf Request_URI cgi B=cgi\n"
    "RequestHeader append X-Early one early",
}  # fmt: skip
REQUESTS = [
    f"GET {path} | X-Client: 192.0.2.7, 198.51.100.9"
    for path in ("/outer.shtml", "/two.shtml", "/sub/", "/view.shtml", "/none", "/moved", "/again", "/programs.shtml", "/f.x")
]


@pytest.fixture(scope="module")
def hosts(apus, apache):
    site = world_readable_directory()
    for name, text in {**FILES, "f.x": "x"}.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
        (site / name).chmod(0o755)
    with Hosts(apus, CASES, COMMON, htdocs=site, modules=MODULES) as running:
        yield running
    shutil.rmtree(site)


@pytest.mark.parametrize("name", CASES)
def test_same_answers(hosts, name):
    hosts.compare(name, REQUESTS, ignore=("ETag", "Last-Modified", "Accept-Ranges"))
