"""Hooks: their order, how each kind is run, and registrations that are refused."""

import itertools
import re
import signal

import pytest
from support.waiting import settled, wait_until
from support.wire import Connection, fetch, get

AREA = "hooks"

#: No access module, so that the phases that ask for the user run, too.
ALONE = """\
ServerRoot "@ROOT@"
PidFile "@ROOT@/run/httpd.pid"
ErrorLog "@ROOT@/logs/error.log"
@IDENTITY@
LogLevel notice
Workers 1
ServerName localhost
@LISTEN@
DocumentRoot "@HTDOCS@"
"""

ORDER = {"fixups": "cba", "access_checker": "bca", "translate_name": "cba"}
FIRST = ("quick_handler", "translate_name", "map_to_storage", "access_checker_ex", "check_user_id", "auth_checker",
         "type_checker", "handler")  # fmt: skip
ALL = ("post_read_request", "header_parser", "access_checker", "fixups")
PHASES = ("post_read_request", "quick_handler", "translate_name", "map_to_storage", "header_parser", "access_checker",
          "access_checker_ex", "check_user_id", "auth_checker", "type_checker", "fixups", "insert_filter",
          "handler")  # fmt: skip


def order(phase):
    return ORDER.get(phase, "abc")


def trace(response):
    """What ran, as (hook, module) pairs, without the hook that runs for initial requests only."""
    entries = [entry.strip() for entry in (response.header("X-Trace") or "").split(",") if entry.strip()]
    return [tuple(entry.split(":")) for entry in entries if not entry.startswith("initial")]


def ran(response, phase):
    return "".join(module for hook, module in trace(response) if hook == phase)


#: Somebody knows the user, so that the phases behind it are reached.
USER = "check_user_id.a=0&auth_checker.a=0"


@pytest.fixture(scope="module")
def server(apus, module):
    with apus(ALONE + module.load("a", "b", "c"), modules=(), prelude=False) as running:
        yield running


def test_every_phase_in_order(server):
    response = fetch(server.port, get(f"/?{USER}"))
    assert (response.status, response.body) == (200, b"end")
    expected = []
    for phase in PHASES:
        modules = "a" if phase in ("check_user_id", "auth_checker") else order(phase)
        expected += [(phase, letter) for letter in modules]
    assert trace(response) == expected


@pytest.mark.parametrize("phase", FIRST)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_first_ends_with_ok(server, phase, place):
    stop = order(phase)[place]
    user = "" if phase in ("check_user_id", "auth_checker") else USER
    user = user or "&".join(part for part in USER.split("&") if not part.startswith(phase))
    response = fetch(server.port, get(f"/?{phase}.{stop}=0&{user}"))
    assert response.status == 200, server.diagnosis()
    assert ran(response, phase) == order(phase)[: place + 1]
    if phase == "access_checker_ex":
        assert ran(response, "check_user_id") == ""


@pytest.mark.parametrize("phase", ALL)
def test_all_goes_on_after_ok(server, phase):
    first, second, third = order(phase)
    response = fetch(server.port, get(f"/?{phase}.{first}=0&{phase}.{second}=1&{USER}"))
    assert response.status == 200
    assert ran(response, phase) == order(phase)


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase != "insert_filter"])
@pytest.mark.parametrize("status", [403, 503])
def test_a_status_ends_the_phases(server, phase, status):
    second = order(phase)[1]
    user = "&".join(part for part in USER.split("&") if not part.startswith(phase))
    response = fetch(server.port, get(f"/?{phase}.{second}={status}&{user}"))
    assert response.status == status
    later = PHASES[PHASES.index(phase) + 1 :]
    assert ran(response, phase) == order(phase)[:2]
    assert not [entry for entry in trace(response) if entry[0] in later]


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase not in ("insert_filter",)])
def test_an_error_is_500(server, phase):
    first = order(phase)[0]
    assert fetch(server.port, get(f"/?{phase}.{first}=-1")).status == 500


def test_done_skips_to_logging(server):
    response = fetch(server.port, get("/?fixups.c=2"))
    assert ran(response, "handler") == ""


def test_nobody_knows_the_user(server):
    response = fetch(server.port, get("/"))
    assert response.status == 500
    assert ran(response, "check_user_id") == "abc"


def test_error_page(server):
    response = fetch(server.port, get("/?handler.a=418&error_page.b=0&" + USER))
    assert (response.status, response.body) == (418, b"page for 418")
    assert ran(response, "error_page") == "ab"
    response = fetch(server.port, get("/?handler.a=418&" + USER))
    assert response.status == 418
    assert ran(response, "error_page") == "abc"


def test_log_transaction_runs_after_any_end(server):
    for query, status in ((USER, 200), ("access_checker.b=403", 403), ("handler.a=-1&" + USER, 500)):
        # Lines of requests before leave in their own time.
        before = len(settled(lambda: logged(server)))
        fetch(server.port, get(f"/?{query}"))
        wait_until(lambda: len(logged(server)) >= before + 3, "the request to be logged")  # noqa: B023
        assert logged(server)[before:] == [(letter, str(status)) for letter in "abc"]


def logged(server):
    return re.findall(r"trace log_transaction:(\w) (\d+)", server.error_log())


def test_initial_only(server):
    direct = fetch(server.port, get(f"/direct?{USER}"))
    assert "initial:a" in direct.header("X-Trace")
    redirected = fetch(server.port, get(f"/redirect?{USER}"))
    assert redirected.status in (200, 500)
    seen = redirected.header("X-Trace") or ""
    # The redirected request starts anew; whether the first one's fields survive is not at issue here.
    assert seen.count("initial:a") <= 1
    assert seen.count("header_parser:a") >= seen.count("initial:a")


def test_connection_hooks(server):
    server.wait_for_log("trace pre_connection:c")
    before = {hook: len(connections(server, hook)) for hook in ("pre", "close")}
    with Connection(server.port) as connection:
        connection.request(get(f"/?{USER}"))
        connection.request(get(f"/?{USER}"))
    for hook, count in before.items():
        wait_until(lambda: len(connections(server, hook)) >= count + 3, f"{hook}_connection")  # noqa: B023
        assert connections(server, hook)[-3:] == list("abc")


def connections(server, hook):
    return re.findall(rf"trace {hook}_connection:(\w)", server.error_log())


def test_process_hooks(apus, module):
    with apus(ALONE + module.load("a", "b", "c"), modules=(), prelude=False) as server:
        fetch(server.port, get("/"))
        server.stop()
        log = server.error_log()
    found = re.findall(
        r"trace (optional_fn_retrieve|check_config|open_config|child_init|child_exit):(\w)", log
    )
    names = [hook for hook, _ in found]
    for hook in ("open_config", "child_init", "child_exit"):
        assert "".join(letter for name, letter in found if name == hook) == "abc", found
    assert names.index("open_config") < names.index("child_init") < names.index("child_exit")
    assert "trace open_config:a reason 1 generation 1" in log


def test_reload_is_a_new_generation(apus, module):
    with apus(ALONE + module.load("a"), modules=(), prelude=False) as server:
        server.wait_for_log("trace open_config:a reason 1 generation 1")
        server.process.send_signal(signal.SIGUSR1)
        reopened = "trace open_config:a reason 2 generation 2"
        wait_until(lambda: reopened in server.error_log(), "the second generation", patience=2)
        wait_until(lambda: server.error_log().count("trace child_init:a") == 2, "the new worker")
        wait_until(lambda: server.error_log().count("trace child_exit:a") == 1, "the old worker to end")


def test_check_runs_no_worker(configured, module):
    server = configured(ALONE + module.load("a", "b", "c"), modules=(), prelude=False)
    done = server.run("-t")
    output = done.stderr + server.error_log()
    assert done.returncode == 0
    for hook in ("optional_fn_retrieve", "check_config", "open_config"):
        assert [m for h, m in re.findall(r"trace (\w+):(\w)", output) if h == hook] == list("abc"), output
    assert "trace open_config:a reason 0" in output
    assert "child_init" not in output


def test_order_is_independent_of_load_module_lines(configured, module):
    seen = set()
    for parts in itertools.permutations("abc"):
        server = configured(ALONE + module.load(*parts), modules=(), prelude=False)
        done = server.run("-M", "-v")
        assert done.returncode == 0
        hooks = re.search(r"Hooks, in the order they run:\n(.*?)\n\n", done.stdout, re.DOTALL)
        seen.add(hooks[1])
    assert len(seen) == 1
    (text,) = seen
    fixups = re.search(r"^ fixups .*\n((?:   .*\n)+)", text, re.MULTILINE)[1]
    ours = [line.strip() for line in fixups.splitlines() if "abi_hooks" in line]
    assert [line.split(":")[0] for line in ours] == [f"abi_hooks_{letter}_module" for letter in "cba"]
    assert "LATE" in ours[2] and "after abi_hooks_c_module" in ours[1]


@pytest.mark.parametrize(
    "parts, words",
    [
        (["hook"], ['"handlr"', 'did you mean "handler"?']),
        (["flag"], ['"handler"', "0x4000"]),
        (["signature"], ['"i(xC)"', '"i(xR)"']),
        (["x", "y"], ["fixups", "abi_hooks_x_module", "abi_hooks_y_module", "before"]),
        (["late", "b"], ["fixups", "abi_hooks_late_module", "abi_hooks_b_module"]),
        (["fails"], ["abi_hooks_fails_module"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) and '"' not in value[0] else "",
)
def test_refused(configured, module, parts, words):
    server = configured(ALONE + module.load(*parts), modules=(), prelude=False)
    done = server.run("-t")
    assert done.returncode == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert error_has_a_line(server, done.stderr, parts) or len(parts) > 1, done.stderr


def error_has_a_line(server, output, parts):
    lines = [server.line_of(f"abi_hooks_{part}_module") for part in parts]
    return any(server.reports_error_at(output, line) for line in lines)


def test_a_cycle_has_file_and_line(configured, module):
    server = configured(ALONE + module.load("x", "y"), modules=(), prelude=False)
    output = server.run("-t").stderr
    assert "core_module" not in output
    assert error_has_a_line(server, output, ["x", "y"])


def test_edges_to_absent_modules_are_ignored(configured, module):
    server = configured(ALONE + module.load("x"), modules=(), prelude=False)
    assert server.run("-t").returncode == 0


def test_all_refusals_in_one_run(configured, module):
    server = configured(ALONE + module.load("hook", "flag", "signature"), modules=(), prelude=False)
    done = server.run("-t")
    for part in ("hook", "flag", "signature"):
        assert server.reports_error_at(done.stderr, server.line_of(f"abi_hooks_{part}_module")), done.stderr
