"""mod_actions, mod_ext_filter, mod_buffer, mod_data and mod_ratelimit: compared with apache2."""

import os
import shutil
import time

import pytest

from support.oracle import Oracle, ask, describe, mismatch
from support.server import DEFAULT_MODULES, world_readable_directory
from support.waiting import wait_until
from support.wire import Connection

GLOBAL = """\
ScriptAlias /cgi/ @HTDOCS@/cgi/
AddType text/x-count .count
AddType image/x-pic .pic
ExtFilterDefine upper mode=output cmd="/usr/bin/tr a-z A-Z"
ExtFilterDefine only-plain mode=output intype=text/plain outtype=text/x-upper cmd="/usr/bin/tr a-z A-Z"
ExtFilterDefine enabled cmd="/usr/bin/tr a-z A-Z" enableenv=turn_on
ExtFilterDefine disabled cmd="/usr/bin/tr a-z A-Z" disableenv=turn_off
ExtFilterDefine same PreservesContentLength cmd=/bin/cat
ExtFilterDefine head cmd="/usr/bin/head -c 3"
ExtFilterDefine nothing cmd="/bin/sed d"
ExtFilterDefine fails cmd=/bin/false
ExtFilterDefine missing cmd=/no/such/program
ExtFilterDefine words cmd="/usr/bin/printf '%s|' one 'two words' three\\ words"
ExtFilterDefine environment cmd="/bin/sh -c 'cat >/dev/null; env | sort'"
ExtFilterDefine incoming mode=input cmd="/usr/bin/tr a-z A-Z"
ExtFilterDefine incoming-typed mode=input intype=text/x-typed cmd="/usr/bin/tr a-z A-Z"
ExtFilterDefine complains cmd="/bin/sh -c 'echo complaint >&2; cat'"
ExtFilterDefine late ftype=21 cmd="/usr/bin/wc -c"
ExtFilterDefine early cmd="/usr/bin/tr a-z A-Z"
SetEnvIf X-On . turn_on
SetEnvIf X-Off . turn_off
SetEnvIf X-Rate (.*) rate-limit=$1
SetEnvIf X-Burst (.*) rate-initial-burst=$1
"""

LOCATIONS = {
    "actions/type": "Action text/x-count /cgi/told",
    "actions/handler": "AddHandler my-kind .txt\nAction my-kind /cgi/told",
    "actions/virtual": "SetHandler my-virtual\nAction my-virtual /cgi/told virtual",
    "actions/real": "SetHandler my-virtual\nAction my-virtual /cgi/told",
    "actions/methods": "Script GET /cgi/told\nScript PUT /cgi/told\nScript POST /cgi/told\nScript REPORT /cgi/told",
    "actions/methods/inner": "Script GET /cgi/other\nAction text/html /cgi/other",
    "actions/static": "Action text/x-count /page.html",
    "actions/missing": "Action text/x-count /cgi/gone",
    "actions/loop": "Action text/plain /actions/loop/a.txt",
    "actions/case": "Action Text/X-Count /cgi/told",
    "ext/upper": "SetOutputFilter upper",
    "ext/twice": "SetOutputFilter head;upper",
    "ext/typed": "SetOutputFilter only-plain",
    "ext/enabled": "SetOutputFilter enabled",
    "ext/disabled": "SetOutputFilter disabled",
    "ext/same": "SetOutputFilter same",
    "ext/head": "SetOutputFilter head",
    "ext/nothing": "SetOutputFilter nothing",
    "ext/fails": "SetOutputFilter fails",
    "ext/words": "SetOutputFilter words",
    "ext/environment": "SetOutputFilter environment",
    "ext/removed": "SetOutputFilter missing\nExtFilterOptions Onfail=remove",
    "ext/aborted": "SetOutputFilter missing",
    "ext/complains": "SetOutputFilter complains\nExtFilterOptions LogStderr",
    "ext/chain": "SetOutputFilter early;BUFFER;late",
    "ext/in": "SetHandler reflector\nSetInputFilter incoming",
    "ext/in-typed": "SetHandler reflector\nSetInputFilter incoming-typed",
    "buffer/out": "SetOutputFilter BUFFER",
    "buffer/small": "SetOutputFilter BUFFER\nBufferSize 10",
    "buffer/in": "SetHandler reflector\nSetInputFilter BUFFER\nBufferSize 1000",
    "data": "SetOutputFilter DATA",
    "rate": "SetOutputFilter RATE_LIMIT",
}  # fmt: skip

FILES = {
    "a.txt": "text in a file\n", "b.count": "counted", "page.html": "<p>page</p>\n", "long.txt": "0123456789abcde\n" * 20000, "empty.txt": "", "one.pic": "x", "two.pic": "xy", "three.pic": "xyz",
    "four.html": "wxyz",
}  # fmt: skip
SCRIPTS = {
    "told": 'printf "Content-Type: text/plain\\n\\n"; echo "told $REQUEST_METHOD $PATH_INFO $QUERY_STRING $REDIRECT_HANDLER $REDIRECT_URL $REDIRECT_STATUS $SCRIPT_NAME"; cat',
    "other": 'printf "Content-Type: text/plain\\n\\n"; echo "other $PATH_INFO $REDIRECT_HANDLER"',
}


def request(path, *fields, method="GET", body=""):
    length = [f"Content-Length: {len(body)}"] if body or method in ("POST", "PUT") else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, *length, "", body])


def questions():
    for name in LOCATIONS:
        for file in FILES:
            # A program that does not want all of a long body: httpd sends the body itself then.
            is_dropped = file == "long.txt" and name in ("ext/twice", "ext/head", "ext/nothing", "ext/fails", "ext/words")
            if not name.endswith(("/in", "/in-typed")) and not is_dropped:
                yield request(f"/{name}/{file}")
        yield request(f"/{name}/a.txt", method="HEAD")
    for name in ("type", "handler", "virtual", "real", "methods", "methods/inner"):
        for path in ("b.count?a=b", "gone.count", "gone.txt?x", "a.txt/more", "b.count/more?q=%20", "with%20space%2b.count", "page.html?x"):
            yield request(f"/actions/{name}/{path}")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "REPORT"):
            yield request(f"/actions/{name}/b.count", method=method, body="sent")
    for field in ("X-On: 1", "X-Off: 1"):
        for name in ("ext/enabled", "ext/disabled"):
            yield request(f"/{name}/a.txt", field)
    for name in ("ext/in", "ext/in-typed", "buffer/in"):
        for body in ("", "sent text", "line of the body\n" * 20000):
            yield request(f"/{name}/", method="POST", body=body)
            yield request(f"/{name}/", "Content-Type: text/x-typed; a=b", method="POST", body=body)
    for fields in (("X-Rate: 100000",), ("X-Rate: 400", "X-Burst: 512"), ("X-Rate: 0",), ("X-Rate: no",), ("X-Rate: -5",), ("X-Rate: 99999999999999999999",), ("X-Rate: 1000", "X-Burst: x")):
        for file in ("a.txt", "long.txt", "empty.txt"):
            yield request(f"/rate/{file}", *fields)
        yield request("/rate/long.txt", *fields, method="HEAD")
    yield request("/rate/long.txt", "X-Rate: 1000", "Range: bytes=100-299")


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()

    def put(name, text, mode=0o644):
        path = site / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        path.chmod(mode)
        os.utime(path, (1700000000, 1700000000))

    for name, text in FILES.items():
        put(f"files/{name}", text)
    put("files/with space+.count", "x")
    put("page.html", "<p>static page</p>\n")
    for name, text in SCRIPTS.items():
        put(f"cgi/{name}", f"#!/bin/sh\n{text}\n", 0o755)
    config = GLOBAL
    for name, text in LOCATIONS.items():
        config += f'<Location "/{name}/">\n{text}\n</Location>\n'
    for name in sorted(LOCATIONS, reverse=True):
        if not name.endswith("virtual"):
            config += f'Alias "/{name}/" "@HTDOCS@/files/"\n'
    modules = (*DEFAULT_MODULES, "cgid", "actions", "ext_filter", "buffer", "data", "ratelimit", "reflector", "setenvif")
    with Oracle(apus, config, htdocs=site, modules=modules, environment={"PATH": "/usr/bin:/bin"}) as running:
        running.reference.stop()
        running.reference.write_config(config + "ScriptSock @ROOT@/run/cgisock\n")
        running.reference.start()
        yield running
    shutil.rmtree(site)


VARYING = ("SERVER_SOFTWARE", "REMOTE_PORT", "SERVER_PORT", "LD_LIBRARY_PATH", "PWD", "OLDPWD", "SHLVL", "_", "SERVER_SIGNATURE")


def compared(answer, is_reflected=False):
    # What is sent on while a program still works has no length; nor are such answers offered in ranges.
    ignored = {"date", "server", "content-length", "transfer-encoding", "connection", "keep-alive", "accept-ranges"}
    # httpd says of what the reflector sends back when the directory beside it was changed.
    if is_reflected:
        ignored |= {"last-modified", "etag"}
    lines = [line for line in describe(answer, ignored) if not line.startswith("(")]
    return [line for line in lines if line.split("=")[0] not in VARYING]


@pytest.mark.parametrize("text", list(questions()), ids=lambda value: str(value)[:70])
def test_same_answer(oracle, text):
    ours, theirs = (compared(ask(server, text), text.startswith("POST") and "/in" in text) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(text[:200], ours, theirs, "apus")


def test_what_a_program_says_beside_is_logged_when_it_is_wanted(oracle):
    ask(oracle.subject, request("/ext/complains/a.txt"))
    oracle.subject.wait_for_log("AH01467: .*complains: complaint")


@pytest.mark.parametrize(
    "line",
    [
        "ExtFilterDefine x", "ExtFilterDefine x cmd=", "ExtFilterDefine x cmd=relative", "ExtFilterDefine x mode=both cmd=/bin/cat", "ExtFilterDefine x foo=bar cmd=/bin/cat",
        "ExtFilterDefine x ftype=no cmd=/bin/cat", "ExtFilterDefine BUFFER cmd=/bin/cat", "ExtFilterDefine cmd=/bin/cat", "<Location />\nExtFilterOptions Nothing\n</Location>",
        "Action a/b", "Action a/b /x real", "Script GET", "<Location />\nBufferSize 0\n</Location>", "<Location />\nBufferSize x\n</Location>",
    ],
)  # fmt: skip
def test_a_wrong_value_is_an_error_of_its_line(apus, line):
    with apus(line, modules=(*DEFAULT_MODULES, "ext_filter", "buffer", "actions"), start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0
        word = line.replace("<Location />\n", "").split()[0]
        assert server.reports_error_at(done.stderr, server.line_of(word))


def test_a_filters_program_ends_with_its_client(apus):
    mark = f"/tmp/filter.{os.getpid()}"
    config = f"ExtFilterDefine slow cmd=\"/bin/sh -c 'echo begun; echo $$ > {mark}; exec sleep 600'\"\n<Location />\nSetOutputFilter slow\n</Location>"
    with apus(config, modules=(*DEFAULT_MODULES, "ext_filter")) as server:
        server.put("a.txt", "text")
        with Connection(server.port) as connection:
            connection.send(request("/a.txt").encode())
            pid = int(wait_until(lambda: os.path.exists(mark) and open(mark).read().strip(), "the program to run"))
            # The loop serves others meanwhile.
            assert ask(server, request("/gone")).status == 404
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the program to end")
        os.unlink(mark)


def test_a_silent_filter_is_given_up(apus):
    config = "Timeout 1\nExtFilterDefine silent cmd=\"/bin/sleep 600\"\n<Location />\nSetOutputFilter silent\n</Location>"
    with apus(config, modules=(*DEFAULT_MODULES, "ext_filter")) as server:
        server.put("a.txt", "text")
        assert ask(server, request("/a.txt")).status == 500
        server.wait_for_log("AH01461")


def test_the_environment_of_a_program_is_made_for_it(apus):
    """Nothing of the server's own environment gets into it."""
    config = "ExtFilterDefine env cmd=/usr/bin/env\n<Location />\nSetOutputFilter env\n</Location>"
    with apus(config, modules=(*DEFAULT_MODULES, "ext_filter"), environment={"SECRET_OF_THE_SERVER": "x"}) as server:
        server.put("a.txt", "text")
        body = ask(server, request("/a.txt?a%20b;c")).body.decode()
        assert "SECRET_OF_THE_SERVER" not in body
        assert "DOCUMENT_URI=/a.txt\n" in body and "QUERY_STRING_UNESCAPED=a b\\;c\n" in body


def test_small_pieces_leave_in_large_ones(apus):
    """A program that says a byte at a time, with and without the filter: what counts is the chunks on the wire."""
    config = "ScriptAlias /cgi/ @HTDOCS@/cgi/\n<Location /cgi/buffered>\nSetOutputFilter BUFFER\n</Location>"
    with apus(config, modules=(*DEFAULT_MODULES, "cgid", "buffer")) as server:
        for name in ("plain", "buffered"):
            server.put(f"cgi/{name}", '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nfor i in 1 2 3 4 5; do echo $i; sleep 0.05; done\n').chmod(0o755)
        assert ask(server, request("/cgi/buffered")).body == b"1\n2\n3\n4\n5\n" == ask(server, request("/cgi/plain")).body


def test_the_rate_is_kept(apus):
    """60 KiB at 100 KiB a second cannot come in less than two of the turns they are dealt out in."""
    with apus("SetEnv rate-limit 100\n<Location />\nSetOutputFilter RATE_LIMIT\n</Location>", modules=(*DEFAULT_MODULES, "ratelimit", "env")) as server:
        server.put("a.txt", "x" * 60 * 1024)
        before = time.monotonic()
        assert len(ask(server, request("/a.txt")).body) == 60 * 1024
        assert time.monotonic() - before >= 0.39
