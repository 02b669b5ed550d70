"""Files of users and groups: every form of hash, changes while the server runs, and what no file should hold."""

import base64
import contextlib
import os
import signal
import subprocess
import threading

import pytest

from support.oracle import Oracle
from support.passwords import USERS, write_group_file, write_user_file
from support.server import DEFAULT_MODULES
from support.waiting import wait_until
from support.wire import Connection
from support.workers import Processes

MODULES = (*DEFAULT_MODULES, "auth_basic", "authn_core", "authn_file", "authz_user", "authz_groupfile")
CONFIG = """\
<Directory "@HTDOCS@">
    AuthType Basic
    AuthName "Realm"
    AuthUserFile @ROOT@/users
    AuthGroupFile @ROOT@/groups
    Require valid-user
</Directory>
<Location /staff>
    Require group staff
</Location>
"""


@pytest.fixture(scope="module")
def server(server_class):
    server = server_class(CONFIG, modules=MODULES)
    for path in ("f.txt", "staff/f.txt"):
        server.put(path, "secret\n")
    write_user_file(server.root / "users", USERS)
    write_group_file(server.root / "groups")
    with server:
        yield server


@pytest.fixture
def users(server):
    """The file of users, written again at the end."""
    path = server.root / "users"
    yield path
    path.unlink(missing_ok=True)
    write_user_file(path, USERS)


#: Seconds for what is quick on an idle machine, and need not be elsewhere.
LONG = 60


def status(server, name, password, path="/f.txt", timeout=None):
    with Connection(server.port, timeout=timeout) as connection:
        return ask(connection, name, password, path)


def ask(connection, name, password, path="/f.txt"):
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    return connection.request(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n\r\n".encode()
    ).status


def replace(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o644)
    new.rename(path)


def htpasswd(*arguments):
    done = subprocess.run(["htpasswd", "-nb", *arguments], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip().split(":", 1)[1]


@pytest.mark.parametrize("options", [["-m"], ["-B", "-C4"], ["-B", "-C5"], ["-2"], ["-5"], ["-2", "-r1000"], ["-d"], ["-s"]])
def test_what_htpasswd_of_debian_writes(server, users, options):
    replace(users, f"zoe:{htpasswd(*options, 'zoe', 'pass w:rd')}\n")
    assert status(server, "zoe", "pass w:rd") == 200
    assert status(server, "zoe", "pass w:") == 401
    assert status(server, "zoe", "") == 401


@pytest.mark.parametrize("name", USERS)
def test_every_form(server, name):
    with Connection(server.port) as connection:
        for _ in range(3):
            assert ask(connection, name, USERS[name].password) == 200
            assert ask(connection, name, USERS[name].password[:-1] + "?") == 401


def test_plain_text_is_no_hash(server, users):
    replace(users, "zoe:secret\n")
    assert status(server, "zoe", "secret") == 401


def test_a_changed_password_counts_at_once(server, users):
    with Connection(server.port) as connection:
        for number in range(20):
            replace(users, f"zoe:{htpasswd('-B', '-C4', 'zoe', f'secret{number}')}\n")
            assert ask(connection, "zoe", f"secret{number}") == 200
            assert ask(connection, "zoe", f"secret{number - 1}") == 401


def test_changes_in_place_count_at_once(server, users):
    """The same size, the same inode, and maybe the same time stamp."""
    hashes = [htpasswd("-s", "zoe", text) for text in ("one", "two")]
    with Connection(server.port) as connection:
        for number in range(40):
            users.write_text(f"zoe:{hashes[number % 2]}\n")
            assert ask(connection, "zoe", ["one", "two"][number % 2]) == 200
            assert ask(connection, "zoe", ["two", "one"][number % 2]) == 401


def test_a_removed_user_is_out_at_once(server, users):
    with Connection(server.port) as connection:
        assert ask(connection, "carol", USERS["carol"].password) == 200
        replace(users, f"bob:{USERS['bob'].stored}\n")
        assert ask(connection, "carol", USERS["carol"].password) == 401
        assert ask(connection, "bob", USERS["bob"].password) == 200


def test_a_lost_file_lets_nobody_in(server, users):
    with Connection(server.port) as connection:
        assert ask(connection, "carol", USERS["carol"].password) == 200
        users.unlink()
        assert ask(connection, "carol", USERS["carol"].password) == 500
        server.wait_for_log(r"AH01620.*users")
        write_user_file(users, USERS)
        assert ask(connection, "carol", USERS["carol"].password) == 200


def test_groups_change_at_once(server):
    path = server.root / "groups"
    try:
        assert status(server, "alice", USERS["alice"].password, "/staff/f.txt") == 200
        replace(path, "staff: bob\n")
        assert status(server, "alice", USERS["alice"].password, "/staff/f.txt") == 401
        replace(path, "staff: bob alice\n")
        assert status(server, "alice", USERS["alice"].password, "/staff/f.txt") == 200
    finally:
        path.unlink()
        write_group_file(path)


MEMBERS = [
    '"alice" bob', "'alice' bob", '"alice bob', '"alice"bob', "alice'bob'", '"a b" alice', '"" alice', '"al\\"ice" bob', r'al\"ice "al\\ice"', r"al\\ice bob",
    r'"al\ice" "bob\\"', "alice\tbob", "\"alice' bob", r'"alice\" bob', "alice \"", r"'it\'s' bob", '"alice"\x0b"bob"',
]  # fmt: skip


def test_members_in_quotation_marks(apus, apache):
    names = ["alice", "bob", "a b", 'al"ice', r"al\ice", '"alice"', "it's", "alice'bob'", "alice bob"]
    with Oracle(apus, CONFIG, modules=MODULES) as oracle:
        servers = (oracle.subject, oracle.reference)
        for server in servers:
            server.put("staff/f.txt", "secret\n")
            write_user_file(server.root / "users", {name: USERS["alice"] for name in names}, odd=False)
        for members in MEMBERS:
            found = []
            for server in servers:
                replace(server.root / "groups", f"staff: {members}\n")
                found.append([name for name in names if status(server, name, USERS["alice"].password, "/staff/f.txt") == 200])
            assert found[0] == found[1], members


def test_a_large_file(server, users):
    """Read on a thread of the pool, and found in without a walk through it."""
    stored = USERS["alice"].stored
    replace(users, "".join(f"user{number}:{stored}\n" for number in range(50_000)))
    with Connection(server.port) as connection:
        for name in ("user0", "user49999", "user25000"):
            assert ask(connection, name, USERS["alice"].password) == 200
            assert ask(connection, name, "other") == 401
        assert ask(connection, "user50000", USERS["alice"].password) == 401


@pytest.mark.parametrize("size", [1 << 20, 1 << 30])
def test_an_endless_line(server, users, size):
    """The rest of the file is read; memory does not grow with the line."""
    with open(users.with_suffix(".new"), "wb") as file:
        file.write(f"zoe:{USERS['alice'].stored}\nlong:".encode())
        file.seek(size, os.SEEK_CUR)
        file.write(f"\nmia:{USERS['alice'].stored}\n".encode())
        os.fchmod(file.fileno(), 0o644)
    users.with_suffix(".new").rename(users)
    assert status(server, "zoe", USERS["alice"].password, timeout=LONG) == 200
    assert status(server, "mia", USERS["alice"].password) == 200
    assert status(server, "long", "") == 401
    server.wait_for_log(r"APUS3101.*users has lines that are left out: 1 of more than 8192 bytes; the first is line 2")


def test_more_users_than_any_file_has(server, users):
    """Whoever may name a file may not fill the memory of the server with it."""
    with open(users.with_suffix(".new"), "wb") as file:
        file.write(b"u:x\n" * ((1 << 20) + 1))
        os.fchmod(file.fileno(), 0o644)
    users.with_suffix(".new").rename(users)
    assert status(server, "u", "x", timeout=LONG) == 500
    server.wait_for_log(r"AH01620: cannot read the password file .*users: File too large")
    users.unlink()
    with open(users, "wb") as file:
        file.truncate(9 << 30)
    assert status(server, "u", "x", timeout=LONG) == 500


def test_many_who_wait_for_one_large_file(server, users):
    """It is read once."""
    stored = USERS["alice"].stored
    replace(users, "".join(f"user{number}:{stored}\n" for number in range(200_000)))
    seen = []
    threads = [
        threading.Thread(target=lambda number: seen.append(status(server, f"user{number}", USERS["alice"].password, timeout=LONG)), args=[number])
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [200] * 12


def test_a_large_file_that_changes_counts_for_all_who_ask_at_once(apus):
    """Requests that one turn of the loop serves: who asks while another has it read does not get what it held before."""
    server = apus("Workers 1\n" + CONFIG, modules=MODULES, start=False)
    server.put("f.txt", "secret\n")
    stored, password = USERS["alice"].stored, USERS["alice"].password
    others = "".join(f"user{number}:{stored}\n" for number in range(20_000))
    write_group_file(server.root / "groups")
    replace(server.root / "users", others + f"gone:{stored}\n")
    token = base64.b64encode(f"gone:{password}".encode()).decode()
    question = f"GET /f.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n\r\n".encode()
    with server, contextlib.ExitStack() as stack:
        server.start()
        connections = [stack.enter_context(Connection(server.port, timeout=LONG)) for _ in range(6)]
        assert [connection.request(question).status for connection in connections] == [200] * 6
        replace(server.root / "users", others)
        (worker,) = Processes(server.process.pid).workers
        os.kill(worker, signal.SIGSTOP)
        try:
            for connection in connections:
                connection.send(question)
        finally:
            os.kill(worker, signal.SIGCONT)
        assert [connection.read_response().status for connection in connections] == [401] * 6


def test_a_binary_file(server, users):
    users.write_bytes(bytes(range(256)) * 300 + f"\nzoe:{USERS['alice'].stored}\n".encode())
    assert status(server, "zoe", USERS["alice"].password) == 200
    assert status(server, "nobody", "x") == 401
    server.wait_for_log(r"APUS3101.*NUL bytes")


@pytest.mark.parametrize("cut", [1, 8, 20, 30, 40, 59])
@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "frank"])
def test_a_truncated_file(server, users, name, cut):
    line = f"{name}:{USERS[name].stored}"
    replace(users, line[: max(len(name) + 1, len(line) - cut)])
    assert status(server, name, USERS[name].password) == 401
    assert status(server, name, "") == 401


def test_what_is_no_file_is_not_read(server, users):
    users.unlink()
    users.mkdir()
    try:
        assert status(server, "alice", USERS["alice"].password) == 500
    finally:
        users.rmdir()
    os.mkfifo(users, 0o644)
    os.chmod(users, 0o644)
    assert status(server, "alice", USERS["alice"].password) == 500


def test_many_at_once(server):
    """Slow hashes wait on threads of the pool; each answer belongs to its question."""
    wrong = []

    def run(name):
        with Connection(server.port) as connection:
            for number in range(6):
                right = USERS[name].password
                given, expected = (right, 200) if number % 2 else (f"{right}{number}", 401)
                answer = ask(connection, name, given)
                if answer != expected:
                    wrong.append((name, given, answer))

    threads = [threading.Thread(target=run, args=[name]) for name in USERS for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_clients_that_do_not_wait(server):
    """The request goes, its check does not: nothing of it may be touched afterwards."""
    for number in range(30):
        with Connection(server.port) as connection:
            token = base64.b64encode(f"carol:wrong{number}".encode()).decode()
            connection.send(
                f"GET /f.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n\r\n".encode()
            )
    assert status(server, "carol", USERS["carol"].password) == 200


def test_no_password_is_logged(server):
    status(server, "alice", "a-wrong-password-of-alice")
    status(server, "nobody-at-all", "a-wrong-password-of-nobody")
    wait_until(lambda: "nobody-at-all" in server.error_log(), "the refusal to be logged")
    for text in (server.error_log(), server.access_log()):
        assert "a-wrong-password" not in text
        assert base64.b64encode(b"alice:a-wrong-password-of-alice").decode()[:-4] not in text


def test_a_name_cannot_forge_log_lines(server):
    status(server, "eve\n[forged] line\x1b[31m", "x")
    server.wait_for_log(r"eve\\n\[forged\]")
    assert not any(line.startswith("[forged]") for line in server.error_log().splitlines())
