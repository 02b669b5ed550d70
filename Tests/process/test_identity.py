"""Who the processes are, and what they may do."""

import grp
import os
import pathlib
import pwd
import re

import pytest

from support.server import running_as_root
from support.waiting import wait_until
from support.wire import fetch, get
from support.workers import Processes

as_root = pytest.mark.skipif(not running_as_root(), reason="needs root")


def status(pid):
    """The fields of /proc/PID/status."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


@as_root
def test_workers_have_given_up_everything(serve):
    server = serve("Workers 1\n")
    processes = Processes(server.process.pid)
    (worker,) = processes.wait_for_workers(1)
    fields = status(worker)
    user, group = pwd.getpwnam("www-data").pw_uid, grp.getgrnam("www-data").gr_gid
    assert set(fields["Uid"]) == {str(user)} and set(fields["Gid"]) == {str(group)}
    assert set(map(int, fields["Groups"])) == set(os.getgrouplist("www-data", group))
    assert fields["NoNewPrivs"] == ["1"]
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(fields[name][0], 16) == 0, name
    assert set(status(processes.leader)["Uid"]) == {"0"}


@as_root
def test_supplementary_groups_of_the_user(serve):
    """A user of several groups gets them all: one who serves files that a group may read."""
    candidates = [e.pw_name for e in pwd.getpwall() if e.pw_uid and len(os.getgrouplist(e.pw_name, e.pw_gid)) > 1]
    if not candidates:
        pytest.skip("no user of this machine is in several groups")
    name = candidates[0]
    server = serve(f"User {name}\nWorkers 1\n")
    (worker,) = Processes(server.process.pid).wait_for_workers(1)
    own = grp.getgrnam("www-data").gr_gid
    assert set(map(int, status(worker)["Groups"])) == set(os.getgrouplist(name, own))


@as_root
def test_a_user_by_number(serve):
    """A number without a name has no groups but its own: none of the starter's are left."""
    server = serve("User #54321\nGroup #54322\nWorkers 1\n")
    (worker,) = Processes(server.process.pid).wait_for_workers(1)
    fields = status(worker)
    assert set(fields["Uid"]) == {"54321"} and set(fields["Gid"]) == {"54322"}
    assert set(fields["Groups"]) <= {"54322"}


@as_root
def test_root_is_refused(configured):
    server = configured("User root\n")
    done = server.run("-DFOREGROUND")
    assert done.returncode == 1
    assert "workers must not run as root" in done.stderr


@as_root
def test_a_root_of_its_own(serve):
    """ChrootDir: paths of the configuration are looked up below it once the workers run."""
    server = serve("Workers 1\n")
    site = server.root / "jail" / "site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("inside\n")
    with server.config_file.open("a") as file:
        file.write(f'ChrootDir "{server.root}/jail"\nDocumentRoot /site\n')
        file.write("<Directory /site>\n    Require all granted\n</Directory>\n")
    assert server.run("-k", "graceful", "-T").returncode == 0, server.diagnosis()
    wait_until(lambda: fetch(server.port, get()).body == b"inside\n", "the page inside")
    (worker,) = Processes(server.process.pid).wait_for_workers(1)
    assert os.readlink(f"/proc/{worker}/root") == f"{server.root}/jail"


@as_root
def test_log_directories_that_others_may_write(serve):
    server = serve()
    assert "APUS1709" not in server.error_log()
    logs = server.root / "logs"
    for mode, owner, reason in (
        (0o757, 0, "everybody may write it"),
        (0o755, pwd.getpwnam("www-data").pw_uid, "the user of the workers may write it"),
    ):
        logs.chmod(mode)
        os.chown(logs, owner, 0)
        assert server.run("-k", "graceful").returncode == 0
        server.wait_for_log(rf"APUS1709: the directory {re.escape(str(logs))} is written by root, but {reason}")
    other = server.root / "other"
    other.mkdir()
    other.chmod(0o777)
    with server.config_file.open("a") as file:
        file.write(f'CustomLog "{other}/access" "%r"\n')
    assert server.run("-k", "graceful").returncode == 0
    server.wait_for_log(rf"APUS1709: the directory {re.escape(str(other))} ")


def test_files_are_not_for_everybody_to_write(serve):
    """Whatever the umask of the one who starts it."""
    old = os.umask(0)
    try:
        server = serve()
    finally:
        os.umask(old)
    wait_until((server.root / "run" / "httpd.pid").exists, "the pid file")
    for name in ("logs/error.log", "logs/access.log", "run/httpd.pid"):
        assert (server.root / name).stat().st_mode & 0o022 == 0, name


def test_core_files_lie_where_they_are_wanted(serve):
    """CoreDumpDirectory makes workers dumpable and their directory the named one."""
    server = serve("Workers 1\n")
    (worker,) = Processes(server.process.pid).wait_for_workers(1)
    before = os.readlink(f"/proc/{worker}/cwd")
    cores = server.root / "cores"
    cores.mkdir()
    with server.config_file.open("a") as file:
        file.write(f'CoreDumpDirectory "{cores}"\n')
    assert server.run("-k", "graceful").returncode == 0
    (worker,) = Processes(server.process.pid).wait_for_workers(1)
    assert before != str(cores) and os.readlink(f"/proc/{worker}/cwd") == str(cores)
    assert fetch(server.port, get()).status == 200


@pytest.mark.parametrize("directive", ["CoreDumpDirectory", "ChrootDir"])
def test_a_directory_that_is_not_there(configured, directive):
    server = configured(f'{directive} "@ROOT@/nowhere"\n')
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(directive))


def test_directives_without_effect_say_so(serve):
    names = ["StartServers", "MinSpareThreads", "AsyncRequestWorkerFactor", "ListenCoresBucketsRatio", "MaxMemFree"]
    server = serve("LogLevel info\n" + "".join(f"{name} 2\n" for name in names))
    for name in names:
        server.wait_for_log(rf"APUS1708: {re.escape(str(server.config_file))}:\d+: {name} has no effect: \w")


def test_how_many_workers(serve):
    """Workers says how many; ServerLimit at most how many."""
    for text, count in (("Workers 3\n", 3), ("ServerLimit 1\n", 1), ("Workers 2\nServerLimit 1\n", 2)):
        Processes(serve(text).process.pid).wait_for_workers(count)


@pytest.mark.parametrize("value", ["ListenBackLog 7", "SendBufferSize 50000", "ReceiveBufferSize 40000"])
def test_socket_options(serve, value):
    server = serve(value + "\n")
    assert fetch(server.port, get()).status == 200
    if value.startswith("ListenBackLog"):
        # How many may wait is not shown to others; that the socket listens is.
        lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert any(line[3] == "0A" and line[1].endswith(f":{server.port:04X}") for line in lines)
