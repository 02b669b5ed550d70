"""A small site asked the same questions on Apus and on Debian's apache2: the answers must agree."""

import os
import pathlib
import shutil
import tomllib

import pytest

from support.oracle import Oracle
from support.server import running_as_root, world_readable_directory

MAIN = r"""\
AddEncoding x-gzip .gz .svgz
AddLanguage fr .fr
AddCharset UTF-8 .utf8
AddType application/x-custom .custom
<Directory "@HTDOCS@">
    Options FollowSymLinks
    DirectoryIndex index.html
</Directory>
<Directory "@HTDOCS@/other-index">
    DirectoryIndex nothing.html start.txt index.html
</Directory>
<Directory "@HTDOCS@/index-none">
    DirectoryIndex disabled
</Directory>
<Directory "@HTDOCS@/no-slash">
    DirectorySlash Off
</Directory>
<Directory "@HTDOCS@/fallback">
    FallbackResource /files/a.txt
</Directory>
Alias "/alias/deep" "@HTDOCS@/files"
Alias "/alias" "@HTDOCS@/files"
Alias "/one-file" "@HTDOCS@/files/a.txt"
AliasMatch "^/match/(.*)\.txt$" "@HTDOCS@/files/$1.txt"
Redirect "/r-temp" "http://target.example/to"
Redirect permanent "/r-perm" "http://target.example/to"
Redirect seeother "/r-see" "http://target.example/to"
Redirect gone "/r-gone"
Redirect 404 "/r-404"
Redirect 308 "/r-308" "https://target.example"
Redirect "/r-path" "/files"
RedirectMatch "^/r-match/([0-9]+)/(.*)$" "http://target.example/$2/$1"
RedirectPermanent "/r-permanent" "http://target.example/p"
RedirectTemp "/r-temporary" "http://target.example/t"
<Location "/e-local">
    ErrorDocument 404 /files/a.html
    ErrorDocument 405 /files/a.txt
</Location>
<Location "/e-text">
    ErrorDocument 404 "nothing of that name"
</Location>
<Location "/e-html">
    ErrorDocument 404 "<h1>nothing</h1>"
</Location>
<Location "/e-external">
    ErrorDocument 404 http://target.example/sorry
</Location>
<Location "/e-missing">
    ErrorDocument 404 /no-such-page
</Location>
<Location "/e-default">
    ErrorDocument 404 "other"
    ErrorDocument 404 default
</Location>
<Location "/e-forbidden">
    Require all denied
    ErrorDocument 403 /files/a.html
</Location>
<Files ".ht*">
    Require all denied
</Files>
<Files "*.secret">
    Require all denied
</Files>
<Directory "@HTDOCS@/private">
    Require all denied
</Directory>
<Directory "@HTDOCS@/private/open">
    Require all granted
</Directory>
<Directory "@HTDOCS@/private/open/shut">
    Require all denied
</Directory>
<Directory "@HTDOCS@/guarded/any">
    <RequireAny>
        Require all denied
        Require all granted
    </RequireAny>
</Directory>
<Directory "@HTDOCS@/guarded/all">
    <RequireAll>
        Require all granted
        Require all denied
    </RequireAll>
</Directory>
<Directory "@HTDOCS@/guarded/none">
    <RequireAll>
        Require all granted
        <RequireNone>
            Require method GET
        </RequireNone>
    </RequireAll>
</Directory>
<Directory "@HTDOCS@/guarded/method">
    Require method GET HEAD
</Directory>
<Directory "@HTDOCS@/guarded/local">
    Require all granted
</Directory>
<DirectoryMatch "/re-[0-9]+$">
    Require all denied
</DirectoryMatch>
<DirectoryMatch "/re-slash-[0-9]+/">
    Require all denied
</DirectoryMatch>
<FilesMatch "\.(old|bak)$">
    Require all denied
</FilesMatch>
<LocationMatch "^/re-loc-[0-9]+">
    Require all denied
</LocationMatch>
<Location "/loc">
    Require all denied
</Location>
<Location "/loc/open">
    Require all granted
</Location>
<Location "/loc-over">
    Require all denied
</Location>
<Directory "@HTDOCS@/loc-over">
    Require all granted
</Directory>
<Directory "@HTDOCS@/nolinks">
    Options None
</Directory>
<Directory "@HTDOCS@/ownerlinks">
    Options SymLinksIfOwnerMatch
</Directory>
"""

VIRTUAL_HOSTS = """\
Alias "/inherited.txt" "@HTDOCS@/files/a.txt"
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName a.example
    DocumentRoot "@HTDOCS@/hosts/a"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName b.example
    ServerAlias alias.b.example *.wild.example
    DocumentRoot "@HTDOCS@/hosts/b"
    ErrorDocument 404 "nothing at b"
    Redirect "/r" "/dir/"
    <Location "/shut">
        Require all denied
    </Location>
</VirtualHost>
"""

EXTENSIONS = (
    "html htm txt css js json xml pdf zip png jpg gif svg ico mp3 mp4 woff2 wasm TXT unknown "
    "tar.gz svgz html.fr html.utf8 txt.bak fr.html.gz custom"
).split()

#: An old, fixed time: a young file gets a weak ETag from httpd.
LONG_AGO = 1577836800


def cases():
    """The requests of the table, as pytest parameters of (request, port, ignored fields)."""
    table = tomllib.loads(pathlib.Path(__file__).with_name("cases.toml").read_text())
    for group in table["group"]:
        port = group.get("port", 1)
        for line in (*group.get("requests", ()), *products(group)):
            yield pytest.param(
                request_text(line, port), port, group.get("ignore", ()), id=f"{group['name']}: {line}"
            )


def products(group):
    """Each method of a group with each of its targets."""
    for method in group.get("methods", ()):
        for target in group["targets"]:
            yield f"{method} {target}" + ("" if method in ("GET", "HEAD", "OPTIONS") else " | Content-Length: 0")


def request_text(line, port):
    request, *fields = line.split(" | ")
    if not any(field.lower().startswith("host:") for field in fields):
        fields.insert(0, f"Host: localhost:@PORT{port}@")
    return "\r\n".join([request + " HTTP/1.1", *fields, "", ""])


def make_site(root):
    """Writes the site; every file has the same old date."""
    files = {f"files/a.{extension}": f"a file named a.{extension}\n" for extension in EXTENSIONS}
    files |= {
        f"files/{name}": f"a file named {name}\n"
        for name in ("noextension", "a.", ".txt", "sp ace.txt", "pl+us.txt", "ä.txt")
    }
    files |= {
        "files/empty.txt": "",
        "files/large.bin": "0123456789abcdef" * 20000,
        "index.html": "<p>index</p>\n",
    }
    for name in (
        "dir/index.html",
        "dir/sub/index.html",
        "no-index/file.txt",
        "other-index/start.txt",
        "other-index/index.html",
        "sp dir/index.html",
        "no-slash/index.html",
        "<dir>/index.html",
        "fallback/here.txt",
        "index-none/index.html",
        "private/x.txt",
        "private/index.html",
        "private/open/x.txt",
        "private/open/shut/x.txt",
        "guarded/x.txt",
        "guarded/name.secret",
        "guarded/any/x.txt",
        "guarded/all/x.txt",
        "guarded/none/x.txt",
        "guarded/method/x.txt",
        "guarded/local/x.txt",
        "re-123/x.txt",
        "re-abc/x.txt",
        "re-slash-1/x.txt",
        "re-loc-1/x.txt",
        "re-abc/x.old",
        "name.secret",
        ".htaccess",
        ".htpasswd",
        "loc/a.txt",
        "loc/open/x.txt",
        "loc-over/x.txt",
        "hosts/a/index.html",
        "hosts/b/index.html",
        "hosts/a/shut/x.txt",
        "hosts/b/shut/x.txt",
        "hosts/b/dir/index.html",
        "e-local/a.txt",
        "e-forbidden/x",
    ):
        files[name] = f"<p>{name}</p>\n"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (LONG_AGO, LONG_AGO))
    (root / "files" / "unreadable.txt").write_text("not for workers\n")
    (root / "files" / "unreadable.txt").chmod(0)
    make_links(root)


def make_links(root):
    """Symbolic links into the site and out of it; one belongs to another user where the tests may do that."""
    outside = root.parent / "outside.txt"
    outside.write_text("outside\n")
    os.utime(outside, (LONG_AGO, LONG_AGO))
    for name in ("links", "nolinks", "ownerlinks"):
        (root / name).mkdir()
        for link in ("in.txt", "foreign.txt"):
            (root / name / link).symlink_to(root / "files" / "a.txt")
        (root / name / "out.txt").symlink_to(outside)
        (root / name / "dirlink").symlink_to(root / "files")
        if running_as_root():
            os.lchown(root / name / "foreign.txt", 65534, 65534)
    (root / "links" / "dangling").symlink_to(root / "no-such")
    (root / "links" / "loop").symlink_to("loop")


@pytest.fixture(scope="module")
def oracle(server_class, apache):
    """Both servers over one site."""
    directory = world_readable_directory()
    make_site(directory / "site")
    try:
        with Oracle(server_class, MAIN + VIRTUAL_HOSTS, htdocs=directory / "site", ports=2) as pair:
            yield pair
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("request_bytes, port, ignore", cases())
def test_same_answer(oracle, request_bytes, port, ignore):
    oracle.compare(request_bytes, ignore, port)
