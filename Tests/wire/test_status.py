"""mod_status: what the workers do, as a page, line by line, and for Prometheus."""

import re

import pytest

from support.oracle import ask
from support.server import DEFAULT_MODULES
from support.waiting import wait_until

CONFIG = """\
<Location /server-status>
    SetHandler server-status
</Location>
<Location /metrics>
    SetHandler server-metrics
</Location>
<VirtualHost *:@PORT2@>
    ServerName "odd.example"
</VirtualHost>
"""

#: What exporters for httpd look for.
KEYS = {
    "ServerVersion", "ServerMPM", "CurrentTime", "RestartTime", "ParentServerConfigGeneration", "ParentServerMPMGeneration",
    "ServerUptimeSeconds", "ServerUptime", "Load1", "Load5", "Load15", "Total Accesses", "Total kBytes", "Total Duration", "CPUUser",
    "CPUSystem", "CPUChildrenUser", "CPUChildrenSystem", "Uptime", "BusyWorkers", "GracefulWorkers", "IdleWorkers", "Processes", "Stopping",
    "ConnsTotal", "ConnsAsyncWriting", "ConnsAsyncKeepAlive", "ConnsAsyncClosing", "Scoreboard",
}  # fmt: skip


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server(apus):
    with apus(CONFIG, modules=(*DEFAULT_MODULES, "status"), ports=2) as running:
        running.put("x.txt", "x" * 5000)
        yield running


def figures(server):
    lines = ask(server, get("/server-status?auto")).body.decode().splitlines()
    return dict(line.split(":", 1) for line in lines[1:])


def test_lines_have_the_names_that_exporters_know(server):
    answer = ask(server, get("/server-status?auto"))
    assert answer.header("Content-Type") == "text/plain; charset=ISO-8859-1"
    assert answer.body.startswith(b"localhost\n")
    assert KEYS <= set(figures(server))
    for name in ("Total Accesses", "Uptime", "BusyWorkers", "IdleWorkers"):
        int(figures(server)[name])
    assert set(figures(server)["Scoreboard"].strip()) <= set("WK_")


def test_requests_and_bytes_are_counted(server):
    before = figures(server)
    for _ in range(7):
        ask(server, get("/x.txt"))
    wait_until(lambda: int(figures(server)["Total Accesses"]) >= int(before["Total Accesses"]) + 8, "the requests to be counted")
    assert int(figures(server)["Total kBytes"]) >= int(before["Total kBytes"]) + 7 * 5000 // 1024


def test_the_page_shows_requests_and_escapes_them(server):
    ask(server, "GET /<script> HTTP/1.1\r\nHost: localhost\r\n\r\n")
    ask(server, get("/x.txt?<b>&\""))
    page = ask(server, get("/server-status?refresh=3"))
    assert page.header("Refresh") == "3"
    assert b"GET /server-status?refresh=3 HTTP/1.1" in page.body
    assert b"<b>&" not in page.body and b"<script>" not in page.body
    assert b"Client" not in ask(server, get("/server-status?notable")).body


def test_metrics_are_sound_and_by_virtual_host(server):
    ask(server, get("/x.txt"), port=2)
    ask(server, get("/gone"), port=2)
    wait_until(lambda: 'code="4xx"} 1' in ask(server, get("/metrics")).body.decode(), "the answer to be counted")
    text = ask(server, get("/metrics")).body.decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = re.fullmatch(r'([a-z_]+)(?:\{(?:[a-z]+="[^"\\]*",?)+\})? (\S+)', line).groups()
            float(value)
            assert name in types or re.sub("_(bucket|sum|count)$", "", name) in types
    assert 'server="odd.example' in text
    buckets = [int(value) for value in re.findall(r'seconds_bucket\{le="[^"]+"\} (\d+)', text)]
    assert buckets == sorted(buckets) and buckets[-1] >= 2


def test_other_methods_are_refused(server):
    assert ask(server, "POST /server-status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").status >= 400
