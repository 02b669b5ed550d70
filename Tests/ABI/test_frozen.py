"""Modules that were built once against ABI 1.0, and are never built again, load and work; and what they were built against is
still there.

`Tests/ABI/frozen/make` made them. The tests of each area run on them, too (`FROZEN` in conftest.py); here are those in Rust, those
that bring their own Swift runtime, and the contract itself.
"""

import re

import pytest
from support import wire
from support.server import PROJECT
from support.waiting import wait_until

LATER = """\
LoadModule later_module {file}
<Location "/timer">
    SetHandler later-timer
</Location>
<Location "/block">
    SetHandler later-block
</Location>
"""


def ask(server, path, *fields):
    return wire.fetch(server.port, wire.get(path, *fields))


def asks_later(apus, file):
    with apus(LATER.format(file=file)) as server:
        assert ask(server, "/timer?5").body == b"waited\n"
        assert ask(server, "/block").body == b"worked\n"
        assert ask(server, "/nothing").status == 404


def test_c_and_rust_together(apus, frozen):
    """A hook and functions of a module in C, used by one in Rust; filters, an object cache and shared memory in Rust."""
    modules = ("letters", "memory", "reader")
    config = (
        f"LoadModule ledger_module {frozen.archive('c')}/ledger.so\n"
        + "".join(f"LoadModule {name}_module {frozen.file('rust.so')}\n" for name in modules)
        + 'ServerLimit 1\nLedger "@ROOT@/logs/ledger"\n<Location "/reader">\nSetHandler reader\nSetOutputFilter SHOUT\n</Location>\n'
    )
    with apus(config) as server:
        assert ask(server, "/first").status == 404
        assert ask(server, "/reader").body == b"COUNT 2\nLAST GET /FIRST 404 1 1\n"
        wait_until(lambda: "/first" in (server.root / "logs" / "ledger").read_text(), "the ledger's own log")


def test_swift_with_its_own_runtime(apus, frozen):
    asks_later(apus, frozen.file("swift-static.so"))


def test_swift_on_the_runtime_of_the_server(apus, configured, frozen):
    """Served by a server of the same compiler's release, refused with the reason by every other."""
    release = frozen.swift_release
    file = frozen.archive(f"swift-{release}-shared") / "later.so"
    server = configured("")
    if f"Swift: {release}\n" in server.run("-V").stdout:
        return asks_later(apus, file)
    server.write_config(LATER.format(file=file))
    done = server.run("-t")
    assert done.returncode == 1 and "-static-stdlib" in done.stderr and release in done.stderr


def test_they_describe_themselves_as_they_were(configured, frozen):
    server = configured(f"LoadModule ledger_module {frozen.archive('c')}/ledger.so\n")
    done = server.run("-M", "-v")
    assert re.search(r"^ ledger_module 1\.0, ABI 1\.0, c$", done.stdout, re.MULTILINE)


def test_the_contract_only_grows(frozen):
    """Every line that the fixtures were built against still holds; structures may have grown at their end."""
    now = (PROJECT / "abi" / "1.0.txt").read_text().splitlines()
    sizes = {line.rsplit(": ", 1)[0]: int(line.split()[-2]) for line in now if line.startswith("struct ")}
    lines = set(now)
    for line in (frozen.folder / "contract.txt").read_text().splitlines():
        if line.startswith("struct "):
            name, size = line.rsplit(": ", 1)
            assert sizes[name] >= int(size.split()[0]), line
        elif line.startswith("constant APUS_ABI_MINOR"):
            continue
        else:
            assert line in lines, f"{line}\n  is gone: modules that were built before would break"


@pytest.mark.parametrize("name", ["apus_str", "apus_link"])
def test_what_has_no_size_never_grows(frozen, name):
    then = (frozen.folder / "contract.txt").read_text()
    now = (PROJECT / "abi" / "1.0.txt").read_text()
    assert re.search(rf"^struct {name}: .*$", then, re.MULTILINE)[0] in now
