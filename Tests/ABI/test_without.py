"""A server that lacks an extension runs what does not require it, and refuses what does, by name.

APUS_WITHOUT in the environment takes extensions away from a server that has them.
"""

import re

import pytest
from support import wire
from support.server import PROJECT

IDS = re.findall(r'^constant APUS_EXT_\w+ = "(\S+)"$', (PROJECT / "abi" / "1.0.txt").read_text(), re.MULTILINE)

#: No module but the one in question.
PRELUDE = """\
ServerRoot "@ROOT@"
PidFile "@ROOT@/run/httpd.pid"
ErrorLog "@ROOT@/logs/error.log"
@IDENTITY@
ServerName localhost
@LISTEN@
DocumentRoot "@HTDOCS@"
"""

#: What each of them requires; the kits of Swift and Rust add what they call without asking.
KIT = {f"apus.{name}/1" for name in ("config", "hooks", "pool", "log", "request", "headers", "conn", "server", "body")}
REQUIRED = {
    "keyring": {f"apus.{name}/1" for name in ("pool", "config", "request", "providers")},
    "later": KIT | {"apus.tasks/1"},
    "memory": KIT - {"apus.conn/1", "apus.server/1"} | {"apus.providers/1"},
}


@pytest.fixture(params=REQUIRED)
def subject(request, frozen):
    """A module of ABI 1.0, with what makes a server of it."""
    file = {
        "keyring": lambda: frozen.archive("c") / "keyring.so",
        "later": lambda: frozen.file("swift-static.so"),
        "memory": lambda: frozen.file("rust.so"),
    }[request.param]()
    return request.param, f"LoadModule {request.param}_module {file}\n"


def run(configured, config, ids):
    return configured(PRELUDE + config, prelude=False, environment={"APUS_WITHOUT": " ".join(ids)}).run("-t")


@pytest.mark.parametrize("absent", IDS)
def test_one_is_absent(configured, subject, absent):
    name, config = subject
    done = run(configured, config, [absent])
    if absent in REQUIRED[name]:
        assert done.returncode == 1 and f"it needs the extension {absent}, which this host does not offer" in done.stderr
    else:
        assert done.returncode == 0, done.stderr


def test_all_that_it_does_not_require_are_absent(configured, subject):
    name, config = subject
    done = run(configured, config, set(IDS) - REQUIRED[name])
    assert done.returncode == 0, done.stderr


def test_it_serves_all_the_same(apus, frozen):
    config = f'LoadModule later_module {frozen.file("swift-static.so")}\n<Location "/timer">\nSetHandler later-timer\n</Location>\n'
    absent = " ".join(sorted(set(IDS) - REQUIRED["later"]))
    with apus(PRELUDE + config, prelude=False, environment={"APUS_WITHOUT": absent}) as server:
        assert wire.fetch(server.port, wire.get("/timer?5")).body == b"waited\n"


def test_what_is_optional_is_asked_for(apus, build):
    """The test module asks for every table, requires none, and gets on with those that are there."""
    needed = {f"apus.{name}/1" for name in ("request", "body", "hooks", "headers", "pool")}
    config = build("reply", "c").load() + '<Location "/">\nSetHandler abi\n</Location>\n'
    absent = " ".join(sorted(set(IDS) - needed))
    with apus(PRELUDE + config, prelude=False, environment={"APUS_WITHOUT": absent}) as server:
        assert wire.fetch(server.port, wire.get("/text")).body == b"hello"
