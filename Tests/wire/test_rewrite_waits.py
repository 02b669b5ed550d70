"""Rules that ask file systems which take their time hold up nobody but the request they are applied to."""

import os

import pytest

from support.fuse import HeldFiles
from support.server import world_readable_directory
from support.wire import Connection, fetch, get

MODULES = ("authz_core", "dir", "rewrite")


@pytest.fixture
def files():
    """A mounted file system, as a network's would be."""
    directory = world_readable_directory()
    try:
        with HeldFiles(directory, {"there": "", "map.txt": "key /a.txt\n"}) as held:
            yield held
    except OSError as problem:
        pytest.skip(f"needs to mount a file system: {problem}")
    finally:
        os.rmdir(directory)


@pytest.fixture
def running(apus, files):
    """Makes a server of one worker with rules; FILES stands for the mounted directory."""
    started = []

    def start(rules):
        text = rules.replace("FILES", files.directory)
        server = apus(f"Workers 1\nRewriteEngine On\n{text}", modules=MODULES, start=False)
        started.append(server)
        server.put("a.txt", "a")
        server.put("b.txt", "b")
        server.start()
        return server

    yield start
    files.release()
    for server in started:
        server.discard()


def answered_late(server, files, path):
    """The answer to a request that has to wait, while another is answered by the same worker."""
    files.hold()
    with Connection(server.port) as slow:
        slow.send(get(path))
        assert files.asked.wait(20), "nobody has asked for a file"
        assert fetch(server.port, get("/b.txt")).body == b"b"
        files.release()
        return slow.read_response()


def test_a_file_test_waits_alone(running, files):
    server = running("RewriteCond FILES/$1 -f\nRewriteRule ^/t/(.*) /a.txt [L]\n")
    assert answered_late(server, files, "/t/there").body == b"a"
    assert answered_late(server, files, "/t/not-there").status == 404
    assert fetch(server.port, get("/t/there")).body == b"a"


def test_several_tests_of_a_rule_are_each_asked_once(running, files):
    server = running(
        "RewriteCond FILES/none -d [OR]\nRewriteCond FILES/there -s [OR]\nRewriteCond FILES/there -f\nRewriteRule ^/t/ /a.txt [L]\n"
    )
    assert answered_late(server, files, "/t/").body == b"a"


def test_a_map_is_read_again_beside_the_loop(running, files):
    server = running("RewriteMap m txt:FILES/map.txt\nRewriteRule ^/m/(.*) ${m:$1|/b.txt} [L]\n")
    assert answered_late(server, files, "/m/key").body == b"a"
    files.hold()
    # What was read a moment ago is known.
    assert fetch(server.port, get("/m/other")).body == b"b"


def test_links_that_lead_there_are_known(running, files):
    link = world_readable_directory() / "link"
    link.symlink_to(files.directory)
    server = running(f"RewriteMap m txt:{link}/map.txt\nRewriteRule ^/m/(.*) ${{m:$1|/b.txt}} [L]\n")
    assert answered_late(server, files, "/m/key").body == b"a"


def test_a_client_that_leaves_while_a_file_is_asked_for(running, files):
    server = running("RewriteCond FILES/$1 -f\nRewriteRule ^/t/(.*) /a.txt [L]\n")
    files.hold()
    with Connection(server.port) as gone:
        gone.send(get("/t/there"))
        assert files.asked.wait(20)
    assert fetch(server.port, get("/b.txt")).body == b"b"
    files.release()
    assert fetch(server.port, get("/t/there")).body == b"a"
