"""Expressions as modules use them, and what modules add to their language."""

import pytest
from support.wire import fetch, get

from .texts import HANDLER

AREA = "expr"

STRING, HTACCESS = 1, 2
NOT_SET = "-1--1"


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(module.load() + HANDLER) as running:
        yield running


def run(server, text, flags=0, field="X-Expression"):
    return fetch(server.port, get(f"/?{flags}", f"{field}: {text}")).body.decode("latin-1").splitlines()


@pytest.mark.parametrize(
    "text, holds",
    [
        ("true", 1),
        ("%{REQUEST_METHOD} == 'POST'", 0),
        ("%{ABI_NAME_OF_MINE} == 'ABI_NAME_OF_MINE'", 1),
        ("%{abi_name_of_mine} == 'abi_name_of_mine'", 1),
        ("%{ABI_PRE_xyz} == 'ABI_PRE_xyz'", 1),
        ("%{ABI_PRE_} == ''", 1),
        ("abi_twice('ab') == 'abab'", 1),
        ("%{ABI_TWICE:ab} == 'abab'", 1),
        ("'a' -in abi_list('a')", 1),
        ("'other' in abi_list('a')", 1),
        ("'b' in abi_list('a')", 0),
        ("-Y 'yes'", 1),
        ("-Y 'no'", 0),
        ("'abc' -abi_long 'xyz'", 1),
        ("'abc' -ABI_LONG 'xy'", 0),
        ("%{ABI_FAILS} == ''", -1),
        ("false && %{ABI_FAILS} == ''", 0),
    ],
)
def test_conditions(server, text, holds):
    lines = run(server, text)
    assert lines[:3] == ["compile 0 0 ", "mentions 0", f"test {holds}"]


def test_groups_of_the_last_match(server):
    assert run(server, "'xaby' =~ /(a)(b)/")[3] == "match 1 xaby 1-3 1-2 2-3"
    assert run(server, "'ab' =~ /(a)/ && 'cd' =~ /c(x)?/")[3] == f"match 1 cd 0-1 {NOT_SET} {NOT_SET}"
    assert run(server, "true")[3] == f"match 1  {NOT_SET} {NOT_SET} {NOT_SET}"


def test_strings(server):
    lines = run(server, "%{REQUEST_METHOD} $1[%{abi_twice:$0}]", STRING)
    assert lines[2:] == ["text 0 GET []", "expand 0 GET b[abcabc]"]


def test_what_it_mentions(server):
    assert run(server, "'a' == 'b' || %{REMOTE_USER} == 'u'")[1] == "mentions 1"


@pytest.mark.parametrize("text, offset", [("'a' == ", 7), ("%{NONE} == 'a'", 0), ("true && none('a') == 'b'", 8), ("'a' -none 'b'", 4)])
def test_mistakes(server, text, offset):
    (line,) = run(server, text)
    status, at, reason = line.removeprefix("compile ").split(" ", 2)
    assert (status, reason) == ("-3", "with a reason")
    assert int(at) == min(offset, len(text.strip()))


def test_variables_by_name(server):
    assert run(server, "REQUEST_URI", field="X-Variable") == ["variable 0", "text 0 /"]
    assert run(server, "tolower:ABC", field="X-Variable") == ["variable 0", "text 0 abc"]
    assert run(server, "ABI_PRE_q", field="X-Variable") == ["variable 0", "text 0 ABI_PRE_q"]
    assert run(server, "NONE", field="X-Variable") == ["variable -4"]
    assert run(server, "none:x", field="X-Variable") == ["variable -4"]


def test_what_is_kept_from_access_files(server):
    for text in ("%{ABI_FAILS} == ''", "-f '/'", "file('/') == ''", "osenv('PATH') == ''"):
        assert run(server, text, HTACCESS)[0].startswith("compile -3")
    assert run(server, "-Y 'yes'", HTACCESS)[2] == "test 1"


def test_unknown_flags_are_refused(server):
    assert run(server, "true", 64)[0] == "compile -3 0 with a reason"
