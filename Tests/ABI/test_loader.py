"""LoadModule lines that cannot work: one clear line each, all in one run, with what to do."""

import os
import re
import shutil

import pytest
from support.building import build_module
from support.server import Apache, running_as_root

MODULE = """\
#include "abi_test.h"
#ifndef NAME
#define NAME "probe_module"
#endif
#ifndef FIELDS
#define FIELDS .flags = 0
#endif
static const char *const ids[] = {"apus.request/1", "apus.nonsense/7", NULL};
static apus_status attach(const apus_host *host, void **ctx) {
    (void)host, (void)ctx, (void)ids;
    return APUS_OK;
}
#pragma GCC diagnostic ignored "-Woverride-init"
static const apus_module description = {BASICS(NAME), .attach = attach, FIELDS};
EXPORT(description)
"""

#: An entry function that takes any name for its own.
UNCONDITIONAL = """\
APUS_EXPORT const apus_module *apus_module_entry(const apus_host *host, const char *name) {
    (void)name;
    use(host);
    return &description;
}
"""

ROWS = 'static const apus_directive rows[] = {{"X", 0, 0, 1, 0, 0, 0, NULL, "", NULL}};\n'


@pytest.fixture
def probe(apus, configured, scratch):
    """A server with a LoadModule line for a module built with these definitions; returns it and its -t."""

    def make(fields=None, *, name="probe_module", built="probe_module", file=None, kind="probe"):
        if file is None:
            flags = [f'-DNAME="{built}"', f"-I{os.path.dirname(__file__)}"]
            flags += [f"-DFIELDS={fields}"] if fields else []
            file = build_module(MODULE, scratch / f"{kind}-{abs(hash((fields, built)))}", kind, flags=flags)
        server = configured(f"LoadModule {name} {file}\n")
        return server, server.run("-t")

    return make


def rejected(outcome, *words):
    server, done = outcome
    assert done.returncode == 1, done.stderr
    marker = next(line for line in server.config_file.read_text().splitlines() if "probe" in line)
    assert server.reports_error_at(done.stderr, server.line_of(marker)), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    return done.stderr


def test_a_good_one(probe):
    _, done = probe()
    assert done.returncode == 0, done.stderr


def test_no_such_file(probe):
    rejected(probe(file="/nowhere/mod_probe.so"), "no such file", "ServerRoot")


def test_a_directory(probe, scratch):
    (scratch / "probe.d").mkdir(exist_ok=True)
    message = rejected(probe(file=scratch / "probe.d"), "probe.d")
    assert "directory" in message or "not a shared object" in message


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01" + bytes(100)])
def test_not_elf(probe, scratch, content):
    file = scratch / "probe-junk.so"
    file.write_bytes(content)
    rejected(probe(file=file), "probe-junk.so")


def test_another_machine(probe, scratch):
    good = build_module(MODULE, scratch / "machine", "probe", flags=[f"-I{os.path.dirname(__file__)}"])
    data = bytearray(good.read_bytes())
    data[18:20] = b"\xf3\x00"  # RISC-V
    file = scratch / "probe-foreign.so"
    file.write_bytes(data)
    rejected(probe(file=file), "another machine")


def test_truncated(probe, scratch):
    good = build_module(MODULE, scratch / "short", "probe", flags=[f"-I{os.path.dirname(__file__)}"])
    for length in (63, 64, 200, 4000, good.stat().st_size // 2):
        file = scratch / f"probe-short-{length}.so"
        file.write_bytes(good.read_bytes()[:length])
        rejected(probe(file=file), f"probe-short-{length}.so")


def test_no_entry(probe, scratch):
    file = build_module("int nothing;\n", scratch / "empty", "probe")
    rejected(probe(file=file), "apus_module_entry")


def test_a_missing_symbol_is_found_at_load_time(probe, scratch):
    text = (
        MODULE + "extern int nowhere_to_be_found(void);\nint call(void) { return nowhere_to_be_found(); }\n"
    )
    file = build_module(
        text, scratch / "lazy", "probe", flags=[f"-I{os.path.dirname(__file__)}", "-Wl,-z,lazy"]
    )
    rejected(probe(file=file), "nowhere_to_be_found")


def test_wrong_name_says_which_it_has(probe):
    rejected(probe(name="probe_module", built="other_module"), "other_module", "probe_module")


@pytest.mark.parametrize("area", ["reply"])
def test_wrong_name_of_a_swift_module(configured, build, area):
    server = configured(f"LoadModule probe_module {build(area, 'swift').file}\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert f"abi_{area}_module" in done.stderr


def test_descriptor_with_another_name(probe, scratch):
    text = MODULE.replace("EXPORT(description)", UNCONDITIONAL)
    file = build_module(
        text, scratch / "liar", "probe", flags=[f"-I{os.path.dirname(__file__)}", '-DNAME="liar_module"']
    )
    rejected(probe(file=file), "liar_module")


@pytest.mark.parametrize(
    "fields, words",
    [
        (".abi_minor_min = 99", ["1.99", "1.0"]),
        (".abi_major = 7", ["7.", "1.0"]),
        (".abi_major = 0", ["0.", "1.0"]),
        (".requires_ids = ids", ["apus.nonsense/7"]),
        (".flags = 0x4000", ["0x4000"]),
        (".size = 40", ["40"]),
        (".attach = NULL", ["attach"]),
        (".server_conf = &(const apus_conf_ops){.size = 8}", ["configuration", "small"]),
        (".dir_conf = &(const apus_conf_ops){.size = sizeof(apus_conf_ops), .flags = 0x4000}", ["0x4000"]),
        ('.toolchain = "swift-5.9 shared"', ["swift-5.9", "-static-stdlib"]),
    ],
    ids=["minor", "major", "draft", "extension", "flag", "size", "attach", "small-conf", "conf-flag", "toolchain"],
)
def test_a_descriptor_that_does_not_fit(probe, fields, words):
    rejected(probe(fields), *words)


@pytest.mark.parametrize(
    "fields",
    ['.toolchain = "swift-5.9 static"', '.toolchain = "rust-1.90"', '.toolchain = "c"', ".optional_ids = ids",
     ".flags = APUS_MODULE_ONE_REQUEST", ".size = sizeof(apus_module) + 64"],
    ids=["static", "rust", "c", "optional", "known-flag", "larger"],
)  # fmt: skip
def test_a_descriptor_that_fits(probe, fields):
    _, done = probe(fields)
    assert done.returncode == 0, done.stderr


def test_rows_that_are_too_small(probe, scratch):
    fields = ".directives = rows, .n_directives = 1, .directive_stride = 8}"
    text = MODULE.replace("static const apus_module", ROWS + "static const apus_module").replace("FIELDS}", fields)
    file = build_module(text, scratch / "rows", "probe", flags=[f"-I{os.path.dirname(__file__)}"])
    rejected(probe(file=file), "directive")


@pytest.mark.parametrize(
    "row",
    ['"X", 0, 0, 0x400, 0, 0, 0, handle', '"X", 0, 0, 1, 0x400, 0, 0, handle', '"X", 0, 0, 1, 0, 0x400, 0, handle',
     '"X", 0, 0, 1, 0, 0, 77, handle', '"X", 0, 0, 1, 0, 0, 0, NULL', 'NULL, 0, 0, 1, 0, 0, 0, handle'],
    ids=["place", "class", "flag", "shape", "no-handler", "no-name"],
)  # fmt: skip
def test_rows_that_this_host_does_not_know(probe, scratch, row):
    """A newer module may ask for what this host has not: it is refused, not misunderstood."""
    rows = (
        "static apus_status handle(void *x, const apus_cmd *c, void *f, const apus_str *v, uint32_t n) "
        "{ (void)x, (void)c, (void)f, (void)v, (void)n; return APUS_OK; }\n"
        "__attribute__((unused)) static void *const used = (void *)handle;\n"
        f'static const apus_directive rows[] = {{{{{row}, "", NULL}}}};\n'
    )
    fields = ".directives = rows, .n_directives = 1, .directive_stride = sizeof rows[0]}"
    text = MODULE.replace("static const apus_module", rows + "static const apus_module").replace("FIELDS}", fields)
    file = build_module(text, scratch / f"row-{abs(hash(row))}", "probe", flags=[f"-I{os.path.dirname(__file__)}"])
    rejected(probe(file=file), "directive")


def test_a_provider_table_that_is_too_small(probe, scratch):
    """Whoever uses the provider may take it that what the group had from the start is there."""
    text = MODULE.replace(
        "    return APUS_OK;",
        "    static const apus_authz_v1 table = {.size = 8};\n"
        '    return pv->provide(host, APUS_GROUP_AUTHZ, S("x"), &table, NULL);',
    )
    file = build_module(text, scratch / "table", "probe", flags=[f"-I{os.path.dirname(__file__)}"])
    rejected(probe(file=file), "authz/1", "8 bytes")


def test_unreadable(probe, scratch):
    if running_as_root():
        pytest.skip("root reads everything")
    file = scratch / "probe-secret.so"
    file.write_bytes(b"")
    file.chmod(0)
    rejected(probe(file=file), "permission")


def test_world_writable_as_root(probe, scratch):
    if not running_as_root():
        pytest.skip("about servers that run as root")
    file = scratch / "probe-open.so"
    shutil.copy(
        build_module(MODULE, scratch / "open", "probe", flags=[f"-I{os.path.dirname(__file__)}"]), file
    )
    file.chmod(0o777)
    rejected(probe(file=file), "write", "chmod o-w")
    file.chmod(0o755)
    _, done = probe(file=file)
    assert done.returncode == 0, done.stderr


def test_owned_by_another_user_as_root(probe, scratch):
    if not running_as_root():
        pytest.skip("about servers that run as root")
    file = scratch / "probe-owned.so"
    shutil.copy(
        build_module(MODULE, scratch / "owned", "probe", flags=[f"-I{os.path.dirname(__file__)}"]), file
    )
    os.chown(file, 65534, 65534)
    rejected(probe(file=file), "own")


def test_duplicate_is_a_warning(configured, build):
    load = build("reply", "c").load()
    server = configured(load + "# again\n" + load)
    done = server.run("-t")
    assert done.returncode == 0
    assert "abi_reply_module is already loaded" in done.stderr


def test_several_failures_in_one_run(configured, build, scratch):
    (scratch / "text.so").write_text("no module")
    server = configured(
        "LoadModule one_module /nowhere/mod_one.so\n"
        f"LoadModule two_module {scratch}/text.so\n"
        f"LoadModule three_module {build('reply', 'c').file}\n"
        "Bogus on\n"
    )
    done = server.run("-t")
    assert done.returncode == 1
    for marker in ("one_module", "two_module", "three_module", "Bogus on"):
        assert server.reports_error_at(done.stderr, server.line_of(marker)), done.stderr
    assert "4 errors" in done.stderr


def test_one_failure_is_one_line(configured):
    server = configured("LoadModule one_module /nowhere/mod_one.so\nOneDirective x\n")
    done = server.run("-t")
    assert done.stderr.count(": error:") == 2  # the directive of an unknown module is one of its own


@pytest.fixture
def httpd_modules(apache):
    return apache.modules_directory


def test_a_binary_of_httpd_that_we_have_is_replaced(configured, httpd_modules):
    server = configured(f"LoadModule ssl_module {httpd_modules}/mod_ssl.so\n")
    done = server.run("-t")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"mod_ssl\.so is a binary for Apache httpd; \S+/mod_ssl\.so is loaded in its place", done.stderr
    )
    assert f":{server.line_of('ssl_module')}:" in done.stderr


def test_a_binary_of_httpd_that_we_have_not(configured, httpd_modules, apus):
    theirs = sorted(path.name for path in httpd_modules.glob("mod_lbmethod_*.so"))
    name = next(name for name in theirs if not (apus.modules_directory / name).exists())
    module = name.removeprefix("mod_").removesuffix(".so") + "_module"
    server = configured(f"LoadModule {module} {httpd_modules}/{name}\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(module))
    assert "Apache httpd" in done.stderr and name in done.stderr


def test_a_built_in_module_of_httpd(configured):
    server = configured(f"LoadModule mpm_event_module {Apache.modules_directory}/mod_mpm_event.so\n")
    done = server.run("-t")
    assert done.returncode == 0, done.stderr
    assert "mpm_event_module is built in" in done.stderr


def test_list_of_modules(configured, build):
    server = configured(build("reply", "c").load())
    done = server.run("-M")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Loaded Modules:"
    assert " core_module (static)" in done.stdout
    assert " abi_reply_module (shared)" in lines


def test_detailed_list_of_modules(configured, build):
    server = configured(build("hooks", "c").load("a", "b", "c") + build("reply", "c").load())
    done = server.run("-M", "-v")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    for title in (
        "Loaded Modules:",
        "Extensions in use:",
        "Hooks, in the order they run:",
        "Filters, from the handler",
        "Providers:",
    ):
        assert title in text
    assert re.search(r"^ abi_reply_module 1\.0, ABI 1\.0, c$", text, re.MULTILINE)
    assert re.search(r"abi_hooks_a_module: .*apus\.hooks/1", text)
    assert "abi_hooks_a_module: FIRST; INITIAL_ONLY" in text
    assert "abi_hooks_c_module: MIDDLE, before abi_hooks_a_module" in text


def test_attach_that_fails_is_reported_at_its_line(configured, build):
    server = configured(build("hooks", "c").load("fails"))
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("abi_hooks_fails_module"))


def test_all_extensions_that_are_missing_are_named_with_what_to_do(probe, scratch):
    ids = '"apus.nonsense/1", "apus.request/9", "apus.timeouts/0.0", NULL'
    text = MODULE.replace('"apus.request/1", "apus.nonsense/7", NULL', ids)
    flags = [f"-I{os.path.dirname(__file__)}", "-DFIELDS=.requires_ids = ids"]
    message = rejected(probe(file=build_module(text, scratch / "missing", "probe", flags=flags)), "apus.nonsense/1, which this host does not")
    assert "it needs apus.request/9, too; it needs apus.timeouts/0.0, too" in message and "look how apus.nonsense/1 is spelt" in message
    for first, remedy in {"apus.request/9": "offers apus.request/1: upgrade", "apus.timeouts/0.0": "offers apus.timeouts/0.1: build"}.items():
        file = build_module(text.replace('"apus.nonsense/1", ', "").replace(ids[19:], f'"{first}", NULL'), scratch / first.replace("/", "-"), "probe", flags=flags)
        assert remedy in rejected(probe(file=file), first)


def test_a_directive_for_directories_without_their_configuration(probe, scratch):
    row = '{"X", 0, 0, APUS_IN_ANY, 0, APUS_DIRECTIVE_DIR_CONF, 0, (void *)attach, "", NULL}'
    text = MODULE.replace("#pragma", f"static const apus_directive rows[] = {{{row}}};\n#pragma", 1)
    fields = ".directives = rows, .n_directives = 1, .directive_stride = sizeof(apus_directive)"
    flags = [f"-I{os.path.dirname(__file__)}", f"-DFIELDS={fields}"]
    rejected(probe(file=build_module(text, scratch / "confless", "probe", flags=flags)), "its directive X", "APUS_DIRECTIVE_DIR_CONF", "dir_conf")


def test_why_a_module_could_not_be_attached_is_said_once(probe, scratch):
    """By what it was refused, or, where it was refused nothing, by what it answers."""
    attach = "    (void)host, (void)ctx, (void)ids;\n    return APUS_OK;"
    bad_name = (
        "    (void)ctx, (void)ids;\n    const apus_expr_v1 *ex = host->extension(host, APUS_EXT_EXPR);\n"
        '    return ex->add_variable(host, S("HI TS"), 0, (void *)attach, NULL);'
    )
    flags = [f"-I{os.path.dirname(__file__)}"]
    named = probe(file=build_module(MODULE.replace(attach, bad_name), scratch / "named", "probe", flags=flags))
    assert "1 error in the configuration" in rejected(named, "could not be attached: it answers -3")
    taken = bad_name.replace("HI TS", "HTTPS_HITS").replace("    return ex", '    ex->add_variable(host, S("HTTPS_HITS"), 0, (void *)attach, NULL);\n    return ex')
    message = rejected(probe(file=build_module(MODULE.replace(attach, taken), scratch / "taken", "probe", flags=flags)), "a name that is taken already")
    assert "could not be attached" not in message and "1 error in the configuration" in message
    silent = MODULE.replace("return APUS_OK;", "return APUS_E_FAIL;")
    rejected(probe(file=build_module(silent, scratch / "silent", "probe", flags=flags)), "could not be attached: it answers -1")
