"""Passwords stored as Argon2 hashes, and stored passwords of any kind whose check would cost too much."""

import base64
import hashlib
import pathlib
import re
import shutil
import subprocess
import threading
import time

import pytest

from support.passwords import USERS, write_user_file
from support.server import DEFAULT_MODULES
from support.wire import Connection
from support.workers import Processes

MODULES = (*DEFAULT_MODULES, "auth_basic", "authn_core", "authn_file", "authn_dbm", "authz_user")
BASIC = 'AuthType Basic\nAuthName "Realm"\nRequire valid-user\n'
CONFIG = f"""\
Workers 1
<Directory "@HTDOCS@">
{BASIC}
    AuthUserFile @ROOT@/users
</Directory>
<Directory "@HTDOCS@/dbm">
    AuthBasicProvider dbm
    AuthDBMUserFile @ROOT@/users.db
</Directory>
"""


def argon2(password, *options):
    if not shutil.which("argon2"):
        pytest.skip("needs Debian's argon2")
    done = subprocess.run(
        ["argon2", "saltsaltsalt", "-e", *options], input=password.encode(), capture_output=True, timeout=60, check=True
    )
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def server(apus):
    server = apus(CONFIG, modules=MODULES)
    for path in ("f.txt", "dbm/f.txt"):
        server.put(path, "secret\n")
    write_user_file(server.root / "users", USERS)
    with server:
        yield server


def put(server, lines):
    new = server.root / "users.new"
    new.write_text("".join(f"{name}:{stored}\n" for name, stored in lines.items()))
    new.chmod(0o644)
    new.rename(server.root / "users")


def status(server, name, password, path="/f.txt"):
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    with Connection(server.port) as connection:
        return connection.request(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n\r\n".encode()
        ).status


@pytest.mark.parametrize(
    "options",
    ["-id", "-i", "-id -t 1 -k 64", "-id -m 16 -t 2", "-id -p 4 -k 1024", "-id -l 16", "-id -l 64", "-id -v 10", "-id -v 13 -p 2"],
)
@pytest.mark.parametrize("password", ["secret", "ünïcödé with: colon", "x" * 120])
def test_what_argon2_of_debian_writes(server, options, password):
    put(server, {"zoe": argon2(password, *options.split())})
    for _ in range(2):
        assert status(server, "zoe", password) == 200
        assert status(server, "zoe", password + "x") == 401
    assert status(server, "zoe", "") == 401
    assert status(server, "nobody", password) == 401


def test_in_a_database(server):
    subprocess.run(
        ["htdbm", "-cbp", "-TDB", str(server.root / "users.db"), "zoe", argon2("secret", "-id")], check=True, capture_output=True
    )
    (server.root / "users.db").chmod(0o644)
    for _ in range(2):
        assert status(server, "zoe", "secret", "/dbm/f.txt") == 200
        assert status(server, "zoe", "other", "/dbm/f.txt") == 401


SALT, DIGEST = "c2FsdHNhbHRzYWx0", "A" * 43


@pytest.mark.parametrize(
    "stored, reason",
    [
        (f"$argon2id$v=19$m=4194304,t=1,p=1${SALT}${DIGEST}", "256 MiB of memory"),
        (f"$argon2id$v=19$m=4294967295,t=1,p=1${SALT}${DIGEST}", "256 MiB of memory"),
        (f"$argon2id$v=19$m=65536,t=4294967295,p=1${SALT}${DIGEST}", "60 seconds"),
        (f"$argon2id$v=19$m=4294967296,t=1,p=1${SALT}${DIGEST}", "no Argon2 hash"),
        (f"$argon2id$v=19$m=4096,t=1,p=16777215${SALT}${DIGEST}", "no Argon2 hash"),
        (f"$argon2id$v=19$m=7,t=1,p=1${SALT}${DIGEST}", "no Argon2 hash"),
        (f"$argon2id$v=19$m=4096,t=0,p=1${SALT}${DIGEST}", "no Argon2 hash"),
        (f"$argon2id$v=18$m=4096,t=3,p=1${SALT}${DIGEST}", "no Argon2 hash"),
        (f"$argon2id$v=19$m=4096,t=3,p=1${'A' * 120}${DIGEST}", "no Argon2 hash"),
        (f"$argon2id$v=19$m=4096,t=3,p=1${SALT}${'A' * 120}", "no Argon2 hash"),
        (f"$argon2id$v=19$m=4096,t=3,p=1${SALT}", "no Argon2 hash"),
        (f"$argon2id$v=19$m=-1,t=3,p=1${SALT}${DIGEST}", "no Argon2 hash"),
        ("$argon2id$", "no Argon2 hash"),
        ("$argon2", "no Argon2 hash"),
        (f"$argon2x$v=19$m=4096,t=3,p=1${SALT}${DIGEST}", "no Argon2 hash"),
        ("$2y$31$abcdefghijklmnopqrstuuXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "60 seconds"),
        ("$6$rounds=999999999$saltsalt$x", "60 seconds"),
        ("$5$rounds=99999999999999999999$saltsalt$x", "60 seconds"),
        ("$sha1$4294967295$saltsalt$x", "60 seconds"),
        ("$md5,rounds=4294967295$saltsalt$x", "60 seconds"),
        ("$y$jQT$saltsalt$x", "256 MiB of memory"),
        ("$y$j9zzzzz$saltsalt$x", "256 MiB of memory"),
        ("$7$U6..../....saltsalt$x", "256 MiB of memory"),
    ],
)
def test_what_would_cost_too_much_is_refused_at_once(server, stored, reason):
    """Neither the user nor an unknown one waits longer than for the next dearest hash in the file."""
    user = "user" + hashlib.md5(stored.encode()).hexdigest()[:8]
    put(server, {user: stored, "carol": USERS["carol"].stored})
    start = time.monotonic()
    assert status(server, user, "secret") == 401
    assert status(server, "nobody", "secret") == 401
    assert status(server, "carol", USERS["carol"].password) == 200
    assert time.monotonic() - start < 10
    assert reason in server.wait_for_log(rf"APUS3106: the stored password of user {user} is not used: (.*)")[1]


def test_memory_is_bounded(server):
    """Many who log in at once need the memory of one."""
    put(server, {"zoe": argon2("secret", "-id", "-k", "65536", "-t", "1")})
    (worker,) = Processes(server.process.pid).workers
    pathlib.Path(f"/proc/{worker}/clear_refs").write_text("5")

    def peak():
        return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{worker}/status").read_text())[1]) >> 10

    before, seen = peak(), []
    threads = [
        threading.Thread(target=lambda number: seen.append(status(server, "zoe", f"wrong{number}")), args=[number]) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [401] * 8
    assert 64 <= peak() - before < 2 * 64
