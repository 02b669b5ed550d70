"""Long bodies go through filters piece by piece: what the worker needs of memory does not grow with them."""

import sys

import pytest

from support.oracle import ask
from support.server import DEFAULT_MODULES, PROJECT
from support.wire import Connection

sys.path.append(str(PROJECT / "bench"))

import streaming  # noqa: E402

MEBIBYTES = 48
#: Buffers of the connection, and of the filters together: several of 256 KiB, and windows of compression.
BOUND = 12 << 20


@pytest.fixture(scope="module")
def server(apus):
    names = list(streaming.filters())
    with apus(streaming.configuration(names), modules=(*DEFAULT_MODULES, *streaming.MODULES)) as running:
        streaming.write_document(running.htdocs / "document", MEBIBYTES)
        running.put("short", "a line\n" * 1000)
        yield running


@pytest.mark.parametrize("number, name", list(enumerate(streaming.filters())), ids=lambda value: str(value))
def test_memory_is_bounded(server, number, name):
    grown, count = streaming.growth(server, number, name)
    assert count > 0
    assert grown < BOUND, f"{name}: {grown >> 20} MiB for a body of {MEBIBYTES} MiB"


def test_a_slow_client_holds_a_program_up(apus):
    """A document that includes what a program writes without end: its client takes nothing, so nothing piles up."""
    config = (
        'Workers 1\nAddOutputFilter INCLUDES .shtml\nAddHandler cgi-script .cgi\n<Directory "@HTDOCS@">\nOptions +Includes +ExecCGI\n</Directory>\n'
        "ExtFilterDefine endless cmd=/usr/bin/yes\n<Location /filtered>\nSetOutputFilter endless\n</Location>\n"
    )
    with apus(config, modules=(*DEFAULT_MODULES, "include", "cgid", "ext_filter")) as server:
        server.put("endless.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec yes\n").chmod(0o755)
        server.put("cgi.shtml", 'x<!--#include virtual="endless.cgi" -->')
        server.put("exec.shtml", 'x<!--#exec cmd="yes" -->')
        server.put("filtered", "text")
        worker = streaming.worker_of(server)
        for path in ("/cgi.shtml", "/exec.shtml", "/filtered"):
            ask(server, "GET /gone HTTP/1.1\r\nHost: localhost\r\n\r\n")
            streaming.forget(worker)
            before = streaming.peak(worker)[1]
            with Connection(server.port) as connection:
                connection.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                # The worker fills what lies between the program and this client, and serves others meanwhile.
                for _ in range(200):
                    assert ask(server, "GET /gone HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 404
            assert streaming.peak(worker)[0] - before < BOUND, path


LIMITED = """\
AddOutputFilter INCLUDES;RATE_LIMIT .shtml
SetEnv rate-limit 4000
<Directory "@HTDOCS@">
Options +Includes
</Directory>
"""


def test_two_filters_of_a_chain_wait_at_once(apus):
    """The one that includes waits for a request inside the server, whose answer waits for the rate."""
    with apus(LIMITED, modules=(*DEFAULT_MODULES, "include", "cgid", "ratelimit", "env")) as server:
        part = "0123456789abcdef" * 40_000
        server.put("part.txt", part)
        server.put("a.shtml", '<<!--#include virtual="part.txt" -->|<!--#exec cmd="sleep 0.3; echo done" -->|<!--#include virtual="part.txt" -->>')
        assert ask(server, "GET /a.shtml HTTP/1.1\r\nHost: localhost\r\n\r\n").body.decode() == f"<{part}|done\n|{part}>"


def test_what_stands_before_a_slow_element_comes_first(apus):
    config = 'AddOutputFilter INCLUDES .shtml\n<Directory "@HTDOCS@">\nOptions +Includes\n</Directory>\n'
    with apus(config, modules=(*DEFAULT_MODULES, "include", "cgid")) as server:
        mark = server.root / "go"
        (server.root).chmod(0o777)
        server.put("a.shtml", f'before<!--#exec cmd="while [ ! -e {mark} ]; do sleep 0.05; done; echo after" -->')
        with Connection(server.port) as connection:
            connection.send(b"GET /a.shtml HTTP/1.0\r\nHost: localhost\r\n\r\n")
            seen = b""
            while b"before" not in seen:
                seen += connection.socket.recv(4096)
            assert b"after" not in seen
            mark.touch()
            while chunk := connection.socket.recv(4096):
                seen += chunk
            assert seen.endswith(b"beforeafter\n")
