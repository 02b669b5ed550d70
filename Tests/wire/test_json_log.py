"""LogFormat json: one sound JSON object a line, whatever clients send."""

import json
import random
import re

import pytest

from support.server import DEFAULT_MODULES
from support.waiting import wait_until
from support.wire import Connection, ConnectionEnded, get

CONFIG = """\
CustomLog "@ROOT@/logs/usual.log" json
LogFormat "json:line='%m %U' agent=%{User-Agent}i none=%{None}i kept='a %{None}i' status=%>s size=%b time=%{%H:%M}t \
user=%u cookie=%{sid}C made=%{WORD}e text='\\"literal\\"'" own
CustomLog "@ROOT@/logs/own.log" own
CustomLog "@ROOT@/logs/direct.log" json:path=%U
LogFormat "%U %s" json
<VirtualHost *:@PORT2@>
    LogFormat "json:id=%L connection=%{c}L" ids
    CustomLog "@ROOT@/logs/ids.log" ids
    ErrorLogFormat "%L %{c}L %M"
    ErrorLog "@ROOT@/logs/ids_error.log"
    <Location /denied>
        Require all denied
    </Location>
</VirtualHost>
"""
HOSTILE = [
    'te"st\\agent', "\x08\x0b\x0c\x7f\x1b[31m", "\xe4\xff", "\xc3\xa9", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "\xf4\x90\x80\x80", "\xc0\xaf",
    "\xe2\x80\xa8\xe2\x80\xa9", "\xc2\x9b31m", "\xf0\x9f\x90\x9d", "\xf0\x9f\x90", '"}\\', "\xff" * 8000, '","x":"y', "\xef\xbf\xbf", "\xe2\x82",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(apus):
    # The nickname json takes the place of the usual fields: in a file of its own.
    with apus(CONFIG.replace('LogFormat "%U %s" json\n', ""), modules=(*DEFAULT_MODULES, "setenvif"), ports=2) as running:
        running.put("a b.txt", "0123456789\n")
        yield running


def send(server, request, port=0):
    with Connection(server.ports[port]) as connection:
        connection.send(request)
        try:
            return connection.read_response(request.split(b" ")[0].decode("latin-1"))
        except ConnectionEnded:
            return None


def objects(server, log, count):
    path = server.root / "logs" / f"{log}.log"
    wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count, f"{count} lines of {log}")
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        assert not any(byte < 0x20 or byte == 0x7F for byte in line), line
        found.append(json.loads(line.decode("utf-8", "strict"), object_pairs_hook=distinct))
    return found


def distinct(pairs):
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def test_usual_fields(server):
    before = len((server.root / "logs" / "usual.log").read_bytes().splitlines())
    send(server, get("/a%20b.txt?q=1", "Referer: http://from/", "User-Agent: me"))
    line = objects(server, "usual", before + 1)[-1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d", line.pop("time"))
    assert isinstance(line.pop("duration_us"), int)
    assert line == {
        "client": "127.0.0.1", "method": "GET", "path": "/a b.txt", "query": "?q=1", "protocol": "HTTP/1.1", "status": 200, "bytes": 11,
        "server": "localhost", "host": "localhost", "port": server.port if line["port"] == server.port else 80, "referer": "http://from/",
        "agent": "me",
    }  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text[:20]) for text in HOSTILE])
def test_lines_are_sound_whatever_is_sent(server, text):
    before = len((server.root / "logs" / "usual.log").read_bytes().splitlines())
    bytes_of = text.encode("latin-1")
    path = "".join(f"%{byte:02x}" for byte in bytes_of[:500])
    send(server, get(f"/{path}", f"User-Agent: {text}", f"Cookie: sid={text}", f"Referer: {text}"))
    send(server, b"GET /" + bytes_of + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    lines = objects(server, "usual", before + 2)
    objects(server, "own", before + 2)
    agent = lines[before].get("agent")
    if agent is not None:
        assert agent == bytes_of.decode("utf-8", "replace").strip(" \t") or "\ufffd" in agent


def test_lines_are_sound_for_random_bytes(server):
    chance = random.Random(7)
    before = len((server.root / "logs" / "usual.log").read_bytes().splitlines())
    for _ in range(100):
        noise = bytes(chance.choice([chance.randrange(256), 0xC3, 0xE2, 0xF0, 0x80, 0x22, 0x5C]) for _ in range(chance.randrange(1, 60)))
        noise = noise.translate(None, b"\r\n\0")
        send(server, b"GET /x HTTP/1.1\r\nHost: x\r\nUser-Agent: " + noise + b"\r\nCookie: sid=" + noise + b"\r\n\r\n")
    objects(server, "usual", before + 100)
    objects(server, "own", before + 100)


def test_fields_of_ones_own(server):
    before = len((server.root / "logs" / "own.log").read_bytes().splitlines())
    send(server, get("/a%20b.txt", "Cookie: sid=abc"))
    line = objects(server, "own", before + 1)[-1]
    assert re.fullmatch(r"\d\d:\d\d", line.pop("time"))
    assert line == {"line": "GET /a b.txt", "kept": "a -", "status": 200, "size": 11, "cookie": "abc", "text": '"literal"'}
    assert objects(server, "direct", before + 1)[-1] == {"path": "/a b.txt"}


def test_lines_of_both_logs_belong_together(server):
    send(server, get("/a%20b.txt", host="x"), 1)
    send(server, get("/denied", host="x"), 1)
    quiet, told = objects(server, "ids", 2)[-2:]
    assert quiet == {}
    request, connection, _ = server._read("ids_error.log").split(" ", 2)
    assert told == {"id": request, "connection": connection}


def test_a_nickname_of_ones_own_comes_first(apus):
    with apus('LogFormat "%U %s" json\nCustomLog "@ROOT@/logs/named.log" json\n') as running:
        send(running, get("/none"))
        wait_until(lambda: running._read("named.log") == "/none 404\n", "the line")


@pytest.mark.parametrize(
    "text, message",
    [("json:", "names no field"), ("json:x", "is no field"), ("json:a=%U a=%m", "there twice"), ("json:a=%Q", "%Q is no item"), ("json:a='%U", "not closed")],
)  # fmt: skip
def test_mistakes_are_told(configured, text, message):
    said = configured(f'CustomLog logs/x "{text}"\n').run("-t")
    assert said.returncode == 1 and message in said.stderr, said.stderr
