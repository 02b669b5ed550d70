"""Users with passwords stored in every form that httpd reads, and the files that hold them."""

import crypt
import hashlib
import subprocess
from base64 import b64encode
from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    password: str
    stored: str


def _openssl(kind, password):
    done = subprocess.run(
        ["openssl", "passwd", kind, password], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip()


def _sha(password):
    return "{SHA}" + b64encode(hashlib.sha1(password.encode()).digest()).decode()


def _crypt(password, setting):
    stored = crypt.crypt(password, setting)
    assert stored and not stored.startswith("*"), setting
    return stored


USERS = {
    "alice": User("wonderland", _sha("wonderland")),
    "bob": User("builder of things", _openssl("-apr1", "builder of things")),
    "carol": User("christmas", _crypt("christmas", "$2y$04$abcdefghijklmnopqrstuu")),
    "dave": User("hal9000", _openssl("-6", "hal9000")),
    "erin": User("brockovich", _openssl("-5", "brockovich")),
    "frank": User("sinatra", _crypt("sinatra", "ab")),
    "gina": User("lola", _openssl("-1", "lola")),
    "hugo": User("boss", _crypt("boss", "$y$j75$saltsaltsalt$")),
    "iris": User("x" * 80, _openssl("-apr1", "x" * 80)),
    "jack": User("sparrow", _crypt("sparrow", "$2a$04$abcdefghijklmnopqrstuu")),
    "kate": User("winslet", _crypt("winslet", "$6$rounds=1000$saltsalt")),
    "liam": User("", _sha("")),
    "mona": User("lisa: with colon", _sha("lisa: with colon")),
    "nico": User("ünïcödé", _crypt("ünïcödé", "$6$rounds=1000$saltsalt")),
    "colon": User("with:two:colons", _sha("with:two:colons")),
}


def write_user_file(path, users, *, odd=True):
    """A file for AuthUserFile, with `odd` lines that a reader must not stumble over."""
    lines = [f"{name}:{user.stored}" for name, user in users.items()]
    if odd:
        lines += [
            "",
            f"#comment:{_sha('x')}",
            f"twice:{_sha('first')}",
            f"twice:{_sha('second')}",
            f"joined:{_sha('password')[:9]}\\\n{_sha('password')[9:]}",
            f"   spaced:{_sha('password')} \t",
            "locked:*",
            "star:*0",
            "empty:",
            "plain:plain",
            "colonless",
        ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o644)


def write_group_file(path):
    path.write_text("# groups\nstaff: alice bob\n\nadmins: carol\nadmins: alice \\\n dave\nnobody:\n")
    path.chmod(0o644)


def write_digest_file(path, realm="Top Secret"):
    """What htdigest writes."""
    lines = [f"alice:other:{'0' * 32}"]
    for name in ("alice", "bob"):
        text = f"{name}:{realm}:{USERS[name].password}"
        lines.append(f"{name}:{realm}:{hashlib.md5(text.encode()).hexdigest()}")
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o644)
