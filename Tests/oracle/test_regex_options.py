"""RegexDefaultOptions, asked on Apus and on Debian's apache2: it changes what the patterns of every later directive match."""

import pytest

from support.oracle import Oracle
from support.server import DEFAULT_MODULES
from support.wire import get

#: Each holds for the virtual host that follows it.
OPTIONS = [
    "DOTALL +DOLLAR_ENDONLY", "+ICASE", "none", "DOTALL", "DOLLAR_ENDONLY", "+ICASE", "+DOTALL", "-ICASE -DOTALL -DOLLAR_ENDONLY",
    "DOTALL +DOLLAR_ENDONLY", "-DOTALL", "ICASE", "DOTALL DOLLAR_ENDONLY", "DOLLAR_ENDONLY ICASE +DOTALL",
]  # fmt: skip

HOST = r"""
RegexDefaultOptions {options}
<VirtualHost *:@PORT@>
ServerName c{number}.example
RewriteEngine On
RewriteRule ^/Whole$ - [R=410]
RewriteRule ^/Begin - [R=410]
RewriteRule End$ - [R=410]
RewriteRule [0-9]Inner[0-9] - [R=410]
RewriteRule ^/no/Case$ - [R=410,NC]
RewriteRule "^/rule/a.b$" - [R=409]
RewriteRule ^/not/ - [C]
RewriteRule !/Not$ - [R=409]
RewriteCond %{{HTTP:X}} ^Abc
RewriteRule ^/condition$ - [F]
RewriteCond %{{HTTP:X}} !Abc$
RewriteRule ^/unless$ - [F]
RewriteCond %{{HTTP:X}} ^abc$ [NC]
RewriteRule ^/nocase$ - [F]
RedirectMatch ^/Redirect/(.+)end$ http://other.example/$1
AliasMatch ^/Alias/.+txt$ "@HTDOCS@/f.txt"
<Location />
SetEnvIf Request_URI ^/Set.*end$ A
SetEnvIf ^X-B [b]$ B=$0
SetEnvIfNoCase X-C ^[c] C=$0
BrowserMatch ^Br[o]wser D
</Location>
<LocationMatch ^/Section/.*end$>
Header always set Section yes
</LocationMatch>
<If "%{{REQUEST_URI}} =~ m#^/If/.*end$#">
Header always set If yes
</If>
Header always set Edited "expr=%{{req:X-E}}"
Header always edit Edited ^E.*e$ changed
Header always set A "%{{A}}e"
Header always set B "%{{B}}e"
Header always set C "%{{C}}e"
Header always set D "%{{D}}e"
</VirtualHost>
"""

CONFIG = '<Directory "@HTDOCS@">\nAllowOverride FileInfo\n</Directory>\n' + "".join(
    HOST.format(number=number, options=options) for number, options in enumerate(OPTIONS)
)

REQUESTS = [
    ("/Whole",), ("/whole",), ("/Whole%0A",), ("/begin/x",), ("/Begin/x",), ("/x/End",), ("/x/end",), ("/x/End%0A",), ("/x/1inner1",),
    ("/x/1Inner1",), ("/no/case",), ("/no/case%0A",), ("/rule/a%0Ab",), ("/rule/A-b",), ("/rule/a-b%0A",), ("/not/not",), ("/not/Not",),
    ("/not/Not%0A",), ("/condition", "X: abc"), ("/condition", "X: Abc"), ("/unless", "X: abc"), ("/unless", "X: Abc"),
    ("/nocase", "X: ABC"), ("/Redirect/x%0Aend",), ("/redirect/x-end",), ("/Redirect/xend%0A",), ("/Alias/x%0Atxt",), ("/alias/xtxt",),
    ("/Alias/xtxt%0A",), ("/Set/xend",), ("/set/xend",), ("/Set/x%0Aend",), ("/Set/xend%0A",), ("/x", "X-B: b"), ("/x", "X-B: B"),
    ("/x", "x-b: b"), ("/x", "X-C: C"), ("/x", "User-Agent: browser"), ("/x", "User-Agent: Browser"),
    ("/Section/xend",), ("/section/xend",), ("/Section/x%0Aend",), ("/Section/xend%0A",), ("/If/xend",), ("/if/xend",), ("/If/x%0Aend",),
    ("/If/xend%0A",), ("/x", "X-E: Edite"), ("/x", "X-E: edite"),
    # A file that is read when all hosts have been.
    ("/sub/here",), ("/sub/Here",), ("/sub/HERE%0A",),
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(apus, apache):
    with Oracle(apus, CONFIG, modules=(*DEFAULT_MODULES, "alias", "headers", "rewrite", "setenvif")) as running:
        for server in (running.subject, running.reference):
            server.put("f.txt", "file\n")
            server.put("sub/.htaccess", "RewriteEngine On\nRewriteRule ^Here$ - [R=410]\n")
        yield running


@pytest.mark.parametrize("number", range(len(OPTIONS)), ids=OPTIONS)
def test_same_answers(oracle, number):
    problems = []
    for path, *fields in REQUESTS:
        try:
            oracle.compare(get(path, *fields, host=f"c{number}.example").decode(), {"etag", "last-modified"})
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n\n".join(problems)
