"""Users and groups in database files, guests, and the shared cache of users: the same decisions as apache2's."""

import base64
import pathlib
import shutil
import subprocess

import pytest

from support.oracle import Oracle
from support.passwords import USERS, write_user_file
from support.server import DEFAULT_MODULES, DISTRIBUTION, Apus
from support.wire import Connection
from support.workers import Processes

OURS = DISTRIBUTION / "bin" / "htdbm"
MODULES = (
    *DEFAULT_MODULES, "auth_basic", "auth_digest", "authn_core", "authn_file", "authn_dbm", "authn_anon", "authz_user", "authz_dbm",
    "authz_owner", "socache_shmcb", "authn_socache",
)  # fmt: skip
BASIC = 'AuthType Basic\nAuthName "Realm"\nRequire valid-user\n'
DBM = BASIC + "AuthBasicProvider dbm\n"
GROUPS = "AuthDBMGroupFile @ROOT@/groups\n"
ANON = BASIC + "AuthBasicProvider anon\n"
AREAS = {
    "default": DBM + "AuthDBMUserFile @ROOT@/users.DB",
    "db": DBM + "AuthDBMUserFile @ROOT@/users.DB\nAuthDBMType DB",
    "gdbm": DBM + "AuthDBMUserFile @ROOT@/users.GDBM\nAuthDBMType GDBM",
    "sdbm": DBM + "AuthDBMUserFile @ROOT@/users.SDBM\nAuthDBMType SDBM",
    "lost": DBM + "AuthDBMUserFile @ROOT@/lost",
    "unset": DBM,
    "wrong-type": DBM + "AuthDBMUserFile @ROOT@/users.DB\nAuthDBMType GDBM",
    "then-file": BASIC + "AuthBasicProvider dbm file\nAuthDBMUserFile @ROOT@/users.DB\nAuthUserFile @ROOT@/users",
    "group": 'AuthType Basic\nAuthName "Realm"\nAuthBasicProvider dbm\nAuthDBMUserFile @ROOT@/users.DB\n' + GROUPS
    + "Require dbm-group staff",
    "both": 'AuthType Basic\nAuthName "Realm"\nAuthBasicProvider dbm\nAuthDBMUserFile @ROOT@/users.DB\n'
    + "AuthDBMGroupFile @ROOT@/users.DB\nRequire dbm-group admins",
    "group-case": 'AuthType Basic\nAuthName "Realm"\nAuthBasicProvider dbm\nAuthDBMUserFile @ROOT@/users.DB\n' + GROUPS
    + "Require dbm-group STAFF",
    "lost-group": 'AuthType Basic\nAuthName "Realm"\nAuthBasicProvider dbm\nAuthDBMUserFile @ROOT@/users.DB\n'
    + "AuthDBMGroupFile @ROOT@/lost\nRequire dbm-group staff",
    "no-group": 'AuthType Basic\nAuthName "Realm"\nAuthBasicProvider dbm\nAuthDBMUserFile @ROOT@/users.DB\nRequire dbm-group staff',
    "file-group": 'AuthType Basic\nAuthName "Realm"\nAuthBasicProvider dbm\nAuthDBMUserFile @ROOT@/users.DB\n' + GROUPS
    + "Require dbm-file-group",
    "anon": ANON + "Anonymous anonymous guest",
    "anon-unset": ANON,
    "anon-any": ANON + "Anonymous *",
    "anon-none": ANON + "Anonymous guest\nAnonymous_NoUserID On",
    "anon-free": ANON + "Anonymous guest\nAnonymous_MustGiveEmail Off",
    "anon-address": ANON + "Anonymous guest\nAnonymous_VerifyEmail On\nAnonymous_LogEmail On",
    "anon-file": BASIC + "AuthBasicProvider file anon\nAuthUserFile @ROOT@/users\nAnonymous guest",
    "cached": BASIC + "AuthBasicProvider socache file\nAuthUserFile @ROOT@/users\nAuthnCacheProvideFor file",
    "cached-dbm": BASIC + "AuthBasicProvider socache dbm\nAuthDBMUserFile @ROOT@/users.DB\nAuthnCacheProvideFor dbm",
    "cached-other": BASIC + "AuthBasicProvider socache file\nAuthUserFile @ROOT@/few\nAuthnCacheProvideFor file",
}
CONFIG = "AuthnCacheSOCache shmcb\n" + "".join(f'<Directory "@HTDOCS@/{name}">\n{text}\n</Directory>\n' for name, text in AREAS.items())
CLIENTS = {
    "nobody": None,
    **{name: f"{name}:{USERS[name].password}" for name in ("alice", "bob", "carol", "dave", "frank")},
    **{f"{name}-wrong": f"{name}:wrong" for name in ("alice", "carol")},
    "stranger": "stranger:x",
    "guest": "guest:me@example.org",
    "Guest": "GUEST:me@example.org",
    "guest-short": "guest:me",
    "guest-empty": "guest:",
    "no-name": ":me@example.org",
    "no-name-empty": ":",
    "other-guest": "other:me@example.org",
}


def put(path, kind, name, value):
    """Writes `value`, which htdbm cannot: a made-up hash is given as it is."""
    subprocess.run(["htdbm", "-bp", f"-T{kind}", path, name, value], capture_output=True, check=True, timeout=30)


def prepare(server):
    for kind in ("DB", "GDBM", "SDBM"):
        path = str(server.root / f"users.{kind}")
        subprocess.run(["htdbm", "-cbs", f"-T{kind}", path, "alice", USERS["alice"].password], check=True, capture_output=True)
        for name in ("bob", "carol", "dave"):
            put(path, kind, name, USERS[name].stored + (":admins,staff:more" if name == "carol" else ""))
        for number in range(60):
            put(path, kind, f"user{number}", USERS["alice"].stored)
    groups = str(server.root / "groups")
    subprocess.run(["htdbm", "-cbp", "-TDB", groups, "alice", "staff"], check=True, capture_output=True)
    put(groups, "DB", "bob", "admins,staff")
    put(groups, "DB", "carol", "admins,root")
    write_user_file(server.root / "users", USERS)
    write_user_file(server.root / "few", {"alice": USERS["bob"]}, odd=False)
    for path in server.root.iterdir():
        if path.is_file():
            path.chmod(0o644)


@pytest.fixture(scope="module")
def oracle(apus, apache):
    running = Oracle(apus, CONFIG, modules=MODULES)
    for server in (running.subject, running.reference):
        for name in AREAS:
            server.put(f"{name}/f.txt", f"{name}\n")
        prepare(server)
    with running:
        yield running


def decision(server, path, client):
    field = ""
    if CLIENTS[client] is not None:
        field = "Authorization: Basic " + base64.b64encode(CLIENTS[client].encode()).decode() + "\r\n"
    with Connection(server.port) as connection:
        answer = connection.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".encode())
    return answer.status, answer.values("WWW-Authenticate")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("area", AREAS)
def test_same_decision(oracle, area, client):
    for _ in range(2):
        ours, theirs = (decision(server, f"/{area}/f.txt", client) for server in (oracle.subject, oracle.reference))
        assert ours == theirs


@pytest.mark.parametrize("kind", ["DB", "GDBM", "SDBM"])
def test_every_entry_is_found(oracle, kind):
    for number in range(60):
        CLIENTS["one"] = f"user{number}:{USERS['alice'].password}"
        assert decision(oracle.subject, f"/{kind.lower()}/f.txt", "one")[0] == 200
    CLIENTS["one"] = f"user60:{USERS['alice'].password}"
    assert decision(oracle.subject, f"/{kind.lower()}/f.txt", "one")[0] == 401


@pytest.mark.parametrize("kind", ["DB", "GDBM", "SDBM"])
def test_a_change_counts_at_once(oracle, kind):
    server = oracle.subject
    path = str(server.root / f"users.{kind}")
    for number in range(5):
        subprocess.run(["htdbm", "-bs", f"-T{kind}", path, "zoe", f"secret{number}"], check=True, capture_output=True)
        CLIENTS["one"] = f"zoe:secret{number}"
        assert decision(server, f"/{kind.lower()}/f.txt", "one")[0] == 200
        CLIENTS["one"] = f"zoe:secret{number - 1}"
        assert decision(server, f"/{kind.lower()}/f.txt", "one")[0] == 401


@pytest.mark.parametrize("kind", ["DB", "GDBM", "SDBM"])
def test_a_damaged_database_lets_nobody_in(oracle, kind):
    server = oracle.subject
    whole = server.root / (f"users.{kind}" + (".pag" if kind == "SDBM" else ""))
    kept = whole.read_bytes()
    try:
        for damage in (b"", kept[:100], kept[:1000], b"\xff" * len(kept), kept[:600] + b"\xff" * (len(kept) - 600)):
            whole.write_bytes(damage)
            CLIENTS["one"] = "stranger:x"
            assert decision(server, f"/{kind.lower()}/f.txt", "one")[0] in (401, 500)
    finally:
        whole.write_bytes(kept)
    CLIENTS["one"] = f"alice:{USERS['alice'].password}"
    assert decision(server, f"/{kind.lower()}/f.txt", "one")[0] == 200


def test_a_database_that_would_end_its_reader(oracle):
    """Berkeley DB divides by the size of a page, which the file says; a process of its own bears it."""
    server = oracle.subject
    workers = Processes(server.process.pid).workers
    whole = server.root / "users.DB"
    kept = whole.read_bytes()
    try:
        whole.write_bytes(kept[:21] + b"\0" + kept[22:])
        CLIENTS["one"] = f"bob:{USERS['bob'].password}"
        for area in ("db", "both", "then-file"):
            assert decision(server, f"/{area}/f.txt", "one")[0] == 500
        server.wait_for_log("AH01754: cannot read the database of users .*users.DB: it is damaged: its reader ended by signal 8")
        assert Processes(server.process.pid).workers == workers
    finally:
        whole.write_bytes(kept)
    assert decision(server, "/db/f.txt", "one")[0] == 200


def test_an_entry_of_any_length(oracle):
    server = oracle.subject
    for kind, area in (("DB", "db"), ("GDBM", "gdbm")):
        words = [str(OURS), "-bst", f"-T{kind}", str(server.root / f"users.{kind}"), "long", "secret"]
        CLIENTS["one"] = "long:secret"
        subprocess.run([*words, "x" * 60_000], check=True, capture_output=True)
        assert decision(server, f"/{area}/f.txt", "one")[0] == 200
        subprocess.run([*words, "x" * 70_000], check=True, capture_output=True)
        assert decision(server, f"/{area}/f.txt", "one")[0] == 500
        server.wait_for_log(rf"AH01754: .*users.{kind}: an entry has \d+ bytes, more than 65536")



def run(program, *arguments, cwd):
    return subprocess.run(
        [str(program), *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("kind", ["DB", "GDBM", "SDBM"])
def test_htdbm(tmp_path, kind):
    """Each tool reads what the other has written, and says the same of it."""
    for first, second in ((OURS, "htdbm"), ("htdbm", OURS)):
        file = f"file-{pathlib.Path(first).parent.name}"
        assert run(first, "-cbm", f"-T{kind}", file, "zoe", "secret", cwd=tmp_path).returncode == 0
        assert run(second, "-bmt", f"-T{kind}", file, "mia", "other", "a comment", cwd=tmp_path).returncode == 0
        for number in range(60):
            program = (first, second)[number % 2]
            assert run(program, "-bs", f"-T{kind}", file, f"user{number}", "x", cwd=tmp_path).returncode == 0
        for program in (first, second):
            for arguments, code in (
                (["-vb", file, "zoe", "secret"], 0), (["-vb", file, "zoe", "wrong"], 3), (["-vb", file, "lost", "x"], 6),
                (["-vb", file, "user59", "x"], 0), (["-x", file, "lost"], 6), (["-l", "lost"], 1), (["-b", file, "a:b", "x"], 6),
                (["-b", "lost", "zoe", "x"], 1), (["-z", file], 2), ([file], 2),
            ):  # fmt: skip
                done = run(program, f"-T{kind}", *arguments, cwd=tmp_path)
                assert done.returncode == code, (program, arguments, done.stderr)
        listings = [sorted(run(program, "-l", f"-T{kind}", file, cwd=tmp_path).stderr.splitlines()) for program in (first, second)]
        assert listings[0] == listings[1]
        assert run(first, "-x", f"-T{kind}", file, "zoe", cwd=tmp_path).returncode == 0
        assert run(second, "-vb", f"-T{kind}", file, "zoe", "secret", cwd=tmp_path).returncode == 6
    assert not [path for path in tmp_path.iterdir() if path.name.endswith((".new", ".new.dir", ".new.pag"))]


def test_the_cache_holds_what_a_lookup_found(apus):
    """A user who is gone from the file comes in until the cache forgets, where the cache was told to keep the file's users."""
    area = BASIC + "AuthBasicProvider socache file\nAuthUserFile @ROOT@/users\n"
    text = "AuthnCacheSOCache shmcb\n" + "".join(
        f'<Directory "@HTDOCS@/{name}">\n{area}{more}</Directory>\n'
        for name, more in {
            "kept": "AuthnCacheProvideFor file\n", "same": "AuthnCacheProvideFor file\nAuthnCacheContext shared\n",
            "shared": "AuthnCacheProvideFor file\nAuthnCacheContext shared\n", "not": "", "else": "AuthnCacheProvideFor dbm\n",
        }.items()
    )  # fmt: skip
    with apus(text, modules=MODULES, start=False) as server:
        for name in ("kept", "same", "shared", "not", "else"):
            server.put(f"{name}/f.txt", "x\n")
        write_user_file(server.root / "users", USERS)
        server.start()
        for name in ("kept", "same", "not", "else"):
            assert decision(server, f"/{name}/f.txt", "alice")[0] == 200
            assert decision(server, f"/{name}/f.txt", "alice-wrong")[0] == 401
        write_user_file(server.root / "users", {"bob": USERS["bob"]}, odd=False)
        statuses = {name: decision(server, f"/{name}/f.txt", "alice")[0] for name in ("kept", "same", "shared", "not", "else")}
        assert statuses == {"kept": 200, "same": 200, "shared": 200, "not": 401, "else": 401}
        assert decision(server, "/kept/f.txt", "alice-wrong")[0] == 401


@pytest.mark.parametrize(
    "line, message",
    [
        ("AuthDBMType NDBM", "none of default, DB, GDBM and SDBM"), ("AuthzDBMType x", "none of default, DB, GDBM and SDBM"),
        ("AuthnCacheTimeout 0", "between 1 and a year"), ("AuthnCacheTimeout soon", "not a whole number"),
    ],
)  # fmt: skip
def test_what_is_no_setting(line, message):
    with Apus(f"<Location />\n{line}\n</Location>\n", modules=MODULES, start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0 and message in done.stderr
        assert server.reports_error_at(done.stderr, server.line_of(line))
    shutil.rmtree(server.root, ignore_errors=True)
