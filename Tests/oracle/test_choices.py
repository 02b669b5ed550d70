"""mod_negotiation: MultiViews and type maps, asked with many Accept fields, compared with apache2."""

import itertools
import shutil

import pytest

from support.oracle import Oracle, ask, mismatch
from support.server import DEFAULT_MODULES, world_readable_directory

COMMON = """\
AddLanguage en .en
AddLanguage en-GB .en-gb
AddLanguage de .de
AddLanguage fr .fr
AddLanguage pt-BR .pt-br
AddCharset UTF-8 .utf8
AddCharset ISO-8859-1 .iso
AddEncoding x-gzip .gz
AddHandler type-map .var
<Directory "@HTDOCS@">
Options +MultiViews
</Directory>
"""

CONFIGURATIONS = {
    "plain": "",
    "debian": "LanguagePriority en ca cs da de el eo es et fr he hr it ja ko ltz nl nn no pl pt pt-BR ru sv tr zh-CN zh-TW\n"
    "ForceLanguagePriority Prefer Fallback",
    "prefer": "LanguagePriority fr de\nForceLanguagePriority Prefer",
    "fallback": "LanguagePriority fr de\nForceLanguagePriority Fallback",
    "none": "LanguagePriority fr de\nForceLanguagePriority None",
    "cached": "CacheNegotiatedDocs On",
    "off": '<Directory "@HTDOCS@">\nOptions -MultiViews\n</Directory>',
}  # fmt: skip
PORTS = {name: number for number, name in enumerate(CONFIGURATIONS, 1)}

FILES = {
    "doc.html.en": "english doc", "doc.html.de": "deutsch", "doc.html.fr": "francais.", "both.txt": "text of both", "both.html": "<p>html of both",
    "one.html": "one", "lang.txt.en": "en", "lang.txt.en-gb": "gb!", "lang.txt.pt-br": "br..", "mixed.html": "mixed none", "mixed.html.de": "mixed de",
    "packed.txt": "plain plain plain", "packed.txt.gz": "zz", "only.txt.gz": "only packed", "chars.txt.utf8": "u", "chars.txt.iso": "ii",
    "odd.unknown": "odd", "part.html.unknown": "part", "name.html.en.unknown": "x", "pic.png": "png...", "pic.gif": "gif", "pic.jpg": "jp",
    "sub/in.html.en": "in en", "sub/in.html.fr": "in fr", "dirs/x.txt": "x", "multi.en.de.html": "two languages", "multi.fr.html": "one",
    "map.var": "URI: doc.html.en\nContent-Type: text/html\nContent-Language: en\n\nURI: doc.html.de\nContent-Type: text/html;qs=0.5\n"
    "Content-Language: de\n\n# a comment\nURI: both.txt\nContent-Type: text/plain; charset=utf-8\n",
    "body.var": "Content-Type: text/plain\nContent-Language: en\nBody:----xx----\nThe English body\n----xx----\n\n"
    "Content-Type: text/plain\nContent-Language: de\nBody:----yy----\nDer deutsche Text,\nzweizeilig\n----yy----\n",
    "qs.var": "URI: pic.png\nContent-Type: image/png; qs=0.3\n\nURI: pic.gif\nContent-Type: image/gif; qs=0.9\n\nURI: pic.jpg\nContent-Type: image/jpeg; qs=0.8\n",
    "broken.var": "URI doc.html.en\n",
}  # fmt: skip

LANGUAGES = [
    None, "en", "de", "fr", "en-US", "en-GB", "pt", "pt-BR", "de;q=0.5, fr;q=0.8", "de, en;q=0.9", "es", "es, *", "*", "*;q=0.1, de", "en;q=0", "de-CH, fr;q=0.7",
    "DE", "es, de;q=0.1", "en-GB;q=0.4, en;q=0.9", "x, y", "",
]  # fmt: skip
TYPES = [
    None, "*/*", "text/html", "text/plain", "text/html, */*;q=0.1", "text/*", "image/gif, image/png;q=0.9", "image/png, */*", "application/json",
    "text/plain;q=0.3, text/html;q=0.2", "text/html;level=1", "text/html, text/plain", "image/*;q=0.5, image/jpeg", "text/plain;q=0", "*",
]  # fmt: skip
ENCODINGS = [None, "gzip", "x-gzip", "gzip;q=0.5, identity;q=0.1", "identity", "*", "gzip;q=0", "*;q=0", "deflate", ""]
CHARSETS = [None, "utf-8", "iso-8859-1", "utf-8;q=0.5, *;q=0.1", "koi8-r", "*"]


def request(path, method="GET", version="1.1", **fields):
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: localhost", *lines, "", ""])


def questions():
    for name, path, language in itertools.product(
        ("plain", "debian", "prefer", "fallback", "none"), ("/doc", "/lang", "/mixed", "/multi", "/map.var"), LANGUAGES
    ):
        yield name, request(path, Accept_Language=language)
    for path, kind in itertools.product(("/doc", "/both", "/pic", "/one", "/qs.var", "/map", "/qs"), TYPES):
        yield "plain", request(path, Accept=kind)
        yield "debian", request(path, Accept=kind, Accept_Language="de, en;q=0.5")
    for path, coding in itertools.product(("/packed", "/packed.txt", "/only", "/only.txt", "/only.txt.gz"), ENCODINGS):
        yield "plain", request(path, Accept_Encoding=coding)
    for charset in CHARSETS:
        yield "plain", request("/chars", Accept_Charset=charset)
    for path in (
        "/odd", "/part", "/part.html", "/name", "/name.html", "/name.unknown", "/doc.html", "/doc.de", "/doc.en.html", "/doc.html.en", "/doc/more",
        "/doc?query", "/sub/in", "/sub/in/x?y", "/sub", "/sub/", "/dirs", "/nothing", "/nowhere/doc", "/DOC", "/body.var", "/body", "/broken.var", "/broken",
        "/map.var/info", "/map.var?a=b", "/.doc", "/doc.", "/do",
    ):  # fmt: skip
        for language in (None, "de", "es"):
            yield "plain", request(path, Accept_Language=language)
    for method in ("HEAD", "POST"):
        for path in ("/doc", "/map.var", "/body.var"):
            yield "plain", request(path, method=method, Accept_Language="de", Content_Length="0" if method == "POST" else None)
    for name in ("plain", "cached"):
        yield name, request("/doc", version="1.0", Accept_Language="de")
        yield name, request("/one", version="1.0")
    yield "off", request("/doc", Accept_Language="de")
    yield "off", request("/map.var", Accept_Language="de")


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()
    for name, text in FILES.items():
        path = site / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    hosts = "".join(
        f"<VirtualHost *:@PORT{PORTS[name]}@>\nServerName localhost\n{text}\n</VirtualHost>\n" for name, text in CONFIGURATIONS.items()
    )
    modules = (*DEFAULT_MODULES, "negotiation")
    with Oracle(apus, COMMON + hosts, htdocs=site, ports=len(CONFIGURATIONS), modules=modules) as running:
        yield running
    shutil.rmtree(site)


def compared(answer):
    ignored = {"date", "server", "etag", "last-modified", "content-length", "transfer-encoding", "connection", "keep-alive", "expires"}
    fields = sorted(f"{name}: {value.replace(', ', ',')}" for name, value in answer.headers if name.lower() not in ignored)
    fields = [field for field in fields if answer.status < 300 or not field.startswith("Content-Type")]
    expires = ["(expires)"] if answer.header("Expires") else []
    return [str(answer.status), *fields, *expires, *(answer.body.decode("latin-1").splitlines() if answer.status < 300 else [])]


@pytest.mark.parametrize("name, text", list(questions()), ids=lambda value: str(value)[:60])
def test_same_choice(oracle, name, text):
    ours, theirs = (compared(ask(server, text, PORTS[name])) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(text, ours, theirs, "apus")


@pytest.mark.parametrize("path", ["/doc", "/packed", "/chars", "/pic", "/multi", "/map.var"])
def test_same_list_of_what_there_is(oracle, path):
    """On the page that says that nothing is acceptable."""
    text = request(path, Accept="application/json")
    answers = [ask(server, text, PORTS["none"]) for server in (oracle.subject, oracle.reference)]
    assert [answer.status for answer in answers] == [406, 406]
    ours, theirs = ([line for line in answer.body.decode().splitlines() if line.startswith("<li>")] for answer in answers)
    assert ours == theirs
    assert ours
