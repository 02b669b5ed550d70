"""The headers compile everywhere, mean the same under every compiler, and are what abi/ says they are."""

import collections
import re
import shutil
import subprocess

import pytest
from support.server import PROJECT

INCLUDE = PROJECT / "Sources" / "ModuleABI" / "include"
HEADERS = sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.h"))
COMPILERS = {
    "gcc-c11": ["gcc", "-std=c11", "-x", "c"],
    "clang-c11": ["clang", "-std=c11", "-x", "c"],
    "gcc-c++17": ["g++", "-std=c++17", "-x", "c++"],
    "clang-c++17": ["clang++", "-std=c++17", "-x", "c++"],
}


def compile_text(compiler, text, *flags):
    if not shutil.which(compiler[0]):
        pytest.skip(f"needs {compiler[0]}")
    strict = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{INCLUDE}", *flags, "-fsyntax-only", "-"]
    done = subprocess.run([*compiler, *strict], input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", COMPILERS.values(), ids=COMPILERS)
@pytest.mark.parametrize("header", HEADERS)
def test_each_header_alone(compiler, header):
    compile_text(compiler, f'#include "{header}"\n#include "{header}"\n')


@pytest.mark.parametrize("compiler", COMPILERS.values(), ids=COMPILERS)
@pytest.mark.parametrize("names", [HEADERS, HEADERS[::-1]], ids=["forwards", "backwards"])
def test_all_headers_together(compiler, names):
    compile_text(compiler, "".join(f'#include "{name}"\n' for name in names))


@pytest.mark.parametrize("compiler", COMPILERS.values(), ids=COMPILERS)
def test_the_entry_function(compiler):
    """What every module writes compiles in both languages, and has C linkage in C++."""
    linkage = 'extern "C" ' if "++" in compiler[0] else ""
    compile_text(
        compiler,
        '#include "apus/all.h"\n'
        f"{linkage}APUS_EXPORT const apus_module *apus_module_entry(const apus_host *host, const char *name);\n"
        "const apus_module *apus_module_entry(const apus_host *host, const char *name) {\n"
        "    (void)host, (void)name;\n    return NULL;\n}\n",
    )


@pytest.mark.parametrize("compiler", COMPILERS.values(), ids=COMPILERS)
def test_apus_has(compiler):
    """APUS_HAS uses __typeof__, which every compiler that we name has."""
    text = (
        '#include "apus/all.h"\nint reaches(const apus_body_v1 *table);\n'
        "int reaches(const apus_body_v1 *table) { return APUS_HAS(table, reply); }\n"
    )
    compile_text(compiler, text)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_layout_asserts(compiler):
    source = PROJECT / "Sources" / "ModuleABI" / "layout_asserts.c"
    compile_text([compiler, "-std=c11", "-x", "c"], source.read_text())


def test_the_headers_include_only_two_standard_headers():
    for header in HEADERS:
        for line in (INCLUDE / header).read_text().splitlines():
            if line.startswith("#include <"):
                assert header == "apus.h" and line in ("#include <stddef.h>", "#include <stdint.h>")


def test_module_map_covers_all_headers():
    for folder in ("apus", "apus/draft"):
        text = (INCLUDE / folder / "all.h").read_text()
        for path in (INCLUDE / folder).glob("*.h"):
            assert path.name == "all.h" or f'#include "{path.name}"' in text


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_contract_is_what_the_dump_says(compiler):
    """A change to the contract shows in review: run abi/dump > abi/1.0.txt when one is meant."""
    assert dump("--cc", compiler) == (PROJECT / "abi" / "1.0.txt").read_text()


def test_drafts_are_what_their_dump_says():
    """One that breaks modules shows in review, and gets another last number in its id: abi/dump --drafts > abi/draft.txt."""
    assert dump("--drafts") == (PROJECT / "abi" / "draft.txt").read_text()


def dump(*options):
    done = subprocess.run([str(PROJECT / "abi" / "dump"), *options], capture_output=True, text=True, timeout=120)
    if "No such file" in done.stderr:
        pytest.skip("needs a compiler")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_layout_of_every_structure_is_asserted():
    asserted = set(re.findall(r"^SIZE\((apus_\w+),", (PROJECT / "Sources/ModuleABI/layout_asserts.c").read_text(), re.MULTILINE))
    declared = set(re.findall(r"^struct (apus_\w+):", dump() + dump("--drafts"), re.MULTILINE))
    assert declared <= asserted


def test_ids_and_groups_say_whether_they_are_drafts():
    """A frozen one has a revision from 1 on, a draft one below 1, so neither is taken for the other."""
    named = r'#define APUS_(?:EXT|GROUP)_\w+ "[a-z_.]+/([0-9.]+)"'
    for header in HEADERS:
        for revision in re.findall(named, (INCLUDE / header).read_text()):
            assert re.fullmatch(r"0\.[1-9]\d*" if "draft/" in header else r"[1-9]\d*", revision), header


def test_no_frozen_header_needs_a_draft():
    for header in HEADERS:
        if "draft/" not in header:
            assert not re.search(r"#include .*draft", (INCLUDE / header).read_text()), header


@pytest.mark.parametrize("prefix", ["APUS_R", "APUS_C", "APUS_S", "APUS_P"])
def test_facts_have_numbers_of_their_own(prefix):
    """Two facts with one number: whoever asks for the second gets the first."""
    found = collections.Counter(re.findall(rf"^constant {prefix}_\w+ = (\d+)$", dump(), re.MULTILINE))
    assert found and [number for number, count in found.items() if count > 1] == []
