"""Asks two servers the same and compares the answers: the second is Debian's apache2."""

import hashlib
import re
from contextlib import ExitStack
from difflib import SequenceMatcher
from itertools import zip_longest

from .server import Apache
from .wire import Connection

#: Not compared anywhere: they hold the time and the product's name.
ALWAYS_IGNORED = frozenset({"date", "server"})


class Oracle:
    """Two servers with equal configuration over the same files; `with` starts and stops both."""

    def __init__(self, subject_class, config="", **options):
        self.subject = subject_class(config, **options)
        self.reference = Apache(config, **options)
        self._stack = ExitStack()

    def __enter__(self):
        with ExitStack() as stack:
            stack.enter_context(self.subject)
            stack.enter_context(self.reference)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *problem):
        return self._stack.__exit__(*problem)

    def compare(self, request, ignore=(), port=1):
        """Sends the request to both; raises AssertionError with both answers side by side if they differ."""
        ours, theirs = (ask(server, request, port) for server in (self.subject, self.reference))
        ignored = ALWAYS_IGNORED | {name.lower() for name in ignore}
        left, right = (describe(answer, ignored) for answer in (ours, theirs))
        assert left == right, mismatch(request, left, right, self.subject.name)
        return ours


def compare(subject_class, config, requests, *, ignore=(), **options):
    """Runs a list of requests over one configuration on both servers and reports every mismatch together."""
    problems = []
    with Oracle(subject_class, config, **options) as oracle:
        for request in requests:
            try:
                oracle.compare(request, ignore)
            except AssertionError as problem:
                problems.append(str(problem))
    assert not problems, "\n\n".join(problems)


def ask(server, request, port=1):
    """The answer of one server with its ports, which differ, replaced by marks; their lengths agree."""
    with Connection(server.ports[port - 1]) as connection:
        answer = connection.request(server.fill(request).encode("latin-1"))
    answer.headers = [(name, server.with_marks(text)) for name, text in answer.headers]
    answer.body = server.with_marks(answer.body)
    return answer


def describe(answer, ignored):
    """The comparable lines of an answer. Field order is no part of it: RFC 9110 gives it no meaning.

    The servers' own pages differ in their words, and so in length; what they are about is compared by their titles.
    """
    if answer.status >= 300 and _is_own_page(answer):
        ignored = ignored | {"content-length"}
        title = re.search(rb"<title>.*?</title>", answer.body)
        fields = _fields(answer, ignored)
        return [f"{answer.status} {answer.reason}", *fields, title.group().decode() if title else ""]
    framing = [] if "transfer-encoding" in ignored else [f"({answer.framing})"]
    return [f"{answer.status} {answer.reason}", *_fields(answer, ignored), *framing, *_body_lines(answer.body)]


def _is_own_page(answer):
    """HEAD of a page counts as well: httpd sends no length with it."""
    is_page = answer.body[:14].upper() == b"<!DOCTYPE HTML"
    kind = dict((name.lower(), value) for name, value in answer.headers).get("content-type", "")
    return is_page or not answer.body and kind == "text/html; charset=iso-8859-1"


def _fields(answer, ignored):
    return sorted(
        f"{name}: {_value(name, value)}" for name, value in answer.headers if name.lower() not in ignored
    )


def _value(name, value):
    """The value to compare: httpd lists the allowed methods in the order of a randomly seeded hash table."""
    return ",".join(sorted(value.split(","))) if name.lower() == "allow" else value


def _body_lines(body):
    if len(body) > 4096:
        return [f"{len(body)} bytes, sha256 {hashlib.sha256(body).hexdigest()[:16]}"]
    return body.decode("latin-1").splitlines()


def mismatch(request, left, right, name):
    """Both answers in two columns; `!` marks the lines that differ."""
    width = min(78, max(map(len, left), default=0) + 2)
    rows = [f"  {name:{width}}apache2"]
    for kind, start, end, other_start, other_end in SequenceMatcher(None, left, right, False).get_opcodes():
        mark = " " if kind == "equal" else "!"
        pairs = zip_longest(left[start:end], right[other_start:other_end], fillvalue="")
        rows += [f"{mark} {ours:{width}}{theirs}" for ours, theirs in pairs]
    return f"{request!r}\n" + "\n".join(rows)
