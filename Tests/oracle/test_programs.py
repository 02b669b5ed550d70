"""CGI programs: what they are told, how their answers are read, and what a hostile one can do, compared with apache2."""

import os
import re
import shutil

import pytest

from support.oracle import Oracle, ask, mismatch
from support.server import DEFAULT_MODULES, world_readable_directory
from support.waiting import wait_until
from support.wire import Connection

SCRIPTS = {
    "env": 'printf "Content-Type: text/plain\\n\\n"; env | sort',
    "args": 'printf "Content-Type: text/plain\\n\\n"; for a in "$@"; do echo "[$a]"; done',
    "pwd": 'printf "Content-Type: text/plain\\n\\n"; pwd',
    "cat": 'printf "Content-Type: text/plain\\r\\n\\r\\n"; cat',
    "ignores": 'printf "Content-Type: text/plain\\n\\nignored\\n"',
    "status": 'printf "Status: 404 Not Here\\nContent-Type: text/plain\\n\\nown page\\n"',
    "teapot": 'printf "Status: 418\\nContent-Type: text/plain\\n\\nshort\\n"',
    "wrongstatus": 'printf "Status: abc\\nContent-Type: text/plain\\n\\nx\\n"',
    "local": 'printf "Location: /page.html\\n\\n"',
    "localquery": 'printf "Location: /cgi/env?a=b\\n\\n"',
    "localfields": 'printf "Location: /page.html\\nSet-Cookie: a=b\\nSet-Cookie: c=d\\nX-Own: 1\\n\\n"',
    "tooshort": 'printf "Content-Length: 5\\nContent-Type: text/plain\\n\\nnine bytes"',
    "toolong": 'printf "Content-Length: 500\\nContent-Type: text/plain\\n\\nnine bytes"',
    "away": 'printf "Location: http://other.example/x\\n\\n"',
    "away303": 'printf "Status: 303\\nLocation: http://other.example/x\\n\\n"',
    "cookies": 'printf "Set-Cookie: a=1\\nSet-Cookie: b=2\\nContent-Type: text/plain\\n\\nc\\n"',
    "fields": 'printf "X-One: 1\\nx-one: 2\\nCache-Control: no-store\\nContent-Language: de\\nContent-Type: text/plain\\n\\nf\\n"',
    "length": 'printf "Content-Length: 4\\nContent-Type: text/plain\\n\\nfour"',
    "notype": 'printf "X-A: b\\n\\nno type\\n"',
    "empty": "true",
    "nohead": 'printf "just text without a head\\n"',
    "nocolon": 'printf "Content-Type: text/plain\\nthis is no field\\n\\nx"',
    "cut": 'printf "Content-Type: text/plain\\n"',
    "control": 'printf "Content-Type: text/plain\\nX-A: a\\001b\\n\\nx"',
    "spacename": 'printf "X A: b\\nContent-Type: text/plain\\n\\nx"',
    "stderr": 'echo "a complaint" >&2; printf "Content-Type: text/plain\\n\\nafter\\n"',
    "304": 'printf "Status: 304\\n\\n"',
    "204": 'printf "Status: 204\\n\\n"',
    "modified": 'printf "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\\nETag: \\"t\\"\\nContent-Type: text/plain\\n\\nm\\n"',
    "framing": 'printf "Transfer-Encoding: chunked\\nConnection: upgrade\\nContent-Type: text/plain\\n\\nabc\\n"',
    "large": 'printf "Content-Type: text/plain\\n\\n"; head -c 3000000 /dev/zero | tr "\\0" x',
    "nph-own": 'printf "HTTP/1.1 202 Own\\r\\nContent-Type: text/plain\\r\\nX-Nph: yes\\r\\n\\r\\nraw\\n"',
}
CONFIG = """\
ScriptAlias /cgi/ @HTDOCS@/cgi/
<Directory "@HTDOCS@/exec">
Options +ExecCGI
AddHandler cgi-script .cgi
</Directory>
<Directory "@HTDOCS@/noexec">
AddHandler cgi-script .cgi
</Directory>
Alias /aliased @HTDOCS@/exec
ErrorDocument 403 /cgi/env
ErrorDocument 410 /exec/env.cgi
Redirect gone /old
<Location "/lost">
ErrorDocument 404 /cgi/local
</Location>
<Location "/found">
ErrorDocument 404 /cgi/modified
</Location>
<Location "/paged">
ErrorDocument 404 /page.html
</Location>
ServerAdmin admin@example.com
"""


def request(path, *fields, method="GET", body=""):
    length = [f"Content-Length: {len(body)}"] if body or method == "POST" else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, *length, "", body])


def questions():
    for name in SCRIPTS:
        if name not in ("nph-own", "wrongstatus", "control", "spacename"):
            yield request(f"/cgi/{name}")
    for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        for name in ("env", "status", "ignores", "local", "localfields", "away"):
            yield request(f"/cgi/{name}", method=method)
    yield request("/cgi/env/more/info?x=1&y=%20z")
    yield request("/cgi/env?plain+words")
    for query in ("a+b", "one", "a%20b+c%2Bd", "x=1", "a+b=c", "%zz", "", "%3Cscript%3E+$(id)+`id`+;ls+'q'"):
        yield request(f"/cgi/args?{query}")
    for method in ("GET", "HEAD", "POST"):
        for fields in ((), ("If-None-Match: *",), ("If-Modified-Since: Fri, 01 Jan 2038 00:00:00 GMT",), ("Range: bytes=0-1",)):
            for place in ("lost", "found", "paged"):
                yield request(f"/{place}/x", *fields, method=method)
    yield request("/cgi/pwd")
    yield request("/exec/pwd.cgi")
    yield request("/exec/env.cgi/info")
    yield request("/aliased/env.cgi")
    yield request("/exec/plain.txt")
    yield request("/exec/dir.cgi/")
    yield request("/exec/dir.cgi")
    yield request("/noexec/env.cgi")
    yield request("/cgi/missing")
    yield request("/cgi/missing/x")
    yield request("/cgi/")
    yield request("/cgi")
    yield request("/exec/notexec.cgi")
    yield request("/old")
    for fields in (
        ("Proxy: http://evil.example",), ("X-Under_score: 1",), ("Authorization: Basic Zm9vOmJhcg==",), ("Cookie: a=1",),
        ("X-Twice: 1", "x-twice: 2"), ("Accept: text/html", "User-Agent: me"), ("Content-Type: x/y",), ("Referer: http://r.example/",),
        ("X-1digit: a", "9Lives: b"), ("X.Dot: a",), ("X-Empty:",),
    ):  # fmt: skip
        yield request("/cgi/env", *fields)
    for body in ("", "hello", "x" * 100000):
        yield request("/cgi/cat", method="POST", body=body)
    yield request("/asis/plain.asis")
    yield request("/asis/status.asis")
    yield request("/asis/redirect.asis")
    yield request("/asis/away.asis")
    yield request("/asis/none.asis")


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()

    def put(name, text, executable=True):
        path = site / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        path.chmod(0o755 if executable else 0o644)

    for name, text in SCRIPTS.items():
        put(f"cgi/{name}", f"#!/bin/sh\n{text}\n")
    for name in ("env", "pwd"):
        put(f"exec/{name}.cgi", f"#!/bin/sh\n{SCRIPTS[name]}\n")
    put("exec/dir.cgi/x", "x")
    put("exec/notexec.cgi", "#!/bin/sh\necho x\n", executable=False)
    put("exec/plain.txt", "plain")
    put("noexec/env.cgi", "#!/bin/sh\necho secret source\n")
    put("page.html", "<p>page\n", executable=False)
    for name, text in {
        "plain": "Content-Type: text/plain\nX-As: is\n\nbody\n", "status": "Status: 402 Pay\nContent-Type: text/plain\n\npay\n",
        "redirect": "Location: /page.html\n\n", "away": "Location: http://other.example/\n\ngone\n", "bad": "no head at all\n",
    }.items():  # fmt: skip
        put(f"asis/{name}.asis", text, executable=False)
    modules = (*DEFAULT_MODULES, "cgid", "asis")
    config = CONFIG + "AddHandler send-as-is .asis\n"
    options = {"htdocs": site, "modules": modules, "environment": {"PATH": "/usr/bin:/bin"}}
    subject_config, reference_config = config, config + "ScriptSock @ROOT@/run/cgisock\n"
    with Oracle(apus, subject_config, **options) as running:
        running.reference.stop()
        running.reference.write_config(reference_config)
        running.reference.start()
        yield running
    shutil.rmtree(site)


#: Names the product, the process or the connection.
VARYING = re.compile(rb"^((?:REDIRECT_)?(?:SERVER_SOFTWARE|REMOTE_PORT|SERVER_PORT|PWD|OLDPWD|SHLVL|_|LD_LIBRARY_PATH|DOCUMENT_ROOT|UNIQUE_ID))=.*$", re.M)


def compared(answer):
    ignored = {"date", "server", "content-length", "transfer-encoding", "connection", "keep-alive"}
    fields = sorted(f"{name}: {value}" for name, value in answer.headers if name.lower() not in ignored)
    if b"<!DOCTYPE HTML" in answer.body.upper()[:20] or not answer.body:
        return [f"{answer.status}", *[field for field in fields if not field.startswith("Content-Type")]]
    body = VARYING.sub(rb"\1=varies", answer.body)
    if len(body) > 5000:
        return [f"{answer.status}", *fields, f"{len(body)} bytes"]
    return [f"{answer.status}", *fields, *body.decode("latin-1").splitlines()]


@pytest.mark.parametrize("text", list(questions()), ids=lambda value: str(value)[:60])
def test_same_answer(oracle, text):
    ours, theirs = (compared(ask(server, text)) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(text, ours, theirs, "apus")


@pytest.mark.parametrize("length", [0, 5, 100_000])
def test_a_program_need_not_read_the_body(oracle, length):
    answer = ask(oracle.subject, request("/cgi/ignores", method="POST", body="x" * length))
    assert (answer.status, answer.body) == (200, b"ignored\n")


@pytest.mark.parametrize(
    "path, status", [("/cgi/wrongstatus", 500), ("/asis/bad.asis", 500), ("/cgi/control", 500), ("/cgi/spacename", 500)]
)
def test_heads_that_are_none_are_refused(oracle, path, status):
    """httpd sends what follows a status that is no number, and a file without fields, as an answer; what it says of bytes that
    no field may hold is now and then a byte short."""
    assert ask(oracle.subject, request(path)).status == status


def test_a_raw_answer_is_framed_by_the_server(oracle):
    """httpd hands the bytes of nph- programs through; here they are read as an answer, so that none can forge another."""
    answer = ask(oracle.subject, request("/cgi/nph-own"))
    assert (answer.status, answer.header("X-Nph"), answer.body) == (202, "yes", b"raw\n")


def test_what_programs_complain_about_is_logged(oracle):
    ask(oracle.subject, request("/cgi/stderr"))
    oracle.subject.wait_for_log(r"AH01215: .*a complaint: .*/cgi/stderr")


def test_nothing_is_left_of_ended_programs(oracle):
    for _ in range(5):
        ask(oracle.subject, request("/cgi/env"))
    wait_until(lambda: not zombies(oracle.subject.process.pid), "no zombies")


def zombies(parent):
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit():
                fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
                if fields[0] == "Z" and ancestor(int(entry), parent):
                    found.append(entry)
        except OSError:
            continue
    return found


def ancestor(process, wanted):
    while process > 1:
        process = int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1])
        if process == wanted:
            return True
    return False


def test_a_program_whose_client_has_gone_is_ended(apus):
    with apus("ScriptAlias /cgi/ @HTDOCS@/cgi/", modules=(*DEFAULT_MODULES, "cgi")) as server:
        script = server.put("cgi/slow", f"#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nx'\necho $$ > /tmp/slow.{server.port}\nexec sleep 600\n")
        script.chmod(0o755)
        mark = f"/tmp/slow.{server.port}"
        with Connection(server.port) as connection:
            connection.send(request("/cgi/slow").encode())
            pid = int(wait_until(lambda: os.path.exists(mark) and open(mark).read().strip(), "the program to run"))
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the program to end")
        os.unlink(mark)


def test_a_silent_program_is_given_up(apus):
    with apus("ScriptAlias /cgi/ @HTDOCS@/cgi/\nCGIScriptTimeout 1", modules=(*DEFAULT_MODULES, "cgi")) as server:
        server.put("cgi/silent", "#!/bin/sh\nexec sleep 600\n").chmod(0o755)
        assert ask(server, request("/cgi/silent")).status == 504
        server.wait_for_log("AH01220")


def test_failures_are_told_in_the_script_log(apus):
    with apus("ScriptAlias /cgi/ @HTDOCS@/cgi/\nScriptLog @ROOT@/logs/script.log", modules=(*DEFAULT_MODULES, "cgi")) as server:
        os.chmod(server.root / "logs", 0o777)
        server.put("cgi/bad", "#!/bin/sh\ncat > /dev/null\necho oops >&2\necho no head\n").chmod(0o755)
        assert ask(server, request("/cgi/bad", "X-Asked: yes", method="POST", body="the body")).status == 500
        text = wait_until(lambda: (server.root / "logs/script.log").exists() and (server.root / "logs/script.log").read_text(), "an entry")
        for part in ("POST /cgi/bad HTTP/1.1", "%% 500 ", "X-Asked: yes", "the body", "%stdout", "no head", "%stderr", "oops"):
            assert part in text
