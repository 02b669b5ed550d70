"""Changes to .htaccess files, and to the ways that lead to them, hold for the next request, and harm nothing else."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from support.server import running_as_root
from support.wire import Connection
from support.workers import Processes

CONFIG = """\
Workers 1
MaxKeepAliveRequests 0
<Directory "@HTDOCS@">
    Options FollowSymLinks
    AllowOverride All
</Directory>
"""


def typed(name):
    return f"ForceType text/x-{name}\n"


class Asker:
    """Asks for paths over one connection, as a browser would."""

    def __init__(self, server):
        self.server = server
        self.connection = Connection(server.port)

    def __call__(self, path="/d/f.dat"):
        return self.connection.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def type(self, path="/d/f.dat"):
        answer = self(path)
        assert answer.status == 200, (answer.status, self.server.diagnosis())
        return (answer.header("Content-Type") or "").removeprefix("text/x-")

    def close(self):
        self.connection.close()


@contextlib.contextmanager
def site(apus, config=CONFIG):
    with apus(config, start=False) as server:
        for path in ("d/f.dat", "d/e/f.dat", "other/f.dat"):
            server.put(path, "content\n")
        server.start()
        ask = Asker(server)
        try:
            yield server, ask
        finally:
            ask.close()


@pytest.fixture
def running(apus):
    with site(apus) as pair:
        yield pair


def test_created_changed_and_removed(running):
    server, ask = running
    assert ask.type() == ""
    server.put("d/.htaccess", typed("one"))
    assert ask.type() == "one"
    server.put("d/.htaccess", typed("two"))
    assert ask.type() == "two"
    assert ask.type("/d/e/f.dat") == "two"
    server.put("d/e/.htaccess", typed("deep"))
    assert (ask.type("/d/e/f.dat"), ask.type()) == ("deep", "two")
    (server.htdocs / "d/.htaccess").unlink()
    assert (ask.type("/d/e/f.dat"), ask.type()) == ("deep", "")
    server.put(".htaccess", typed("top"))
    assert (ask.type("/d/e/f.dat"), ask.type()) == ("deep", "top")


def test_many_changes_of_the_same_length(running):
    server, ask = running
    path = server.put("d/.htaccess", typed("000"))
    for number in range(200):
        path.write_text(typed(f"{number:03}"))
        assert ask.type() == f"{number:03}"


def test_replaced_by_renaming(running):
    server, ask = running
    server.put("d/.htaccess", typed("one"))
    assert ask.type() == "one"
    for name in ("two", "three"):
        os.replace(server.put("d/new", typed(name)), server.htdocs / "d/.htaccess")
        assert ask.type() == name
    os.rename(server.htdocs / "d/.htaccess", server.htdocs / "d/away")
    assert ask.type() == ""


def test_the_directory_is_exchanged(running):
    server, ask = running
    server.put("d/.htaccess", typed("one"))
    server.put("d2/.htaccess", typed("two"))
    server.put("d2/f.dat", "x\n")
    assert ask.type() == "one"
    os.rename(server.htdocs / "d", server.htdocs / "d1")
    os.rename(server.htdocs / "d2", server.htdocs / "d")
    assert ask.type() == "two"
    shutil.rmtree(server.htdocs / "d")
    assert ask().status == 404
    server.put("d/f.dat", "x\n")
    assert ask.type() == ""
    server.put("d/.htaccess", typed("three"))
    assert ask.type() == "three"


def test_a_directory_above_is_exchanged(running):
    server, ask = running
    server.put("a/b/c/.htaccess", typed("one"))
    server.put("a/b/c/f.dat", "x\n")
    server.put("n/b/c/f.dat", "x\n")
    assert ask.type("/a/b/c/f.dat") == "one"
    os.rename(server.htdocs / "a", server.htdocs / "o")
    os.rename(server.htdocs / "n", server.htdocs / "a")
    assert ask.type("/a/b/c/f.dat") == ""
    server.put("a/b/.htaccess", typed("two"))
    assert ask.type("/a/b/c/f.dat") == "two"


def test_a_symbolic_link_is_turned(running):
    server, ask = running
    for name in ("one", "two"):
        server.put(f"versions/{name}/.htaccess", typed(name))
        server.put(f"versions/{name}/f.dat", "x\n")
    link = server.htdocs / "now"
    link.symlink_to("versions/one")
    assert ask.type("/now/f.dat") == "one"
    for name in ("two", "one", "two"):
        fresh = server.htdocs / "fresh"
        fresh.symlink_to(f"versions/{name}")
        os.replace(fresh, link)
        assert ask.type("/now/f.dat") == name
    server.put("versions/two/.htaccess", typed("three"))
    assert ask.type("/now/f.dat") == "three"


def test_the_file_is_a_symbolic_link(running):
    server, ask = running
    server.put("rules/one", typed("one"))
    server.put("rules/two", typed("two"))
    link = server.htdocs / "d/.htaccess"
    link.symlink_to("../rules/one")
    assert ask.type() == "one"
    server.put("rules/one", typed("changed"))
    assert ask.type() == "changed"
    os.replace(server.put("rules/fresh", typed("replaced")), server.htdocs / "rules/one")
    assert ask.type() == "replaced"
    (server.htdocs / "rules/one").unlink()
    assert ask.type() == ""
    server.put("rules/one", typed("again"))
    assert ask.type() == "again"
    os.rename(server.htdocs / "rules", server.htdocs / "gone")
    assert ask.type() == ""


def test_a_mistake_is_answered_500_for_its_tree_alone(running):
    server, ask = running
    server.put("d/e/.htaccess", typed("fine") + "\n  NoSuchDirective yes\nForceType\n")
    assert ask("/d/e/f.dat").status == 500
    assert (ask.type(), ask.type("/other/f.dat")) == ("", "")
    path = server.htdocs / "d/e/.htaccess"
    line = server.wait_for_log(rf"core:alert.*{path}:3.*")[0]
    assert f"{path}:3:3: unknown directive NoSuchDirective" in line
    assert f"{path}:4:1: ForceType: takes one argument, but none is given" in line
    server.put("d/e/.htaccess", typed("mended"))
    assert ask.type("/d/e/f.dat") == "mended"
    (server.htdocs / "d/e/.htaccess").write_text("Nonsense\n")
    assert ask("/d/e/f.dat").status == 500
    path.unlink()
    assert ask.type("/d/e/f.dat") == ""


@pytest.mark.parametrize(
    "content, message",
    [
        (b"ForceType text/x\0y\n", "NUL"),
        (bytes(range(256)) * 16, "unknown directive|NUL"),
        (b"# " + b"x" * (1 << 20), "longer than"),
        (b"ForceType " + b"x" * 100_000 + b" y\n", "takes one argument"),
        (b"X " * 200_000 + b"\n", "unknown directive X"),
        (b"<IfModule core_module>\n" * 1000, None),
        (b'<Files "x">\n' * 5000, "nested more than 100 deep"),
        (b"".join(b"<Macro m%d>\nUse m%d\nUse m%d\n</Macro>\n" % (n, n + 1, n + 1) for n in range(40)) + b"<Macro m40>\nForceType text/x\n</Macro>\nUse m0\n", "macros come to more than"),
    ],
    ids=["NUL", "binary", "too long", "long word", "long line", "deep conditionals", "deep sections", "macros that multiply"],
)  # fmt: skip
def test_what_nobody_would_write(running, content, message):
    server, ask = running
    server.put("d/.htaccess", content)
    assert ask().status == (500 if message else 200)
    if message:
        server.wait_for_log(message)
    assert ask.type("/other/f.dat") == ""


def test_not_a_regular_file(running):
    server, ask = running
    os.mkfifo(server.htdocs / "d/.htaccess")
    assert ask().status == 403
    (server.htdocs / "d/.htaccess").unlink()
    assert ask.type() == ""


@pytest.mark.skipif(not running_as_root(), reason="workers would run as the files' owner")
def test_an_unreadable_file_denies(running):
    server, ask = running
    path = server.put("d/.htaccess", typed("one"))
    path.chmod(0o600)
    assert ask().status == 403
    server.wait_for_log("AH00529")
    path.chmod(0o644)
    assert ask.type() == "one"
    path.chmod(0)
    assert ask().status == 403


def test_what_is_no_longer_needed_is_given_back(running):
    server, ask = running
    worker = Processes(server.process.pid).workers[0]

    def size():
        return int(pathlib.Path(f"/proc/{worker}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def rewrite(number):
        lines = "".join(f"AddType text/x-{number}-{i} .x{i}\n" for i in range(200))
        server.put("d/.htaccess", lines + f'<FilesMatch "{"a" * 100}{number}">\nRequire all denied\n</FilesMatch>\n' + typed(str(number)))
        assert ask.type() == str(number)

    for number in range(100):
        rewrite(number)
    before = size()
    for number in range(100, 700):
        rewrite(number)
    assert size() - before < 6 << 20, "each text is some 100 KB when read"


HOG = """
import ctypes, sys
libc = ctypes.CDLL(None)
while libc.inotify_init1(0) >= 0: pass
print("full", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not running_as_root(), reason="the workers' user must be another one")
def test_without_watches(apus):
    """When no watch can be had each request looks for itself."""
    with subprocess.Popen([sys.executable, "-c", HOG], user="www-data", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hog:
        assert hog.stdout.readline() == b"full\n"
        with site(apus) as (server, ask):
            assert ask.type() == ""
            server.put("d/.htaccess", typed("one"))
            assert ask.type() == "one"
            for number in range(20):
                server.put("d/.htaccess", typed(f"{number:02}"))
                assert ask.type() == f"{number:02}"
            (server.htdocs / "d/.htaccess").unlink()
            assert ask.type() == ""
            server.wait_for_log("APUS1403")
        hog.stdin.close()


def test_options_decide_about_links_below(running):
    server, ask = running
    (server.htdocs / "d/link").symlink_to("f.dat")
    assert ask("/d/link").status == 200
    server.put(".htaccess", "Options -FollowSymLinks\n")
    assert ask("/d/link").status == 403
    server.put("d/.htaccess", "Options +FollowSymLinks\n")
    assert ask("/d/link").status == 200
    (server.htdocs / "d/.htaccess").unlink()
    assert ask("/d/link").status == 403
    (server.htdocs / ".htaccess").unlink()
    assert ask("/d/link").status == 200
