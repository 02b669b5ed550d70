"""Modules that were built once, and are never built again, load and work; and what they were built against is still there.

`Tests/ABI/frozen/make` made them. While the interface is a draft they may be made anew, with a change that says why.
"""

import lzma
import pathlib
import re
import shutil

import pytest
from support import wire

FROZEN = pathlib.Path(__file__).resolve().parent / "frozen"


@pytest.fixture(scope="module")
def frozen(scratch):
    """The path of a fixture, where workers can read it."""

    def place(name):
        target = scratch / name
        packed = FROZEN / f"{name}.xz"
        if packed.exists():
            target.write_bytes(lzma.decompress(packed.read_bytes()))
        else:
            shutil.copy(FROZEN / name, target)
        target.chmod(0o755)
        return target

    return place


LATER = """\
LoadModule later_module {file}
<Location "/timer">
    SetHandler later-timer
</Location>
<Location "/block">
    SetHandler later-block
</Location>
"""


def asks_later(apus, file):
    with apus(LATER.format(file=file)) as server:
        assert wire.fetch(server.port, wire.get("/timer?5")).body == b"waited\n"
        assert wire.fetch(server.port, wire.get("/block")).body == b"worked\n"
        assert wire.fetch(server.port, wire.get("/nothing")).status == 404


def test_c_and_rust(apus, frozen):
    config = (
        f"LoadModule ledger_module {frozen('ledger-c.so')}\n"
        + "".join(f"LoadModule {name}_module {frozen('examples-rust.so')}\n" for name in ("letters", "memory", "reader", "echo"))
        + 'ServerLimit 1\nLedger "@ROOT@/logs/ledger"\n<Location "/reader">\nSetHandler reader\nSetOutputFilter SHOUT\n</Location>\n'
    )
    with apus(config) as server:
        assert wire.fetch(server.port, wire.get("/first")).status == 404
        assert wire.fetch(server.port, wire.get("/reader")).body == b"COUNT 2\nLAST GET /FIRST 404 1 1\n"


def test_swift_with_its_own_runtime(apus, frozen):
    asks_later(apus, frozen("later-swift-static.so"))


def test_swift_on_the_runtime_of_the_server(apus, configured, frozen):
    """Served by a server of the same compiler's release, refused with the reason by every other."""
    (fixture,) = FROZEN.glob("later-swift-*-shared.so")
    release = fixture.name.split("-")[2]
    file = frozen(fixture.name)
    server = configured("")
    if f"Swift: {release}\n" in server.run("-V").stdout:
        return asks_later(apus, file)
    server.write_config(LATER.format(file=file))
    done = server.run("-t")
    assert done.returncode == 1 and "-static-stdlib" in done.stderr and release in done.stderr


def test_they_describe_themselves_as_they_were(configured, frozen):
    server = configured(f"LoadModule ledger_module {frozen('ledger-c.so')}\n")
    done = server.run("-M", "-v")
    assert re.search(r"^ ledger_module 1\.0, ABI 0\.1, c$", done.stdout, re.MULTILINE)


def test_the_contract_only_grows():
    """Every line that the fixtures were built against still holds; structures may have grown at their end."""
    now = (FROZEN.parents[2] / "abi" / "0.1.txt").read_text().splitlines()
    sizes = {line.rsplit(": ", 1)[0]: int(line.split()[-2]) for line in now if line.startswith("struct ")}
    lines = set(now)
    for line in (FROZEN / "contract.txt").read_text().splitlines():
        if line.startswith("struct "):
            name, size = line.rsplit(": ", 1)
            assert sizes[name] >= int(size.split()[0]), line
        else:
            assert line in lines, f"{line}\n  is gone: modules that were built before would break"
