"""What is made of the headers is made of these headers."""

import subprocess

import pytest
from support.server import DISTRIBUTION, PROJECT

MADE = {"rust": "sdk/rust/src/sys.rs", "reference": "docs/module-reference.md"}


@pytest.mark.parametrize("script", MADE)
def test_it_is_up_to_date(script):
    """A change to the contract: run abi/SCRIPT > FILE again."""
    done = subprocess.run([PROJECT / "abi" / script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == (PROJECT / MADE[script]).read_text(), f"run abi/{script} > {MADE[script]}"


@pytest.mark.parametrize("target", ["ModuleABI", "ByteKit", "CSystem", "ModuleKit", "AsyncKit"])
def test_the_package_holds_the_sources(target):
    source = PROJECT / "Sources" / target
    for path in source.rglob("*"):
        if path.is_file():
            shipped = DISTRIBUTION / "sdk" / "modulekit" / "Sources" / target / path.relative_to(source)
            assert shipped.read_bytes() == path.read_bytes(), shipped
