"""mod_status as tools see it: Prometheus and its exporter for httpd, and a browser on the live page."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request

import pytest

from support.oracle import ask
from support.ports import PortReservation
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
    ServerName odd.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
SSLSessionCache shmcb:@ROOT@/run/sessions
"""


def get(path, *fields):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *fields, "", ""])


def tool(name):
    path = shutil.which(name)
    if not path:
        pytest.skip(f"needs {name}")
    return path


@pytest.fixture(scope="module")
def server(apus, tls_config):
    with apus(tls_config(CONFIG), modules=(*DEFAULT_MODULES, "status", "ssl", "socache_shmcb"), ports=2) as running:
        running.put("x.txt", "x" * 5000)
        for _ in range(20):
            ask(running, get("/x.txt"))
        ask(running, get("/none.txt"))
        yield running


def metrics(server):
    """The samples of /metrics by name and labels."""
    text = ask(server, get("/metrics")).body.decode()
    return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.M)}


def test_promtool_finds_nothing_wrong(server):
    checker = tool("promtool")
    text = ask(server, get("/metrics")).body
    done = subprocess.run([checker, "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_exporter_for_httpd_reads_the_lines(server):
    exporter = tool("prometheus-apache-exporter")
    reservation = PortReservation(1)
    (port,) = reservation.ports
    uri = f"--scrape_uri=http://127.0.0.1:{server.port}/server-status?auto"
    process = subprocess.Popen(
        [exporter, uri, f"--telemetry.address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        text = wait_until(lambda: scrape(port), "the exporter to serve")
    finally:
        process.terminate()
        process.wait()
        reservation.release()
    found = dict(re.findall(r"^(apache_\S+) (\S+)$", text, re.M))
    assert found["apache_up"] == "1"
    assert float(found["apache_accesses_total"]) >= 21 and float(found["apache_sent_kilobytes_total"]) >= 90
    assert float(found["apache_uptime_seconds_total"]) >= 0 and float(found['apache_workers{state="idle"}']) >= 0
    assert {name for name in found if name.startswith('apache_scoreboard{state="')} and 'apache_connections{state="total"}' in found


def scrape(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    except OSError:
        return None


def test_what_prometheus_is_told(server, material):
    found = metrics(server)
    assert found["apus_generation"] >= 1 and found["apus_reload_failures_total"] == 0
    assert found['apus_request_duration_seconds_bucket{le="+Inf"}'] == found["apus_request_duration_seconds_count"] >= 21
    host = f'server="localhost:0",index="0"'
    assert found[f'apus_http_requests_total{{{host},code="2xx"}}'] >= 20 and found[f'apus_http_requests_total{{{host},code="4xx"}}'] >= 1
    assert found[f"apus_http_duration_seconds_total{{{host}}}"] > 0
    (expiry,) = [value for name, value in found.items() if name.startswith("apus_tls_certificate_expiry_seconds{")]
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", material["@ONE@"]],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert expiry == int(subprocess.check_output(["date", "-ud", text.strip().split("=")[1], "+%s"]))
    assert 'apus_module_status{part="TLSSessionCacheStatus",fact="CacheStoreCount"}' in found


def test_handshakes_are_counted(server):
    name = 'apus_tls_handshakes_total{outcome="%s"}'
    before = metrics(server)
    subprocess.run(["curl", "-sko", "/dev/null", f"https://127.0.0.1:{server.ports[1]}/x.txt"], check=True)
    subprocess.run(["curl", "-so", "/dev/null", f"https://127.0.0.1:{server.ports[1]}/x.txt"])  # it does not trust the certificate
    wait_until(lambda: metrics(server)[name % "full"] > before[name % "full"], "the handshake to be counted")
    assert metrics(server)['apus_module_loop_seconds_total{module="ssl_module"}'] > 0
    assert metrics(server)[name % "full"] + metrics(server)[name % "failed"] >= before[name % "full"] + before[name % "failed"] + 2


def test_failed_reloads_are_counted(apus):
    with apus(CONFIG.split("<VirtualHost")[0], modules=(*DEFAULT_MODULES, "status")) as server:
        good = server.config_file.read_text()
        server.config_file.write_text(good + "Bogus\n")
        os.kill(server.process.pid, signal.SIGUSR1)
        wait_until(lambda: metrics(server)["apus_reload_failures_total"] == 1, "the failure to be counted")
        assert metrics(server)["apus_generation"] == 1
        server.config_file.write_text(good)
        assert server.run("-k", "graceful").returncode == 0
        found = metrics(server)
        assert (found["apus_reload_failures_total"], found["apus_generation"]) == (1, 3)


def test_extended_status_off_shows_no_requests(apus):
    with apus("ExtendedStatus Off\n" + CONFIG.split("<VirtualHost")[0], modules=(*DEFAULT_MODULES, "status")) as server:
        ask(server, get("/secret-path"))
        page, lines = (ask(server, get(f"/server-status{query}")).body for query in ("", "?auto"))
        assert b"secret-path" not in page and b"Total accesses" not in page
        assert b"Total Accesses" not in lines and b"BusyWorkers" in lines
        assert json.loads(ask(server, get("/server-status?json")).body)["jobs"] == []


@pytest.mark.parametrize("value, shown", [("Off", b"GET /begin/xxxxxxx"), ("On", b"xxxxxxx/end HTTP/1.1")])
def test_see_request_tail(apus, value, shown):
    with apus(f"SeeRequestTail {value}\n" + CONFIG.split("<VirtualHost")[0], modules=(*DEFAULT_MODULES, "status")) as server:
        ask(server, get(f"/begin/{'x' * 200}/end"))
        page = ask(server, get("/server-status")).body
        assert shown in page and (b"GET /begin" in page) == (value == "Off")


def test_data_of_the_live_page(server):
    ask(server, get('/<script>alert("x")</script>\u00e9', "User-Agent: x").replace("\u00e9", "%c3%a9"))
    answer = ask(server, get("/server-status?json"))
    assert answer.header("Content-Type") == "application/json" and answer.header("Cache-Control") == "no-store"
    data = json.loads(answer.body)
    assert data["name"] == "localhost" and len(data["histogram"]) == len(data["bounds"]) + 1
    assert sum(data["classes"]) == sum(data["histogram"]) == data["requests"]
    assert {host["name"] for host in data["hosts"]} == {"localhost", "odd.example"}
    assert any(job["active"] and "server-status?json" in job["line"] for job in data["jobs"])
    assert any(figure["name"] == "tls_certificate_expiry_seconds" for figure in data["figures"])


def test_the_live_page_draws_in_a_browser(server):
    """Chromium loads it, runs its script, and what it shows is what the server tells; nothing is taken from elsewhere."""
    browser = tool("chromium")
    ask(server, get("/<b>bold</b>"))
    page = ask(server, get("/server-status?live"))
    assert page.header("Content-Type") == "text/html; charset=utf-8" and not re.search(rb"https?://(?!www\.w3\.org/2000/svg)", page.body)
    home = tempfile.mkdtemp(prefix="apus-browser-")
    try:
        shot = pathlib.Path(os.environ.get("APUS_SCREENSHOT", f"{home}/live.png"))
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={home}", "--window-size=1280,1500",
            "--virtual-time-budget=4000", "--enable-logging=stderr",
        ]  # fmt: skip
        url = f"http://127.0.0.1:{server.port}/server-status?live"
        done = subprocess.run([browser, *options, "--dump-dom", url], capture_output=True, text=True, timeout=120)
        dom = done.stdout
        assert "CONSOLE" not in done.stderr or "Uncaught" not in done.stderr, done.stderr
        assert re.search(r'id="state"[^>]*>live<', dom), dom[:2000]
        assert "generation 1" in dom and "odd.example" in dom and "req/s" in dom and dom.count('class="worker') >= 1
        assert "the server itself</td>" in dom and re.search(r"<td>status_module</td>", dom)
        assert "&lt;b&gt;bold" in dom and "<b>bold" not in dom
        subprocess.run([browser, *options, f"--screenshot={shot}", url], capture_output=True, timeout=120)
        assert shot.stat().st_size > 10_000
    finally:
        shutil.rmtree(home, ignore_errors=True)
