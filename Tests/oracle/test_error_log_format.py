"""ErrorLogFormat: the lines that formats make of one message, on Apus and on Debian's apache2; and as JSON, here alone."""

import json
import re

import pytest

from support.oracle import Oracle, ask
from support.server import DEFAULT_MODULES
from support.waiting import wait_until
from support.wire import get

#: Where the message begins, whose words are each server's own.
MARK = "|message|"
#: Formats, each followed by the message. The same line is wanted of both servers.
EQUAL = [
    "[%m:%l] ", "a %{Referer}i b ", "a %{None}i b ", "a x%{None}iy b ", "a %-{None}i b ", "a\\ %{None}i b ", "a %{None}i\\ b c ",
    "a% %{None}i% b ", "%{None}i a ", "a %{None}i %{None}i b ", "a  %{None}i  b ", "%4{Referer}i a ", "%3{Referer}i a ",
    "%2{Referer}i a ", "%1{Referer}i a ", "%15{Referer}i a ", "%-4{Referer}i a ", "%4-{Referer}i a ", "%{WORD}e a ", "%{NOWORD}e a ",
    "%{nonote}n a ", "%% a ", "100%% ", "%v %V ", "%k ", "%{User-Agent}i ", "%{X-Empty}i a ", "[%E] a ", "%A ", "%{x}A ", "a\\tb ",
    "a\\nb ", "a\\\\b ", "a\\xb ", "%{Host}i ", "%{referer}i ",
]  # fmt: skip
TIME = r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d"
COMPACT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
ID = r"[A-Za-z0-9+/]{11}"
#: Formats whose values change: what they look like on both.
SHAPES = {
    "[%t] ": rf"\[{TIME} \d{{4}}\] ",
    "[%{u}t] ": rf"\[{TIME}\.\d{{6}} \d{{4}}\] ",
    "[%{m}t] ": rf"\[{TIME}\.\d{{3}} \d{{4}}\] ",
    "[%{c}t] ": rf"\[{COMPACT}\] ",
    "[%{cu}t] ": rf"\[{COMPACT}\.\d{{6}}\] ",
    "[%{uc}t] ": rf"\[{COMPACT}\.\d{{6}}\] ",
    "[%{cuz}t] ": rf"\[{COMPACT}\.\d{{6}} [+-]\d{{4}}\] ",
    "[%{cz}t] ": rf"\[{COMPACT} [+-]\d{{4}}\] ",
    "[%{%Y-%m-%d %H}t] ": r"\[\d{4}-\d\d-\d\d \d\d\] ",
    "%a ": r"127\.0\.0\.1:\d+ ",
    "%{c}a ": r"127\.0\.0\.1:\d+ ",
    "%P ": r"\d+ ",
    "%T ": r"\d+ ",
    "%{g}T ": r"\d+ ",
    "[R:%L] ": rf"\[R:{ID}\] ",
    "[C:%{c}L] ": rf"\[C:{ID}\] ",
    "[C:%{C}L] a ": " a ",
    "%F: ": r"[\w.]+\.(c|swift)\(\d+\): ",
}
FORMATS = [*EQUAL, *SHAPES]
#: Lines before the first message of a connection and of a request, as the manual has them.
FIRST = """\
    ErrorLogFormat "[%{uc}t] [%-m:%-l] [R:%L] [C:%{C}L] |message|%M"
    ErrorLogFormat request "[%{uc}t] [R:%L] Request %k on C:%{c}L pid:%P tid:%T"
    ErrorLogFormat request "[%{uc}t] [R:%L] UA:'%+{User-Agent}i'"
    ErrorLogFormat request "[%{uc}t] [R:%L] Referer:'%+{Referer}i'"
    ErrorLogFormat request "X:'%+{X-None}i'"
    ErrorLogFormat connection "[%{uc}t] [C:%{c}L] remote\\ %a local\\ %A"
"""
HOSTILE = "te\"st\\agent\t\x80\x9b31m\xe4\xff\xc3\xa9"


def host(number, text, log=None):
    return f"""\
<VirtualHost *:@PORT@>
    ServerName h{number}.example
    ErrorLog "@ROOT@/logs/{log or f"e{number}"}.log"
    SetEnvIf Host . WORD=two\\ words
{text}
    <Location /denied>
        Require all denied
    </Location>
</VirtualHost>
"""


def config():
    hosts = [host(number, f'    ErrorLogFormat "{text}{MARK}%M"') for number, text in enumerate(FORMATS)]
    return "UseCanonicalName On\n" + "".join(hosts) + host("first", FIRST)


def request(number, path="/denied"):
    return get(path, "Referer: http://from.example/", f"User-Agent: {HOSTILE}", "X-Empty:", host=f"h{number}.example").decode("latin-1")


@pytest.fixture(scope="module")
def lines(apus, apache):
    with Oracle(apus, config(), modules=(*DEFAULT_MODULES, "setenvif")) as oracle:
        found = []
        for server in (oracle.subject, oracle.reference):
            logs = {}
            for number in [*range(len(FORMATS)), "first"]:
                assert ask(server, request(number)).status == 403
                wait_until(lambda: MARK in server._read(f"e{number}.log"), f"the line of h{number}")
                logs[number] = server.with_marks(server._read(f"e{number}.log"))
            found.append(logs)
        yield found


@pytest.mark.parametrize("number", range(len(FORMATS)), ids=FORMATS)
def test_line_of_a_format(lines, number):
    ours, theirs = (logs[number].split(MARK)[0] for logs in lines)
    shape = SHAPES.get(FORMATS[number])
    if shape:
        assert re.fullmatch(shape, ours) and re.fullmatch(shape, theirs), (ours, theirs)
    else:
        assert ours == theirs


def test_lines_before_the_first_message(lines):
    for text in (logs["first"] for logs in lines):
        said = text.splitlines()
        patterns = [
            rf"\[{COMPACT}\.\d+\] \[C:({ID})\] remote 127\.0\.0\.1:\d+ local 127\.0\.0\.1:@PORT1@",
            rf"\[{COMPACT}\.\d+\] \[R:({ID})\] Request 0 on C:({ID}) pid:\d+ tid:\d+",
            rf"\[{COMPACT}\.\d+\] \[R:({ID})\] UA:'te\"st.*'",
            rf"\[{COMPACT}\.\d+\] \[R:({ID})\] Referer:'http://from.example/'",
            rf"\[{COMPACT}\.\d+\] \[authz_core:error\] \[R:({ID})\] \|message\|AH01630: .*",
        ]
        assert len(said) == len(patterns), text
        groups = [re.fullmatch(pattern, line).groups() for pattern, line in zip(patterns, said)]
        assert groups[0][0] == groups[1][1]
        assert len({groups[index][0] for index in (1, 2, 3, 4)}) == 1


def test_the_error_of_the_system_that_a_message_is_about(apus, apache):
    """%E, for what the servers may not read: a file, what lies below a directory, a .htaccess file, and a type map."""
    config = (
        f'ErrorLogFormat "[%E] {MARK}%M"\n<Directory "@HTDOCS@">\nAllowOverride All\nOptions +Indexes\n</Directory>\n'
        "<Files map>\nSetHandler type-map\n</Files>\n"
    )
    paths = ["file", "closed/file", "rules/file", "map", "list/", "none"]
    with Oracle(apus, config, modules=(*DEFAULT_MODULES, "autoindex", "negotiation")) as oracle:
        said = []
        for server in (oracle.subject, oracle.reference):
            for name in ("file", "closed/file", "rules/file", "rules/.htaccess", "map", "list/file"):
                server.put(name, "")
            for name in ("file", "closed", "rules/.htaccess", "map"):
                (server.htdocs / name).chmod(0)
            (server.htdocs / "list").chmod(0o711)
            errors = []
            for path in paths:
                before = server.error_log().count("\n")
                status = ask(server, get(f"/{path}").decode()).status
                if status != 404:
                    wait_until(lambda: server.error_log().count("\n") > before, f"a line about {path}")
                errors += [status, *(line.split(MARK)[0] for line in server.error_log().splitlines()[before:])]
            said.append(errors)
            for name in ("closed", "list"):
                (server.htdocs / name).chmod(0o755)
    assert said[0] == said[1]
    assert said[0].count("[(13)Permission denied] ") == 5


@pytest.mark.parametrize(
    "text",
    [
        "ErrorLogFormat", 'ErrorLogFormat "%t"', 'ErrorLogFormat "%M %X"', 'ErrorLogFormat "%M %{a"', 'ErrorLogFormat other "%M"',
        'ErrorLogFormat request "%t"', 'ErrorLogFormat connection ""', 'ErrorLogFormat "%M" "%M"', 'ErrorLogFormat "%M %"',
        'ErrorLogFormat "%+M"', 'ErrorLogFormat "%M %+{Referer}i"', 'ErrorLogFormat request "%+{Referer}i"', 'ErrorLogFormat a "b" c',
    ],
)  # fmt: skip
def test_which_formats_are_taken(configured, apache, text):
    reference = apache(text + "\n", start=False)
    try:
        theirs = reference.run("-t").returncode == 0
    finally:
        reference.discard()
    ours = configured(text + "\n").run("-t")
    assert (ours.returncode == 0) == theirs, ours.stderr


# JSON, which httpd does not have


def objects(server, log="error"):
    """The lines of a log, each of which must be one JSON object in UTF-8."""
    found = []
    for line in (server.root / "logs" / f"{log}.log").read_bytes().splitlines():
        found.append(json.loads(line.decode("utf-8", "strict")))
        assert isinstance(found[-1], dict)
        assert not any(byte < 0x20 or byte == 0x7F for byte in line)
    return found


def test_error_log_as_json(apus):
    text = "ErrorLogFormat json\nLogLevel info\n<Location /denied>\nRequire all denied\n</Location>\n"
    with apus(text) as server:
        assert ask(server, request(1)).status == 403
        server.wait_for_log("AH01630")
        server.run("-k", "graceful")
        server.wait_for_log("generation 2 serves")
        (denied,) = [line for line in objects(server) if line.get("code") == "AH01630"]
        assert (denied["level"], denied["module"], denied["referer"]) == ("error", "authz_core", "http://from.example/")
        assert re.fullmatch(r"127\.0\.0\.1:\d+", denied["client"]) and isinstance(denied["pid"], int) and isinstance(denied["thread"], int)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d", denied["time"])
        assert "denied" in denied["message"] and not denied["message"].startswith("AH")
        assert re.fullmatch(r"\w+\.swift\(\d+\)", denied["file"])
        # The supervisor writes in the same form once a generation serves.
        assert any("generation 2 serves" in line["message"] for line in objects(server))


def test_json_fields_of_ones_own_are_sound_whatever_clients_send(apus):
    text = (
        # Lines of several workers need not come in the order of their requests.
        "Workers 1\n"
        "ErrorLogFormat \"json:agent=%{User-Agent}i text='%l of %m: %M' none=%{None}i kept='a %-{None}i' pid=%P k=%k level=%4l\"\n"
        "ErrorLogFormat request \"json:request=%L agent=%{User-Agent}i\"\n<Location /denied>\nRequire all denied\n</Location>\n"
    )
    agents = [HOSTILE, "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "\xe2\x80\xa8", "\xc2\x9b31m", '"}\\', "\x01" * 4000, "\xff" * 8000]
    with apus(text) as server:
        for agent in agents:
            get_line = get("/denied", f"User-Agent: {agent}").decode("latin-1")
            assert ask(server, get_line).status in (400, 403)
        wait_until(lambda: len(objects(server)) >= 2 * len(agents) - 4, "the lines")
        messages = [line for line in objects(server) if "AH01630" in line.get("text", "")]
        assert messages[0]["text"].startswith("error of authz_core: AH01630: ")
        assert messages[0]["kept"] == "a -" and "none" not in messages[0] and messages[0]["k"] == 0 and "level" not in messages[0]
        assert "\ufffd" in messages[0]["agent"] and "é" in messages[0]["agent"]
        assert any("request" in line for line in objects(server))


@pytest.mark.parametrize(
    "text, message",
    [
        ("json:", "names no field"), ("json:x", "is no field"), ("json:x=", "no format"), ("json:x='a", "not closed"),
        ("json:x=%M x=%l", "there twice"), ("json:x=%l", "lacks the message"), ("json:x=%M y=%q", "%q is no item"),
        ("%{all}M", "no part of a message"),
    ],
)  # fmt: skip
def test_mistakes_in_json_formats_are_told(configured, text, message):
    said = configured(f'ErrorLogFormat "{text}"\n').run("-t")
    assert said.returncode == 1 and message in said.stderr
