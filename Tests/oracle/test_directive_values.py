"""Values of directives, each tried with `-t` on Apus and on Debian's apache2: both take it, or both refuse it."""

import pytest

#: httpd takes these, and what they say makes no sense: here they are errors that say so.
REFUSED = {
    "Timeout 0": "every client would be too slow",
    "Timeout -3": "the same",
    "LimitRequestLine 0": "no request would be short enough",
    "LimitRequestFieldSize 0": "the same",
    "Redirect 600 /a": "there is no such status",
    "ErrorDocument 200 /x": "that is no error",
    "TypesConfig /nonexistent/file": "httpd finds out when it starts",
    "DirectorySlash On Off": "httpd ignores the second word",
}
#: httpd refuses these, because its file bears another name.
TAKEN = {"LogLevel mod_http.c:debug", "LogLevel http.c:debug"}
VALUES = r"""
KeepAliveTimeout 0
KeepAliveTimeout 500ms
KeepAliveTimeout 1min
KeepAliveTimeout 1m
KeepAliveTimeout 1h
KeepAliveTimeout -1
KeepAliveTimeout 5x
Timeout 0
Timeout 500ms
Timeout 1min
Timeout -3
MaxKeepAliveRequests -1
MaxKeepAliveRequests 0
KeepAlive maybe
KeepAlive 0
FileETag +INode
FileETag -MTime +Size
FileETag All -INode
FileETag INode +Size
FileETag None
FileETag Digest
FileETag MTime Size Digest
FileETag +Digest
FileETag Foo
FileETag +None
LogLevel http_module:debug
LogLevel core:info
LogLevel core_module:info
LogLevel http:trace3 warn
LogLevel mpm_event:debug
LogLevel so:debug
LogLevel unixd:debug
LogLevel log_config:debug
LogLevel mod_http.c:debug
LogLevel http.c:debug
LogLevel nosuch:debug
LogLevel notice nosuch_module:info
LogLevel foo
LogLevel info debug
LimitRequestLine 0
LimitRequestLine -1
LimitRequestFields 0
LimitRequestFields 100000
LimitRequestFieldSize 0
LimitRequestFieldSize 100
LimitRequestBody 0
LimitRequestBody -1
LimitRequestBody 99999999999999
TraceEnable maybe
AcceptPathInfo Default
AcceptPathInfo foo
ErrorDocument 404 "text
ErrorDocument 404 /x
ErrorDocument 404 default
ErrorDocument 999 foo
ErrorDocument 99 foo
ErrorDocument 302 /foo
ErrorDocument 404 plain text here
ErrorDocument 404
ErrorDocument 401 http://x/
EnableMMAP Off
Options +Foo
Options Indexes +FollowSymLinks
AddDefaultCharset utf-8
SetHandler none
SetHandler default-handler
ForceType none
MaxRanges default
MaxRanges none
MaxRanges unlimited
MaxRanges -1
MaxRangeOverlaps default
MaxRangeReversals default
MultiviewsMatch Any
MultiviewsMatch Handlers Filters
MultiviewsMatch Foo
MultiviewsMatch NegotiatedOnly
MultiviewsMatch Any Handlers
AddType text/x
AddType text/x .x .y z
AddType foo .x
RemoveType .x
AddLanguage en .en
DefaultLanguage fr
DefaultLanguage
TypesConfig /dev/null
ModMimeUsePathInfo On
AddCharset UTF-8 .utf8
AddEncoding x-gzip .gz
AddInputFilter foo;bar .x
AddOutputFilter foo .x
RemoveHandler .x
RemoveInputFilter .x
DirectoryIndex disabled
DirectoryIndex
DirectoryIndex a b disabled
DirectoryIndexRedirect 305
DirectoryIndexRedirect 200
DirectoryIndexRedirect permanent
DirectoryCheckHandler On
DirectorySlash NotFound
FallbackResource disabled
FallbackResource foo
Alias /a /b
Alias /a
Alias a /b
AliasMatch ^/x(.*) /b$1
AliasMatch ( /b
AliasPreservePath On
Redirect /a http://x/
Redirect permanent /a http://x/
Redirect 303 /a /b
Redirect gone /a
Redirect gone /a /b
Redirect 404 /a
Redirect 404 /a /b
Redirect 200 /a
Redirect 100 /a
Redirect 600 /a
Redirect 308 /a /b
Redirect foo /a /b
Redirect /a b
RedirectMatch ^/x$ /y
RedirectMatch gone ^/x
RedirectTemp /a /b
RedirectPermanent /a /b
RedirectRelative On
ScriptAlias /cgi /usr
ScriptAliasMatch ^/c(.*) /usr$1
LogFormat "%h"
LogFormat "%h" x
LogFormat "%Q" x
LogFormat "%{foo"
LogFormat "%"
CustomLog logs/x "%h"
CustomLog logs/x "%h" env=foo
CustomLog logs/x "%h" env=!foo
CustomLog logs/x "%h" foo
CustomLog logs/x nosuchnick
CustomLog logs/x "%h" env=
CustomLog "|/bin/cat" "%h"
CustomLog "||/bin/cat" "%h"
CustomLog "|$/bin/cat" "%h"
CustomLog syslog:local1 "%h"
TransferLog logs/t
GlobalLog logs/g "%h"
GlobalLog logs/g "%h" env=x
BufferedLogs On
StrictHostCheck On
HttpProtocolOptions Strict LenientMethods Allow0.9
HttpProtocolOptions Unsafe
HttpProtocolOptions Foo
RegisterHttpMethod FOO BAR
AllowEncodedSlashes NoDecode
MergeSlashes Off
MultiviewsMatch NegotiatedOnly Any
MultiviewsMatch Handlers Any
MultiviewsMatch NegotiatedOnly Filters
FileETag +None
FileETag +All
ErrorDocument 300 /x
ErrorDocument 600 /x
ErrorDocument 200 /x
AddType
AddHandler x
AddEncoding gzip
AddLanguage en
AddCharset utf-8
RemoveType
RemoveCharset .x
RemoveEncoding .x .y
RemoveLanguage .x
RemoveOutputFilter .x
DefaultLanguage a b
TypesConfig /nonexistent/file
DirectoryIndexRedirect on
DirectoryIndexRedirect seeother
DirectoryIndexRedirect 404
DirectoryIndexRedirect foo
DirectoryCheckHandler maybe
DirectorySlash On Off
FallbackResource /a /b
Alias /a /b /c
ScriptAlias a
Redirect
RedirectMatch ( /y
RedirectMatch permanent ^/x /y
RedirectRelative maybe
RedirectTemp /a
RedirectPermanent /a b
LogFormat
LogFormat "%h" a b
LogFormat "%{x}^ti" t
LogFormat "%^ti" t
LogFormat "%^xx" t
LogFormat "%>s %<s %!200s %200,404!s" t
LogFormat "%{a}b" t
TransferLog a b
GlobalLog logs/g
BufferedLogs maybe
CustomLog logs/x
""".strip().split("\n")


@pytest.fixture(scope="module")
def servers(apus, apache):
    made = [apus(start=False), apache(start=False)]
    yield made
    for server in made:
        server.discard()


@pytest.mark.parametrize("line", dict.fromkeys(VALUES))
def test_same_verdict(servers, line):
    outcomes = []
    for server in servers:
        server.write_config(line + "\n")
        outcomes.append(server.run("-t"))
    ours, theirs = (outcome.returncode == 0 for outcome in outcomes)
    assert ours == (theirs and line not in REFUSED or line in TAKEN), "\n".join(o.stdout + o.stderr for o in outcomes)
