"""Providers and optional functions: offered by one module, used by another, in any two languages."""

import re

import pytest
from support.wire import fetch, get

from .conftest import LANGUAGES
from .texts import HANDLER

AREA = "providers"


@pytest.fixture(scope="module", params=LANGUAGES)
def other(request, build):
    """The same area in each language, for the module on the other side."""
    return build(AREA, request.param)


@pytest.fixture(scope="module")
def server(apus, module, other):
    """The user is loaded first: order does not matter."""
    with apus(module.load("taker") + other.load("giver") + HANDLER) as running:
        yield running


def ask(server, path):
    return fetch(server.port, get(path)).body.decode()


def test_found(server):
    assert ask(server, "/found").split() == ["0", "-5", "-4", "0"]


def test_mismatch_is_logged_with_both_signatures(server):
    output = server.error_log() + server.console()
    assert re.search(
        r'abi_providers_taker_module looks for the function abi\.add as "i\(xiI\)".*"i\(xii\)"', output
    )


def test_typed_call(server):
    assert ask(server, "/call") == "42\n"


def test_each_by_name(server):
    assert ask(server, "/each").splitlines() == [
        "bye of abi_providers_giver_module 42",
        "hello of abi_providers_giver_module 41",
    ]


def test_find(server):
    assert ask(server, "/find") == "0 52 16 -4 -4\n"


def test_invoke(server):
    assert ask(server, "/invoke").splitlines() == [
        "0 -42",
        "wide -42",
        "ctx 17",
        "double 3.75",
        "string 4",
        f"mixed {-50 + 4_000_000_000 - 1 + 2**40 + 3 + 4 + 1}",
        "void 0 7",
        "wrong -5 -4",
    ]


def test_without_the_giver(apus, module):
    with apus(module.load("taker") + HANDLER) as server:
        assert ask(server, "/found").split() == ["-4", "-4", "-4", "-4"]
        assert ask(server, "/call") == "none\n"
        assert ask(server, "/each") == ""


@pytest.mark.parametrize(
    "part, words",
    [
        ("rival", ['"hello"', "abi_providers_giver_module"]),
        ("rivalfn", ['"abi.add"', "abi_providers_giver_module"]),
        ("badfn", ['"abi.bad"', '"q(z)"']),
    ],
)
def test_refused(configured, module, other, part, words):
    server = configured(other.load("giver") + module.load(part))
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(f"abi_providers_{part}_module"))
    for word in words:
        assert word in done.stderr


def test_providers_in_the_dump(configured, module):
    done = configured(module.load("giver")).run("-M", "-v")
    assert re.search(r"abi-greet/1 hello \(abi_providers_giver_module\)", done.stdout)
