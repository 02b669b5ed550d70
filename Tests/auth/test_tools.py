"""htpasswd and htdigest: the same options, files and exit codes as Debian's, and files that are never half written."""

import os
import pathlib
import pty
import subprocess

import pytest

from support.server import DISTRIBUTION

OURS = DISTRIBUTION / "bin" / "htpasswd"
THEIRS = pathlib.Path("/usr/bin/htpasswd")

pytestmark = pytest.mark.skipif(not THEIRS.exists(), reason="needs Debian's apache2-utils")


def run(program, *arguments, cwd, given=None):
    return subprocess.run(
        [str(program), *arguments], input=given, capture_output=True, text=True, timeout=60, cwd=cwd,
        stdin=subprocess.DEVNULL if given is None else None,
    )  # fmt: skip


FILE = "alice:one\n# comment\n\nbob:two:more\n"

#: Arguments, what is typed, and the file before; the outcome of both must agree.
RUNS = [
    (["-b", "file", "zoe", "secret"], None),
    (["-b", "file", "bob", "secret"], None),
    (["-bB", "-C", "4", "file", "zoe", "secret"], None),
    (["-bm", "file", "zoe", "secret"], None),
    (["-bs", "file", "zoe", "secret"], None),
    (["-bd", "file", "zoe", "secret"], None),
    (["-b2", "file", "zoe", "secret"], None),
    (["-b5", "-r", "2000", "file", "zoe", "secret"], None),
    (["-bp", "file", "zoe", "secret"], None),
    (["-bc", "new", "zoe", "secret"], None),
    (["-bc", "file", "zoe", "secret"], None),
    (["-b", "new", "zoe", "secret"], None),
    (["-bc", "lost/new", "zoe", "secret"], None),
    (["-i", "file", "zoe"], "secret\n"),
    (["-i", "file", "zoe"], "secret"),
    (["-i", "file", "zoe"], ""),
    (["-nb", "zoe", "secret"], None),
    (["-nbs", "zoe", "secret"], None),
    (["-ni", "zoe"], "secret\n"),
    (["-D", "file", "bob"], None),
    (["-D", "file", "zoe"], None),
    (["-D", "lost", "zoe"], None),
    (["-vb", "hashes", "zoe", "secret"], None),
    (["-vb", "hashes", "zoe", "wrong"], None),
    (["-vb", "hashes", "mia", "secret"], None),
    (["-vi", "hashes", "zoe"], "secret\n"),
    (["-b", "file", "zo:e", "secret"], None),
    (["-b", "file", "z" * 256, "secret"], None),
    (["-b", "file", "zoe", "x" * 300], None),
    (["-b", "wrong", "zoe", "secret"], None),
    (["-cn", "zoe"], None),
    (["-cD", "file", "zoe"], None),
    (["-bi", "file", "zoe", "secret"], None),
    (["-b", "file", "zoe"], None),
    (["file"], None),
    ([], None),
    (["-z", "file", "zoe"], None),
    (["-bB", "-C", "3", "file", "zoe", "secret"], None),
    (["-bB", "-C", "18", "file", "zoe", "secret"], None),
    (["-bB", "-C", "many", "file", "zoe", "secret"], None),
    (["-b5", "-r", "1000", "file", "zoe", "secret"], None),
]


def prepared(directory):
    directory.mkdir()
    (directory / "file").write_text(FILE)
    (directory / "hashes").write_text("zoe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    (directory / "wrong").write_text("no password file\n")
    return directory


def outcome(program, arguments, given, directory):
    """Exit code, names in the files, and the kind of each hash."""
    done = run(program, *arguments, cwd=directory, given=given)
    files = {path.name: [shape(line) for line in path.read_text().split("\n")] for path in sorted(directory.iterdir())}
    return done.returncode, files, [shape(line) for line in done.stdout.split("\n")]


def shape(line):
    """The user and how the password is hashed; a salt is nobody's business."""
    name, colon, stored = line.partition(":")
    if not stored.startswith(("$", "{")):
        return (name, stored) if len(stored) != 13 else (name, "des")
    kind = stored.split("$")[1] if stored.startswith("$") else stored
    return name, kind


@pytest.mark.parametrize("arguments, given", RUNS, ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "")
def test_same_outcome(tmp_path, arguments, given):
    # Theirs hashes with $apr1$ unless told otherwise, ours with bcrypt.
    chooses = any(set(word) & set("mB25dsp") for word in arguments if word.startswith("-"))
    ours = outcome(OURS, arguments, given, prepared(tmp_path / "ours"))
    theirs = outcome(THEIRS, arguments, given, prepared(tmp_path / "theirs"))
    if not chooses:
        theirs = eval(repr(theirs).replace("'apr1'", "'2y'"))
    assert ours == theirs


@pytest.mark.parametrize("options", [["-m"], ["-B", "-C", "5"], ["-2"], ["-5"], ["-d"], ["-s"], []])
@pytest.mark.parametrize("password", ["secret", "", "pass w:rd", "ünïcödé", "x" * 8, "$apr1$"])
def test_each_takes_what_the_other_writes(tmp_path, options, password):
    for writer, reader in ((OURS, THEIRS), (THEIRS, OURS)):
        assert run(writer, "-cb", *options, "file", "zoe", password, cwd=tmp_path).returncode == 0
        assert run(reader, "-vb", "file", "zoe", password, cwd=tmp_path).returncode == 0
        assert run(reader, "-vb", "file", "zoe", "y" + password, cwd=tmp_path).returncode == 3


def test_the_default_is_bcrypt_of_cost_ten(tmp_path):
    assert run(OURS, "-nb", "zoe", "secret", cwd=tmp_path).stdout.startswith("zoe:$2y$10$")


def test_a_file_is_replaced_whole(tmp_path):
    """Mode, owner and symbolic links stay; nothing is left behind."""
    (tmp_path / "real").write_text(FILE)
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    before = (tmp_path / "real").stat().st_ino
    assert run(OURS, "-bs", "link", "zoe", "secret", cwd=tmp_path).returncode == 0
    after = (tmp_path / "real").stat()
    assert after.st_ino != before and after.st_mode & 0o777 == 0o640
    assert (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]
    assert (tmp_path / "real").read_text() == FILE + "zoe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"


def test_a_failure_leaves_the_file_as_it_was(tmp_path):
    (tmp_path / "file").write_text("alice:one\nno entry at all\n")
    assert run(OURS, "-b", "file", "zoe", "secret", cwd=tmp_path).returncode == 7
    assert (tmp_path / "file").read_text() == "alice:one\nno entry at all\n"


def typed(program, *arguments, cwd, lines):
    """Runs a tool on a terminal of its own, where somebody types; its exit code and all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execv(program, [str(program), *arguments])
    shown = b""
    for line in lines:
        while not shown.endswith(b"assword: "):
            shown += os.read(terminal, 1024)
        os.write(terminal, line.encode() + b"\n")
        shown += b"|"
    try:
        while data := os.read(terminal, 1024):
            shown += data
    except OSError:
        pass
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_typed_passwords(tmp_path):
    code, shown = typed(OURS, "-c", "file", "zoe", cwd=tmp_path, lines=["secret", "secret"])
    assert code == 0 and "secret" not in shown
    assert run(THEIRS, "-vb", "file", "zoe", "secret", cwd=tmp_path).returncode == 0
    assert typed(OURS, "file", "zoe", cwd=tmp_path, lines=["one", "two"])[0] == 3
    assert typed(OURS, "-v", "file", "zoe", cwd=tmp_path, lines=["secret"])[0] == 0
    assert typed(OURS, "-v", "file", "zoe", cwd=tmp_path, lines=["wrong"])[0] == 3


def test_htdigest(tmp_path):
    tool, reference = DISTRIBUTION / "bin" / "htdigest", pathlib.Path("/usr/bin/htdigest")
    for each, name in ((tool, "ours"), (reference, "theirs")):
        assert typed(each, "-c", name, "Top Secret", "zoe", cwd=tmp_path, lines=["one", "one"])[0] == 0
        assert typed(each, name, "Top Secret", "mia", cwd=tmp_path, lines=["two", "two"])[0] == 0
        assert typed(each, name, "Other", "zoe", cwd=tmp_path, lines=["three", "three"])[0] == 0
        assert typed(each, name, "Top Secret", "zoe", cwd=tmp_path, lines=["four", "four"])[0] == 0
    assert (tmp_path / "ours").read_text() == (tmp_path / "theirs").read_text()
    for arguments in ([], ["file"], ["-x", "file", "realm", "zoe"], ["lost/file", "realm", "zoe"]):
        codes = [run(each, *arguments, cwd=tmp_path).returncode for each in (tool, reference)]
        assert codes[0] == codes[1], arguments


def test_argon2id(tmp_path):
    """Debian's tools do not know it; ours writes what it takes."""
    done = run(OURS, "-nba", "zoe", "pass w:rd", cwd=tmp_path)
    if "not installed" in done.stderr:
        pytest.skip("needs libargon2")
    assert done.stdout.startswith("zoe:$argon2id$v=19$m=19456,t=2,p=1$")
    assert run(OURS, "-cba", "file", "zoe", "pass w:rd", cwd=tmp_path).returncode == 0
    assert run(OURS, "-vb", "file", "zoe", "pass w:rd", cwd=tmp_path).returncode == 0
    assert run(OURS, "-vb", "file", "zoe", "pass w:r", cwd=tmp_path).returncode == 3
