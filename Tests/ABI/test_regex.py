"""Regular expressions as modules use them."""

import time

import pytest
from support.wire import fetch, get

from .texts import HANDLER

AREA = "regex"


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(module.load() + HANDLER) as running:
        yield running


def run(server, pattern, subject, replacement=None, flags=0):
    fields = [f"X-Pattern: {pattern}", f"X-Subject: {subject}"]
    fields += [f"X-Replacement: {replacement}"] if replacement is not None else []
    return fetch(server.port, get(f"/?{flags}", *fields)).body.decode("latin-1").splitlines()


NOT_SET = "-1--1"


@pytest.mark.parametrize(
    "pattern, subject, flags, spans",
    [
        ("b+", "abbbc", 0, ["1-4"]),
        ("^(a)(x)?(c)", "ac", 0, ["0-2", "0-1", NOT_SET, "1-2"]),
        ("HELLO", "hello", 1, ["0-5"]),
        ("^/(\\d+)/(\\w+)$", "/12/ab", 0, ["0-6", "1-3", "4-6"]),
        ("(a)(b)(c)(d)", "abcd", 0, ["0-4", "0-1", "1-2", "2-3"]),
    ],
)
def test_match(server, pattern, subject, flags, spans):
    lines = run(server, pattern, subject, flags=flags)
    assert lines[0] == "compile 0 "
    assert lines[1] == f"groups {pattern.count('(')}"
    assert lines[2] == "match 0 " + " ".join(spans + [NOT_SET] * (4 - len(spans)))
    assert lines[3] == "match 0"


def test_no_match(server):
    assert run(server, "^b", "ab") == ["compile 0 ", "groups 0", "match 1", "match 1"]
    assert run(server, "HELLO", "hello")[2] == "match 1"


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "(?P<x", "*"])
def test_wrong_pattern(server, pattern):
    assert run(server, pattern, "x") == ["compile -3 with a reason"]


@pytest.mark.parametrize(
    "replacement, made",
    [
        ("$0", "user@host"),
        ("$2.$1", "host.user"),
        ("<$3>", "<>"),
        ("\\$1 $1", "$1 user"),
        ("$9x", "x"),
        ("a$", "a$"),
        ("\\\\$1", "\\user"),
    ],
)
def test_substitute(server, replacement, made):
    assert run(server, "^(\\w+)@(\\w+)$", "user@host", replacement)[4] == f"made {made}"


def test_a_pattern_that_explodes_is_stopped(server):
    started = time.monotonic()
    lines = run(server, "^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60)
    assert lines[2] in ("match -8", "match 1")
    assert time.monotonic() - started < 5


def test_bytes_that_are_not_utf_8(server):
    assert run(server, "^caf.$", "caf\xe9")[2].startswith("match 0 0-4")


def test_unknown_flags_are_refused(server):
    assert run(server, "a", "a", flags=64)[0] == "compile -3 with a reason"
