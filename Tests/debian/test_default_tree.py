"""Debian's default /etc/apache2, unchanged: what Apus makes of it is what apache2 makes of it."""

import gzip
import re

import pytest

from support.debian import DebianRoot, Running, missing

CGI = """\
#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
echo "$REQUEST_METHOD $SCRIPT_NAME $QUERY_STRING $SERVER_PORT ${HTTPS:-plain}"
seq 1 300
"""
NEGOTIATED = {"page.html.en": "<p>English</p>\n", "page.html.de": "<p>Deutsch</p>\n", "page.html.fr": "<p>Français</p>\n"}
SITE = """\
<Directory /var/www/html/negotiated>
    Options +MultiViews
</Directory>
"""
#: Fields that differ from one answer to the next.
CHANGING = {"date", "server", "last-modified", "etag", "expires"}

PAGES = {
    "the default page": ("/", ()),
    "the default page compressed": ("/", ("Accept-Encoding: gzip",)),
    "an index of a directory": ("/files/", ()),
    "an index sorted by size": ("/files/?C=S;O=D", ()),
    "a program": ("/cgi-bin/hello?a=b", ()),
    "a negotiated page": ("/negotiated/page.html", ("Accept-Language: de",)),
    "a negotiated page in French": ("/negotiated/page", ("Accept-Language: fr, en;q=0.5",)),
    "an icon": ("/icons/text.gif", ()),
    "a page that is not there": ("/nowhere", ()),
    "a file that nobody may see": ("/.htpasswd", ()),
    "a directory without its slash": ("/files", ()),
    "a plain text": ("/files/readme.txt", ()),
    "a plain text compressed": ("/files/readme.txt", ("Accept-Encoding: gzip, br",)),
    "a page with server-side includes": ("/ssi/page.shtml", ()),
    "the server's status": ("/server-status?auto", ()),
}


@pytest.fixture(scope="module")
def root(apus, apache):
    reason = missing()
    if reason:
        pytest.skip(reason)
    with DebianRoot() as made:
        made.put("/usr/lib/cgi-bin/hello", CGI, 0o755)
        for name, text in NEGOTIATED.items():
            made.put(f"/var/www/html/negotiated/{name}", text)
        made.put("/var/www/html/files/readme.txt", "words\n" * 500)
        made.put("/var/www/html/files/data.tar.gz", "x")
        made.put("/var/www/html/files/sub/x.png", "x")
        made.put("/var/www/html/.htpasswd", "secret")
        made.put("/var/www/html/ssi/page.shtml", '<p><!--#echo var="DOCUMENT_NAME" --></p>\n')
        made.put("/etc/apache2/conf-available/negotiated.conf", SITE)
        made.run("touch -d 2020-01-01 /var/www/html/files/* /var/www/html/files && a2enconf -q negotiated && a2enmod -q cgid")
        yield made


def answers(root, name, base):
    """What a server makes of all pages."""
    with Running(root, name):
        return {page: root.request(base + path, *fields) for page, (path, fields) in PAGES.items()}


#: ServerSignature under the pages that the servers make, which names them.
SIGNATURE = re.compile(rb"<address>.*?</address>")


def shown(page, answer):
    """What must be the same of an answer."""
    status, fields, body = answer
    kept = {name: value for name, value in fields.items() if name not in CHANGING}
    body = dechunked(fields, body)
    if page == "a page with server-side includes":
        # apache2 offers parts of a page that is made anew each time, and Vary where a page this small is not compressed anyway.
        kept = {name: value for name, value in kept.items() if name not in ("accept-ranges", "vary")}
    if kept.get("content-encoding") == "gzip":
        kept.pop("content-length", None)
        kept.pop("transfer-encoding", None)
        body = gzip.decompress(body)
    if page == "the server's status":
        return status, kept["content-type"], re.findall(rb"^(Total Accesses|Scoreboard):", body, re.M)
    if status >= 300 or SIGNATURE.search(body):
        kept.pop("content-length", None)
    # The error pages are worded differently.
    return status, kept, re.findall(rb"<title>.*?</title>", body) if status >= 300 else SIGNATURE.sub(b"", body)


def dechunked(fields, body):
    if fields.get("transfer-encoding") != "chunked":
        return body
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        count = int(size, 16)
        whole, body = whole + rest[:count], rest[count + 2 :]
        if count == 0:
            break
    return whole


def compare(root, base):
    ours, theirs = answers(root, "apus", base), answers(root, "apache2", base)
    different = {
        page: (shown(page, ours[page]), shown(page, theirs[page]))
        for page in PAGES
        if shown(page, ours[page]) != shown(page, theirs[page])
    }
    assert not different, "\n".join(f"{page}\n  apus    {left}\n  apache2 {right}" for page, (left, right) in different.items())
    return ours


def test_the_configuration_is_taken_as_it_is(root):
    said = root.run(Running(root, "apus").arguments("-t") + " 2>&1")
    assert "Syntax OK" in said and not re.search(r": (error|warning): ", said), said


def test_default_site(root):
    answer = compare(root, "http://localhost")
    assert answer["the default page"][0] == 200 and b"It works" in answer["the default page"][2]
    assert answer["the default page compressed"][1]["content-encoding"] == "gzip"
    assert b"GET /cgi-bin/hello a=b 80 plain" in answer["a program"][2]
    assert b"Deutsch" in answer["a negotiated page"][2]
    assert b"readme.txt" in answer["an index of a directory"][2]


def test_with_tls_and_more_modules(root):
    root.run("test -e /etc/ssl/certs/ssl-cert-snakeoil.pem || make-ssl-cert generate-default-snakeoil")
    root.run("a2enmod -q ssl rewrite headers expires include && a2ensite -q default-ssl")
    root.put(
        "/etc/apache2/conf-available/more.conf",
        "RewriteEngine On\nRewriteRule ^/old$ /new [R=301,L]\nHeader always set X-Kind tested\n"
        "ExpiresActive On\nExpiresByType text/plain A600\n"
        "<Directory /var/www/html/ssi>\nOptions +Includes\nAddType text/html .shtml\nAddOutputFilter INCLUDES .shtml\n</Directory>\n",
    )
    root.run("a2enconf -q more")
    for base in ("http://localhost", "https://localhost"):
        answer = compare(root, base)
        assert answer["the default page"][1]["x-kind"] == "tested"
        assert b"page.shtml" in answer["a page with server-side includes"][2]
    assert b"443 on" in answer["a program"][2]
