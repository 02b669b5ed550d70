"""ContentDigest: Content-MD5 of files, on Apus and on Debian's apache2."""

import base64
import hashlib
import os

import pytest

from support.oracle import Oracle, ask
from support.server import DEFAULT_MODULES
from support.wire import get

CONFIG = """\
ContentDigest On
<Location /off>
    ContentDigest Off
</Location>
<Directory @HTDOCS@/nested>
    AllowOverride Options
</Directory>
AddOutputFilterByType DEFLATE text/css
ErrorDocument 404 /small.txt
"""
FILES = {"small.txt": "0123456789\n", "empty.txt": "", "large.bin": "x" * 700_000, "off/a.txt": "a", "style.css": "b" * 3000, "nested/a.txt": "a"}
CASES = [
    get("/small.txt"), get("/small.txt"), get("/empty.txt"), get("/large.bin"), get("/large.bin"), get("/off/a.txt"),
    get("/small.txt", "If-None-Match: *"),
    get("/small.txt", method="HEAD"), get("/large.bin", method="HEAD"), get("/style.css"), get("/style.css", "Accept-Encoding: gzip"),
    get("/small.txt", "Content-Length: 3", method="POST") + b"abc", get("/large.bin", "Content-Length: 3", method="POST") + b"abc",
    get("/none.txt"), get("/nested/a.txt"), get("/"), get("/small.txt", "Range: bytes=100-"),
]  # fmt: skip


@pytest.fixture(scope="module")
def servers(apus, apache):
    with Oracle(apus, CONFIG, modules=(*DEFAULT_MODULES, "deflate", "filter")) as oracle:
        for server in (oracle.subject, oracle.reference):
            for path, content in FILES.items():
                os.utime(server.put(path, content), (1_600_000_000, 1_600_000_000))
            os.utime(server.put("nested/.htaccess", "ContentDigest Off\n"), (1_600_000_000, 1_600_000_000))
        yield oracle


@pytest.mark.parametrize("request_", CASES, ids=[case.split(b" HTTP")[0].decode() + f" {n}" for n, case in enumerate(CASES)])
def test_digest_of_a_file(servers, request_):
    servers.compare(request_.decode("latin-1"), ignore=("etag", "content-type", "content-range", "content-length", "transfer-encoding"))


@pytest.mark.parametrize("ranges", ["0-3", "0-3,10-20"])
def test_parts_have_no_digest(servers, ranges):
    """As the manual says; apache2 sends the digest of the whole file with its parts."""
    answer = ask(servers.subject, get("/large.bin", f"Range: bytes={ranges}").decode())
    assert answer.status == 206 and answer.header("Content-MD5") is None


def test_digest_is_of_the_content_as_it_is_now(servers):
    for content in ("first" * 20_000, "second" * 20_000):
        servers.subject.put("changing.bin", content)
        digest = base64.b64encode(hashlib.md5(content.encode()).digest()).decode()
        assert ask(servers.subject, get("/changing.bin").decode()).header("Content-MD5") == digest
