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


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_apus_has(compiler):
    """APUS_HAS uses __typeof__, which every compiler that we name has."""
    text = (
        '#include "apus/all.h"\nint reaches(const apus_body_v1 *table);\n'
        "int reaches(const apus_body_v1 *table) { return APUS_HAS(table, reply); }\n"
    )
    compile_text([compiler, "-std=c11", "-x", "c"], text)


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
    text = (INCLUDE / "apus" / "all.h").read_text()
    for header in HEADERS:
        if header not in ("apus/all.h", "apus.h"):
            assert f'#include "{header.removeprefix("apus/")}"' in text


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_contract_is_what_the_dump_says(compiler):
    """A change to the contract shows in review: run abi/dump > abi/0.1.txt when one is meant."""
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    done = subprocess.run(
        [str(PROJECT / "abi" / "dump"), "--cc", compiler], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (PROJECT / "abi" / "0.1.txt").read_text()


def test_the_dump_is_that_of_this_version():
    text = (INCLUDE / "apus.h").read_text()
    assert "#define APUS_ABI_MAJOR 0u" in text and "#define APUS_ABI_MINOR 1u" in text


def test_the_facts_of_a_request_have_numbers_of_their_own():
    """Two facts with one number: whoever asks for the second gets the first."""
    text = (INCLUDE / "apus" / "request.h").read_text()
    strings, numbers = text.split("/* Numbers of a request. */")
    for part in (strings, numbers):
        found = collections.Counter(re.findall(r"#define APUS_R_\w+ (\d+)u", part))
        assert [number for number, count in found.items() if count > 1] == []
