"""What is counted of each module: asked of the running server by -M, and shown by mod_status in all its forms."""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from support.building import compile_shared
from support.server import DEFAULT_MODULES, DISTRIBUTION, running_as_root, world_readable_directory
from support.waiting import wait_until
from support.wire import Connection, fetch, get
from support.workers import Processes, alive

HERE = pathlib.Path(__file__).resolve().parent

CONFIG = """\
Workers 2
MaxKeepAliveRequests 0
<Location "/">
    SetHandler abi
</Location>
<Location "/server-status">
    SetHandler server-status
</Location>
<Location "/metrics">
    SetHandler server-metrics
</Location>
"""

#: What makes a hook of the module fail; "/denies" and the like are answers.
FAILURES = ("/fails", "/refuses", "/says", "/filter", "/blocks")


@pytest.fixture(scope="module")
def work():
    """A module file that can be loaded by any name."""
    directory = world_readable_directory()
    file = directory / "mod_work.so"
    flags = (f"-I{DISTRIBUTION / 'include'}", f"-I{HERE.parent / 'ABI'}", "-fvisibility=hidden", "-O2")
    compile_shared(HERE / "work.c", file, *flags)
    file.chmod(0o755)
    yield file
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def server(serve, work):
    return serve(f"LoadModule work_module {work}\n" + CONFIG, modules=(*DEFAULT_MODULES, "status"))


def metrics(server):
    text = fetch(server.port, get("/metrics")).body.decode()
    return {name: float(value) for name, value in re.findall(r"^([^#\s].*) (\S+)$", text, re.M)}


def figure(server, name, module="work_module"):
    return metrics(server)[f'apus_module_{name}_total{{module="{module}"}}']


def report(server):
    """The table that -M prints, by module and title."""
    done = server.run("-M")
    assert done.returncode == 0 and done.stdout.startswith("Loaded Modules:\n"), done.stderr
    lines = done.stdout.split("What they have done in generation ")[1].splitlines()
    titles = re.split(r"\s\s+", lines[1].strip())
    rows = [re.split(r"\s\s+", line.strip()) for line in lines[2:] if re.match(r" \S+  ", line)]
    return {row[0]: dict(zip(titles, row[1:], strict=True)) for row in rows}


def test_time_on_the_loop_counts_for_who_took_it(server):
    """As long as a server has done little, all of it is measured."""
    for _ in range(4):
        fetch(server.port, get("/spin"))
    wait_until(lambda: figure(server, "loop_seconds") >= 0.040, "40 ms of spinning to be counted")
    assert figure(server, "loop_seconds") < 4
    assert figure(server, "calls") == 4
    assert figure(server, "loop_seconds", "core_module") > 0
    row = report(server)["work_module"]
    assert row["loop"].endswith("ms") and float(row["share"].split()[0]) > 10


def test_what_holds_the_loop_is_counted_whole(server):
    """Also when only few turns are measured, and then no more than it was."""
    with Connection(server.port) as connection:
        for _ in range(6000):
            connection.request(get("/other"))
        before = figure(server, "loop_seconds")
        for _ in range(5):
            connection.request(get("/hold"))
            for _ in range(20):
                connection.request(get("/other"))
    wait_until(lambda: figure(server, "loop_holds") >= 4, "the holds to be counted")
    held = figure(server, "loop_hold_seconds")
    assert held >= 0.160
    assert 0.9 * held <= figure(server, "loop_seconds") - before <= 1.5 * held + 0.040


def test_a_suspension_is_counted_and_what_it_goes_on_with_is_the_modules(server):
    for _ in range(3):
        assert fetch(server.port, get("/waits")).body == b"late"
    assert figure(server, "suspensions") == 3
    assert figure(server, "loop_seconds") >= 0.015
    assert report(server)["work_module"]["suspended"] == "3"


def test_failures_are_counted_once(server):
    for path in (*FAILURES, "/denies", "/other"):
        fetch(server.port, get(path))
    wait_until(lambda: figure(server, "errors") >= len(FAILURES), "the failures to be counted")
    assert figure(server, "errors") == len(FAILURES)
    assert figure(server, "errors", "core_module") == 0
    assert report(server)["work_module"]["errors"] == str(len(FAILURES))


def test_an_error_page_of_the_site_is_no_failure_of_its_own(serve, work):
    config = f"LoadModule work_module {work}\nErrorDocument 503 /page.html\n" + CONFIG.replace('"/"', '"/refuses"')
    server = serve(config, modules=(*DEFAULT_MODULES, "status"))
    server.put("page.html", "page\n")
    assert fetch(server.port, get("/refuses")).body == b"page\n"
    assert (figure(server, "errors"), figure(server, "errors", "core_module")) == (1, 0)


def test_a_protocol_that_has_a_connection_is_its_modules(serve):
    config = CONFIG.replace('"/"', '"/none"') + "<VirtualHost *:@PORT2@>\nProtocolEcho On\n</VirtualHost>\n"
    server = serve(config, modules=(*DEFAULT_MODULES, "status", "echo"), ports=2)
    with socket.create_connection(("127.0.0.1", server.ports[1]), timeout=20) as client:
        for _ in range(5):
            client.sendall(b"again\n")
            assert client.recv(100) == b"again\n"
    # Once for each connection it is asked whether it takes it; the rest is what came.
    wait_until(lambda: figure(server, "calls", "echo_module") >= 6, "what came to be counted")
    assert figure(server, "loop_seconds", "echo_module") > 0


def test_threads_are_counted_exactly(server):
    for path in ("/lent", "/blocks"):
        fetch(server.port, get(path))
    # The hook on a thread runs for each request, this one included.
    wait_until(lambda: figure(server, "thread_calls") >= 3, "the calls to be counted")
    assert figure(server, "thread_seconds") >= 0.050
    assert re.fullmatch(r"\d+ ms in \d+", report(server)["work_module"]["threads"])


def test_memory_asked_of_pools(server):
    for _ in range(3):
        fetch(server.port, get("/memory"))
    wait_until(lambda: figure(server, "pool_bytes") >= 300_000, "the memory to be counted")
    assert report(server)["work_module"]["memory"] == "292 kB"


def test_who_holds_the_loop_is_named_at_once_and_counted(server):
    for _ in range(3):
        fetch(server.port, get("/hold"))
    wait_until(lambda: figure(server, "loop_holds") == 3, "the holds to be counted")
    assert figure(server, "loop_hold_seconds") >= 0.120
    server.wait_for_log(r"APUS1713: the loop of this worker stood still for \d+ ms, in work_module, hook handler")
    assert re.fullmatch(r"\d+ ms in 3", report(server)["work_module"]["held loop"])


def test_the_watchdog_says_how_often(server):
    def is_told():
        fetch(server.port, get("/hold"))
        return re.search(r"work_module has done so \d+ times in this generation, \d+ ms in all", server.error_log())

    wait_until(is_told, "a line that says how often")


def crash(server):
    processes = Processes(server.process.pid)
    before = processes.wait_for_workers(2)
    with Connection(server.port) as connection:
        connection.send(get("/crash"))
        assert connection.read_to_end() == b""
    wait_until(lambda: not all(alive(pid) for pid in before), "the end of the worker")
    processes.wait_for_workers(2)


def test_figures_survive_a_worker_that_crashes(server):
    for _ in range(3):
        fetch(server.port, get("/waits"))
    for times in (1, 2):
        crash(server)
        wait_until(lambda: figure(server, "crashes") == times, "the crash to be counted")
    server.wait_for_log(r"APUS1710: .* in work_module, hook handler while serving .*; work_module has crashed 2 times in this generation")
    assert figure(server, "suspensions") == 3
    row = report(server)["work_module"]
    assert (row["crashed"], row["suspended"]) == ("2", "3")


def test_workers_that_are_killed_take_nothing_with_them(server):
    for _ in range(3):
        fetch(server.port, get("/waits"))
    processes = Processes(server.process.pid)
    before = processes.wait_for_workers(2)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in before), "their end")
    processes.wait_for_workers(2)
    assert (figure(server, "suspensions"), figure(server, "crashes")) == (3, 0)


def test_a_generation_begins_anew(server):
    fetch(server.port, get("/waits"))
    assert server.run("-k", "graceful").returncode == 0
    assert figure(server, "suspensions") == 0
    assert "work_module" not in report(server) or report(server)["work_module"]["suspended"] == "-"
    assert "in generation 2, which began" in server.run("-M").stdout


def test_a_module_that_has_done_nothing_is_not_in_the_table(serve, work):
    server = serve(f"LoadModule work_module {work}\n", modules=("authz_core", "alias", "autoindex"))
    done = server.run("-M")
    assert re.search(r"^ \d+ more have done nothing\.$", done.stdout, re.M)


def test_without_a_server_it_is_the_list_alone(configured, work):
    server = configured(f"LoadModule work_module {work}\n")
    done = server.run("-M")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines()[-1] == " work_module (shared)" and "What they have done" not in done.stdout


@pytest.mark.skipif(not running_as_root() or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_others_are_told_nothing(server):
    line = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *server.command("-M")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "What they have done" not in done.stdout
    assert " work_module (shared)" in done.stdout and "it tells root and its own user" in done.stderr


def test_a_question_during_a_reload(server):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.run, "-M") for _ in range(6)]
        assert server.run("-k", "graceful").returncode == 0
        for done in (one.result() for one in asked):
            assert done.returncode == 0 and done.stdout.startswith("Loaded Modules:\n")
            assert "What they have done" in done.stdout, done.stderr


def test_lines_page_and_data(server):
    for path in ("/waits", "/waits", "/fails"):
        fetch(server.port, get(path))
    lines = fetch(server.port, get("/server-status?auto")).body.decode().splitlines()
    found = dict(line.split(": ", 1) for line in lines if line.startswith("Module"))
    assert all(line.count(":") == 1 and " " not in line.split(":")[0] for line in lines if line.startswith("Module"))
    assert (found["ModuleSuspensions.work_module"], found["ModuleErrors.work_module"]) == ("2", "1")
    assert float(found["ModuleLoopSeconds.work_module"]) >= 0.010
    page = fetch(server.port, get("/server-status")).body.decode()
    assert "<h2>Modules</h2>" in page and re.search(r"<tr><td>work_module</td>.*<td align=\"right\">2</td><td align=\"right\">1</td>", page)
    data = json.loads(fetch(server.port, get("/server-status?json")).body)
    columns = data["modules"]["columns"]
    (row,) = [row for row in data["modules"]["rows"] if row[0] == "work_module"]
    assert row[1 + columns.index("module_suspensions_total")] == 2
    assert not any(figure["name"].startswith("module_") for figure in data["figures"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_many_modules_with_odd_names(serve, work):
    """A hundred modules, some by names that no tool should choke on."""
    odd = ["ä_module", "x:y_module", "<b>_module", "a{b}_module", "per%20cent_module", 'quo"te_module', "back\\\\slash_module"]
    names = [f"m{number}_module" for number in range(100)] + odd
    lines = "".join(f"LoadModule '{name}' {work}\n" for name in names)
    server = serve(lines + CONFIG.replace("SetHandler abi", ""), modules=(*DEFAULT_MODULES, "status"))
    for _ in range(3):
        assert fetch(server.port, get("/")).status == 200
    text = fetch(server.port, get("/metrics")).body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
    assert text.count(b"apus_module_calls_total{") >= 100
    assert b"<b>_module" not in fetch(server.port, get("/server-status")).body
    auto = fetch(server.port, get("/server-status?auto")).body.decode("latin-1").splitlines()
    assert sum(line.startswith("ModuleCalls.m") for line in auto) == 101
    assert {line.count(":") for line in auto if line.startswith("Module")} == {1}
    rows = json.loads(fetch(server.port, get("/server-status?json")).body)["modules"]["rows"]
    assert "<b>_module" in [row[0] for row in rows] and 'quo"te_module' in [row[0] for row in rows]
    assert len(report(server)) >= 100


def test_histograms_by_virtual_host(serve):
    hosts = "".join(f"<VirtualHost *:@PORT@>\nServerName h{number}.example\n</VirtualHost>\n" for number in range(300))
    config = CONFIG.replace('"/"', '"/none"') + hosts
    server = serve(config, modules=(*DEFAULT_MODULES, "status"))
    for host in ("h3.example", "h3.example", "h290.example", "h299.example"):
        assert fetch(server.port, get("/", host=host)).status == 200
    name = "apus_http_request_duration_seconds"
    wait_until(lambda: metrics(server)[f'{name}_count{{server="others:0",index="255"}}'] == 2, "the others to be counted")
    found = metrics(server)
    (label,) = [one for one in found if one.startswith(f'{name}_count{{server="h3.example')]
    assert found[label] == 2 and found[label.replace("_count{", "_sum{")] > 0
    buckets = [found[label.replace("_count{", "_bucket{").replace("}", f',le="{bound}"}}')] for bound in ("0.0005", "5.0", "+Inf")]
    assert buckets == sorted(buckets) and buckets[-1] == 2
    assert len([one for one in found if one.startswith(f"{name}_count{{")]) == 256
