"""Framing vectors: the data file, what its entries mean, and how one is played to a server.

An entry of the file is a table with these keys:

    name         unique, and the test's id
    group        the heading it belongs to
    request      the bytes, with TOML escapes; <<A*100>> is a hundred letters A; code points are Latin-1
    answers      what each response must be, in order: a status, "raw" (a body without a status line, as in
                 HTTP/0.9), "none" (closed without a response), or a list of those where several are right
    connection   afterwards: "open" (the next request on it is answered), "closed" or "any" (but in step)
    why          the rule behind it
    methods      of the requests, where a response is not one to a GET as far as its body goes ("HEAD")
    half_close   true: the client ends its direction after the bytes
    apache       Debian apache2's answers, where Apus must differ
    apache_connection
"""

import pathlib
import re
import tomllib
from dataclasses import dataclass

from .wire import Connection, ProtocolError, get

_REPEATED = re.compile(r"<<(.+?)\*(\d+)>>", re.DOTALL)

#: A marker that no other answer holds, so that a response out of step is noticed.
PROBE_PATH, PROBE_BODY = "/probe.txt", b"in step\n"


@dataclass(frozen=True)
class Outcome:
    """What a server did with a vector."""

    answers: tuple
    connection: str

    def __str__(self):
        return f"{list(self.answers)} {self.connection}"


@dataclass(frozen=True)
class Vector:
    name: str
    group: str
    request: str
    answers: list
    connection: str
    why: str
    methods: tuple = ()
    half_close: bool = False
    apache: list = None
    apache_connection: str = None

    @property
    def data(self):
        """The bytes to send."""
        return _REPEATED.sub(lambda match: match[1] * int(match[2]), self.request).encode("latin-1")

    def expectation(self, server_name):
        """Answers and connection state due from a server: apache2 has its own where it is known to differ."""
        if server_name == "apache2":
            return self.apache or self.answers, self.apache_connection or self.connection
        return self.answers, self.connection

    def mismatch(self, outcome, server_name):
        """None if the outcome is as due, else what is wrong with it."""
        answers, connection = self.expectation(server_name)
        if len(answers) != len(outcome.answers) or not all(map(_allows, answers, outcome.answers)):
            return f"answered {outcome}, must be {answers} {connection}"
        if connection not in ("any", outcome.connection):
            return f"left the connection {outcome.connection}, must be {connection}"
        return None


def _allows(expected, actual):
    return actual in (expected if isinstance(expected, list) else [expected])


def load(path):
    """Reads the vectors of a TOML file."""
    entries = tomllib.loads(pathlib.Path(path).read_text())["vector"]
    vectors = [Vector(**entry) for entry in entries]
    assert len({vector.name for vector in vectors}) == len(vectors), "two vectors have one name"
    return vectors


def play(vector, port, expected_count, timeout=None):
    """Sends the vector on a connection of its own and observes answers and connection state."""
    answers = []
    with Connection(port, timeout=timeout) as connection:
        try:
            return _converse(vector, connection, expected_count, answers)
        except TimeoutError:
            heard = connection.received()[:200]
            raise AssertionError(
                f"the server fell silent after {answers} and {heard!r}\n{vector.why}"
            ) from None


def _converse(vector, connection, expected_count, answers):
    connection.send(vector.data)
    if vector.half_close:
        connection.half_close()
    while len(answers) < expected_count:
        method = vector.methods[len(answers)] if len(answers) < len(vector.methods) else "GET"
        answers.append(_answer(connection, method))
        if answers[-1] in ("raw", "none"):
            return Outcome(tuple(answers), "closed")
    return Outcome(tuple(answers), _state(connection))


def _answer(connection, method):
    start = connection.peek(5)
    if not start:
        return "none"
    if start != b"HTTP/":
        connection.read_to_end()
        return "raw"
    return connection.read_response(method).status


def _state(connection):
    """Open only if the next request gets its own answer; anything else that arrives is smuggled."""
    connection.send(get(PROBE_PATH))
    if not connection.peek(1):
        return "closed"
    response = connection.read_response()
    if (response.status, response.body) != (200, PROBE_BODY):
        raise ProtocolError(
            f"out of step: the probe was answered with {response.status} {response.body[:80]!r}"
        )
    return "open"
