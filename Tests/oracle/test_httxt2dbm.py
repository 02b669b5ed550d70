"""httxt2dbm: the options, exit codes and databases of Debian's, which both servers read."""

import pathlib
import subprocess

import pytest

from support.server import DISTRIBUTION, world_readable_directory
from support.wire import fetch, get

OURS = DISTRIBUTION / "bin" / "httxt2dbm"
THEIRS = pathlib.Path("/usr/sbin/httxt2dbm")
TYPES = ("db", "gdbm", "sdbm")

TEXT = (
    "# comment\nalpha /a.txt more words \n\nonly-a-key\nblank-behind \n indented /no\n"
    "tab\t/b.txt\t\r\nagain /a.txt\nagain /b.txt\nbytes\xff /c\xfe.txt\n"
)
MANY = "".join(f"key{number} /{number}.txt\n" for number in range(3000))

#: Whatever a tool says is its own affair; what it ends with and leaves behind must agree.
RUNS = [
    (["-i", "in.txt", "-o", "out"], None),
    (["-v", "-f", "default", "-i", "in.txt", "-o", "out"], None),
    (["-vfSDBM", "-iin.txt", "-oout"], None),
    (["-f", "gdbm", "-i", "-", "-o", "out"], TEXT),
    (["-f", "db", "-i", "empty", "-o", "out"], None),
    (["-f", "sdbm", "-i", "empty", "-o", "out"], None),
    (["-f", "ndbm", "-i", "in.txt", "-o", "out"], None),
    (["-f", "nonsense", "-i", "in.txt", "-o", "out"], None),
    (["-i", "absent", "-o", "out"], None),
    (["-i", "in.txt", "-o", "absent/out"], None),
    (["-i", "in.txt"], None),
    (["-o", "out"], None),
    (["-x"], None),
    ([], None),
]

both = pytest.mark.skipif(not THEIRS.exists(), reason="needs Debian's apache2-utils")


def run(program, *arguments, cwd, given=None):
    return subprocess.run([str(program), *map(str, arguments)], input=(given or "").encode("latin-1"), capture_output=True, cwd=cwd)


@pytest.fixture
def directory():
    path = world_readable_directory()
    (path / "in.txt").write_bytes(TEXT.encode("latin-1"))
    (path / "many.txt").write_text(MANY)
    (path / "empty").write_text("")
    return path


@both
@pytest.mark.parametrize("arguments, given", RUNS)
def test_the_same_ends(directory, arguments, given):
    ends = []
    for program in (OURS, THEIRS):
        done = run(program, *arguments, cwd=directory, given=given)
        made = sorted(path.name for path in directory.iterdir() if path.name.startswith("out"))
        told = sorted(line.strip() for line in done.stderr.splitlines() if b"->" in line)
        ends.append((done.returncode, made if done.returncode == 0 else [], told))
        for name in made:
            (directory / name).unlink()
    assert ends[0] == ends[1]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("tool", [OURS, pytest.param(THEIRS, marks=both)], ids=["ours", "theirs"])
def test_a_map_reads_it(apus, directory, tool, kind):
    assert run(tool, "-f", kind, "-i", "in.txt", "-o", "first", cwd=directory).returncode == 0
    assert run(tool, "-f", kind, "-i", "many.txt", "-o", "first", cwd=directory).returncode == 0
    for file in directory.glob("first*"):
        file.chmod(0o644)
    rules = f"RewriteEngine On\nRewriteMap m dbm={kind}:{directory}/first\nRewriteRule ^/m/(.*) ${{m:$1|/none.txt}} [L]\n"
    with apus(rules, modules=("authz_core", "dir", "rewrite")) as server:
        for name in ("a", "b", "none", "0", "2999"):
            server.put(f"{name}.txt", name)
        expected = {"alpha": b"a", "again": b"b", "tab": b"b", "key0": b"0", "key2999": b"2999", "indented": b"none", "only-a-key": b"none"}
        for key, body in expected.items():
            assert fetch(server.port, get(f"/m/{key}")).body == body, key


@both
@pytest.mark.parametrize("kind", TYPES)
def test_debians_reads_and_adds_to_ours(apache, directory, kind):
    assert run(OURS, "-f", kind, "-i", "many.txt", "-o", "first", cwd=directory).returncode == 0
    assert run(THEIRS, "-f", kind, "-i", "in.txt", "-o", "first", cwd=directory).returncode == 0
    rules = f"RewriteEngine On\nRewriteMap m dbm={kind}:{directory}/first\nRewriteRule ^/m/(.*) ${{m:$1|/none.txt}} [L]\n"
    with apache(rules, modules=("authz_core", "dir", "rewrite")) as server:
        for name in ("a", "0", "2999"):
            server.put(f"{name}.txt", name)
        for key, body in {"alpha": b"a", "key0": b"0", "key2999": b"2999"}.items():
            assert fetch(server.port, get(f"/m/{key}")).body == body, key


def test_a_database_that_cannot_be_read_stays_as_it_is(directory):
    (directory / "out").write_text("no database")
    done = run(OURS, "-f", "gdbm", "-i", "in.txt", "-o", "out", cwd=directory)
    assert done.returncode == 1 and b"cannot write the database 'out'" in done.stderr
    assert (directory / "out").read_text() == "no database"
    assert sorted(path.name for path in directory.iterdir()) == ["empty", "in.txt", "many.txt", "out"]
