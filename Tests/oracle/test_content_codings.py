"""mod_deflate, mod_brotli and mod_filter: what is compressed, and what the fields then say, compared with apache2."""

import gzip
import os
import random
import shutil
import zlib

import pytest

from support.oracle import Oracle, ask, mismatch
from support.server import DEFAULT_MODULES, world_readable_directory

MODULES = (*DEFAULT_MODULES, "deflate", "brotli", "filter", "env", "setenvif", "reflector")
OURS = ("deflate", "brotli", "filter", "reflector")

DEBIAN = """\
AddOutputFilterByType DEFLATE text/html text/plain text/xml text/css text/javascript
AddOutputFilterByType DEFLATE application/x-javascript application/javascript application/ecmascript
AddOutputFilterByType DEFLATE application/rss+xml
AddOutputFilterByType DEFLATE application/wasm
AddOutputFilterByType DEFLATE application/xml
"""

CONFIGURATIONS = {
    "everything": "SetOutputFilter DEFLATE",
    "by extension": "AddOutputFilter DEFLATE .txt .html",
    "debian": DEBIAN,
    "no change": "SetOutputFilter DEFLATE\nDeflateAlterETag NoChange",
    "removed": "SetOutputFilter DEFLATE\nDeflateAlterETag Remove",
    "levels": "SetOutputFilter DEFLATE\nDeflateCompressionLevel 1\nDeflateWindowSize 9\nDeflateMemLevel 1\nDeflateBufferSize 100",
    "brotli": "SetOutputFilter BROTLI_COMPRESS",
    "brotli tags": "SetOutputFilter BROTLI_COMPRESS\nBrotliAlterETag Remove\nBrotliCompressionQuality 0\nBrotliCompressionWindow 10",
    "both": "SetOutputFilter BROTLI_COMPRESS;DEFLATE",
    "both by type": "AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/plain text/css",
    "both by type, the other way": "AddOutputFilterByType DEFLATE text/plain text/css\nAddOutputFilterByType BROTLI_COMPRESS text/plain text/css",
    "both, the other way": "SetOutputFilter DEFLATE;BROTLI_COMPRESS",
    "both in two scopes": 'SetOutputFilter BROTLI_COMPRESS\nAddOutputFilter DEFLATE .txt .css',
    "both by a chain": "FilterDeclare gz\nFilterDeclare br\nFilterProvider gz DEFLATE true\nFilterProvider br BROTLI_COMPRESS true\nFilterChain gz br",
    "inflated": "SetOutputFilter INFLATE",
    "inflated and deflated": "SetOutputFilter INFLATE;DEFLATE",
    "none inside": 'SetOutputFilter DEFLATE\n<Location /none>\nSetOutputFilter None\n</Location>',
    "chain": 'FilterDeclare pack CONTENT_SET\nFilterProvider pack DEFLATE "%{CONTENT_TYPE} =~ m#^text/#"\nFilterChain pack',
    "chain by agent": 'FilterDeclare pack\nFilterProvider pack BROTLI_COMPRESS "%{HTTP:X-Pack} == \'br\'"\n'
    'FilterProvider pack DEFLATE "%{HTTP:X-Pack} == \'gz\'"\nFilterChain pack',
    "chain of a filter": "FilterChain DEFLATE",
    "chain cleared": DEBIAN + "<Location /none>\nFilterChain !\n</Location>",
}  # fmt: skip
PORTS = {name: number for number, name in enumerate(CONFIGURATIONS, 1)}

ENCODINGS = [
    None, "gzip", "br", "gzip, br", "br;q=0.5, gzip", "deflate", "identity", "GZIP", "x-gzip", "gzip;q=0.5", "deflate, gzip;q=1.0, *;q=0.5", "",
]  # fmt: skip
FILES = ["/small.txt", "/large.txt", "/page.html", "/style.css", "/pic.png", "/empty.txt", "/packed.txt.gz", "/none/x.txt", "/none", "/gone.txt"]


def make_site():
    site = world_readable_directory()
    words = random.Random(7)
    text = "".join(words.choice(["alpha ", "beta ", "gamma\n", "delta "]) for _ in range(60000)).encode()
    files = {
        "small.txt": b"hello hello hello hello\n", "large.txt": text, "page.html": b"<p>" + text[:3000], "style.css": text[:5000],
        "pic.png": words.randbytes(4000), "empty.txt": b"", "packed.txt.gz": gzip.compress(text[:9000], mtime=0), "none/x.txt": text[:2000],
    }  # fmt: skip
    for name, content in files.items():
        path = site / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1700000000, 1700000000))
    return site


def request(path, encoding=None, *fields, method="GET"):
    accept = [] if encoding is None else [f"Accept-Encoding: {encoding}"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *accept, *fields, "", ""])


def questions():
    for name in CONFIGURATIONS:
        for path in FILES:
            for encoding in (None, "gzip", "gzip, br"):
                yield name, request(path, encoding)
    for encoding in ENCODINGS:
        for name in ("everything", "brotli", "both", "both, the other way", "debian"):
            yield name, request("/page.html", encoding)
    for name in ("everything", "brotli", "no change", "debian"):
        for path in ("/page.html", "/pic.png", "/empty.txt"):
            yield name, request(path, "gzip, br", method="HEAD")
            yield name, request(path, "gzip, br", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT")
            yield name, request(path, "gzip, br", "If-None-Match: *")
            yield name, request(path, "gzip, br", 'If-None-Match: "nothing"')
    for field in ("X-Pack: br", "X-Pack: gz", "X-Pack: none"):
        yield "chain by agent", request("/page.html", "gzip, br", field)
    yield "debian", request("/pic.png", "gzip", "Range: bytes=0-9")
    for field in ("X-Env: no-gzip", "X-Env: force-gzip", "X-Env: no-brotli", "X-Env: gzip-only-text/html"):
        for path in ("/page.html", "/style.css"):
            yield "both", request(path, "gzip, br", field)
            yield "everything", request(path, None, field)


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = make_site()
    modules = [name for name in MODULES if name in OURS or name in DEFAULT_MODULES or (apus.modules_directory / f"mod_{name}.so").exists()]
    hosts = "".join(
        f"<VirtualHost *:@PORT{PORTS[name]}@>\nServerName localhost\n{text}\n</VirtualHost>\n" for name, text in CONFIGURATIONS.items()
    )
    common = "AddEncoding x-gzip .gz\n"
    if "setenvif" in modules:
        common += "".join(
            f'SetEnvIf X-Env "^{name}$" {name}=1\n' for name in ("no-gzip", "force-gzip", "no-brotli", "gzip-only-text/html")
        )
    with Oracle(apus, common + hosts, htdocs=site, ports=len(CONFIGURATIONS), modules=modules) as running:
        yield running
    shutil.rmtree(site)


def decoded(body, encoding):
    if not body or not encoding:
        return body
    if encoding in ("gzip", "x-gzip"):
        stream = zlib.decompressobj(31)
        plain = stream.decompress(body) + stream.flush()
        assert stream.eof and not stream.unused_data, "a gzip member that is not complete"
        return plain
    return b"brotli" if encoding == "br" else body


def compared(answer):
    """The fields, and the body without its compression; how it is framed depends on the size of buffers."""
    ignored = {"date", "server", "content-length", "transfer-encoding", "connection", "keep-alive"}
    if answer.status == 304:
        # Known: a 304 says Vary and the tag of what a 200 would send (RFC 9110, 15.4.5); httpd leaves both out, and
        # says a Content-Encoding that a 304 has nothing of.
        ignored |= {"vary", "etag", "content-encoding"}
    fields = sorted(f"{name}: {value.replace(', ', ',')}" for name, value in answer.headers if name.lower() not in ignored)
    if answer.status >= 300:
        return [f"{answer.status}", *fields]
    body = decoded(answer.body, answer.header("Content-Encoding"))
    return [f"{answer.status}", *fields, f"{len(body)} bytes, {zlib.crc32(body)}"]


def is_known(name, text, ours, theirs):
    """Here weights, `*` and x-gzip count (RFC 9110, 8.4.1.3 and 12.5.3), brotli leaves an empty body empty, and FilterChain
    takes the names of plain filters."""
    if "x-gzip" in text or name == "chain of a filter":
        return True
    return "*;q" in text or "/empty.txt" in text and "Content-Encoding: br" in theirs


@pytest.mark.parametrize("name, text", list(questions()), ids=lambda value: str(value)[:50])
def test_same_answer(oracle, name, text):
    ours, theirs = (compared(ask(server, text, PORTS[name])) for server in (oracle.subject, oracle.reference))
    assert ours == theirs or is_known(name, text, ours, theirs), mismatch(text, ours, theirs, "apus")
