"""The servers of the configuration, the loaded modules, and facts of the process."""

import re
import time

import pytest
from support.wire import fetch, get

from .texts import HANDLER

AREA = "server"

CONFIG = """\
Workers 2
Define ABI_DEFINED
Timeout 17
ServerAdmin main@example.org
<VirtualHost 127.0.0.1:@PORT@>
    ServerName one.example:8081
    Timeout 3
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName two.example
    ServerAdmin two@example.org
    DocumentRoot "@ROOT@"
</VirtualHost>
"""


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(module.load() + HANDLER + CONFIG) as running:
        yield running


def ask(server, path, **options):
    return fetch(server.port, get(path, **options)).body.decode()


def test_servers(server):
    rows = [line.split("|") for line in ask(server, "/servers").splitlines()]
    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert [row[1] for row in rows] == ["localhost", "one.example", "two.example"]
    assert [row[2] for row in rows] == ["0", "8081", "0"]
    assert [row[3] for row in rows] == ["0", "1", "1"]
    assert [int(row[4]) for row in rows] == [
        0, server.line_of(f"<VirtualHost 127.0.0.1:{server.port}>"), server.line_of(f"<VirtualHost *:{server.port}>"),
    ]  # fmt: skip
    assert [row[5] for row in rows] == ["17000000", "3000000", "17000000"]
    assert [row[6] for row in rows] == ["main@example.org", "main@example.org", "two@example.org"]
    assert [row[7] for row in rows] == [str(server.htdocs), str(server.htdocs), str(server.root)]
    assert [row[8] for row in rows[1:]] == ["httpd.conf", "httpd.conf"]


def test_the_server_of_a_request(server):
    assert ask(server, "/mine", host="one.example") == "one.example"
    assert ask(server, "/mine", host="none.example") == "one.example"


def test_modules(server, language):
    lines = ask(server, "/modules").splitlines()
    assert lines[0].startswith("module core_module ") and " built-in " in lines[0]
    names = [line.split()[1] for line in lines]
    assert names[-1] == "abi_server_module"
    assert names.index("authz_core_module") < names.index("mime_module")
    toolchain = "c" if language.startswith("c") else r"swift-\d+\.\d+(\.\d+)? shared"
    assert re.fullmatch(f"module abi_server_module 1\\.0 file {toolchain}", lines[-1])


def test_process(server):
    seen = set()
    for _ in range(20):
        found = dict(line.split("=", 1) for line in ask(server, "/process").splitlines())
        seen.add(found["worker"])
        assert found["root"] == str(server.root)
        assert re.fullmatch(r"Apus/\d+\.\d+\.\d+\S*", found["version"])
        assert (found["workers"], found["generation"], found["clock"]) == ("2", "1", "1")
        assert abs(int(found["now"]) / 1e6 - time.time()) < 20
    assert seen <= {"0", "1"}


def test_no_worker_at_attach(server):
    found = dict(line.split("=", 1) for line in ask(server, "/process").splitlines())
    assert found["attach"] == "-1"


def test_defined(server):
    assert ask(server, "/defined") == "1 0"


def test_defined_on_the_command_line(apus, module):
    with apus(module.load() + HANDLER, arguments=("-D", "ABI_ABSENT")) as server:
        assert ask(server, "/defined") == "0 1"
