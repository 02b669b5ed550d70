"""LoadModule lines that cannot work, and those that work in an unexpected way."""

import shutil

import pytest

from support.building import compile_shared


def rejected(server, marker):
    done = server.run("-t")
    assert done.returncode == 1, done.stderr
    assert server.reports_error_at(done.stderr, server.line_of(marker)), done.stderr
    return done.stderr


@pytest.fixture
def one_module(configured):
    """A configuration of a single LoadModule line; the file is made by the caller."""

    def make(line):
        return configured(f"# modules\n{line}\n")

    return make


def test_no_such_file(one_module):
    server = one_module("LoadModule none_module @ROOT@/mod_none.so")
    assert "mod_none.so" in rejected(server, "none_module")


def test_a_directory(one_module):
    rejected(one_module("LoadModule none_module @ROOT@/conf"), "none_module")


@pytest.mark.parametrize(
    "content",
    [b"", b"no ELF file\n", b"\x7fELF", b"\x7fELF\x02\x01\x01" + b"\0" * 500],
    ids=["empty", "text", "magic", "header"],
)
def test_not_a_shared_object(one_module, content):
    server = one_module("LoadModule none_module @ROOT@/mod_none.so")
    (server.root / "mod_none.so").write_bytes(content)
    assert "mod_none.so" in rejected(server, "none_module")


def test_a_shared_object_without_entry(one_module):
    server = one_module("LoadModule none_module @ROOT@/mod_none.so")
    source = server.root / "none.c"
    source.write_text("int nothing_of_interest;\n")
    compile_shared(source, server.root / "mod_none.so")
    assert "mod_none.so" in rejected(server, "none_module")


def test_a_shared_object_that_misses_a_symbol(one_module):
    server = one_module("LoadModule none_module @ROOT@/mod_none.so")
    source = server.root / "none.c"
    source.write_text("extern void nowhere_to_be_found(void);\nvoid call(void) { nowhere_to_be_found(); }\n")
    compile_shared(source, server.root / "mod_none.so", "-Wl,-z,lazy")
    assert "mod_none.so" in rejected(server, "none_module")


def test_wrong_name(one_module):
    server = one_module("LoadModule wrong_module @ROOT@/mod_wrong.so")
    shutil.copy(server.module_path("alias"), server.root / "mod_wrong.so")
    assert "wrong_module" in rejected(server, "wrong_module")


def test_missing_arguments(one_module):
    rejected(one_module("LoadModule lonely_module"), "lonely_module")


def test_loaded_twice(one_module, server_class):
    """httpd warns and goes on: distributions load modules from several files."""
    server = one_module(f"LoadModule dir_module {server_class.modules_directory}/mod_dir.so")
    done = server.run("-t")
    assert done.returncode == 0, done.stderr
    assert "dir_module" in done.stderr and "already loaded" in done.stderr


def test_relative_to_the_server_root(configured, server_class):
    server = configured(
        "LoadModule alias_module modules/mod_alias.so\nAlias /x /tmp\n", modules=("authz_core", "mime", "dir")
    )
    (server.root / "modules").symlink_to(server_class.modules_directory)
    done = server.run("-t")
    assert done.returncode == 0, done.stderr


def test_a_directive_before_its_module(configured, server_class):
    """httpd loads modules while it reads and looks at other directives afterwards: no matter of order."""
    server = configured(
        f"Alias /x /tmp\nLoadModule alias_module {server_class.modules_directory}/mod_alias.so\n",
        modules=("authz_core", "mime", "dir"),
    )
    done = server.run("-t")
    assert done.returncode == 0, done.stderr


def test_a_conditional_section_before_its_module(configured, server_class):
    """IfModule, though, asks at the place where it stands."""
    server = configured(
        "<IfModule alias_module>\nBogus on\n</IfModule>\n"
        f"LoadModule alias_module {server_class.modules_directory}/mod_alias.so\n",
        modules=("authz_core", "mime", "dir"),
    )
    done = server.run("-t")
    assert done.returncode == 0, done.stderr


def test_an_absent_file_with_the_name_of_ours(apus, configured):
    """Moving in: the httpd path of a module that we have loads ours, with a notice."""
    server = configured(
        "LoadModule alias_module /nowhere/apache2/modules/mod_alias.so\nAlias /x /tmp\n",
        modules=("authz_core", "mime", "dir"),
    )
    done = server.run("-t")
    assert done.returncode == 0, done.stderr
    assert "mod_alias.so" in done.stderr


def test_other_errors_are_reported_beside_a_failed_module(apus, configured):
    server = configured("LoadModule none_module @ROOT@/mod_none.so\nBogus on\n")
    done = server.run("-t")
    assert done.returncode == 1
    for marker in ("none_module", "Bogus on"):
        assert server.reports_error_at(done.stderr, server.line_of(marker))
