"""FileETag: the entity tags of files, by what they are made of, as Debian's apache2 makes them."""

import os

import pytest

from support.oracle import Oracle
from support.server import world_readable_directory
from support.wire import Connection

#: Parts by the name of the directory they hold for.
PARTS = {
    "digest": "Digest",
    "digest-and-size": "Digest Size MTime",
    "digest-added": "+Digest",
    "digest-taken-off": "All Digest -Digest",
    "digest-taken-off-again": "-Digest",
    "size": "Size",
    "all": "All",
    "none": "None",
}
FILES = {"empty": b"", "small.txt": b"hello\n", "large.bin": bytes(range(256)) * 5000}

CONFIG = '<Directory "@HTDOCS@">\nAllowOverride All\n</Directory>\n' + "".join(
    f'<Directory "@HTDOCS@/{name}">\nFileETag {parts}\n</Directory>\n' for name, parts in PARTS.items()
)


@pytest.fixture(scope="module")
def oracle(server_class):
    site = world_readable_directory()
    for directory in PARTS:
        (site / directory).mkdir()
        for name, content in FILES.items():
            (site / directory / name).write_bytes(content)
            os.utime(site / directory / name, (1_700_000_000, 1_700_000_000))
    with Oracle(server_class, CONFIG, htdocs=site) as oracle:
        yield oracle


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("directory", PARTS)
@pytest.mark.parametrize("fields", ["", "Range: bytes=1-3\r\n", "If-None-Match: *\r\n", 'If-None-Match: "9XLTlvrpIGYocU+yzgD3LpTyJY8="\r\n'])
def test_same_tags(oracle, directory, name, fields):
    oracle.compare(f"GET /{directory}/{name} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")


def test_a_changed_file_has_another_digest(oracle):
    file = oracle.subject.htdocs / "digest/changing.bin"

    def tag():
        with Connection(oracle.subject.port) as connection:
            answer = connection.request(b"GET /digest/changing.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert len(answer.body) == 1 << 20
        return answer.header("ETag")

    tags = []
    for byte in (b"a", b"b", b"a"):
        file.write_bytes(byte * (1 << 20))
        tags.append(tag())
    assert tags[0] == tags[2] != tags[1] and not any(each.startswith("W/") for each in tags)


def test_clients_that_leave_while_a_file_is_read(oracle):
    (oracle.subject.htdocs / "digest/huge.bin").write_bytes(b"x" * (64 << 20))
    for _ in range(20):
        with Connection(oracle.subject.port) as connection:
            connection.send(b"GET /digest/huge.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with Connection(oracle.subject.port) as connection:
        answer = connection.request(b"HEAD /digest/huge.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.status == 200 and len(answer.header("ETag")) == 30
