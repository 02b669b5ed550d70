"""Files over 4 GiB, and files that change while they are asked for or sent."""

import os
import pathlib
import shutil
import socket
import tempfile
import threading

import pytest

from support.server import DEFAULT_MODULES
from support.wire import Connection, ConnectionEnded, fetch, get, tls_context

GIB = 1 << 30
SIZE = 5 * GIB + 12_345
#: Bytes that are not zero in the sparse file, by their place.
MARKS = {0: b"begin", 4 * GIB - 3: b"across", 5 * GIB: b"five", SIZE - 3: b"end"}

CONFIG = """\
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName localhost
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
"""


@pytest.fixture(scope="module")
def site():
    """In memory where that is possible: holes of a sparse file cost nothing there when they are read."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = pathlib.Path(tempfile.mkdtemp(prefix="apus-test-", dir=memory))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def server(apus, tls_config, site):
    with apus(tls_config(CONFIG), modules=(*DEFAULT_MODULES, "ssl"), ports=2, htdocs=site) as running:
        path = running.put("huge.bin", "")
        with open(path, "r+b") as out:
            out.truncate(SIZE)
            for place, mark in MARKS.items():
                out.seek(place)
                out.write(mark)
        # Not changed a moment ago, so that its tag is a strong one.
        os.utime(path, (1_600_000_000, 1_600_000_000))
        yield running


@pytest.fixture(params=["http", "https"])
def connect(server, request):
    def make(**options):
        if request.param == "http":
            return Connection(server.port, **options)
        return Connection(server.ports[1], tls=tls_context(), **options)

    return make


def expected(first, count):
    """The bytes of the sparse file from `first` on."""
    block = bytearray(count)
    for place, mark in MARKS.items():
        for offset, byte in enumerate(mark):
            if first <= place + offset < first + count:
                block[place + offset - first] = byte
    return bytes(block)


class Stream:
    """The body after a head, compared with the file as it comes. Far from what is not zero it is only counted."""

    def __init__(self, connection, first=0):
        self.connection, self.at = connection, first
        self.buffer = bytearray(1 << 24)
        self.zeros = bytes(len(self.buffer))

    def read(self, end):
        """Reads and checks up to the place `end` of the file."""
        self._check(self.connection.read_exactly(min(len(self.connection.received()), end - self.at)))
        view = memoryview(self.buffer)
        while self.at < end:
            ahead = min((place for place in MARKS if place > self.at), default=end) - self.at - len(view)
            if ahead > len(view):
                # The kernel drops them, and says how many.
                count = self.connection.socket.recv_into(view, len(view), socket.MSG_TRUNC)
                self.at += count
            else:
                count = self.connection.socket.recv_into(view, min(len(view), end - self.at))
                self._check(view[:count])
            assert count, f"the stream ended at {self.at} of {end}"

    def _check(self, piece):
        if any(self.at - 8 < place < self.at + len(piece) for place in MARKS):
            assert bytes(piece) == expected(self.at, len(piece))
        else:
            assert piece == memoryview(self.zeros)[: len(piece)]
        self.at += len(piece)


def test_whole(server):
    with Connection(server.port) as connection:
        connection.send(get("/huge.bin"))
        head = connection.read_head()
        assert (head.status, head.header("Content-Length")) == (200, str(SIZE))
        Stream(connection).read(SIZE)
        assert connection.request(get("/huge.bin", "Range: bytes=0-4")).body == b"begin"


@pytest.mark.parametrize("value, first, count", [
    ("0-0", 0, 1), (f"{4 * GIB - 10}-{4 * GIB + 10}", 4 * GIB - 10, 21), (f"{4 * GIB}-{4 * GIB}", 4 * GIB, 1),
    ("-10", SIZE - 10, 10), (f"{SIZE - 1}-", SIZE - 1, 1), (f"{5 * GIB - 5}-{5 * GIB + 70_000}", 5 * GIB - 5, 12_350),
    (f"{4 * GIB - 100_000}-{4 * GIB + 99_999}", 4 * GIB - 100_000, 200_000),
])  # fmt: skip
def test_ranges(connect, value, first, count):
    with connect() as connection:
        response = connection.request(get("/huge.bin", f"Range: bytes={value}"))
        assert response.status == 206
        assert response.header("Content-Range") == f"bytes {first}-{first + count - 1}/{SIZE}"
        assert response.body == expected(first, count)


def test_several_ranges(connect):
    with connect() as connection:
        value = f"bytes=0-4,{4 * GIB - 3}-{4 * GIB + 2},-3"
        response = connection.request(get("/huge.bin", f"Range: {value}"))
        assert response.status == 206 and response.header("Content-Type").startswith("multipart/byteranges")
        for part in (b"\r\n\r\nbegin\r\n", b"\r\n\r\nacross\r\n", b"\r\n\r\nend\r\n"):
            assert part in response.body


def test_beyond_the_end(server):
    response = fetch(server.port, get("/huge.bin", f"Range: bytes={SIZE}-"))
    assert (response.status, response.header("Content-Range")) == (416, f"bytes */{SIZE}")


def test_resumed(server):
    """A client that loses its connection goes on where it stopped, as long as the file is the same."""
    with Connection(server.port) as connection:
        connection.send(get("/huge.bin", f"Range: bytes={4 * GIB - (8 << 20)}-"))
        tag = connection.read_head().header("ETag")
        Stream(connection, 4 * GIB - (8 << 20)).read(4 * GIB - (4 << 20))
    with Connection(server.port) as connection:
        connection.send(get("/huge.bin", f"Range: bytes={4 * GIB - (4 << 20)}-", f"If-Range: {tag}"))
        assert connection.read_head().status == 206
        Stream(connection, 4 * GIB - (4 << 20)).read(4 * GIB + (4 << 20))
    with Connection(server.port) as connection:
        connection.send(get("/huge.bin", "Range: bytes=5-", 'If-Range: "another"'))
        assert connection.read_head().status == 200


# Files that change


def test_replaced_by_rename(server):
    """10,000 answers while the file is replaced all the time: each is wholly the old one or wholly the new."""
    versions = {"A": 900, "B": 70_000, "C": 0, "D": 16_385}
    path = server.put("replaced.txt", "A" * versions["A"])
    is_done = threading.Event()

    def replace():
        while not is_done.is_set():
            for letter, size in versions.items():
                new = path.with_suffix(".new")
                new.write_text(letter * size)
                os.rename(new, path)

    replacer = threading.Thread(target=replace)
    replacer.start()
    seen = set()
    try:
        for _ in range(100):
            with Connection(server.port) as connection:
                connection.send(get("/replaced.txt") * 100)
                for _ in range(100):
                    response = connection.read_response()
                    assert response.status == 200
                    letters = set(response.body.decode())
                    letter = letters.pop() if letters else "C"
                    assert not letters and len(response.body) == versions[letter]
                    seen.add(letter)
    finally:
        is_done.set()
        replacer.join()
    assert len(seen) > 1


def begin(connection, path, size):
    """The first bytes of an answer whose rest waits for the client."""
    connection.send(get(path))
    head = connection.read_head()
    assert (head.status, head.header("Content-Length")) == (200, str(size))
    connection.read_exactly(10_000)


def test_truncated_while_it_is_sent(connect, server):
    """What was promised cannot be kept: the connection ends short of it, and nothing else gets into the answer."""
    size = 64 << 20
    path = server.put("truncated.bin", b"t" * size)
    with connect(receive_buffer=8192) as connection:
        begin(connection, "/truncated.bin", size)
        os.truncate(path, 1 << 20)
        connection.send(get("/huge.bin", "Range: bytes=0-4"))
        with pytest.raises(ConnectionEnded):
            connection.read_exactly(size - 10_000)
        # What sendfile has queued is the file itself, whose last page the kernel clears.
        assert not connection.received().strip(b"t\0")
    assert fetch(server.port, get("/truncated.bin")).body == b"t" * (1 << 20)


def test_deleted_while_it_is_sent(connect, server):
    size = 16 << 20
    path = server.put("deleted.bin", b"d" * size)
    with connect(receive_buffer=8192) as connection:
        begin(connection, "/deleted.bin", size)
        path.unlink()
        assert connection.read_exactly(size - 10_000) == b"d" * (size - 10_000)
        assert connection.request(get("/deleted.bin")).status == 404


def test_grown_while_it_is_sent(connect, server):
    size = 16 << 20
    path = server.put("grown.bin", b"g" * size)
    with connect(receive_buffer=8192) as connection:
        begin(connection, "/grown.bin", size)
        with open(path, "ab") as out:
            out.write(b"h" * 1000)
        assert connection.read_exactly(size - 10_000) == b"g" * (size - 10_000)
        assert connection.request(get("/grown.bin")).body[-1001:] == b"g" + b"h" * 1000


def test_replaced_while_it_is_sent(connect, server):
    size = 16 << 20
    path = server.put("renamed.bin", b"o" * size)
    with connect(receive_buffer=8192) as connection:
        begin(connection, "/renamed.bin", size)
        server.put("renamed.new", b"n" * 10)
        os.rename(server.htdocs / "renamed.new", path)
        assert connection.read_exactly(size - 10_000) == b"o" * (size - 10_000)
        assert connection.request(get("/renamed.bin")).body == b"n" * 10
