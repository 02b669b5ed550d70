"""Symbolic links that Options does not allow are not followed, whenever somebody puts one there."""

import os
import threading

import pytest

from support.wire import Connection, fetch, get

SECRET = b"secret\n"


@pytest.fixture
def site(apus):
    """A directory without FollowSymLinks, and a secret beside the document root."""
    config = '<Directory "@HTDOCS@">\n    Options None\n</Directory>\n<Directory "@HTDOCS@/own">\n    Options SymLinksIfOwnerMatch\n</Directory>\n'
    with apus("Workers 2\nMaxKeepAliveRequests 0\n" + config) as server:
        (server.root / "outside").mkdir()
        (server.root / "outside" / "file.txt").write_bytes(SECRET)
        server.put("plain/file.txt", "plain\n")
        server.put("own/file.txt", "plain\n")
        yield server


def exchange(place, target, is_ending):
    """Puts a link in the place of a file or directory, and back, over and over."""
    link, kept = place.with_name("link"), place.with_name("kept")
    link.symlink_to(target)
    while not is_ending():
        os.rename(place, kept)
        os.rename(link, place)
        os.rename(place, link)
        os.rename(kept, place)


@pytest.mark.parametrize("part", ["file", "directory"])
def test_a_link_in_the_place_of_a_file(site, part):
    """Asked for thousands of times while it is exchanged: the secret never comes."""
    place = site.htdocs / "plain" / ("file.txt" if part == "file" else "")
    target = site.root / "outside" / ("file.txt" if part == "file" else "")
    ending = threading.Event()
    thread = threading.Thread(target=exchange, args=[place, target, ending.is_set])
    thread.start()
    seen = {}
    try:
        with Connection(site.port) as connection:
            for _ in range(6000):
                response = connection.request(get("/plain/file.txt"))
                assert response.body != SECRET
                seen[response.status] = seen.get(response.status, 0) + 1
    finally:
        ending.set()
        thread.join()
    assert seen.get(200), seen
    assert set(seen) <= {200, 403, 404}, seen


def test_links_are_refused(site):
    (site.htdocs / "plain" / "away.txt").symlink_to(site.root / "outside" / "file.txt")
    (site.htdocs / "plain" / "near.txt").symlink_to("file.txt")
    for path in ("/plain/away.txt", "/plain/near.txt"):
        assert fetch(site.port, get(path)).status == 403
    assert fetch(site.port, get("/plain/file.txt")).body == b"plain\n"


def test_links_of_the_same_owner(site):
    (site.htdocs / "own" / "near.txt").symlink_to("file.txt")
    assert fetch(site.port, get("/own/near.txt")).body == b"plain\n"
