""".htaccess files: which are read, what they may hold, and how they are merged: the same answers as Debian's apache2."""

import pathlib
import shutil

import pytest

from oracle.sites import Site, head, lay_out, name_of, questions, virtual_hosts
from support.oracle import Oracle
from support.server import world_readable_directory

PATHS = ["/a.txt", "/b.html", "/c.dat", "/sub/a.txt", "/sub/c.dat", "/sub/deep/c.dat", "/sub/deep/", "/sub/", "/", "/other/a.txt", "/missing.txt"]
FEW = ["/c.dat", "/sub/c.dat", "/sub/deep/c.dat"]
TYPE = "ForceType text/x-{}\n"


def allowing(*words, where="@HERE@", extra=""):
    return f'<Directory "{where}">\nAllowOverride {" ".join(words) or "All"}\n{extra}</Directory>\n'


#: A directive of each class, and of none.
BY_CLASS = {
    "auth": "Require all denied\n",
    "auth-section": "<RequireAll>\nRequire all granted\n</RequireAll>\n",
    "merging": "AuthMerging And\n",
    "fileinfo": TYPE.format("forced"),
    "errordocument": "ErrorDocument 404 /error.html\n",
    "addtype": "AddType text/x-added .dat\n",
    "sethandler": "SetHandler default-handler\n",
    "redirect": "Redirect /c.dat http://elsewhere.example/\n",
    "indexes": "DirectoryIndex b.html\n",
    "options": "Options -Indexes\n",
    "options-multi": "Options +MultiViews\n",
    "options-set": "Options FollowSymLinks\n",
    "options-none": "Options None\n",
    "options-all": "Options All\n",
    "any-files": '<Files "c.dat">\n</Files>\n',
    "any-limit-body": "LimitRequestBody 100\n",
    "limit": "<Limit POST>\nRequire all denied\n</Limit>\n",
    "limit-empty": "<Limit POST>\n</Limit>\n",
    "server": "ServerName x.example\n",
    "directory": '<Directory "/">\n</Directory>\n',
    "location": "<Location />\n</Location>\n",
    "override": "AllowOverride All\n",
    "loglevel": "LogLevel debug\n",
    "include": "Include conf/none.conf\n",
    "define": "Define X\n",
    "load": "LoadModule x_module modules/mod_x.so\n",
    "unknown": "NoSuchDirective x\n",
    "unknown-section": "<NoSuchSection>\n</NoSuchSection>\n",
    "syntax": "<Files\n",
    "unclosed": '<Files "x">\n',
    "stray": "</Files>\n",
    "arguments": "ForceType\n",
    "bad-value": "Options +NoSuchOption\n",
    "alias": "Alias /x /y\n",
    "error": "Error \"as written\"\n",
    "ifmodule": "<IfModule !no_such_module>\nForceType text/x-if\n</IfModule>\n",
    "ifdefine": "<IfDefine NO_SUCH>\nNoSuchDirective\n</IfDefine>\n",
    "ifversion": "<IfVersion >= 2.4>\nForceType text/x-if\n</IfVersion>\n",
    "comment": "# nothing\n\n",
    "empty": "",
    "etag": "FileETag None\n",
    "charset": "AddDefaultCharset utf-8\n",
    "pathinfo": "AcceptPathInfo On\n",
}  # fmt: skip
CLASSES = {
    "all": "All", "none": "None", "authconfig": "AuthConfig", "fileinfo": "FileInfo", "indexes": "Indexes", "limit": "Limit",
    "options": "Options", "options-some": "Options=Indexes,MultiViews", "several": "FileInfo Indexes Options=FollowSymLinks",
    "nonfatal": "FileInfo Nonfatal=Override", "nonfatal-unknown": "FileInfo Nonfatal=Unknown", "nonfatal-all": "AuthConfig Nonfatal=All",
}  # fmt: skip

LISTS = {
    "list": "AllowOverrideList ForceType Options",
    "list-none": "AllowOverrideList None",
    "list-limit": "AllowOverrideList Require LogLevel",
    "list-case": "AllowOverrideList forcetype ADDTYPE",
}

SITES = [
    # Every class with every directive: a directory each.
    *(
        Site(
            f"class-{name}", allowing(*words.split()), [f"/{kind}/c.dat" for kind in BY_CLASS],
            {f"{kind}/{file}": text for kind, content in BY_CLASS.items() for file, text in ((".htaccess", content), ("c.dat", "c\n"))},
        )
        for name, words in CLASSES.items()
    ),
    *(
        Site(
            name, allowing("None", extra=words + "\n"), [f"/{kind}/c.dat" for kind in BY_CLASS],
            {f"{kind}/{file}": text for kind, content in BY_CLASS.items() for file, text in ((".htaccess", content), ("c.dat", "c\n"))},
        )
        for name, words in LISTS.items()
    ),
    # Which files are read.
    Site("levels", allowing(), FEW, {".htaccess": TYPE.format("top"), "sub/.htaccess": TYPE.format("sub"), "sub/deep/.htaccess": TYPE.format("deep")}),
    Site("skipping", allowing(), FEW, {".htaccess": TYPE.format("top"), "sub/deep/.htaccess": TYPE.format("deep")}),
    Site("only-below", allowing(where="@HERE@/sub"), FEW, {".htaccess": TYPE.format("top"), "sub/.htaccess": TYPE.format("sub")}),
    Site("switched-off", allowing() + allowing("None", where="@HERE@/sub"), FEW, {".htaccess": TYPE.format("top"), "sub/.htaccess": TYPE.format("sub"), "sub/deep/.htaccess": TYPE.format("deep")}),
    Site("on-again", allowing() + allowing("None", where="@HERE@/sub") + allowing("FileInfo", where="@HERE@/sub/deep"), FEW, {".htaccess": TYPE.format("top"), "sub/.htaccess": TYPE.format("sub"), "sub/deep/.htaccess": TYPE.format("deep")}),
    Site("narrowed", allowing() + allowing("Indexes", where="@HERE@/sub"), FEW, {".htaccess": TYPE.format("top"), "sub/.htaccess": TYPE.format("sub")}),
    Site("wildcard", allowing(where="@HERE@/s*"), FEW, {".htaccess": TYPE.format("top"), "sub/.htaccess": TYPE.format("sub")}),
    Site("by-regex", '<DirectoryMatch "^@HERE@/sub">\nAllowOverride All\n</DirectoryMatch>\n', FEW, {"sub/.htaccess": TYPE.format("sub")}),
    Site("in-location", "<Location />\nAllowOverride All\n</Location>\n", FEW, {"sub/.htaccess": TYPE.format("sub")}),
    Site("other-name", "AccessFileName .acl\n" + allowing(), [*FEW, "/.acl"], {".htaccess": TYPE.format("no"), ".acl": TYPE.format("acl")}),
    Site("two-names", "AccessFileName .first .second\n" + allowing(), FEW, {".second": TYPE.format("second"), "sub/.first": TYPE.format("first"), "sub/.second": TYPE.format("no")}),
    Site("a-directory", allowing(), FEW, {"sub/.htaccess/x": ""}),
    Site("a-link", allowing(), FEW, {"sub/rules": TYPE.format("linked"), "sub/.htaccess": pathlib.Path("rules")}),
    Site("a-broken-link", allowing(), FEW, {"sub/.htaccess": pathlib.Path("nowhere")}),
    Site("linked-directory", allowing(), ["/link/c.dat", "/link/deep/c.dat", "/sub/c.dat"], {"link": pathlib.Path("sub"), "sub/.htaccess": TYPE.format("sub")}),
    # The order of merging.
    Site("before-deeper-directory", allowing() + '<Directory "@HERE@/sub">\nForceType text/x-directory\n</Directory>\n', FEW, {".htaccess": TYPE.format("top")}),
    Site("after-own-directory", allowing() + '<Directory "@HERE@/sub">\nForceType text/x-directory\n</Directory>\n', FEW, {"sub/.htaccess": TYPE.format("sub")}),
    Site("before-regex", allowing() + '<DirectoryMatch "^@HERE@/sub">\nForceType text/x-regex\n</DirectoryMatch>\n', FEW, {"sub/.htaccess": TYPE.format("sub")}),
    Site("before-files", allowing() + '<Files "c.dat">\nForceType text/x-files\n</Files>\n', FEW, {"sub/.htaccess": TYPE.format("sub")}),
    Site("before-location", allowing() + "<Location /sub>\nForceType text/x-location\n</Location>\n", FEW, {"sub/.htaccess": TYPE.format("sub")}),
    Site("files-inside", allowing(), [*FEW, "/sub/a.txt"], {".htaccess": '<Files "c.dat">\nForceType text/x-top\n</Files>\n', "sub/.htaccess": '<FilesMatch "^(?<stem>[ac])\\.">\nForceType text/x-sub\n</FilesMatch>\n'}),
    Site("files-order", allowing(extra='<Files "c.dat">\nForceType text/x-directory\n</Files>\n') + '<Files "c.*">\nForceType text/x-server\n</Files>\n', FEW, {"sub/.htaccess": '<Files "c.dat">\nForceType text/x-sub\n</Files>\n'}),
    Site("files-against-directory", allowing() + '<Directory "@HERE@/sub">\n<Files "c.dat">\nForceType text/x-nested\n</Files>\n</Directory>\n', FEW, {"sub/deep/.htaccess": TYPE.format("deep")}),
    Site("none-resets", allowing(extra="ForceType text/x-outer\n"), FEW, {"sub/.htaccess": "ForceType None\n"}),
    Site("types", allowing(extra="AddType text/x-outer .dat\n"), FEW, {"sub/.htaccess": "AddType text/x-inner .dat\n", "sub/deep/.htaccess": "RemoveType .dat\n"}),
    Site("error-pages", allowing(extra="ErrorDocument 404 outer\n"), ["/missing", "/sub/missing", "/sub/deep/missing", "/other/missing"], {"sub/.htaccess": "ErrorDocument 404 inner\n", "sub/deep/.htaccess": "ErrorDocument 404 default\n", "other/.htaccess": "ErrorDocument 404 /error.html\n"}),
    Site("indexes", allowing(), ["/", "/sub/", "/sub/deep/", "/other/"], {".htaccess": "DirectoryIndex b.html\n", "sub/.htaccess": "DirectoryIndex none.html a.txt\n", "other/.htaccess": "DirectoryIndex disabled\n"}),
    Site("slash", allowing(), ["/sub", "/other"], {"sub/.htaccess": "DirectorySlash Off\n"}),
    Site("fallback", allowing(), ["/nothing", "/sub/nothing", "/other/nothing"], {".htaccess": "FallbackResource /index.html\n", "sub/.htaccess": "FallbackResource disabled\n"}),
    Site("redirects", allowing(), ["/old", "/sub/old", "/sub/old/x", "/old/x"], {".htaccess": "Redirect /old /new\n", "sub/.htaccess": "Redirect 301 /sub/old http://new.example/\n"}),
    # Access.
    Site("denied", allowing(), PATHS, {"sub/.htaccess": "Require all denied\n", "sub/deep/.htaccess": "Require all granted\n"}),
    Site("denied-and", allowing(extra="Require all denied\n"), PATHS, {"sub/.htaccess": "AuthMerging And\nRequire all granted\n"}),
    Site("denied-or", allowing(extra="Require all denied\n"), PATHS, {"sub/.htaccess": "AuthMerging Or\nRequire all granted\n"}),
    Site("denied-files", allowing(), PATHS, {".htaccess": '<FilesMatch "\\.txt$">\nRequire all denied\n</FilesMatch>\n'}),
    Site("denied-index", allowing(), PATHS, {"sub/.htaccess": '<Files "index.html">\nRequire all denied\n</Files>\n'}),
    Site("limited", allowing(), [f"{m} {p}" for m in ("GET", "POST", "DELETE") for p in ("/a.txt", "/sub/a.txt")], {"sub/.htaccess": "<LimitExcept GET>\nRequire all denied\n</LimitExcept>\n"}),
    # Options, and what they mean for links.
    Site("no-links", allowing(), ["/link.txt", "/sub/link.txt", "/sub/deep/link.txt", "/dirlink/a.txt"], {"link.txt": pathlib.Path("a.txt"), "sub/link.txt": pathlib.Path("../a.txt"), "sub/deep/link.txt": pathlib.Path("a.txt"), "dirlink": pathlib.Path("other"), "sub/.htaccess": "Options -FollowSymLinks\n", "sub/deep/.htaccess": "Options +FollowSymLinks\n"}),
    Site("no-links-above", allowing(), ["/link.txt", "/dirlink/a.txt", "/sub/a.txt"], {"link.txt": pathlib.Path("a.txt"), "dirlink": pathlib.Path("other"), ".htaccess": "Options None\n", "other/.htaccess": "Options FollowSymLinks\n"}),
    Site("owner-links", allowing(), ["/link.txt", "/sub/link.txt"], {"link.txt": pathlib.Path("a.txt"), "sub/link.txt": pathlib.Path("../a.txt"), "sub/.htaccess": "Options -FollowSymLinks +SymLinksIfOwnerMatch\n"}),
    Site("links-given", allowing(extra="Options None\n"), ["/link.txt", "/sub/link.txt"], {"link.txt": pathlib.Path("a.txt"), "sub/link.txt": pathlib.Path("../a.txt"), "sub/.htaccess": "Options FollowSymLinks\n"}),
    Site("links-not-given", allowing("Options=Indexes", extra="Options None\n"), ["/link.txt", "/sub/link.txt", "/sub/a.txt"], {"link.txt": pathlib.Path("a.txt"), "sub/link.txt": pathlib.Path("../a.txt"), "sub/.htaccess": "Options FollowSymLinks\n"}),
    # Text.
    Site("spelling", allowing(), FEW, {".htaccess": "  forcetype\ttext/x-\\\ntop  # no comment\n", "sub/.htaccess": '  FORCETYPE "text/x-sub"  \r\n# done \\\nForceType text/x-hidden\n', "sub/deep/.htaccess": "ForceType 'text/x-deep'"}),
    Site("variables", "Define KIND defined\n" + allowing(), FEW, {"sub/.htaccess": "ForceType text/x-${KIND}\n"}),
    Site("broken-above", allowing(), PATHS, {".htaccess": "NoSuch\n"}),
    Site("broken-below", allowing(), PATHS, {"sub/deep/.htaccess": "NoSuch\n"}),
    Site("broken-page", "ErrorDocument 500 /error.html\n" + allowing(), PATHS, {"sub/.htaccess": "NoSuch\n"}),
    Site("broken-page-inside", "ErrorDocument 500 /sub/b.html\n" + allowing(), PATHS, {"sub/.htaccess": "NoSuch\n"}),
    Site("by-alias", allowing() + 'Alias /there "@HERE@/sub"\n', ["/there/c.dat", "/there/deep/c.dat"], {"sub/.htaccess": TYPE.format("sub")}),
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(apus, apache):
    root = world_readable_directory()
    lay_out(root, SITES)
    config = '<Directory "@HTDOCS@">\nOptions FollowSymLinks\n</Directory>\n' + virtual_hosts(SITES)
    with Oracle(apus, config, htdocs=root) as running:
        yield running
    shutil.rmtree(root)


@pytest.mark.parametrize("site, request_", questions(SITES), ids=name_of)
def test_same_answer(oracle, site, request_):
    # A second time: what was remembered must say the same.
    for _ in range(2):
        # httpd closes the connection after some errors, which means nothing to the next request.
        oracle.compare(head(site, request_), ignore=["Connection"])
