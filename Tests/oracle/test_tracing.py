"""Modules that name, follow and show requests and connections: unique_id, usertrack, logio, log_debug, log_forensic, dumpio, echo and
info, on Apus and on Debian's apache2."""

import re
import socket
import subprocess

import pytest

from support.oracle import Oracle
from support.server import DEFAULT_MODULES
from support.waiting import settled, wait_until
from support.wire import Connection

PHASES = (
    "pre_translate_name translate_name type_checker quick_handler map_to_storage check_access check_access_ex insert_filter check_authn "
    "check_authz fixups handler log_transaction all"
).split()
MESSAGES = "\n".join(f"LogMessage {phase} hook={phase}" for phase in PHASES)
#: Known: in httpd CookieExpires of any section holds everywhere, and CookieTracking of a server not in its sections.
CONFIG = f"""
LogLevel warn log_debug:info dumpio:trace7
LogFormat "%{{UNIQUE_ID}}e|%{{cookie}}n|%{{forensic-id}}n|%^FB|%U" seen
CustomLog @ROOT@/logs/seen.log seen
<VirtualHost *:@PORT1@>
    ForensicLog @ROOT@/logs/forensic.log
    CookieExpires 3600
    Header always set X-Id "expr=%{{reqenv:UNIQUE_ID}}"
    Alias /plain @HTDOCS@
    <Location /a>
        CookieTracking on
        CookieName xx
        CookieDomain .example.com
        CookieSecure on
        CookieHTTPOnly on
        CookieSameSite Lax
        LogIOTrackTTFB On
    </Location>
    <Location /b>
        CookieTracking on
        CookieStyle RFC2109
        CookieSameSite strict
        CookieDomain .example.com
    </Location>
    <Location /c>
        CookieTracking on
        CookieStyle Cookie2
        CookieDomain .example.com
    </Location>
    <Location /d>
        CookieTracking on
    </Location>
</VirtualHost>
<VirtualHost *:@PORT2@>
    <Location />
        {MESSAGES}
        LogMessage "asked with %{{QUERY_STRING}} by %{{REMOTE_ADDR}}" "expr=-T %{{QUERY_STRING}}"
    </Location>
</VirtualHost>
<VirtualHost *:@PORT3@>
    {MESSAGES}
    <Location /auth>
        AuthType Basic
        AuthName x
        AuthUserFile @ROOT@/users
        Require valid-user
    </Location>
    <Location /more>
        LogMessage inner hook=fixups
    </Location>
</VirtualHost>
<VirtualHost *:@PORT4@>
    ProtocolEcho On
</VirtualHost>
<VirtualHost *:@PORT5@>
    DumpIOInput On
    DumpIOOutput On
</VirtualHost>
<VirtualHost *:@PORT6@>
    ServerName "a&b"
    AddModuleInfo mod_dir.c "<b>more</b>"
    <Location /info>
        SetHandler server-info
    </Location>
    <Directory "@HTDOCS@/x<y">
        DirectoryIndex i.html
        <Files "z">
            DirectorySlash Off
        </Files>
    </Directory>
    <IfModule mod_dir.c>
        DirectoryIndex j.html
    </IfModule>
</VirtualHost>
"""
FILES = ("a", "b", "c", "d", "auth", "more", "index.html")


@pytest.fixture(scope="module")
def oracle(apus, apache):
    modules = (
        *DEFAULT_MODULES, "unique_id", "usertrack", "log_debug", "log_forensic", "dumpio", "echo", "info", "headers", "authn_core", "auth_basic",
        "authn_file", "authz_user", "logio",
    )  # fmt: skip

    pair = Oracle(apus, CONFIG, ports=6, modules=modules)
    for server in (pair.subject, pair.reference):
        (server.root / "users").write_text("")
        for name in FILES:
            server.put(name, "x")
    with pair as running:
        yield running


def servers(oracle):
    return oracle.subject, oracle.reference


def ask(server, port, path, *fields, method="GET"):
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "Connection: close", "", ""])
    with Connection(server.ports[port - 1]) as connection:
        return connection.request(head.encode("latin-1"))


def new_lines(server, log, action, count=1):
    """The lines that `action` makes the server write."""
    path = server.root / "logs" / log

    def lines():
        return path.read_bytes().splitlines() if path.exists() else []

    # Lines are gathered before they are written, those of earlier requests as well.
    before = len(settled(lines, 0.03))
    action()
    wait_until(lambda: len(lines()) >= before + count, f"{count} new lines in {path}")
    return [line.decode("latin-1") for line in settled(lines, 0.03)[before:]]


# ---- unique_id


def test_each_request_has_a_name_of_its_own(oracle):
    for server in servers(oracle):
        names = {ask(server, 1, "/plain/a").header("X-Id") for _ in range(20)}
        assert len(names) == 20
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{27}", name) for name in names)


def test_the_name_is_logged_and_stays_in_redirects(oracle):
    for server in servers(oracle):
        answers = []
        line = new_lines(server, "seen.log", lambda: answers.append(ask(server, 1, "/plain/")))[-1]  # noqa: B023
        assert line.split("|")[0] == answers[0].header("X-Id") and line.split("|")[2] == line.split("|")[0]


# ---- usertrack

COOKIES = (
    None, "u=1; xx=ab cd; z=1", "xx=", "yxx=a", "xx=a,b", "XX=a", 'xx="q;r"', "xx=1; xx=2", "$Version=1; xx=a; $Path=/", "Apache=v", "Apache=v,w",
)  # fmt: skip


@pytest.mark.parametrize("cookie", COOKIES)
@pytest.mark.parametrize("path", ["/a", "/b", "/c", "/d", "/plain/a"])
def test_tracking_cookie(oracle, path, cookie):
    seen = []
    for server in servers(oracle):
        fields = [f"Cookie: {cookie}"] if cookie else []
        answers = []
        line = new_lines(server, "seen.log", lambda: answers.append(ask(server, 1, path, *fields)))[-1]  # noqa: B023
        set_fields = [field for field in answers[0].headers if field[0].lower().startswith("set-cookie")]
        shaped = re.sub(r"=[0-9a-f]{1,8}\.[0-9a-f]{13};", "=NEW;", str(set_fields))
        shaped = re.sub(r"expires=\w{3}, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT", "expires=DATE", shaped)
        seen.append((shaped, re.sub(r"^[0-9a-f]{1,8}\.[0-9a-f]{13}$", "NEW", line.split("|")[1])))
    assert seen[0] == seen[1]


def test_expiry_is_counted_from_now(apus):
    units = {"3600": 3600, "2 weeks 3 days": 17 * 86400, "1 hour 1 minute 1 second": 3661, "1 years": 31536000}
    for period, seconds in units.items():
        config = f'CookieTracking on\nCookieStyle Cookie\nCookieExpires "{period}"\n'
        with apus(config, modules=(*DEFAULT_MODULES, "usertrack")) as server:
            server.put("x", "x")
            assert f"; max-age={seconds};" in ask(server, 1, "/x").header("Set-Cookie") + ";"


@pytest.mark.parametrize(
    "line", ["CookieDomain example.com", "CookieDomain .com", "CookieExpires soon", 'CookieExpires "2 fortnights"', "CookieStyle New",
             "CookieSameSite Maybe", 'CookieName "a;b"'],
)  # fmt: skip
def test_wrong_cookies_are_errors(configured, line):
    done = configured(line, modules=(*DEFAULT_MODULES, "usertrack")).run("-t")
    assert done.returncode != 0 and line.split()[1].strip('"')[:3] in done.stderr


# ---- logio


def test_time_to_first_byte(oracle):
    for server in servers(oracle):
        for path, shape in (("/a", r"\d{1,7}"), ("/b", "-"), ("/plain/none", "-")):
            line = new_lines(server, "seen.log", lambda: ask(server, 1, path))[-1]  # noqa: B023
            assert re.fullmatch(shape, line.split("|")[3]), (server.name, path)


# ---- log_debug


def messages(server, port, path):
    lines = new_lines(server, "error.log", lambda: ask(server, port, path), 2)
    return [line.split("] ")[-1] for line in lines if "log_debug:info" in line]


@pytest.mark.parametrize("path", ["/a", "/a?x=1", "/none"])
def test_messages_of_a_section(oracle, path):
    ours, theirs = (messages(server, 2, path) for server in servers(oracle))
    assert ours == theirs


@pytest.mark.parametrize("path", ["/a", "/auth", "/more", "/none"])
def test_messages_of_a_server(oracle, path):
    ours, theirs = (messages(server, 3, path) for server in servers(oracle))
    assert ours == theirs


@pytest.mark.parametrize("line", ["LogMessage x hook=nothing", "LogMessage x when=1", 'LogMessage x "expr=1 =="', "LogMessage %{nothing"])
def test_wrong_messages_are_errors(configured, line):
    assert configured(line, modules=(*DEFAULT_MODULES, "log_debug")).run("-t").returncode != 0


# ---- log_forensic


FORENSIC = (
    ["GET /plain/a%20b|c\"d' HTTP/1.1", "Host: a:1", 'X-Y: p|q\tr"s\\t\xe4%41 <>&;', "A|B: 1"],
    ["GET /plain/a HTTP/1.1", "Host: localhost", "Empty:", "X: (){}[]~^`@,'"],
    ["GET /plain/old HTTP/1.0"],
)


@pytest.mark.parametrize("head", FORENSIC, ids=lambda head: head[0])
def test_forensic_lines(oracle, head):
    seen = []
    for server in servers(oracle):

        def act():
            with Connection(server.ports[0]) as connection:  # noqa: B023
                connection.request("\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1"))

        lines = new_lines(server, "forensic.log", act, 2)
        name = lines[0].split("|")[0][1:]
        assert lines[1] == f"-{name}"
        seen.append(lines[0].replace(name, "NAME"))
    assert seen[0] == seen[1]


def test_httpds_program_reads_them(oracle):
    program = "/usr/sbin/check_forensic"
    for server in servers(oracle):
        ask(server, 1, "/plain/a")
        done = subprocess.run([program, str(server.root / "logs/forensic.log")], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "")


def test_forensic_names_without_unique_id(apus):
    with apus("ForensicLog @ROOT@/logs/forensic.log", modules=(*DEFAULT_MODULES, "log_forensic")) as server:
        lines = new_lines(server, "forensic.log", lambda: ask(server, 1, "/"), 2)
        assert re.fullmatch(r"\+[0-9a-f]+:[0-9a-f]+:0\|GET / HTTP/1\.1\|Host:localhost\|Connection:close", lines[0])


# ---- dumpio and echo


def test_dumped_bytes(oracle):
    for server in servers(oracle):
        lines = new_lines(server, "error.log", lambda: ask(server, 5, "/a", "X: \t\x80"), 3)  # noqa: B023
        text = "\n".join(lines)
        assert re.search(r"dumpio_in \(data-HEAP\): \d+ bytes", text)
        assert r"GET /a HTTP/1.1\r\n" in text and "HTTP/1.1 200 OK" in text
    lines = new_lines(oracle.subject, "error.log", lambda: ask(oracle.subject, 5, "/a"), 3)
    assert any(re.search(r"dumpio_out \(data-HEAP\): HTTP/1\.1 200 OK\\r\\n", line) for line in lines)


def test_files_are_whole_when_they_are_dumped(oracle):
    text = bytes(range(256)) * 20_000
    oracle.subject.put("large", text)
    assert ask(oracle.subject, 5, "/large").body == text


def test_echo(oracle):
    for server in servers(oracle):
        with socket.create_connection(("127.0.0.1", server.ports[3])) as plain:
            plain.settimeout(10)
            for text in (b"hello\n", b"GET / HTTP/1.1\r\n", b"\0\xff\n", b"x" * 100_000 + b"\n"):
                plain.sendall(text)
                back = b""
                while len(back) < len(text):
                    back += plain.recv(65536)
                assert back == text
            plain.shutdown(socket.SHUT_WR)
            assert plain.recv(10) == b""


# ---- info


def page(server, query):
    return ask(server, 6, f"/info{query}").body.decode("latin-1")


def configuration_lines(text):
    return [line for line in re.findall(r"<dd><tt>(.*?)</tt></dd>", text.replace("\n", "")) if "&nbsp;" in line]


def without_numbers(lines, server):
    roots = [line.replace(str(server.root), "ROOT") for line in lines]
    roots = [server.with_marks(line) for line in roots]
    # httpd writes directives as it spells them itself.
    return [re.sub(r"^(&nbsp;)*\d+:", "LINE:", line).replace("&nbsp;&nbsp;&nbsp;&nbsp;:", "LINE:").lower() for line in roots]


@pytest.mark.parametrize("query", ["?mod_dir.c", "?mod_dumpio.c", "?mod_echo.c", "?mod_usertrack.c", "?mod_alias.c"])
def test_configuration_of_a_module(oracle, query):
    ours, theirs = (without_numbers(configuration_lines(page(server, query)), server) for server in servers(oracle))
    assert ours == theirs


def test_configuration_as_a_whole(oracle):
    """From the first directive that both servers have of the test."""
    ours, theirs = (without_numbers(configuration_lines(page(server, "?config")), server) for server in servers(oracle))
    first = next(line for line in theirs if "loglevel" in line)
    assert ours[ours.index(first) :] == theirs[theirs.index(first) :]


def test_list_of_modules(oracle):
    ours, theirs = (set(re.findall(r"<dd>(.*?)</dd>", page(server, "?list"))) for server in servers(oracle))
    own = {"core.c", "event.c", "http_core.c", "mod_so.c", "mod_unixd.c", "mod_version.c", "mod_watchdog.c", "mod_logio.c"}
    assert theirs - own <= ours


def test_pages(oracle):
    for server in servers(oracle):
        assert '<a name="server">Server Settings</a>' in page(server, "?server")
        assert "mod_dir.c" in page(server, "?hooks") and "fixups" in page(server, "?hooks").lower()
        assert "Providers" in page(server, "?providers")
        assert "<dd><b>more</b></dd>" in page(server, "?mod_dir.c")
        assert "Module Name:" not in page(server, "?nothing")
        assert "Module Name:" in page(server, "") and "mod_info.c" in page(server, "")
        assert ask(server, 6, "/info", "Content-Length: 0", method="POST").status == 404


def test_secrets_are_not_shown(apus):
    config = "SSLSRPUnknownUserSeed secretseed\n<Location /info>\nSetHandler server-info\n</Location>\n"
    with apus(config, modules=(*DEFAULT_MODULES, "info", "ssl")) as server:
        text = ask(server, 1, "/info").body.decode()
        assert "SSLSRPUnknownUserSeed" in text and "secretseed" not in text


# ---- what is built in


def test_lines_for_what_is_built_in_are_accepted(apus):
    config = "LoadModule version_module modules/mod_version.so\nLoadModule macro_module modules/mod_macro.so\n"
    with apus(config + "<IfVersion >= 2.4>\nDefine here yes\n</IfVersion>\n") as server:
        assert ask(server, 1, "/none").status == 404
