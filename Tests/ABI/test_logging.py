"""The error log seen from modules, and log targets of their own."""

import re

import pytest
from support.waiting import wait_until
from support.wire import fetch, get

from .texts import HANDLER

AREA = "logging"


@pytest.fixture(scope="module")
def server(apus, module):
    config = """\
Workers 1
LogLevel warn
<Location "/levels/debug">
    LogLevel abi_logging:debug
</Location>
<Location "/levels/quiet">
    LogLevel trace8 abi_logging:crit
</Location>
<Location "/levels/module">
    LogLevel abi_logging_module:trace2
</Location>
"""
    with apus(module.load() + HANDLER + config) as running:
        yield running


@pytest.mark.parametrize(
    "path, last",
    [("", 4), ("/debug", 7), ("/quiet", 2), ("/module", 9)],
    ids=["server", "module", "quiet", "long-name"],
)
def test_levels(server, path, last):
    before = len(server.error_log())
    answer = fetch(server.port, get(f"/levels{path}")).body.decode()
    assert answer == "".join("1" if level <= last else "0" for level in range(16))

    def written():
        return re.findall(r"\[abi_logging:(\w+)\] .*ABI0001: level (\d+)", server.error_log()[before:])

    wait_until(lambda: len(written()) > last, "the lines of the levels that are on")
    assert [int(level) for _, level in written()] == list(range(last + 1))
    names = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace1", "trace2"]
    assert [name for name, _ in written()] == names[: last + 1]


@pytest.mark.parametrize(
    "line, last", [("LogLevel error", 3), ("LogLevel error abi_logging:info", 6), ("LogLevel trace8", 15)]
)
def test_levels_of_a_server(apus, module, line, last):
    with apus(module.load() + HANDLER + line + "\n") as server:
        answer = fetch(server.port, get("/levels")).body.decode()
        assert answer == "".join("1" if level <= last else "0" for level in range(16))


def test_places(server):
    fetch(server.port, get("/places"))
    assert "[client 127.0.0.1:" in server.wait_for_log(r"^.*of the request.*$")[0]
    assert re.search(
        r"\[client 127\.0\.0\.1:\d+\] ABI0002: of the connection",
        server.wait_for_log(r"^.*of the connection.*$")[0],
    )
    for text in ("ABI0003: of the server", "ABI0004: of nobody"):
        line = server.wait_for_log(rf"^.*{text}.*$")[0]
        assert "[client" not in line


def test_bytes_are_escaped(server):
    before = len(server.error_log())
    fetch(server.port, get("/bytes"))
    line = server.wait_for_log(r"^.*\[31mred.*$")[0]
    assert r"one\ntwo\r\x1b[31mred" in line
    assert "café" in line or r"caf\xc3\xa9" in line
    tail = server.error_log()[before:]
    assert "\x1b" not in tail and "\r" not in tail and "\x07" not in tail and "\x7f" not in tail


def test_where_a_message_is_written(apus, module):
    """%F of ErrorLogFormat is the file of the module's source, without its directories, and the line."""
    with apus(module.load() + HANDLER + 'ErrorLogFormat "[%F] %M"\n') as server:
        fetch(server.port, get("/source"))
        server.wait_for_log(r"^\[mod\.c\(4711\)\] ABI0005: with its place$")


def test_the_error_that_a_message_is_about(apus, module):
    """%E of ErrorLogFormat."""
    with apus(module.load() + HANDLER + 'ErrorLogFormat "[%E] %M"\n') as server:
        fetch(server.port, get("/error"))
        server.wait_for_log(r"^\[\(13\)Permission denied\] ABI0006: about an error$")
        server.wait_for_log(r"^ ?ABI0007: about none$")


def test_a_long_line_is_one_line(server):
    fetch(server.port, get("/long"))
    line = server.wait_for_log(r"^.*LLLL.*$")[0]
    assert len(line) >= 4000
    assert server.error_log().endswith("\n")


def test_sinks(server):
    fetch(server.port, get("/append"))
    wait_until(lambda: server._read("abi.log") == "one\ntwo\nthree\n", "the lines in the module's own log")
    wait_until(lambda: server._read("piped.log") == "through a pipe\n", "the line behind the pipe")
    fetch(server.port, get("/append"))
    wait_until(
        lambda: server._read("abi.log") == "one\ntwo\nthree\n" * 2, "the lines in the module's own log"
    )


def test_a_sink_that_cannot_be_opened(configured, module):
    server = configured(module.load())
    (server.root / "logs" / "abi.log").mkdir()
    done = server.run("-DFOREGROUND")
    assert done.returncode == 1
    assert "abi.log" in done.stderr + server.error_log()
