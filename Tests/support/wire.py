"""A raw client: it sends exactly the bytes it is given and reads responses as strictly as RFC 9112 allows.

An HTTP library would repair what these tests are about, on both ways.
"""

import re
import socket
import ssl
import time
from dataclasses import dataclass, field

from .waiting import PATIENCE

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.DOTALL)
_FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_DECIMAL = re.compile(rb"[0-9]+")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;.*)?")


class ProtocolError(AssertionError):
    """The server sent what RFC 9112 forbids."""


class ConnectionEnded(AssertionError):
    """The server closed (or reset) the connection where more bytes were due."""


@dataclass
class Response:
    """One response; header names keep their spelling and order."""

    status: int
    reason: str
    headers: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)
    framing: str = "none"

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name, default=None):
        """The value of a field that may occur once at most."""
        values = self.values(name)
        if len(values) > 1:
            raise ProtocolError(f"{name} occurs {len(values)} times: {values}")
        return values[0] if values else default

    @property
    def persistent(self):
        """Whether the server promised to keep the connection, as far as its Connection field says."""
        options = [
            option.strip().lower() for value in self.values("Connection") for option in value.split(",")
        ]
        return "close" not in options and self.framing != "close"


class Connection:
    """One TCP (or TLS) connection to a server on 127.0.0.1."""

    def __init__(
        self, port, *, timeout=None, tls=None, server_name="localhost", session=None, receive_buffer=None
    ):
        self.timeout = PATIENCE if timeout is None else timeout
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        plain.settimeout(self.timeout)
        try:
            if receive_buffer:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            plain.connect(("127.0.0.1", port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = (
                tls.wrap_socket(plain, server_hostname=server_name, session=session) if tls else plain
            )
        except BaseException:
            plain.close()
            raise
        self._buffer = bytearray()
        self._ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # Sending

    def send(self, data, piece=None, pause=0.0):
        """Sends the bytes, at once or in pieces of `piece`; that a peer has closed is no error here."""
        data = data.encode("latin-1") if isinstance(data, str) else data
        step = piece or max(len(data), 1)
        try:
            for start in range(0, len(data), step):
                self.socket.sendall(data[start : start + step])
                if pause:
                    time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def half_close(self):
        """Ends our direction of the TCP connection only; the server must still answer what it has been sent.

        Under TLS this is no close_notify, and must not be ssl's own shutdown(), which forgets the session.
        """
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    # Reading

    def _receive(self, size=65536):
        """Appends what arrives to the buffer; false at the end of the stream."""
        if self._ended:
            return False
        try:
            data = self.socket.recv(size)
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        self._ended = not data
        self._buffer += data
        return bool(data)

    def _line(self):
        while True:
            end = self._buffer.find(b"\r\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 2]
                break
            if not self._receive():
                raise ConnectionEnded(f"the stream ended within a line: {bytes(self._buffer)!r}")
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise ProtocolError(f"bare CR, LF or NUL in a line: {line!r}")
        return line

    def read_exactly(self, count):
        while len(self._buffer) < count:
            if not self._receive():
                raise ConnectionEnded(f"the stream ended {count - len(self._buffer)} bytes short of {count}")
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def peek(self, count):
        """The next `count` bytes without taking them, or fewer at the end of the stream."""
        while len(self._buffer) < count and self._receive():
            pass
        return bytes(self._buffer[:count])

    def received(self):
        """What has arrived and was not taken yet."""
        return bytes(self._buffer)

    def read_to_end(self):
        """Everything until the server closes."""
        while self._receive():
            pass
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def _fields(self):
        fields = []
        while line := self._line():
            match = _FIELD_LINE.fullmatch(line)
            if not match or not _FIELD_VALUE.fullmatch(match[2]):
                raise ProtocolError(f"malformed field line: {line!r}")
            fields.append((match[1].decode(), match[2].decode("latin-1")))
        return fields

    def read_head(self):
        """One status line and its fields, final or interim."""
        line = self._line()
        match = _STATUS_LINE.fullmatch(line)
        if not match:
            raise ProtocolError(f"malformed status line: {line!r}")
        return Response(int(match[1]), match[2].decode("latin-1"), self._fields())

    def read_response(self, method="GET"):
        """One final response with its body, after any interim ones, framed as RFC 9112 section 6.3 says."""
        interim = []
        while (response := self.read_head()).status < 200:
            if response.status == 101:
                raise ProtocolError("unasked 101")
            interim.append(response)
        response.interim = interim
        self._read_body(response, method)
        return response

    def _read_body(self, response, method):
        coding, length = response.header("Transfer-Encoding"), response.header("Content-Length")
        if coding is not None and length is not None:
            raise ProtocolError("both Transfer-Encoding and Content-Length")
        if length is not None and not _DECIMAL.fullmatch(length.encode()):
            raise ProtocolError(f"bad Content-Length {length!r}")
        if method == "HEAD" or response.status in (204, 304):
            return
        if coding is not None:
            if coding.lower() != "chunked":
                raise ProtocolError(f"unexpected Transfer-Encoding {coding!r}")
            response.framing = "chunked"
            self._read_chunked(response)
        elif length is not None:
            response.framing = "length"
            response.body = self.read_exactly(int(length))
        else:
            response.framing = "close"
            response.body = self.read_to_end()

    def _read_chunked(self, response):
        body = bytearray()
        while True:
            match = _CHUNK_SIZE.fullmatch(self._line())
            if not match:
                raise ProtocolError("malformed chunk size line")
            size = int(match[1], 16)
            if size == 0:
                break
            body += self.read_exactly(size)
            if self.read_exactly(2) != b"\r\n":
                raise ProtocolError("no CRLF after chunk data")
        response.trailers = self._fields()
        response.body = bytes(body)

    def request(self, data, method=None):
        """Sends one request and reads its response; the method is taken from the bytes unless given."""
        data = data.encode("latin-1") if isinstance(data, str) else data
        self.send(data)
        return self.read_response(method or data.split(b" ", 1)[0].decode("latin-1"))

    def connection_closed(self, timeout=None):
        """Whether the server closes within the time, having sent nothing more."""
        self.socket.settimeout(self.timeout if timeout is None else timeout)
        try:
            return not self._buffer and not self._receive()
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        finally:
            self.socket.settimeout(self.timeout)

    def is_silent(self, duration):
        """Whether the server neither sends nor closes for `duration` seconds."""
        self.socket.settimeout(duration)
        try:
            self._receive()
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(self.timeout)


def get(path="/", *fields, host="localhost", method="GET", version="HTTP/1.1"):
    """The bytes of an ordinary request, for tests that are about something else than its syntax."""
    lines = [f"{method} {path} {version}", f"Host: {host}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def fetch(port, data, **options):
    """One request on a connection of its own."""
    with Connection(port, **options) as connection:
        return connection.request(data)


def tls_context(authority=None, *, minimum=None, maximum=None):
    """A client context that trusts `authority` alone; without one it accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        context.load_verify_locations(authority)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    return context
