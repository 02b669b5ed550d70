"""A client of Digest authentication (RFC 7616) that can also do it wrong."""

import hashlib
import re

from .passwords import USERS
from .wire import Connection


def get(server, path, field=None, method="GET", connection=None):
    line = f"Authorization: {field}\r\n" if field else ""
    request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n".encode()
    if connection:
        return connection.request(request)
    with Connection(server.port) as connection:
        return connection.request(request)


def challenges(answer):
    return [dict(re.findall(r'(\w+)="?((?:\\.|[^",])*)"?', value)) for value in answer.values("WWW-Authenticate")]


def nonce(server, path):
    return challenges(get(server, path))[0]["nonce"]


def credentials(path, value, count=1, user="alice", **changes):
    """A field as a client makes it; `changes` replace parameters after all has been computed, None leaves them out."""
    algorithm = changes.pop("hashed", "MD5")
    realm = changes.pop("hashed_realm", "Top Secret")
    method = changes.pop("method", "GET")
    password = changes.pop("password", USERS[user].password)

    def h(text):
        return hashlib.new("md5" if algorithm == "MD5" else "sha256", text.encode()).hexdigest()

    first, second = h(f"{user}:{realm}:{password}"), h(f"{method}:{path}")
    nc = f"{count:08x}"
    if "qop" in changes and changes["qop"] is None:
        response = h(f"{first}:{value}:{second}")
    else:
        response = h(f"{first}:{value}:{nc}:abc:auth:{second}")
    values = {
        "username": f'"{user}"', "realm": '"' + realm.replace('"', '\\"') + '"', "nonce": f'"{value}"', "uri": f'"{path}"',
        "algorithm": algorithm, "response": f'"{response}"', "qop": "auth", "nc": nc, "cnonce": '"abc"', **changes,
    }  # fmt: skip
    return "Digest " + ", ".join(f"{name}={value}" for name, value in values.items() if value is not None)
