"""The command line is httpd's: options, outputs that scripts read, exit statuses, and the -k verbs."""

import os
import re
import signal
import subprocess

import pytest

from support.ports import accepts
from support.waiting import wait_until
from support.wire import fetch, get

HOSTS = """\
<VirtualHost 127.0.0.1:@PORT@>
    ServerName first.example
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName second.example
    ServerAlias other.example
</VirtualHost>
"""


def run(program, *arguments):
    return subprocess.run(
        [str(program), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
    )


def test_syntax_ok(configured):
    done = configured("").run("-t")
    assert done.returncode == 0
    assert "Syntax OK" in done.stderr.splitlines()


def test_version(server_class):
    done = run(server_class.program, "-v")
    assert done.returncode == 0
    assert re.match(r"Server version: \S+/\d+(\.\d+)+", done.stdout)
    assert "Server built:" in done.stdout


def test_build_settings(configured):
    done = configured("").run("-V")
    assert done.returncode == 0
    assert done.stdout.startswith("Server version:")
    assert re.search(r'-D SERVER_CONFIG_FILE="\S+"', done.stdout)


def test_built_in_modules(server_class):
    done = run(server_class.program, "-l")
    assert done.returncode == 0
    first, *names = done.stdout.splitlines()
    assert first == "Compiled in modules:"
    assert "core.c" in [name.strip() for name in names]


def test_loaded_modules(configured):
    done = configured("").run("-M")
    assert done.returncode == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "Loaded Modules:"
    # Apus says more of each module behind it: its version and ABI.
    assert any(line.startswith("core_module (static)") for line in lines)
    for name in ("authz_core", "mime", "dir", "alias"):
        assert any(line.startswith(f"{name}_module (shared)") for line in lines)


def test_virtual_hosts(configured):
    server = configured(HOSTS)
    done = server.run("-S")
    assert done.returncode == 0
    assert "VirtualHost configuration:" in done.stdout
    assert re.search(rf"127\.0\.0\.1:{server.port}\s+is a NameVirtualHost", done.stdout)
    line = server.line_of("first.example") - 1
    assert re.search(
        rf"default server first\.example \({re.escape(str(server.config_file))}:{line}\)", done.stdout
    )
    assert re.search(
        rf"port {server.port} namevhost second\.example \({re.escape(str(server.config_file))}:{line + 3}\)",
        done.stdout,
    )
    assert "alias other.example" in done.stdout
    assert str(server.htdocs) in done.stdout


def test_virtual_hosts_by_definition(configured):
    """-S is DUMP_VHOSTS and DUMP_RUN_CFG in one."""
    server = configured(HOSTS)
    done = server.run("-t", "-D", "DUMP_VHOSTS")
    assert done.returncode == 0
    assert "VirtualHost configuration:" in done.stdout and done.stdout in server.run("-S").stdout


def test_unknown_option(server_class):
    done = run(server_class.program, "-y")
    assert done.returncode == 1
    assert "Usage:" in done.stdout + done.stderr


def test_help(server_class):
    done = run(server_class.program, "-h")
    assert "Usage:" in done.stdout + done.stderr


def test_unknown_verb(configured):
    assert configured("").run("-k", "dance").returncode == 1


def test_additional_directives(configured):
    server = configured("")
    assert server.run("-t", "-c", "KeepAlive Off").returncode == 0
    assert server.run("-t", "-c", "KeepAlive maybe").returncode == 1
    assert server.run("-t", "-C", "Bogus on").returncode == 1


@pytest.fixture
def daemon(configured):
    """A configured server; whatever `-k start` left running is ended by the pid in its file."""
    server = configured("")
    server.put("index.html", "running\n")
    yield server
    pid = pid_of(server)
    if pid:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not pid_of(server) or not accepts(server.port), "the daemon to end")


def pid_of(server):
    """The pid in the file, if there is one."""
    path = server.root / "run" / "httpd.pid"
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text else None


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_start_and_stop(daemon):
    started = daemon.run("-k", "start")
    assert started.returncode == 0, started.stderr
    wait_until(lambda: accepts(daemon.port), lambda: f"the daemon to accept\n{daemon.error_log()}")
    pid = wait_until(lambda: pid_of(daemon), "the pid file")
    assert alive(pid)
    assert fetch(daemon.port, get()).body == b"running\n"
    stopped = daemon.run("-k", "stop")
    assert stopped.returncode == 0, stopped.stderr
    wait_until(lambda: not alive(pid), f"process {pid} to end")
    wait_until(lambda: not accepts(daemon.port), "the port to be let go of")
    assert pid_of(daemon) is None


def test_start_twice_says_so(daemon):
    """httpd prints "already running" and exits with 0."""
    assert daemon.run("-k", "start").returncode == 0
    pid = wait_until(lambda: pid_of(daemon), "the pid file")
    wait_until(lambda: accepts(daemon.port), "the daemon to accept")
    again = daemon.run("-k", "start")
    assert again.returncode == 0
    assert f"(pid {pid}) already running" in again.stdout + again.stderr
    assert pid_of(daemon) == pid


def test_stop_when_nothing_runs(daemon):
    done = daemon.run("-k", "stop")
    assert "not running" in done.stdout + done.stderr
    assert done.returncode == 0


def test_start_with_a_mistake(daemon):
    daemon.config_file.write_text(daemon.config_file.read_text() + "Bogus on\n")
    done = daemon.run("-k", "start")
    assert done.returncode == 1
    assert daemon.reports_error_at(done.stderr, daemon.line_of("Bogus on"))
    assert not accepts(daemon.port)


def test_a_stale_pid_file_is_no_obstacle(daemon):
    (daemon.root / "run" / "httpd.pid").write_text("999999999\n")
    assert daemon.run("-k", "start").returncode == 0
    wait_until(lambda: accepts(daemon.port), "the daemon to accept")
    wait_until(lambda: pid_of(daemon) not in (None, 999999999), "a new pid file")


def test_a_piped_log_does_not_hold_the_starter_up(configured):
    """`run` waits for the end of what the command prints: a reader that inherited it would keep it open."""
    server = configured('CustomLog "|/bin/cat" "%r"\n')
    try:
        assert server.run("-k", "start").returncode == 0
        wait_until(lambda: accepts(server.port), "the daemon to accept")
    finally:
        assert server.run("-k", "stop").returncode == 0


def test_restart_keeps_serving(daemon):
    assert daemon.run("-k", "start").returncode == 0
    wait_until(lambda: accepts(daemon.port) and pid_of(daemon), "the daemon to accept")
    for verb in ("graceful", "restart"):
        assert daemon.run("-k", verb).returncode == 0
        wait_until(lambda: accepts(daemon.port), f"the daemon to accept after {verb}")
        wait_until(lambda: answers(daemon), f"an answer after {verb}")


def answers(server):
    try:
        return fetch(server.port, get()).body == b"running\n"
    except (AssertionError, OSError):
        return False


def test_foreground_leaves_no_pid_file(server_class):
    server = server_class("")
    with server:
        pid = wait_until(lambda: pid_of(server), "the pid file")
        assert pid == server.process.pid
        path = server.root / "run" / "httpd.pid"
        server.stop()
        assert not path.exists()


def test_single_process_mode(server_class):
    """-X serves all from the one process that was started."""
    server = server_class("", arguments=("-X",))
    with server:
        server.put("index.html", "running\n")
        assert fetch(server.port, get()).body == b"running\n"
