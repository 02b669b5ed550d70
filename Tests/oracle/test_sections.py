"""Sections: which hold for a request, in which order they are merged, and how directives merge: as in Debian's apache2."""

import pathlib
import shutil

import pytest

from oracle.sites import Site, head, lay_out, name_of, questions, virtual_hosts
from support.oracle import Oracle
from support.server import world_readable_directory

PATHS = ["/", "/a.txt", "/c.dat", "/sub/", "/sub/c.dat", "/sub/deep/c.dat", "/sub/deep/a.txt", "/other/a.txt", "/missing.dat", "/sub/missing.dat", "/sub/c.dat/info"]
FEW = ["/c.dat", "/sub/c.dat", "/sub/deep/c.dat", "/other/a.txt"]


def kind(name):
    return f"ForceType text/x-{name}"


def section(tag, argument, *lines):
    return f"<{tag} {argument}>\n" + "\n".join(lines) + f"\n</{tag}>\n"


def directory(path, *lines):
    return section("Directory", f'"@HERE@{path}"', *lines)


def one(name, text, requests=FEW, files=None):
    return Site(name, text, requests, files or {})


SITES = [
    # <Directory>
    one("dir", directory("/sub", kind("d"))),
    one("dir-slash", directory("/sub/", kind("d"))),
    one("dir-double-slash", directory("//sub", kind("d"))),
    one("dir-short-first", directory("/sub/deep", kind("deep")) + directory("/sub", kind("sub"))),
    one("dir-same-twice", directory("/sub", kind("one")) + directory("/sub", kind("two"))),
    one("dir-prefix-of-a-name", directory("/su", kind("wrong"))),
    one("dir-star", directory("/s*", kind("star"))),
    one("dir-star-no-slash", directory("/*/deep", kind("star"))),
    one("dir-star-deep", directory("/sub/*", kind("star")) + directory("/*", kind("one"))),
    one("dir-question", directory("/su?", kind("q"))),
    one("dir-set", directory("/[s-t]ub", kind("set"))),
    one("dir-not-set", directory("/[!s]*", kind("set"))),
    one("dir-escaped", directory("/s\\\\ub", kind("escaped"))),
    one("dir-case", directory("/SUB", kind("case"))),
    one("dir-star-against-name", directory("/*", kind("star")) + directory("/sub", kind("name"))),
    one("dir-name-against-star", directory("/sub", kind("name")) + directory("/s*", kind("star"))),
    one("dir-regex", section("Directory", '~ "@HERE@/s.b"', kind("regex")), PATHS),
    one("dirmatch", section("DirectoryMatch", '"@HERE@/s.b"', kind("match")), PATHS),
    one("dirmatch-end", section("DirectoryMatch", '"/sub$"', kind("end")), PATHS),
    one("dirmatch-slash-end", section("DirectoryMatch", '"/sub/$"', kind("end")), PATHS),
    one("dirmatch-below", section("DirectoryMatch", '"/sub/.+"', kind("below")), PATHS),
    one("dirmatch-after-dir", section("DirectoryMatch", '"/sub"', kind("match")) + directory("/sub/deep", kind("deep")), PATHS),
    one("dirmatch-order", section("DirectoryMatch", '"/sub"', kind("one")) + section("Directory", '~ "/deep"', kind("two"))),
    one("dirmatch-unanchored", section("DirectoryMatch", '"ub"', kind("part"))),
    one("dir-a-file", directory("/c.dat", kind("file")), PATHS),
    one("dir-a-file-nested", directory("/*", '<Files "c.dat">', kind("nested"), "</Files>"), PATHS),
    one("dir-dots", directory("/other/../sub", kind("dots"))),
    # <Files>
    one("files", section("Files", '"c.dat"', kind("f")), PATHS),
    one("files-star", section("Files", '"*.dat"', kind("f")), PATHS),
    one("files-question", section("Files", '"?.txt"', kind("f")), PATHS),
    one("files-regex", section("Files", '~ "^[ac]"', kind("f")), PATHS),
    one("filesmatch", section("FilesMatch", '"\\.(dat|txt)$"', kind("f")), PATHS),
    one("files-order", section("Files", '"c.dat"', kind("one")) + section("FilesMatch", '"dat"', kind("two"))),
    one("files-in-dir", directory("/sub", '<Files "c.dat">', kind("in"), "</Files>"), PATHS),
    one("files-in-dir-after", directory("/sub", '<Files "c.dat">', kind("in"), "</Files>") + section("Files", '"*"', kind("out"))),
    one("files-in-two-dirs", directory("/sub/deep", '<Files "c.dat">', kind("deep"), "</Files>") + directory("/sub", '<Files "c.dat">', kind("sub"), "</Files>")),
    one("files-in-dirmatch", section("DirectoryMatch", '"/sub"', '<Files "c.dat">', kind("match"), "</Files>") + directory("/sub", '<Files "c.dat">', kind("plain"), "</Files>")),
    one("files-against-dir", section("Files", '"c.dat"', kind("file")) + directory("/sub", kind("dir"))),
    one("files-denied", section("Files", '"*.dat"', "Require all denied"), PATHS),
    one("files-index", section("Files", '"index.html"', "Require all denied"), PATHS),
    one("files-path", section("Files", '"sub/c.dat"', kind("never"))),
    one("files-empty", section("Files", '""', kind("empty")), PATHS),
    one("files-missing", section("Files", '"missing.dat"', "ErrorDocument 404 named"), PATHS),
    one("files-case", section("Files", '"C.DAT"', kind("case"))),
    # <Location>
    one("loc", section("Location", "/sub", kind("l")), PATHS),
    one("loc-slash", section("Location", "/sub/", kind("l")), PATHS),
    one("loc-file", section("Location", "/sub/c.dat", kind("l")), PATHS),
    one("loc-root", section("Location", "/", kind("l")), PATHS),
    one("loc-part", section("Location", "/su", kind("l")), PATHS),
    one("loc-star", section("Location", "/s*", kind("l")), PATHS),
    one("loc-star-middle", section("Location", "/*/c.dat", kind("l")), PATHS),
    one("loc-question", section("Location", "/sub?c.dat", kind("l")), PATHS),
    one("loc-regex", section("Location", '~ "/(sub|other)/"', kind("l")), PATHS),
    one("locmatch", section("LocationMatch", '"\\.dat$"', kind("l")), PATHS),
    one("locmatch-unanchored", section("LocationMatch", '"ub"', kind("l")), PATHS),
    one("loc-order", section("Location", "/sub/c.dat", kind("long")) + section("Location", "/sub", kind("short"))),
    one("loc-order-match", section("LocationMatch", '"dat"', kind("match")) + section("Location", "/sub", kind("plain"))),
    one("loc-against-files", section("Location", "/sub", kind("location")) + section("Files", '"c.dat"', kind("file"))),
    one("loc-against-dir", section("Location", "/sub", kind("location")) + directory("/sub", kind("dir"))),
    one("loc-no-slash", section("Location", "sub", kind("l"))),
    one("loc-slashes", section("Location", "/sub", kind("l")), ["//sub/c.dat", "/sub//c.dat", "/sub/./c.dat", "/other/../sub/c.dat", "/%73ub/c.dat", "/sub%2fc.dat"]),
    one("loc-double-slash", section("Location", "//sub", kind("l")), ["//sub/c.dat", "/sub/c.dat"]),
    one("loc-denied", section("Location", "/sub", "Require all denied"), PATHS),
    one("loc-info", section("Location", "/sub/c.dat/info", "AcceptPathInfo On", kind("l")), PATHS),
    # Order of all.
    one("all", section("LocationMatch", '"dat"', kind("lm")) + section("Files", '"c.dat"', kind("f")) + section("DirectoryMatch", '"sub"', kind("dm")) + directory("", kind("d"))),
    one("all-but-location", section("Files", '"c.dat"', kind("f")) + section("DirectoryMatch", '"sub"', kind("dm")) + directory("", kind("d"))),
    one("all-but-files", section("DirectoryMatch", '"sub"', kind("dm")) + directory("/sub/deep", kind("d"))),
    # Aliases.
    one("alias", 'Alias /x "@HERE@/sub"\n' + directory("/sub", kind("d")) + section("Location", "/x/deep", kind("l")), ["/x/c.dat", "/x/deep/c.dat", "/sub/c.dat"]),
    one("alias-file", 'Alias /y.dat "@HERE@/sub/c.dat"\n' + section("Files", '"y.dat"', kind("wrong")) + section("Files", '"c.dat"', kind("right")), ["/y.dat"]),
    one("alias-in-location", section("Location", "/z", 'Alias "@HERE@/sub"', kind("l")), ["/z/c.dat", "/z/deep/c.dat"]),
    # Symbolic links.
    one("link", directory("/sub", kind("real")) + directory("/link", kind("link")), ["/link/c.dat", "/sub/c.dat"], {"link": pathlib.Path("sub")}),
    one("link-off", directory("", "Options -FollowSymLinks"), ["/link/c.dat", "/l.dat", "/sub/c.dat"], {"link": pathlib.Path("sub"), "l.dat": pathlib.Path("c.dat")}),
    one("link-owner", directory("", "Options SymLinksIfOwnerMatch"), ["/link/c.dat", "/l.dat"], {"link": pathlib.Path("sub"), "l.dat": pathlib.Path("c.dat")}),
    one("link-on-below", directory("", "Options None") + directory("/sub", "Options FollowSymLinks"), ["/l.dat", "/sub/l.dat", "/link/a.txt"], {"l.dat": pathlib.Path("c.dat"), "sub/l.dat": pathlib.Path("c.dat"), "link": pathlib.Path("other")}),
    one("link-off-by-location", section("Location", "/l.dat", "Options None"), ["/l.dat"], {"l.dat": pathlib.Path("c.dat")}),
    one("link-off-by-files", section("Files", '"l.dat"', "Options None"), ["/l.dat"], {"l.dat": pathlib.Path("c.dat")}),
    # Merging of single directives.
    one("m-type-none", directory("", kind("d")) + directory("/sub", "ForceType None")),
    one("m-handler", directory("", "SetHandler no-such-handler") + directory("/sub", "SetHandler None")),
    one("m-charset", directory("", "AddDefaultCharset utf-8") + directory("/sub", "AddDefaultCharset Off") + directory("/sub/deep", "AddDefaultCharset On"), ["/a.txt", "/sub/a.txt", "/sub/deep/a.txt", "/sub/deep/b.html", "/b.html"]),
    one("m-etag", directory("", "FileETag None") + directory("/sub", "FileETag Size") + directory("/sub/deep", "FileETag All"), ["/a.txt", "/sub/a.txt"]),
    one("m-error", "ErrorDocument 404 server\n" + directory("", "ErrorDocument 403 dir") + directory("/sub", "ErrorDocument 404 sub", "Require all denied") + directory("/sub/deep", "ErrorDocument 404 default", "Require all granted"), ["/m", "/sub/m", "/sub/deep/m", "/other/m"]),
    one("m-error-server", "ErrorDocument 404 /error.html\n" + directory("/sub", 'ErrorDocument 404 "text"'), ["/m", "/sub/m"]),
    one("m-pathinfo", directory("", "AcceptPathInfo On") + directory("/sub", "AcceptPathInfo Off"), ["/c.dat/x", "/sub/c.dat/x", "/sub/deep/c.dat/x"]),
    one("m-require", directory("", "Require all denied") + directory("/sub", "Require all granted"), PATHS),
    one("m-require-off", directory("", "Require all denied") + directory("/sub", "AuthMerging Off"), PATHS),
    one("m-index", "DirectoryIndex b.html\n" + directory("/sub", "DirectoryIndex a.txt", "DirectoryIndex c.dat") + directory("/sub/deep", "DirectoryIndex disabled", "DirectoryIndex b.html"), ["/", "/sub/", "/sub/deep/", "/other/"]),
    one("m-addtype", "AddType text/x-server .dat\n" + directory("/sub", "AddType text/x-sub .dat") + directory("/sub/deep", "RemoveType .dat")),
    one("m-slash", "DirectorySlash Off\n" + directory("/sub", "DirectorySlash On"), ["/sub", "/other", "/sub/deep"]),
    one("m-body", directory("", "LimitRequestBody 5") + section("Location", "/sub", "LimitRequestBody 50"), [f"POST {p} HTTP/1.1\r\nHost: m-body.example\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789" for p in ("/c.dat", "/sub/c.dat")]),
    one("m-fallback", "FallbackResource /b.html\n" + directory("/sub", "FallbackResource disabled"), ["/m", "/sub/m"]),
    one("m-ranges", "MaxRanges none\n" + directory("/sub", "MaxRanges default"), [f"GET {p} HTTP/1.1\r\nHost: m-ranges.example\r\nRange: bytes=0-0\r\n\r\n" for p in ("/c.dat", "/sub/c.dat")]),
    one("m-redirect", "Redirect /old /new\n" + section("Location", "/sub", "Redirect 301 http://else.example/"), ["/old", "/old/x", "/sub/c.dat"]),
    one("m-options", directory("", "Options Indexes FollowSymLinks") + directory("/sub", "Options -FollowSymLinks") + directory("/sub/deep", "Options +FollowSymLinks"), ["/l.dat", "/sub/l.dat", "/sub/deep/l.dat"], {p: pathlib.Path("c.dat") for p in ("l.dat", "sub/l.dat", "sub/deep/l.dat")}),
    # Conditions while reading.
    one("if-define", "<IfDefine NO>\n" + section("Location", "/", kind("no")) + "</IfDefine>\n<IfDefine !NO>\n" + section("Location", "/", kind("yes")) + "</IfDefine>\n"),
    one("if-module", "<IfModule mod_alias.c>\n" + section("Location", "/sub", kind("c")) + "</IfModule>\n<IfModule alias_module>\n" + section("Location", "/other", kind("id")) + "</IfModule>\n<IfModule !mod_none.c>\n" + section("Location", "/c.dat", kind("not")) + "</IfModule>\n"),
    one("if-file", '<IfFile "@HERE@/c.dat">\n' + section("Location", "/sub", kind("there")) + '</IfFile>\n<IfFile !"@HERE@/none">\n' + section("Location", "/other", kind("absent")) + "</IfFile>\n"),
    one("if-directive", "<IfDirective ForceType>\n" + section("Location", "/sub", kind("there")) + "</IfDirective>\n<IfDirective !NoSuch>\n" + section("Location", "/other", kind("absent")) + "</IfDirective>\n<IfDirective Files>\n" + section("Location", "/c.dat", kind("section")) + "</IfDirective>\n"),
    one("if-section", "<IfSection Files>\n" + section("Location", "/sub", kind("there")) + "</IfSection>\n<IfSection !NoSuch>\n" + section("Location", "/other", kind("absent")) + "</IfSection>\n<IfSection ForceType>\n" + section("Location", "/c.dat", kind("directive")) + "</IfSection>\n"),
    *(
        one(f"if-version-{number}", f"<IfVersion {test}>\n" + section("Location", "/", kind("yes")) + "</IfVersion>\n", ["/c.dat"])
        for number, test in enumerate([">= 2.4", "> 2.4", "< 2.5", "<= 2.4", "= 2.4", "2.4", "!= 2.4", ">= 2.4.0", "!< 2.4", "~ ^2\\.", "/^2\\.4/", "!~ ^2", "= /^2/", "> 2.3.99", "2"])
    ),
    one("if-nested", "<IfModule alias_module>\n<IfDefine NO>\n<IfModule no_module>\nNonsense\n</IfModule>\n</IfDefine>\n<IfVersion > 1>\n" + section("Location", "/", kind("in")) + "</IfVersion>\n</IfModule>\n"),
    one("if-inside", directory("", "<IfDefine !NO>", kind("inside"), "</IfDefine>")),
    # Text.
    one("quotes", section("Location", "'/sub'", 'ForceType "text/x-\\"q"') + section("Location", '"/other"', "ErrorDocument 404 'its'"), [*FEW, "/other/m"]),
    one("continued", "<Location \\\n  /sub>\n  ForceType \\\n    text/x-long\n</Location>\n"),
    one("continued-word", section("Location", "/sub", "ForceType text/\\", "x-joined")),
    one("comment", section("Location", "/sub", "# ForceType text/x-no", kind("yes"), "#\\", "ForceType text/x-hidden")),
    one("case", "<lOCATION /sub>\nfORCEtYPE text/x-case\n</LOCATION>\n"),
    one("tabs", "\t<Location\t/sub>\n\t\tForceType\t\ttext/x-tabs\t\n\t</Location>\n"),
    one("unclosed-quote", section("Location", "/sub", 'ErrorDocument 404 "no end'), ["/sub/m"]),
    one("define", "Define HERE_IT_IS x-defined\n" + section("Location", "/sub", "ForceType text/${HERE_IT_IS}") + "UnDefine HERE_IT_IS\n" + section("Location", "/other", "ForceType text/a${HERE_IT_IS}b")),
    one("define-in-define", "Define ONE x-one\nDefine TWO ${ONE}-two\n" + section("Location", "/sub", "ForceType text/${TWO}")),
    one("environment", section("Location", "/sub", 'ErrorDocument 404 "${PATH_NOT_SET_ANYWHERE}"'), ["/sub/m"]),
    one("default-value", section("Location", "/sub", 'ErrorDocument 404 "${NOT_SET_1:-some} ${NOT_SET_2:=other} ${NOT_SET_3?}"'), ["/sub/m"]),
    one("dollar", section("Location", "/sub", 'ErrorDocument 404 "$ ${ } $x $$ {}"'), ["/sub/m"]),
]  # fmt: skip

#: httpd looks at <DirectoryMatch> once for a directory, and takes the outcome for the index file in it, too.
KNOWN = {("dirmatch-slash-end", "/sub/"), ("dirmatch-below", "/sub/")}


@pytest.fixture(scope="module")
def oracle(apus, apache):
    root = world_readable_directory()
    lay_out(root, SITES)
    with Oracle(apus, virtual_hosts(SITES), htdocs=root) as running:
        yield running
    shutil.rmtree(root)


@pytest.mark.parametrize("site, request_", questions(SITES), ids=name_of)
def test_same_answer(oracle, site, request_):
    if (site.name, request_) in KNOWN:
        pytest.skip("known difference")
    oracle.compare(head(site, request_), ignore=["Connection"])
