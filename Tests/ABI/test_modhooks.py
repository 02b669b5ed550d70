"""Hooks that one module declares and others implement, in any two languages."""

import pytest
from support.waiting import wait_until
from support.wire import fetch, get

from .conftest import LANGUAGES
from .texts import HANDLER

AREA = "modhooks"


@pytest.fixture(scope="module", params=LANGUAGES)
def other(request, build):
    """The same area in each language, for the module on the other side."""
    return build(AREA, request.param)


@pytest.fixture(scope="module")
def server(apus, module, other):
    """The second implementation is loaded before the declaration."""
    with apus(other.load("two") + module.load("owner") + other.load("one") + HANDLER) as running:
        yield running


def ask(server, path):
    return fetch(server.port, get(path)).body.decode()


@pytest.mark.parametrize("number, result", [(2, 1007), (-40, 965), (3, 3008), (99, 1)])
def test_first(server, number, result):
    """Both ways to run a hook agree: the first that does not decline decides."""
    assert ask(server, f"/links?{number}") == str(result)
    assert ask(server, f"/invoke?{number}") == f"0 {result}"


def test_negative_result(server):
    assert ask(server, "/invoke?-2000") == "0 -995"


def test_void(server):
    assert ask(server, "/seen") == "1:said, 2:said"


@pytest.mark.parametrize(
    "answer, result, seen",
    [
        ("0", 0, "1:every, 2:every"),
        ("1", 0, "1:every, 2:every"),
        ("403", 403, "1:every"),
        ("-3", -3, "1:every"),
        ("2", 2, "1:every"),
    ],
)
def test_all(server, answer, result, seen):
    assert ask(server, f"/every?{answer}") == f"0 {result} {seen}"


def test_links(server):
    assert ask(server, "/count") == "2 1"


def test_find(server):
    assert ask(server, "/find") == "0 -5 -4 0 1"
    both = 'looks for the hook abi.sum as "v(x)", but abi_modhooks_owner_module declares it as "i(xii)"'
    wait_until(lambda: both in server.error_log(), "the line with both signatures")


def test_mixed_implementations(apus, build, module):
    c, swift = build(AREA, "c"), build(AREA, "swift")
    with apus(c.load("one") + swift.load("two") + module.load("owner") + HANDLER) as server:
        assert ask(server, "/links?2") == "1007"
        assert ask(server, "/links?3") == "3008"
        assert ask(server, "/seen") == "1:said, 2:said"


def test_nobody_implements_it(apus, module):
    with apus(module.load("owner") + HANDLER) as server:
        assert ask(server, "/links?2") == "1"
        assert ask(server, "/invoke?2") == "0 1"
        assert ask(server, "/every") == "0 0 "
        assert ask(server, "/count") == "0 1"


@pytest.mark.parametrize("first", ["owner", "stranger"])
def test_another_signature(configured, module, other, first):
    """Refused with both texts, whichever of the two is loaded first."""
    lines = [module.load("owner"), other.load("stranger")]
    server = configured("".join(lines if first == "owner" else lines[::-1]))
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("abi_modhooks_stranger_module"))
    assert '"i(xii)"' in done.stderr and '"i(xiI)"' in done.stderr


def test_nobody_declares_it(configured, module):
    server = configured(module.load("one"))
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("abi_modhooks_one_module"))
    assert '"abi.sum"' in done.stderr


def test_declared_twice(configured, module, other):
    server = configured(module.load("owner") + other.load("rival"))
    done = server.run("-t")
    assert done.returncode == 1
    assert '"abi.sum"' in done.stderr and "abi_modhooks_owner_module" in done.stderr


def test_bad_signature(configured, module):
    done = configured(module.load("bad")).run("-t")
    assert done.returncode == 1
    assert '"i(x"' in done.stderr


def test_owner_in_the_dump(configured, module):
    done = configured(module.load("owner", "one")).run("-M", "-v")
    assert "abi.sum i(xii) first, declared by abi_modhooks_owner_module" in done.stdout
