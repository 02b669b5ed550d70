"""Modules stand on the contract alone: one symbol out, none of the host's in, no heavy library anywhere."""

import pathlib
import re
import shutil
import subprocess

import pytest
from support.server import DISTRIBUTION, PROJECT

MODULES = sorted((DISTRIBUTION / "modules").glob("*.so"))
BINARIES = [DISTRIBUTION / "bin" / "apus", *MODULES]

#: What first-party modules may import besides modules for C libraries (Sources/C…).
ALLOWED = {"ModuleKit", "ByteKit", "ModuleABI", "CSystem", "Glibc", "AuthKit", "CGIScripts", "DbmAuth", "DbmKit", "PasswordKit", "ProxyProtocol", "RemoteCache"}
FORBIDDEN = re.compile(
    r"Foundation|libdispatch|libBlocksRuntime|_Concurrency|_StringProcessing|icu|FoundationEssentials"
)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def sources():
    return sorted(path for path in (PROJECT / "Modules").rglob("*.swift") if path.name != "Package.swift" and ".build" not in path.parts)


@pytest.mark.parametrize("file", MODULES, ids=lambda path: path.name)
def test_one_exported_symbol(file):
    names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", str(file)).splitlines()]
    assert names == ["apus_module_entry"]


@pytest.mark.parametrize("file", MODULES, ids=lambda path: path.name)
def test_nothing_of_the_host_is_needed(file):
    """What a module leaves open, its own libraries hold: it loads into any process."""
    missing = [
        line
        for line in run("ldd", "-r", str(file)).splitlines()
        if "undefined symbol" in line or "not found" in line
    ]
    assert missing == []
    wanted = [line.split()[-1] for line in run("nm", "-D", "--undefined-only", str(file)).splitlines()]
    assert not [
        name for name in wanted if name.startswith("apus_") or "4Host" in name or "9ModuleKit" in name
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PROJECT / "Modules")))
def test_imports(path):
    imports = re.findall(
        r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public |internal |private )?import (?:\w+ )?(\w+)",
        path.read_text(),
        re.MULTILINE,
    )
    for name in imports:
        is_library = name.startswith("C") and (PROJECT / "Sources" / name / "module.modulemap").exists()
        # Async functions need the library of Swift's concurrency: for modules of others.
        is_others = name == "AsyncKit" and "examples" in path.parts
        assert name in ALLOWED or is_library or is_others, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PROJECT / "Modules")))
def test_no_table_is_reached_by_symbol(path):
    """dlsym and @_silgen_name would go round the contract."""
    assert not re.search(r"\bdlsym\b|@_silgen_name|@_extern", path.read_text())


@pytest.mark.parametrize("file", BINARIES, ids=lambda path: path.name)
def test_no_heavy_library(file):
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", str(file)))
    assert not [name for name in needed if FORBIDDEN.search(name)], needed


@pytest.mark.parametrize("file", BINARIES, ids=lambda path: path.name)
def test_search_path_is_relative(file):
    paths = re.findall(r"\(R(?:UN)?PATH\).*\[(.*)\]", run("readelf", "-d", str(file)))
    for path in ":".join(paths).split(":"):
        assert path == "" or path.startswith("$ORIGIN")


def test_every_module_is_staged():
    folders = {
        path.name for path in (PROJECT / "Modules").iterdir() if path.is_dir() and path.name != "examples"
    }
    assert {file.stem.removeprefix("mod_") for file in MODULES} <= folders


def test_swift_test_modules_export_one_symbol(swift_products):
    for file in sorted(pathlib.Path(swift_products).glob("libabi_*.so")):
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", str(file)).splitlines()]
        assert names == ["apus_module_entry"], file.name


def test_shipped_headers_are_the_sources():
    include = PROJECT / "Sources" / "ModuleABI" / "include"
    for header in include.rglob("*.h"):
        assert (DISTRIBUTION / "include" / header.relative_to(include)).read_text() == header.read_text()


def test_the_tools_are_there():
    assert all(shutil.which(tool) for tool in ("nm", "ldd", "readelf"))
