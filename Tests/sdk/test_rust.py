"""The crate lays structures out as the headers do, and its own tests pass."""

import pathlib
import re
import shutil

import pytest

from support.server import DISTRIBUTION, PROJECT

from .conftest import needs

KEYWORDS = {"fn", "where", "move", "match", "self"}

PROGRAM = """\
#[path = "{sys}"]
#[allow(dead_code)]
mod sys;

macro_rules! offset {{
    ($kind:ty, $member:ident) => {{{{
        let value = std::mem::MaybeUninit::<$kind>::uninit();
        unsafe {{ std::ptr::addr_of!((*value.as_ptr()).$member) as usize - value.as_ptr() as usize }}
    }}}};
}}

fn main() {{
{body}
}}
"""


def test_layout(author, tmp_path):
    needs("rust")
    lines = []
    for file, place in (("1.0.txt", "sys"), ("draft.txt", "sys::draft")):
        dump = (PROJECT / "abi" / file).read_text()
        for kind, size in re.findall(r"^struct (\w+): (\d+) bytes$", dump, re.MULTILINE):
            lines.append(f'    assert_eq!(std::mem::size_of::<{place}::{kind}>(), {size}, "{kind}");')
        for kind, member, offset in re.findall(r"^member (\w+)\.(\w+) @(\d+)\+", dump, re.MULTILINE):
            name = f"{member}_" if member in KEYWORDS else member
            lines.append(f'    assert_eq!(offset!({place}::{kind}, {name}), {offset}, "{kind}.{member}");')
    assert len(lines) > 300
    source = tmp_path / "layout.rs"
    source.write_text(PROGRAM.format(sys=PROJECT / "sdk" / "rust" / "src" / "sys.rs", body="\n".join(lines)))
    built = author.run("rustc", "--edition", "2021", "--cfg", 'feature="draft"', "-o", tmp_path / "layout", source)
    assert built.status == 0, built.output[-3000:]
    done = author.run(tmp_path / "layout")
    assert done.status == 0, done.output


def test_the_crate_itself(author):
    needs("rust")
    target = author.directory / "crate"
    shutil.copytree(DISTRIBUTION / "sdk" / "rust", target)
    done = author.run("cargo", "test", "--quiet", "--all-features", directory="crate")
    assert done.status == 0, done.output
    assert "1 passed" in done.output


def test_the_oldest_compiler(author):
    """The one that the manifest names is Debian 12's own: where that is installed beside another, it is tried."""
    if not (pathlib.Path("/usr/bin/rustc").exists() and pathlib.Path("/usr/bin/cargo").exists()):
        pytest.skip("needs Debian's rustc and cargo")
    own = {"PATH": "/usr/bin:/bin", "CARGO": "/usr/bin/cargo", "CARGO_TARGET_DIR": str(author.directory / "target-old")}
    author.module("new", "old_rust", "--lang", "rust")
    author.module("build", directory="old_rust", environment=own)
    assert "verdict: old_rust_module is fit\n" in author.module("check", "old_rust/mod_old_rust.so")
