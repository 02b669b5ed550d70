"""mod_include: what becomes of elements, compared with apache2."""

import re
import shutil
import time
import os

import pytest

from support.oracle import Oracle, ask, mismatch
from support.server import DEFAULT_MODULES, world_readable_directory

CONFIG = """\
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
AddHandler server-parsed .sp
<Directory "@HTDOCS@">
Options +Includes +FollowSymLinks
AllowOverride All
</Directory>
<Directory "@HTDOCS@/cgi">
Options +ExecCGI
AddHandler cgi-script .cgi
</Directory>
<Location "/private">
Require all denied
</Location>
SetEnv FROM_CONFIG "<set & \\"ready\\">"
SetEnvIf X-Var (.*) FROM_CLIENT=$1
AcceptPathInfo On
<Location "/log">
LogLevel error
</Location>
"""

CONFIGURATIONS = {
    "plain": "",
    "noexec": '<Directory "@HTDOCS@">\nOptions IncludesNOEXEC\n</Directory>\nScriptAlias /scripts/ @HTDOCS@/cgi/',
    "exec again": '<Directory "@HTDOCS@">\nOptions IncludesNOEXEC\n</Directory>\n<Directory "@HTDOCS@/docs">\nOptions +Includes\n</Directory>',
    "both": '<Directory "@HTDOCS@">\nOptions IncludesNOEXEC Includes\n</Directory>',
    "exec taken": '<Directory "@HTDOCS@">\nOptions Includes\n</Directory>\n<Directory "@HTDOCS@/docs">\nOptions -IncludesNOEXEC\n</Directory>',
    "none": '<Directory "@HTDOCS@">\nOptions -Includes\n</Directory>',
    "tags": "SSIStartTag <%\nSSIEndTag %>",
    "long tags": "SSIStartTag <!<!--#\nSSIEndTag ==>",
    "texts": 'SSIErrorMsg "<b>oh</b>"\nSSIUndefinedEcho "nothing"\nSSITimeFormat "%Y-%m-%d"',
    "legacy": '<Directory "@HTDOCS@">\nSSILegacyExprParser on\n</Directory>',
    "legacy merged": '<Directory "@HTDOCS@">\nSSILegacyExprParser on\n</Directory>\n<Location />\nSSILegacyExprParser off\n</Location>',
    "bits": "XBitHack on",
    "bits full": "XBitHack full",
    "bits merged": 'XBitHack full\n<Directory "@HTDOCS@/docs">\nXBitHack off\n</Directory>',
    "dates": '<Directory "@HTDOCS@">\nSSILastModified on\nSSIETag on\n</Directory>',
    "handler": "",
    "limited": "LimitInternalRecursion 4 4",
}
PORTS = {name: number for number, name in enumerate(CONFIGURATIONS, 1)}

#: Documents by name. Each stands in a file of its own below /docs/.
DOCUMENTS = {
    "none": "plain text without anything <!-- a comment --> & so on",
    "empty": "",
    "echo": '[<!--#echo var="DOCUMENT_NAME" -->][<!--#echo var="DOCUMENT_URI" -->][<!--#echo var="NOT_SET" -->][<!--#echo var="DOCUMENT_ARGS"-->]'
    '[<!--#echo var="QUERY_STRING_UNESCAPED" -->][<!--#echo var="DOCUMENT_PATH_INFO" -->][<!--#echo var="USER_NAME" -->][<!--#echo var="LAST_MODIFIED" -->]',
    "echo_server": '<!--#echo var="SERVER_NAME" -->|<!--#echo var="REQUEST_METHOD" -->|<!--#echo var="SCRIPT_NAME" -->|<!--#echo var="PATH_INFO" -->|'
    '<!--#echo var="QUERY_STRING" -->|<!--#echo var="HTTP_HOST" -->|<!--#echo var="GATEWAY_INTERFACE" -->|<!--#echo var="SERVER_PROTOCOL" -->',
    "echo_lower": '<!--#echo var="document_name" -->|<!--#ECHO VAR="DOCUMENT_NAME" -->|<!--#Echo Var=DOCUMENT_NAME -->',
    "echo_config": '<!--#echo var="FROM_CONFIG" -->|<!--#echo encoding="none" var="FROM_CONFIG" -->|<!--#echo encoding="url" var="FROM_CONFIG" -->'
    '|<!--#echo encoding="urlencoded" var="FROM_CONFIG" -->|<!--#echo encoding="base64" var="FROM_CONFIG" -->|<!--#echo encoding="bad" var="FROM_CONFIG" -->'
    '|<!--#echo var="FROM_CONFIG" encoding="none" -->|<!--#echo encoding="none" var="FROM_CONFIG" encoding="url" var="FROM_CONFIG" -->',
    "codings": "".join(
        f'<!--#set var="a" value="{value}" -->'
        + "".join(
            f'[<!--#echo {kind}="{coding}" var="a" -->][<!--#echo encoding="none" {kind}="{coding}" var="a" -->]'
            for kind in ("encoding", "decoding") for coding in ("none", "url", "urlencoded", "base64", "entity", "entity,url", "url, entity", "")
        )
        for value in (
            "plain", "a b&c=d/e?f+g", "%41%2f%zz%4", "aGVsbG8=", "&amp;lt;b&amp;gt;&amp;eacute;&amp;#65;&amp;#300;&amp;nothing;&amp;", "\\$x ${none}z", "\u00e9~!*'();:@,#[]"
        )
    ),  # fmt: skip
    "echo_errors": '<!--#echo -->|<!--#echo var -->|<!--#echo foo="x" -->|<!--#echo var="" -->|<!--#echo var="DOCUMENT_NAME" foo="x" var="DOCUMENT_NAME" -->|'
    '<!--#echo encoding="none" -->|<!--#echo var= -->',
    "set": '<!--#set var="a" value="1" --><!--#set var="b" value="$a${a}2\\$a" -->[<!--#echo var="a" -->][<!--#echo var="b" -->]<!--#set var="$b" value="x" -->[<!--#echo var="112$a" -->]'
    '<!--#set var="n" value="b" -->[<!--#echo var="$n" -->]<!--#set var="c" value="$undefined-${undefined}-$-$$-${a-$" -->[<!--#echo var="c" -->]',
    "set_errors": '<!--#set -->|<!--#set var="a" -->|<!--#set value="a" -->|<!--#set value="a" var="b" -->|<!--#set var="a" value -->|<!--#set var="a" foo="b" -->|'
    '<!--#set var="a" value="1" value="2" -->[<!--#echo var="a" -->]|<!--#set var="a" value="1" var="b" value="2" -->[<!--#echo var="b" -->]|'
    '<!--#set encoding="url" var="e" value="a b" -->[<!--#echo var="e" -->]|<!--#set decoding="base64" encoding="entity" var="e" value="PGI+" -->[<!--#echo encoding="none" var="e" -->]'
    '|<!--#set encoding="bad" var="e" value="a b" -->[<!--#echo var="e" -->]',
    "set_overrides": '<!--#set var="DATE_LOCAL" value="never" --><!--#echo var="DATE_LOCAL" -->|<!--#set var="DOCUMENT_NAME" value="other" --><!--#echo var="DOCUMENT_NAME" -->|<!--#set var="document_uri" value="low" --><!--#echo var="DOCUMENT_URI" -->',
    "quotes": "<!--#set var='a' value='x \"y\" z' -->[<!--#echo encoding=\"none\" var='a' -->]<!--#set var=`a` value=`x 'y' z` -->[<!--#echo encoding=\"none\" var=`a` -->]"
    '<!--#set var="a" value="x \\"y\\" \\\' \\z \\\\" -->[<!--#echo encoding="none" var="a" -->]<!--#set var=a value=un"quo"ted --> [<!--#echo encoding="none" var=a -->]'
    '<!--#set var="a" value="-->" -->[<!--#echo var="a" -->]<!--#set var="a"value="near"-->[<!--#echo var="a"-->]<!--#set var = "a" value = "far" -->[<!--#echo var="a" -->]'
    '<!--#set\nvar="a"\n\tvalue="lines\nof it"\n-->[<!--#echo var="a" -->]<!--#set var="a" value="&quot;&lt;&#65;" -->[<!--#echo encoding="none" var="a" -->]<!--#set var="a" value=\'it\\\'s\' -->[<!--#echo encoding="none" var="a" -->]',
    "shapes": "<!--#echo var=\"DOCUMENT_NAME\"-->|<!--#printenv2 -->|<!--# echo var=\"DOCUMENT_NAME\" -->|<!--#-->|<!--# -->|<!--#endif-->|<!--#endif -->|<!--#else-->x<!--#endif-->|<!-- #echo var=\"a\" -->|<!-#echo --><!--<!--#echo var=\"DOCUMENT_NAME\" -->-->|<!---#echo -->",
    "odd_ends": '<!--#echo var="DOCUMENT_NAME" - -->|<!--#echo var="DOCUMENT_NAME" -- -->|<!--#echo var="DOCUMENT_NAME" --x -->|<!--#echo var="DOCUMENT_NAME" x-->|<!--#echo var=DOCUMENT_NAME-->| -->|',
    "unfinished": 'before <!--#echo var="DOCUMENT_NAME"',
    "unfinished_tag": "before <!--",
    "unfinished_name": "before <!--#ec",
    "unfinished_quote": 'before <!--#echo var="DOCUMENT_NAME --> after <!--#echo var="x" --> more',
    "unclosed_if": 'a<!--#if expr="false" -->b',
    "unknown": '<!--#nothing -->|<!--#nothing a="b" -->|<!--#if expr="false" --><!--#nothing --><!--#echo --><!--#endif -->',
    "comment": '[<!--#comment anything at all -->][<!--#comment text="x" -->][<!--#comment -->]',
    "config": '<!--#config errmsg="[E]" --><!--#nothing -->|<!--#config echomsg="[U]" --><!--#echo var="u" -->|<!--#config sizefmt="bytes" --><!--#fsize file="size.txt" -->|<!--#config sizefmt="abbrev" --><!--#fsize file="size.txt" -->|'
    '<!--#config timefmt="%Y %j" --><!--#flastmod file="size.txt" -->|<!--#echo var="LAST_MODIFIED" -->|<!--#config errmsg="$DOCUMENT_NAME &amp;" --><!--#nothing -->|<!--#config timefmt="" -->[<!--#echo var="LAST_MODIFIED" -->]',
    "config_errors": '<!--#config -->|<!--#config foo="x" -->|<!--#config sizefmt="x" -->|<!--#config errmsg="1" foo="x" -->|<!--#config errmsg -->|<!--#config foo="x" errmsg="2" --><!--#nothing -->',
    "times": '<!--#config timefmt="%A %B %d %H:%M %Y %Z %z %%" --><!--#flastmod file="size.txt" -->|<!--#flastmod virtual="/docs/size.txt" -->',
    "sizes": "".join(f'<!--#fsize file="s{size}" -->|' for size in (0, 1, 972, 973, 1023, 1024, 10000, 100000, 1000000, 1047000))
    + '<!--#config sizefmt="bytes" -->' + "".join(f'<!--#fsize file="s{size}" -->|' for size in (0, 1, 972, 1000, 100000, 1000000)),
    "size_errors": '<!--#fsize -->|<!--#fsize file="gone" -->|<!--#fsize virtual="/gone" -->|<!--#fsize file="/etc/passwd" -->|<!--#fsize file="../page.txt" -->|<!--#fsize foo="x" -->|<!--#fsize virtual="../page.txt" -->|'
    '<!--#fsize virtual="size.txt?x" -->|<!--#fsize file="" -->|<!--#fsize file -->|<!--#fsize file="size.txt" file="gone" file="size.txt" -->|<!--#flastmod file="gone" -->|<!--#fsize virtual="/private/x.txt" -->|<!--#fsize file="./sub/../size.txt" -->|<!--#fsize file="sub" -->|<!--#fsize virtual="/docs/sub/" -->',
    "include": '[<!--#include file="part.txt" -->][<!--#include virtual="part.txt" -->][<!--#include virtual="/docs/part.txt" -->][<!--#include file="sub/part.txt" -->][<!--#include virtual="/docs/empty.shtml" -->]',
    "include_several": '<!--#include file="part.txt" file="sub/part.txt" virtual="/page.txt" -->',
    "include_errors": '<!--#include -->|<!--#include file="gone" -->|<!--#include virtual="/gone" -->|<!--#include file="/etc/passwd" -->|<!--#include file="../page.txt" -->|<!--#include foo="x" -->|<!--#include virtual="../page.txt" -->|'
    '<!--#include file="" -->|<!--#include virtual="" -->|<!--#include file -->|<!--#include virtual="/private/x.txt" -->|<!--#include file="part.txt" file="gone" file="part.txt" -->|<!--#include virtual="http://localhost/x" -->|<!--#include file="sub/../part.txt" -->|<!--#include file="sub" -->|<!--#include virtual="/docs/sub/" -->|<!--#include virtual="/docs/sub" -->|<!--#include file="part%2etxt" -->|<!--#include virtual="part%2etxt" -->|<!--#include virtual="part.txt#x" -->',
    "onerror": '<!--#include virtual="/gone" onerror="/page.txt" -->|<!--#include virtual="/page.txt" onerror="part.txt" -->|<!--#include virtual="/gone" onerror="/gone" -->|<!--#include onerror="part.txt" -->|'
    '<!--#include virtual="/gone" virtual="/page.txt" onerror="part.txt" -->|<!--#include virtual="/gone" onerror="part.txt" virtual="/gone2" onerror="/page.txt" -->|<!--#include file="../x" onerror="part.txt" -->|<!--#include virtual="/gone" onerror="/gone" virtual="/page.txt" -->',
    "include_var": '<!--#set var="f" value="part" --><!--#include virtual="$f.txt" -->|<!--#include virtual="${f}.txt" -->|<!--#include virtual="/docs/$DOCUMENT_ARGS" -->|<!--#include virtual="part.txt&amp;" -->',
    "outer": '<!--#set var="a" value="outer" --><!--#config timefmt="%Y" errmsg="[OUTER]" echomsg="[UNSET]" --><!--#include virtual="inner.shtml?q=1" -->|<!--#echo var="a" -->|<!--#echo var="b" -->|<!--#echo var="DOCUMENT_NAME" -->|<!--#nothing -->|<!--#echo var="QUERY_STRING" -->',
    "inner": '(<!--#echo var="a" -->,<!--#echo var="DOCUMENT_NAME" -->,<!--#echo var="DOCUMENT_URI" -->,<!--#echo var="LAST_MODIFIED" -->,<!--#echo var="QUERY_STRING" -->,<!--#echo var="DOCUMENT_ARGS" -->,<!--#nothing -->,<!--#echo var="u" -->,<!--#echo var="SCRIPT_NAME" -->,<!--#echo var="REQUEST_URI" -->,<!--#flastmod file="size.txt" -->'
    '<!--#set var="a" value="inner" --><!--#set var="b" value="new" -->)',
    "deep": '<!--#include virtual="outer.shtml" -->',
    "loop": 'x<!--#include virtual="loop.shtml" -->y',
    "cgi": '[<!--#include virtual="/cgi/hello.cgi" -->][<!--#include virtual="/cgi/hello.cgi?a=b" -->][<!--#include virtual="/cgi/hello.cgi/info?x" -->][<!--#include virtual="/cgi/fails.cgi" -->][<!--#include virtual="/cgi/away.cgi" -->][<!--#include virtual="/cgi/local.cgi" -->][<!--#include virtual="/cgi/status.cgi" -->]',
    "exec": '[<!--#exec cmd="echo hello" -->][<!--#exec cmd="pwd | sed s,.*/,," -->][<!--#exec cmd="echo $$DOCUMENT_NAME \\$DOCUMENT_URI" -->][<!--#exec cmd="exit 3" -->][<!--#exec cmd="echo one; echo oops >&2; echo two" -->][<!--#exec cmd="nosuchcommand" -->][<!--#exec cmd="printf \'<b>\'" -->][<!--#exec cmd="cat" -->]',
    "exec_cgi": '[<!--#exec cgi="/cgi/hello.cgi" -->][<!--#exec cgi="/cgi/hello.cgi?x" -->][<!--#exec cgi="/cgi/hello.cgi/info" -->][<!--#exec cgi="/gone" -->][<!--#exec cgi="/cgi/away.cgi" -->][<!--#exec cgi="/cgi/fails.cgi" -->][<!--#exec cgi="/cgi/status.cgi" -->][<!--#exec cgi="../cgi/hello.cgi" -->][<!--#exec cgi="/page.txt" -->]',
    "exec_errors": '[<!--#exec -->][<!--#exec foo="x" -->][<!--#exec cmd -->][<!--#exec cmd="" -->][<!--#exec cmd="echo a" cmd="echo b" -->]',
    "exec_env": '<!--#set var="MINE" value="a b" --><!--#exec cmd="env | grep -E \'^(MINE|DOCUMENT_|QUERY_|REQUEST_|SCRIPT_|HTTP_|FROM_|GATEWAY|PATH_)\' | sort" -->',
    "if": "".join(
        f'<!--#if expr="{expr}" -->yes<!--#elif expr="{other}" -->other<!--#else -->no<!--#endif -->|'
        for expr, other in (
            ("true", "false"), ("false", "true"), ("false", "false"), ("v('a') = 'x'", "true"), ("-z v('a')", "true"), ("reqenv('FROM_CONFIG') =~ /set/", "false"), ("%{REQUEST_METHOD} = 'GET'", "false"),
            ("%{QUERY_STRING} =~ /^sid=([a-z]+)/", "true"), ("-n v('DOCUMENT_NAME')", "false"), ("v('DOCUMENT_NAME') == 'if.shtml'", "false"), ("-z v('nothing')", "false"), ("%{HTTP_HOST} == 'localhost'", "false"), ("-R '127.0.0.0/8'", "false"), ("v('DATE_LOCAL')", "false"), ("$a = b", "false"),
        )
    ),  # fmt: skip
    # What a condition of today's language captured, httpd tells of as a whole only.
    "captures": '<!--#if expr="%{QUERY_STRING} =~ /^(s.d)=([a-z]+)/" -->[<!--#echo var="0" -->]<!--#set var="s" value="<$0>" -->[<!--#echo var="s" -->]<!--#endif -->[<!--#echo var="0" -->]',
    "nested": "".join(
        f'<!--#if expr="{a}" -->A<!--#if expr="{b}" -->B<!--#else -->b<!--#endif -->a<!--#elif expr="{b}" -->E<!--#if expr="{a}" -->F<!--#endif -->e<!--#else -->X<!--#if expr="true" -->Y<!--#endif -->Z<!--#endif -->|'
        for a in ("true", "false") for b in ("true", "false")
    ),  # fmt: skip
    "if_errors": '<!--#if -->a<!--#endif -->|<!--#if expr -->a<!--#endif -->|<!--#if foo="x" -->a<!--#else -->b<!--#endif -->|<!--#if expr="true" expr="false" -->a<!--#endif -->|<!--#if expr="(" -->a<!--#else -->b<!--#endif -->|<!--#if expr="false" -->a<!--#endif foo -->c<!--#endif -->|<!--#else foo -->a<!--#endif bar -->|<!--#elif expr="true" -->c<!--#else -->d<!--#endif -->|<!--#if expr="" -->a<!--#endif -->|<!--#if expr="false" -->a<!--#else -->b<!--#else -->c<!--#elif expr="true" -->d<!--#endif -->e',
    "restricted": "<!--#if expr=\"file('/etc/hostname') = ''\" -->a<!--#else -->b<!--#endif -->|<!--#if expr=\"-e '/etc/passwd'\" -->a<!--#else -->b<!--#endif -->",
    "skipped": '<!--#if expr="false" --><!--#include virtual="/page.txt" --><!--#set var="a" value="x" --><!--#exec cmd="echo x" --><!--#config errmsg="x" --><!--#endif -->[<!--#echo var="a" -->]<!--#nothing -->',
    "legacy": '<!--#set var="a" value="test1" --><!--#set var="b" value="x y" --><!--#set var="e" value="" -->' + "".join(
        f'<!--#if expr="{expr}" -->yes<!--#else -->no<!--#endif -->|'
        for expr in (
            "$a", "$none", "$e", "$a = test1", "$a = test2", "$a == test1", "$a != test1", "! $a", "!$none", "$a = test1 && $b = 'x y'", "$a = test1 || $none", "$none || $e", "$none && $a || $a", "$a || $none && $none",
            "($a = test1) && ($b = 'x y')", "$a < test2", "$a > test2", "$a >= test1", "$a <= test1", "100 < 20", "$b = x y", "$b = 'x  y'", "'$b' = 'x y'", "$a = /^te(.*)$/", "$a != /^te/", "$a = /nothing/", "/test/", "$a /x/", "(", ")", "$a = ", "= $a", "! ! $a", "! $a = test1", "!($a = test2)",
            "a = b = c", "a = (b)", "(a) = b", "a && ", "a || || b", "!", "a !b", "a ( b )", "/a", "a/b", "'a", "a 'b", "(a) b", "()",
            "-A /private/x.txt", "-A /page.txt", "-A /gone", "-A", "$DOCUMENT_NAME = legacy.shtml", "", "a b c", "$a = test1 && ($b = z || $e = '')", "$a = 'te' st1", "\\$a = '\\$a'", "$QUERY_STRING = /^sid=([a-z]+)/", "$1", "$a=test1", "($a=test1)&&$b", "((($a)))", "($a", "$a)", "$a & $b", "$a | $b", "a|b = a|b", "-B", "$a = /a/b/",
        )
    ),  # fmt: skip
    "legacy_captures": '<!--#if expr="$QUERY_STRING = /^(s.d)=([a-z]+)/" -->[<!--#echo var="0" -->][<!--#echo var="1" -->][<!--#echo var="2" -->][<!--#echo var="3" -->]'
    '<!--#set var="s" value="$1-$2-$7" -->[<!--#echo var="s" -->]<!--#else -->no<!--#endif -->[<!--#echo var="1" -->]',
    "printenv": "<!--#printenv -->",
    "printenv_errors": '<!--#printenv foo="x" -->',
    "long": "".join(f'{"text " * 40}<!--#echo var="DOCUMENT_NAME" -->\n' for _ in range(3000)),
    "many": '<!--#include file="part.txt" -->' * 500,
    "large": '<<!--#include file="large.txt" -->><!--#include virtual="/docs/large.txt" -->.',
    "vary": "<!--#if expr=\"%{HTTP_USER_AGENT} = 'x'\" -->a<!--#else -->b<!--#endif -->",
}  # fmt: skip

SCRIPTS = {
    "hello": 'printf "Content-Type: text/html\\n\\n"; echo "hello $QUERY_STRING $PATH_INFO $DOCUMENT_NAME $SERVER_PROTOCOL $REQUEST_METHOD"',
    "fails": "exit 1",
    "away": 'printf "Location: http://other.example/?a&b\\n\\n"',
    "local": 'printf "Location: /page.txt\\n\\n"',
    "status": 'printf "Status: 404\\nContent-Type: text/plain\\n\\nown text\\n"',
}


def request(path, *fields, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: localhost", *fields, "", ""])


def questions():
    varying = {"printenv", "long"}
    for name in DOCUMENTS:
        yield "plain", request(f"/docs/{name}.shtml")
    for name in ("echo", "echo_server", "captures", "if", "exec_env", "cgi", "exec_cgi", "outer", "deep", "legacy"):
        for target in (f"/docs/{name}.shtml?sid=abc", f"/docs/{name}.shtml/info/x?a%20b&c;d", f"/docs/{name}.shtml?part.txt", f"/docs/{name}.shtml?"):
            yield "plain", request(target)
    for name in ("echo", "include", "exec", "exec_cgi", "cgi", "scripts", "loop"):
        yield "noexec", request(f"/docs/{name}.shtml")
    for name in ("exec again", "both", "exec taken"):
        yield name, request("/docs/exec.shtml")
    yield "none", request("/docs/echo.shtml")
    for name in ("tags", "long tags"):
        for document in ("percent", "echo", "longtag"):
            yield name, request(f"/docs/{document}.shtml")
    for name in ("config", "unknown", "echo", "include_errors", "unfinished"):
        yield "texts", request(f"/docs/{name}.shtml")
    for target in ("/docs/legacy.shtml", "/docs/legacy.shtml?sid=abc", "/docs/legacy_captures.shtml?sid=abc", "/docs/legacy_captures.shtml"):
        yield "legacy", request(target)
        yield "legacy merged", request(target)
    for name in ("bits", "bits full", "bits merged"):
        for target in ("x-user.html", "x-both.html", "x-none.html", "x-user.txt", "echo.shtml"):
            yield name, request(f"/docs/{target}")
    for target in ("/docs/echo.shtml", "/docs/none.shtml"):
        for method in ("GET", "HEAD", "POST", "PUT"):
            yield "plain", request(target, method=method)
        yield "dates", request(target)
        yield "plain", request(target, "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT")
    for target in ("/docs/handled.sp", "/docs/access/echo.shtml", "/docs/access/echo.html"):
        yield "plain", request(target)
    yield "plain", request("/docs/typed.x")
    yield "limited", request("/docs/loop.shtml")
    yield "limited", request("/docs/deep.shtml")
    yield "plain", request("/docs/echo_config.shtml", "X-Var: <a>")


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()

    def put(name, text, mode=0o644):
        path = site / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        os.utime(path, (1700000000, 1700000000))

    for name, text in DOCUMENTS.items():
        put(f"docs/{name}.shtml", text)
    put("docs/percent.shtml", '<%echo var="DOCUMENT_NAME" %>|<% echo var="DOCUMENT_NAME" %>|<!--#echo var="DOCUMENT_NAME" -->|<%%>|%>|<%set var="a" value="%>" %><%echo var="a"%>')
    put("docs/longtag.shtml", '<!<!<!--#echo var="DOCUMENT_NAME" ==>|<!<!--#echo var=DOCUMENT_NAME ==>|<!<!--#echo var="DOCUMENT_NAME" = == ===>')
    put("docs/scripts.shtml", '[<!--#include virtual="/scripts/hello.cgi" -->][<!--#include file="picture.png" -->][<!--#include file="part.txt" -->][<!--#include file="noext" -->]')
    for size in (0, 1, 972, 973, 1000, 1023, 1024, 10000, 100000, 1000000, 1047000):
        put(f"docs/s{size}", b"x" * size)
    put("docs/size.txt", "x" * 5000)
    put("docs/part.txt", "part")
    put("docs/noext", "no extension")
    put("docs/picture.png", "png")
    put("docs/sub/part.txt", "sub part")
    put("docs/sub/index.html", "sub index")
    put("docs/large.txt", b"0123456789abcdef" * 50000)
    put("docs/handled.sp", 'handled <!--#echo var="DOCUMENT_NAME" -->')
    put("docs/typed.x", 'typed <!--#echo var="DOCUMENT_NAME" -->')
    put("docs/x-user.html", 'user <!--#echo var="DOCUMENT_NAME" -->', 0o744)
    put("docs/x-both.html", 'both <!--#echo var="DOCUMENT_NAME" -->', 0o754)
    put("docs/x-none.html", 'none <!--#echo var="DOCUMENT_NAME" -->', 0o644)
    put("docs/x-user.txt", 'text <!--#echo var="DOCUMENT_NAME" -->', 0o744)
    put("docs/access/.htaccess", 'SSIErrorMsg "[access]"\nSSIUndefinedEcho "-"\nXBitHack on\nSSILegacyExprParser on\nSetOutputFilter INCLUDES\n')
    put("docs/access/echo.shtml", '<!--#nothing --><!--#echo var="x" --><!--#if expr="a = a" -->legacy<!--#endif -->')
    put("docs/access/echo.html", '<!--#nothing --><!--#echo var="x" --><!--#if expr="a = a" -->legacy<!--#endif -->')
    put("page.txt", "the page")
    put("private/x.txt", "secret")
    for name, text in SCRIPTS.items():
        put(f"cgi/{name}.cgi", f"#!/bin/sh\n{text}\n", 0o755)
    hosts = "".join(
        f"<VirtualHost *:@PORT{PORTS[name]}@>\nServerName localhost\n{text}\n</VirtualHost>\n" for name, text in CONFIGURATIONS.items()
    )
    config = CONFIG + 'AddType text/x-server-parsed-html .x\n' + hosts
    modules = (*DEFAULT_MODULES, "include", "cgid", "env", "setenvif", "filter")
    options = {"htdocs": site, "modules": modules, "ports": len(CONFIGURATIONS), "environment": {"PATH": "/usr/bin:/bin", "TZ": "Europe/Berlin"}}
    with Oracle(apus, config, **options) as running:
        running.reference.stop()
        running.reference.write_config(config + "ScriptSock @ROOT@/run/cgisock\n")
        running.reference.start()
        yield running
    shutil.rmtree(site)


#: Names the product, the process or the connection.
VARYING = re.compile(
    rb"^((?:SERVER_SOFTWARE|SERVER_SIGNATURE|REMOTE_PORT|SERVER_PORT|DATE_LOCAL|DATE_GMT|DOCUMENT_ROOT|CONTEXT_DOCUMENT_ROOT|SCRIPT_FILENAME|SERVER_ADMIN|SERVER_ADDR|LD_LIBRARY_PATH|PATH)=).*$", re.M
)


def compared(answer, is_left_alone=False):
    # Answers that are made while they are sent are not offered in ranges.
    ignored = {"date", "server", "content-length", "transfer-encoding", "connection", "keep-alive", "accept-ranges"}
    # httpd takes the validators off when the filter is not allowed, too.
    ignored |= {"etag", "last-modified"} if is_left_alone else set()
    fields = sorted(f"{name}: {','.join(sorted(value.split(','))) if name == 'Allow' else value}" for name, value in answer.headers if name.lower() not in ignored)
    body = VARYING.sub(rb"\1varies", answer.body)
    if answer.status >= 300:
        body = b""
    if len(body) > 100_000:
        return [str(answer.status), *fields, f"{len(body)} bytes", str(hash(body))]
    if body.startswith(b"DOCUMENT_URI=") or b"\nDOCUMENT_URI=" in body:
        body = b"\n".join(sorted(body.splitlines()))
    return [str(answer.status), *fields, *body.decode("latin-1").replace("|", "|\n").replace("][", "]\n[").splitlines()]


@pytest.mark.parametrize("name, text", list(questions()), ids=lambda value: str(value)[:60])
def test_same_answer(oracle, name, text):
    ours, theirs = (compared(ask(server, text, PORTS[name]), name in ("none", "exec taken")) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(text, ours, theirs, "apus")


def test_what_a_condition_captured(oracle):
    (oracle.subject.htdocs / "docs/groups.shtml").write_text(
        '<!--#if expr="%{QUERY_STRING} =~ /^(s.d)=([a-z]+)/" -->[<!--#echo var="1" -->][<!--#echo var="2" -->][<!--#echo var="3" -->]<!--#endif -->'
    )
    assert ask(oracle.subject, request("/docs/groups.shtml?sid=abc")).body == b"[sid][abc][(none)]"


def test_programs_know_the_times(oracle):
    """As the manual says; httpd gives programs their names alone."""
    (oracle.subject.htdocs / "docs/times_known.shtml").write_text('<!--#config timefmt="%Y" --><!--#exec cmd="echo $LAST_MODIFIED $USER_NAME" -->')
    os.utime(oracle.subject.htdocs / "docs/times_known.shtml", (1700000000, 1700000000))
    body = ask(oracle.subject, request("/docs/times_known.shtml")).body.decode()
    assert body.startswith("2023 ")


def test_an_element_that_is_too_long(oracle):
    (oracle.subject.htdocs / "docs/endless.shtml").write_text(f'a<!--#set var="a" value="{"x" * 100_000}" -->b<!--#echo var="DOCUMENT_NAME" -->')
    assert ask(oracle.subject, request("/docs/endless.shtml")).body == b"a[an error occurred while processing this directive]bendless.shtml"


def test_without_a_module_for_programs_there_is_no_exec(apus):
    config = 'AddOutputFilter INCLUDES .shtml\n<Directory "@HTDOCS@">\nOptions +Includes\n</Directory>\nSSIErrorMsg E'
    with apus(config, modules=(*DEFAULT_MODULES, "include")) as server:
        server.put("a.shtml", '<!--#exec cmd="echo x" -->')
        assert ask(server, request("/a.shtml")).body == b"E"
        server.wait_for_log("AH01371")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_elements_that_come_in_pieces(apus, size):
    """A program writes the document a few bytes at a time."""
    config = (
        'AddOutputFilter INCLUDES .cgi\nAddHandler cgi-script .cgi\n<Directory "@HTDOCS@">\nOptions +Includes +ExecCGI\n</Directory>\nSSIStartTag <!<!--#\n'
    )
    with apus(config, modules=(*DEFAULT_MODULES, "include", "cgid")) as server:
        text = 'x<!<!<!--#set var="a" value="-- -> -->" --><!<!<!--#echo encoding="none" var="a" -->y<!<!-'
        server.put("text", text)
        server.put("a.cgi", f"#!/usr/bin/python3\nimport sys\nprint('Content-Type: text/html\\n', flush=True)\ntext = open({str(server.htdocs / 'text')!r}).read()\n"
                   f"for at in range(0, len(text), {size}):\n    sys.stdout.write(text[at:at + {size}])\n    sys.stdout.flush()\n").chmod(0o755)  # fmt: skip
        assert ask(server, request("/a.cgi")).body == b"x<!<!-- -> -->y<!<!-"
