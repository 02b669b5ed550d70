"""`apus module` and apxs: from nothing to a module that serves, in each language."""

import re
import shutil
import subprocess

import pytest
from support.server import DISTRIBUTION

from .conftest import APUS, needs

LANGUAGES = ("c", "swift", "rust")


@pytest.fixture(scope="module", params=LANGUAGES)
def begun(request, author):
    """A new module in each language, built."""
    needs(request.param)
    name = f"new_{request.param}"
    author.module("new", name, "--lang", request.param)
    author.module("build", directory=name)
    return name, request.param


def test_new_makes_a_whole_package(author, begun):
    name, _ = begun
    files = {path.name for path in (author.directory / name).rglob("*") if path.is_file()}
    assert {"Makefile", "README.md", "test.sh", "test.conf", f"mod_{name}.so"} <= files
    text = "".join(
        path.read_text() for path in (author.directory / name).rglob("*") if path.suffix in (".md", ".conf", ".c", ".toml")
    )
    assert "@NAME@" not in text and "@Name@" not in text and "@APUS@" not in text


def test_its_own_test_passes(author, begun):
    name, _ = begun
    done = author.run("make", "test", directory=name)
    assert done.status == 0, done.output
    assert done.output.count("ok   /") == 2


def test_one_symbol_comes_out(author, begun):
    name, _ = begun
    listed = author.run("nm", "-D", "--defined-only", f"mod_{name}.so", directory=name).output
    assert [line.split()[-1] for line in listed.splitlines()] == ["apus_module_entry"]


def test_info_says_what_it_is(author, begun):
    name, language = begun
    text = author.module("info", f"{name}/mod_{name}.so")
    assert {"c": "language    C\n", "swift": "Swift, on the server's runtime", "rust": "language    Rust"}[language] in text
    assert "exports     apus_module_entry" in text
    assert "note" not in text
    toolchain = {"c": "c", "swift": r"swift-\d\S* shared", "rust": "rust"}[language]
    assert re.search(rf"^  module      {name}_module 0\.1(\.0)?, ABI \d+\.\d+, toolchain {toolchain}$", text, re.MULTILINE), text
    assert re.search(r"^  requires    .*\bapus\.config/1\b", text, re.MULTILINE)
    assert f"directive   {name.title().replace('_', '')}Greeting: what the answer begins with" in text


def test_what_a_file_says_of_itself_stays(author, begun, tmp_path):
    """Without symbols it is still told; and what somebody else built is asked only when that is wanted."""
    name, language = begun
    file = tmp_path / f"mod_{name}.so"
    subprocess.run(["strip", "-o", file, author.directory / name / f"mod_{name}.so"], check=True, timeout=60)
    assert f"module      {name}_module" in author.module("info", file)
    if language == "c":
        return
    subprocess.run(["objcopy", "--remove-section", ".apus.module", file], check=True, timeout=60)
    assert "describes itself when it is loaded" in author.module("info", file)
    told = author.module("info", "--ask", file)
    for line in author.module("info", author.directory / name / f"mod_{name}.so").splitlines()[2:]:
        assert line in told


def test_info_runs_nothing(author, tmp_path):
    source = tmp_path / "mod_evil.c"
    source.write_text('#include <stdlib.h>\n__attribute__((constructor)) static void run(void) { abort(); }\n')
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "mod_evil.so", source], check=True, timeout=60)
    assert "exports no apus_module_entry: no module" in author.module("info", tmp_path / "mod_evil.so")


def test_build_says_what_is_missing(author):
    """A misspelt function is told of by the build, not by the server that is to load the module."""
    author.module("new", "misspelt", "--lang", "c")
    source = author.directory / "misspelt" / "mod_misspelt.c"
    source.write_text(source.read_text() + "\nextern int srtlen(const char *);\nint used(void) { return srtlen(\"\"); }\n")
    done = author.run(APUS, "module", "build", directory="misspelt")
    assert done.status != 0
    assert "undefined reference to `srtlen'" in done.output


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF\x02\x01\x01" + bytes(57), b"\x7fELF\x02\x01\x01" + b"\xff" * 500])
def test_info_on_junk(author, tmp_path, content):
    file = tmp_path / "mod_junk.so"
    file.write_bytes(content)
    done = author.run(APUS, "module", "info", file)
    assert done.status in (0, 1) and "mod_junk.so" in done.output


def test_info_on_every_cut(author, begun, tmp_path):
    """Files that end anywhere are read without a fault."""
    name, _ = begun
    whole = (author.directory / name / f"mod_{name}.so").read_bytes()
    file = tmp_path / "mod_cut.so"
    for part in range(1, 20):
        file.write_bytes(whole[: len(whole) * part // 20])
        assert author.run(APUS, "module", "info", file).status in (0, 1)


@pytest.mark.parametrize("name", ["Upper", "1st", "../etc", "with-dash", ""])
def test_names_that_cannot_be(author, name):
    done = author.run(APUS, "module", "new", name)
    assert done.status != 0
    assert "is no name for a module" in done.output


def test_new_never_overwrites(author, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("mine")
    done = author.run(APUS, "module", "new", "greet", tmp_path / "there")
    assert done.status == 1 and "exists already" in done.output


def test_run_passes_the_status_on(author, begun):
    name, _ = begun
    file = f"{name}/mod_{name}.so"
    assert author.run(APUS, "module", "run", file, "--", "sh", "-c", "exit 7").status == 7
    done = author.run(APUS, "module", "run", file, "--", "sh", "-c", 'curl -s -o /dev/null -w "%{http_code}" $APUS_URL/')
    assert done.status == 0 and done.output == "404"


def test_run_says_why_the_server_did_not_start(author, begun, tmp_path):
    name, _ = begun
    (tmp_path / "bad.conf").write_text("Nonsense on\n")
    done = author.run(APUS, "module", "run", "--config", tmp_path / "bad.conf", f"{name}/mod_{name}.so", "--", "true")
    assert done.status == 1
    assert "the server did not start" in done.output and "Nonsense" in done.output


# ---- what changes an installation is tried on a copy


@pytest.fixture
def copy(tmp_path):
    """A small installation of its own."""
    root = tmp_path / "apus"
    for part in ("bin", "libexec", "lib", "conf", "include", "sdk"):
        shutil.copytree(DISTRIBUTION / part, root / part, symlinks=True)
    (root / "modules").mkdir()
    (root / "htdocs").mkdir()
    (root / "logs").mkdir()
    (root / "conf" / "httpd.conf").write_text("Listen 127.0.0.1:0\n#LoadModule other_module modules/mod_other.so\n# end\n")
    return root


@pytest.fixture(scope="module")
def file(author):
    author.module("new", "placed")
    author.module("build", directory="placed")
    return author.directory / "placed" / "mod_placed.so"


def test_install_shows_the_line(author, copy, file):
    done = author.run(copy / "bin" / "apus", "module", "install", file)
    assert done.status == 0, done.output
    assert "LoadModule placed_module modules/mod_placed.so\n" in done.output
    assert (copy / "modules" / "mod_placed.so").read_bytes() == file.read_bytes()
    assert "placed" not in (copy / "conf" / "httpd.conf").read_text()


def test_install_replaces_by_rename(author, copy, file):
    old = copy / "modules" / "mod_placed.so"
    old.write_bytes(b"old")
    with open(old, "rb") as held:
        assert author.run(copy / "bin" / "apus", "module", "install", file).status == 0
        assert held.read() == b"old"
    assert old.read_bytes() == file.read_bytes()
    assert [path.name for path in (copy / "modules").iterdir()] == ["mod_placed.so"]


def test_everything_is_put_back_when_the_server_refuses_the_module(author, copy, file, tmp_path):
    """At first, and when it is a newer file of a module that serves."""
    configuration, place = copy / "conf" / "httpd.conf", copy / "modules" / "mod_placed.so"
    configuration.write_text("Listen 127.0.0.1:8081\n")
    install = (copy / "bin" / "apus", "module", "install", "--activate")
    # A file that says of itself what the other does, for an ABI that no server has.
    source = (author.directory / "placed" / "mod_placed.c").read_text()
    (tmp_path / "mod_placed.c").write_text(source.replace(".abi_major = APUS_ABI_MAJOR", ".abi_major = 9"))
    flags = ("-shared", "-fPIC", "-fvisibility=hidden", f"-I{DISTRIBUTION / 'include'}")
    assert author.run("cc", *flags, "-o", tmp_path / "mod_placed.so", tmp_path / "mod_placed.c").status == 0
    for installed in (None, file):
        if installed:
            assert author.run(*install, installed).status == 0
        before = configuration.read_text()
        done = author.run(*install, tmp_path / "mod_placed.so")
        assert done.status == 1 and "needs ABI 9" in done.output and "everything is as it was" in done.output
        assert configuration.read_text() == before
        assert place.read_bytes() == file.read_bytes() if installed else not place.exists()


def test_a_configuration_that_is_refused_already_is_no_fault_of_the_module(author, copy, file):
    (copy / "conf" / "httpd.conf").write_text("Bogus on\n")
    done = author.run(copy / "bin" / "apus", "module", "install", "--activate", file)
    assert done.status == 0 and "placed_module has not been tried" in done.output
    assert "LoadModule placed_module" in (copy / "conf" / "httpd.conf").read_text()


def test_the_file_of_another_module_is_not_replaced(author, copy, file):
    other = DISTRIBUTION / "modules" / "mod_alias.so"
    (copy / "modules" / "mod_placed.so").write_bytes(other.read_bytes())
    done = author.run(copy / "bin" / "apus", "module", "install", file)
    assert done.status == 1 and "mod_placed.so is the file of alias_module" in done.output
    assert (copy / "modules" / "mod_placed.so").read_bytes() == other.read_bytes()


def test_activate_writes_the_line_once(author, copy, file):
    (copy / "conf" / "httpd.conf").write_text("Listen 127.0.0.1:8081\n#LoadModule placed_module modules/mod_placed.so\n# end\n")
    for _ in range(2):
        done = author.run(copy / "bin" / "apus", "module", "install", "--activate", file)
        assert done.status == 0, done.output
    text = (copy / "conf" / "httpd.conf").read_text()
    assert text == "Listen 127.0.0.1:8081\nLoadModule placed_module modules/mod_placed.so\n# end\n"
    assert re.search(r"placed_module +0\.1 +mod_placed\.so +C +yes", author.run(copy / "bin" / "apus", "module", "list").output)


def test_apxs_builds_and_installs(author, copy, tmp_path):
    source = (author.directory / "placed" / "mod_placed.c") if (author.directory / "placed").exists() else None
    if source is None:
        author.module("new", "placed")
        source = author.directory / "placed" / "mod_placed.c"
    shutil.copy(source, tmp_path / "mod_placed.c")
    apxs = copy / "bin" / "apxs"
    done = author.run(apxs, "-c", "-i", "-A", "-D", "X=1", "-Wc,-O1", "-lm", "mod_placed.c", directory=tmp_path)
    assert done.status == 0, done.output
    assert (copy / "modules" / "mod_placed.so").exists()
    assert "#LoadModule placed_module modules/mod_placed.so\n" in (copy / "conf" / "httpd.conf").read_text()


def test_apxs_answers_queries(author, copy):
    apxs = copy / "bin" / "apxs"
    assert author.run(apxs, "-q", "LIBEXECDIR").output == f"{copy}/modules\n"
    assert author.run(apxs, "-q", "includedir").output == f"{copy}/include\n"
    assert f"SYSCONFDIR={copy}/conf\n" in author.run(apxs, "-q").output
    assert author.run(apxs, "-q", "NOTHING").status == 1


def test_pkg_config(author, copy):
    if not shutil.which("pkg-config"):
        pytest.skip("needs pkg-config")
    found = author.run(
        "pkg-config", "--cflags", "--variable=modulesdir", "apus", environment={"PKG_CONFIG_PATH": str(copy / "lib" / "pkgconfig")}
    )
    assert found.status == 0, found.output


def test_a_word_that_is_no_command(author):
    done = author.run(APUS, "bogus")
    assert done.status == 1 and '"bogus" is no command' in done.output
    assert author.run(APUS, "module", "bogus").status == 2


@pytest.mark.parametrize("file", sorted((DISTRIBUTION / "modules").glob("*.so")), ids=lambda path: path.name)
def test_our_own_modules_say_what_they_are(author, file):
    text = author.module("info", file)
    name = file.name.removeprefix("mod_").removesuffix(".so")
    assert re.search(rf"^  module      {name}_module \d+\.\d+\S*, ABI 1\.\d+, toolchain swift-", text, re.MULTILINE), text
