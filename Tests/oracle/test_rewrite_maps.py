"""RewriteMap: programs and databases, on Apus and on Debian's apache2; what only Apus promises of them."""

import re
import subprocess

import pytest

from support.oracle import ALWAYS_IGNORED, ask, describe, mismatch
from support.server import world_readable_directory
from support.waiting import wait_until
from support.wire import Connection, fetch, get

PROGRAM = """\
#!/usr/bin/python3
import os, sys, time
for line in sys.stdin:
    key = line.rstrip("\\n")
    if key == "nothing":
        answer = "NULL"
    elif key == "null":
        answer = "nUll"
    elif key == "empty":
        answer = ""
    elif key == "end":
        sys.exit(0)
    elif key == "wait":
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
        answer = "waited"
    else:
        answer = f"<{key}>" + ("".join(sys.argv[2:]))
    sys.stdout.write(answer + "\\n")
    sys.stdout.flush()
"""

MAP = "alpha one\nbeta two\ngamma three words\n" + "".join(f"key{n} value{n}\n" for n in range(300))

RULES = """\
LogFormat "%>s A=%{A}e B=%{B}e #%{X-Number}i" rewrite
CustomLog "@ROOT@/logs/rewrite.log" rewrite
RewriteEngine On
RewriteMap p "prg:@FILES@/program @FILES@/flag + -"
RewriteMap sdbm dbm=sdbm:@FILES@/sdbm
RewriteMap gdbm dbm=gdbm:@FILES@/gdbm
RewriteMap db dbm=db:@FILES@/db
RewriteMap any dbm:@FILES@/db
RewriteRule ^/p/(.*)$ - [E=A:${p:$1|none}]
RewriteRule ^/twice/(.*)$ - [E=A:${p:a$1},E=B:${p:b$1}]
RewriteCond ${p:$1} ^<(.*)>
RewriteRule ^/cond/(.*)$ - [E=A:%1]
RewriteRule ^/nested/(.*)$ - [E=A:${p:${p:$1}}]
RewriteRule ^/dbm/(.*)$ - [E=A:${sdbm:$1|-}.${gdbm:$1|-}.${db:$1|-}.${any:$1|-}]
"""

PATHS = [
    "/p/x", "/p/a%20b", "/p/nothing", "/p/null", "/p/empty", "/p/a%0ab", "/p/", "/twice/x", "/cond/y", "/nested/z",
    "/dbm/alpha", "/dbm/gamma", "/dbm/none", "/dbm/key0", "/dbm/key299", "/dbm/", "/p/%C3%A4",
]  # fmt: skip


@pytest.fixture(scope="module")
def files():
    directory = world_readable_directory()
    program = directory / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    text = directory / "map.txt"
    text.write_text(MAP)
    for kind in ("sdbm", "gdbm", "db"):
        subprocess.run(["httxt2dbm", "-i", text, "-o", directory / kind, "-f", kind], check=True, capture_output=True)
        for file in directory.glob(f"{kind}*"):
            file.chmod(0o644)
    return directory


@pytest.fixture(scope="module")
def rules(files):
    return RULES.replace("@FILES@", str(files))


MODULES = ("authz_core", "mime", "dir", "log_config", "rewrite")
IGNORED = ALWAYS_IGNORED | {"etag", "last-modified", "connection"}


def outcomes(kind, rules):
    with kind(rules, modules=MODULES) as server:
        for number, path in enumerate(PATHS):
            ask(server, get(path, f"X-Number: {number}").decode("latin-1"))
        log = server.root / "logs" / "rewrite.log"
        wait_until(lambda: log.exists() and log.read_text().count("\n") == len(PATHS), "the log")
        return sorted(log.read_text(errors="replace").splitlines(), key=lambda line: int(line.rpartition("#")[2]))


def test_same_outcome(apus, apache, rules):
    ours, theirs = outcomes(apus, rules), outcomes(apache, rules)
    assert ours == theirs, mismatch("\n".join(PATHS), ours, theirs, "apus")


def test_a_slow_program_holds_up_nobody_else(apus, files, rules):
    flag = files / "flag"
    flag.unlink(missing_ok=True)
    with apus("Workers 1\n" + rules, modules=MODULES) as server:
        server.put("file.txt", "text")
        with Connection(server.port) as slow:
            slow.send(get("/p/wait"))
            assert fetch(server.port, get("/file.txt")).body == b"text"
            flag.write_text("")
            assert slow.read_response().status == 404
        log = server.root / "logs" / "rewrite.log"
        wait_until(lambda: "A=waited" in log.read_text(), "the log")
    flag.unlink()


def test_a_client_that_leaves_does_not_confuse_the_answers(apus, files, rules):
    flag = files / "flag"
    flag.unlink(missing_ok=True)
    with apus("Workers 1\n" + rules, modules=MODULES) as server:
        with Connection(server.port) as gone:
            gone.send(get("/p/wait", "X-Number: 1"))
        flag.write_text("")
        fetch(server.port, get("/p/mine", "X-Number: 2"))
        log = server.root / "logs" / "rewrite.log"
        wait_until(lambda: "#2" in log.read_text(), "the log")
        assert "A=<mine>+- B=- #2" in log.read_text()
    flag.unlink()


def test_a_program_that_ends_fails_the_lookups(apus, rules):
    with apus(rules, modules=MODULES) as server:
        fetch(server.port, get("/p/end"))
        fetch(server.port, get("/p/x"))
        server.wait_for_log("AH00659.*gives no answer: it has ended")


def test_a_program_lives_as_long_as_its_generation(apus, files, rules):
    def running():
        found = subprocess.run(["pgrep", "-f", f"{files}/program"], capture_output=True, text=True)
        return len(found.stdout.split())

    with apus(rules, modules=MODULES) as server:
        fetch(server.port, get("/p/x"))
        assert running() == 1
    wait_until(lambda: running() == 0, "the program to end")


def test_a_program_is_not_started_while_the_engine_is_off(apus, files, rules):
    with apus(rules.replace("RewriteEngine On", "RewriteEngine Off"), modules=MODULES) as server:
        fetch(server.port, get("/p/x"))
        assert not subprocess.run(["pgrep", "-f", f"{files}/program"], capture_output=True, text=True).stdout


def test_a_text_map_is_read_again_when_it_changes(apus):
    with apus("", modules=MODULES, start=False) as server:
        path = server.root / "map.txt"
        path.write_text("key /a.txt\n")
        server.write_config(f"RewriteEngine On\nRewriteMap m txt:{path}\nRewriteRule ^/(key)$ ${{m:$1|/b.txt}}\n")
        server.put("a.txt", "a")
        server.put("b.txt", "b")
        server.put("c.txt", "c")
        server.start()
        assert fetch(server.port, get("/key")).body == b"a"
        path.write_text("key /c.txt # another\n")
        assert fetch(server.port, get("/key")).body == b"c"
        path.unlink()
        assert fetch(server.port, get("/key")).body == b"b"
        server.wait_for_log("AH00661")


@pytest.mark.parametrize(
    "line, message",
    [
        ("RewriteMap m txt:/no/such/file", "file for map m not found:/no/such/file"),
        ("RewriteMap m prg:/no/such/file", "file for map m not found:/no/such/file"),
        ("RewriteMap m int:reverse", "internal map not found: reverse"),
        ("RewriteMap m nonsense", "bad map: nonsense"),
        ("RewriteMap m what:ever", "bad map: what:ever"),
        ("RewriteMap m dbm=x:/etc/hostname", "dbm type x is invalid"),
        ("RewriteMap m dbm:/etc/hostname", "neither a GNU dbm nor a Berkeley DB file"),
        ("RewriteMap m dbd:SELECT", "require mod_dbd"),
        ("RewriteMap m txt:/etc/hostname a:b", "user:group, goes with prg only"),
        ("RewriteMap m prg:/bin/true nobody", "is no user:group"),
        ("RewriteBase /x", "only valid in per-directory"),
        ("RewriteRule a", "bad argument line 'a'"),
        ("RewriteRule a b L", "bad flag delimiters"),
        ("RewriteRule a b []", "unknown flag ''"),
        ("RewriteRule a b [X]", "unknown flag 'X'"),
        ("RewriteRule a b [R=999]", "invalid HTTP response code '999'"),
        ("RewriteRule a b [S=x]", "the flag S takes a number"),
        ("RewriteRule a( b", "the regular expression \"a(\" cannot be compiled"),
        ("RewriteCond a", "bad argument line 'a'"),
        ("RewriteCond a (", "cannot be compiled"),
        ("RewriteCond a b [Z]", "unknown flag 'Z'"),
        ("RewriteCond expr \"%{X\"", "cannot be used"),
        ("RewriteOptions sideways", "unknown option 'sideways'"),
    ],
)  # fmt: skip
def test_errors(apus, line, message):
    with apus(line + "\n", modules=MODULES, start=False) as server:
        outcome = server.run("-t")
        assert outcome.returncode != 0
        assert server.reports_error_at(outcome.stderr, server.line_of(line))
        assert message in outcome.stderr


def test_an_expression_without_end_is_refused(apus):
    with apus('RewriteEngine On\nRewriteRule "^/((a+)+)+$" /x\n', modules=MODULES) as server:
        assert fetch(server.port, get("/" + "a" * 60 + "b")).status == 500
        server.wait_for_log("APUS2901.*match limit")
        assert fetch(server.port, get("/aaa")).status == 404


def test_traces_name_the_rule(apus):
    rules = """\
LogLevel warn rewrite:trace8
RewriteEngine On
RewriteCond %{QUERY_STRING} ^x$
RewriteRule ^/one$ /two [L]
"""
    with apus(rules, modules=MODULES) as server:
        fetch(server.port, get("/one?x"))
        rule, condition = server.line_of("RewriteRule ^/one$ /two [L]"), server.line_of("RewriteCond %{QUERY_STRING} ^x$")
        place = server.config_file
        server.wait_for_log(f"applying pattern '\\^/one\\$' to uri '/one' \\({place}:{rule}\\)")
        server.wait_for_log(f"input='x' pattern='\\^x\\$' => matched \\({place}:{condition}\\)")
        server.wait_for_log(f"rewrite '/one' -> '/two' \\({place}:{rule}\\)")
        server.wait_for_log("go-ahead with .*/two \\[OK\\]")
        server.wait_for_log(f"pattern matches \\$0='/one' \\({place}:{rule}\\)")
        server.wait_for_log(f"the rule applies: \\^/one\\$ /two \\[L\\] \\({place}:{rule}\\)")


@pytest.mark.parametrize(
    "before, rule, after, message",
    [
        ("", "RewriteRule ^index\\.php$ /a", "", "never matches: paths begin with a slash"),
        ("<Directory /tmp>", "RewriteRule ^/a$ /b", "</Directory>", "never matches: what is matched in a directory begins without"),
        ("RewriteRule ^/a$ /b [L]", "RewriteRule ^/a$ /c", "", "is never reached"),
        ("RewriteRule .* /b [L]", "RewriteRule ^/a$ /c", "", "is never reached"),
        ("<Directory /tmp>", "RewriteRule ^(.*)$ x/$1 [L]", "</Directory>", "applies to what it makes"),
        ("<Directory /tmp>", "RewriteRule ^old/(.*)$ old/new/$1 [L]", "</Directory>", "applies to what it makes"),
        ("", "RewriteRule ^(.*)$ $1x [N]", "", "begins again"),
        ("", "RewriteRule ^/(.*)a(.*)$ /$1aa$2 [N]", "", "begins again"),
        ("", "RewriteRule ^/page\\.php\\?id=1$ /a", "", "the query is no part of what is matched; write RewriteCond %{QUERY_STRING} id=1$"),
        ("RewriteRule ^/x /y", "RewriteCond %{REQUEST_URI} ^admin", "RewriteRule ^/z /y", "the condition never holds"),
    ],
)
def test_warnings(apus, before, rule, after, message):
    with apus(f"RewriteEngine On\n{before}\n{rule}\n{after}\n", modules=MODULES, start=False) as server:
        outcome = server.run("-t")
        assert outcome.returncode == 0
        assert re.search(rf":{server.line_of(rule)}:\d+: warning: .*{re.escape(message)}", outcome.stderr)


@pytest.mark.parametrize(
    "lines",
    [
        "RewriteRule ^/a$ /b [L]\nRewriteRule ^/b$ /c [L]",
        "RewriteCond %{HTTPS} on\nRewriteRule ^/a$ /b [L]\nRewriteRule ^/a$ /c",
        "RewriteRule ^(/|x)a /b",
        "RewriteRule ^http /b",
        "<Directory /tmp>\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^(.*)$ index.php/$1 [L]\n</Directory>",
        "<Directory /tmp>\nRewriteRule ^(.*)$ x/$1 [END]\n</Directory>",
        "<Directory /tmp>\nRewriteRule ^(.*)\\.html$ $1.php [L]\nRewriteRule ^a/(.*)$ a/$1 [L]\nRewriteRule ^b/(.*)$ c/$1 [L]\n</Directory>",
        "RewriteRule ^(.*)_(.*)$ $1-$2 [N]",
        "RewriteRule ^/a(?:/(.*))?$ /b\nRewriteRule ^/what\\?$ /b",
        "RewriteCond %{REQUEST_URI} !^admin\nRewriteRule ^/a$ /b\nRewriteCond %{REQUEST_URI} ^/admin\nRewriteRule ^/c$ /b",
        '<Location /x>\nRewriteRule ^/a b\n</Location>',
    ],
)
def test_no_warnings(apus, lines):
    with apus(f"RewriteEngine On\n{lines}\n", modules=MODULES, start=False) as server:
        assert "warning" not in server.run("-t").stderr


def test_warnings_of_an_access_file_are_logged(apus):
    with apus('<Directory "@HTDOCS@">\nAllowOverride All\n</Directory>\n', modules=MODULES) as server:
        server.put(".htaccess", "RewriteEngine On\nRewriteRule ^/a$ /b\n")
        fetch(server.port, get("/x"))
        server.wait_for_log(r"\.htaccess:2:1: .*what is matched in a directory begins without a slash")


def test_a_large_map_is_read_beside_the_loop(apus, files):
    text = files / "large.txt"
    text.write_text("".join(f"key{number} /a.txt\n" for number in range(20_000)))
    rules = f"Workers 1\nRewriteEngine On\nRewriteMap m txt:{text}\nRewriteRule ^/m/(.*) ${{m:$1|/b.txt}} [L]\n"
    with apus(rules, modules=MODULES) as server:
        server.put("a.txt", "a")
        server.put("b.txt", "b")
        assert fetch(server.port, get("/m/key19999")).body == b"a"
        assert fetch(server.port, get("/m/none")).body == b"b"
        text.write_text(text.read_text() + "new /a.txt\n")
        assert fetch(server.port, get("/m/new")).body == b"a"


def test_values_of_flags_are_set_once(apus, files, rules):
    """A rule whose flag has to wait for a program is applied once, all the same."""
    rule = "RewriteRule ^/once/(.*)$ - [E=A:%{ENV:A}x,E=B:${p:$1},E=C:%{ENV:A}]\n"
    with apus('LogFormat "A=%{A}e B=%{B}e C=%{C}e" rewrite\n' + rules.split("\n", 1)[1] + rule, modules=MODULES) as server:
        fetch(server.port, get("/once/k"))
        log = server.root / "logs" / "rewrite.log"
        wait_until(lambda: log.exists() and "B=" in log.read_text(), "the log")
        assert "A=x B=<k>+- C=x" in log.read_text()


TYPES = r"""
LogFormat "%>s %U A=%{A}e B=%{B}e %R #%{X-Number}i" rewrite
CustomLog "@ROOT@/logs/rewrite.log" rewrite
RewriteEngine On
RewriteMap p "prg:@FILES@/program @FILES@/flag + -"
RewriteRule ^/x(.*)$ /x1$1 [T=text/${p:$1}]
RewriteRule ^/y(.*)$ /x2$1 [E=A:%{ENV:A}a,CO=c:1:.example,PT,T=text/${p:%{QUERY_STRING}}]
RewriteRule ^/z(.*)$ /x3?q$1 [T=text/${p:%{QUERY_STRING}}]
RewriteRule ^/h(.*)$ /x4$1 [H=${p:$1}]
RewriteRule ^/x9$ - [E=A:%{ENV:A}b,CO=d:1:.example,T=text/${p:none}]
RewriteCond %{ENV:A} !c
RewriteRule ^/w(.*)$ - [E=A:%{ENV:A}c,E=B:${p:%{ENV:A}},E=!B,E=B:${p:d$1%{ENV:B}},T=text/${p:%{ENV:A}.%{ENV:B}}]
RewriteRule ^/both(.*)$ /x5${p:s} [T=text/${p:t$1},H=${p:h$1}]
"""

TYPE_PATHS = ["/x", "/xa", "/y", "/y?z", "/y1", "/z", "/z?old", "/h", "/h2", "/x9", "/w", "/w1", "/both", "/bothx", "/none"]


def test_types_and_handlers_from_a_program(apus, apache, files):
    def outcomes(kind):
        with kind(TYPES.replace("@FILES@", str(files)), modules=MODULES) as server:
            for name in ("x1", "x1a", "x2", "x21", "x3", "x4", "x42", "x9", "w", "x19", "x11", "x11a", "x5<s>+-"):
                server.put(name, name)
            answers = [
                describe(ask(server, get(path, f"X-Number: {number}").decode()), IGNORED) for number, path in enumerate(TYPE_PATHS)
            ]
            log = server.root / "logs" / "rewrite.log"
            wait_until(lambda: log.exists() and log.read_text().count("\n") == len(TYPE_PATHS), "the log")
            return answers, sorted(log.read_text().splitlines(), key=lambda line: int(line.rpartition("#")[2]))

    (ours, our_log), (theirs, their_log) = outcomes(apus), outcomes(apache)
    for path, left, right in zip(TYPE_PATHS, ours, theirs, strict=True):
        assert left == right, mismatch(path, left, right, "apus")
    assert our_log == their_log, mismatch("\n".join(TYPE_PATHS), our_log, their_log, "apus")
    assert any("text/<a>+-" in line for line in ours[1])


def test_the_rule_that_decided_can_be_logged(apus):
    rules = """\
LogFormat "%U %{rewrite-rule}n" rewrite
CustomLog "@ROOT@/logs/rewrite.log" rewrite
RewriteEngine On
RewriteRule ^/a - [E=X:y]
RewriteRule ^/a$ /b
RewriteRule ^/f - [F]
"""
    with apus(rules, modules=MODULES) as server:
        for path in ("/a", "/f", "/c"):
            fetch(server.port, get(path))
        log = server.root / "logs" / "rewrite.log"
        wait_until(lambda: log.exists() and log.read_text().count("\n") == 3, "the log")
        place = server.config_file
        first, second = server.line_of("RewriteRule ^/a$ /b"), server.line_of("RewriteRule ^/f - [F]")
        assert sorted(log.read_text().splitlines()) == [f"/a {place}:{first}", "/c -", f"/f {place}:{second}"]
