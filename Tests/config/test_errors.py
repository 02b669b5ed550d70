"""Mistakes in the configuration: each is reported with file and line, all in one run, and nothing starts."""

import re

import pytest

MISTAKES = {
    "unknown directive": "Bogus on",
    "misspelt directive": "DocumentRoott /tmp",
    "flag": "KeepAlive maybe",
    "too few arguments": "ErrorDocument 404",
    "too many arguments": "PidFile a b c",
    "port out of range": "Listen 127.0.0.1:99999",
    "port no number": "Listen 127.0.0.1:http",
    "option": "Options Nonsense",
    "mixed options": "Options +FollowSymLinks Indexes",
    "override class": "<Directory />\nAllowOverride Bogus\n</Directory>",
    "log level": "LogLevel loud",
    "section without argument": "<Directory>\n</Directory>",
    "unknown section": "<Bogus>\n</Bogus>",
    "not in a section": "<Directory />\nListen 1\n</Directory>",
    "bad regular expression": 'AliasMatch "(" /tmp',
    "bad status": "Redirect 200 /a /b",
    "bad redirection target": "Redirect /a b",
    "bad require": "<Location /x>\nRequire bogus-provider\n</Location>",
    "error code": "ErrorDocument 999 text",
    "include": "Include conf/no-such.conf",
    "module type": "AddType text/html",
    "negative limit": "LimitRequestBody -1",
}

#: httpd reads such words as 0 without a word.
MISTAKES_THAT_HTTPD_ACCEPTS = {
    "number": "Timeout ten",
    "keep-alive number": "MaxKeepAliveRequests many",
    "number with a tail": "Timeout 10x",
}


def blamed_lines(server, output):
    """The lines of the main configuration file that Apus reports errors for."""
    pattern = rf"^{re.escape(str(server.config_file))}:(\d+):\d+: error: (\S.*)$"
    return [int(match[1]) for match in re.finditer(pattern, output, re.MULTILINE)]


def assert_rejected(server, line, path=None):
    done = server.run("-t")
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "Syntax OK" not in output
    assert server.reports_error_at(output, line, path), f"no error at line {line}:\n{output}"
    return output


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_reported_where_it_is(configured, mistake):
    server = configured("# a comment\n" + mistake + "\n")
    lines = [line for line in mistake.splitlines() if not line.startswith("</")]
    inner = lines[-1]
    assert_rejected(server, server.line_of(inner))


@pytest.mark.parametrize("mistake", MISTAKES_THAT_HTTPD_ACCEPTS.values(), ids=MISTAKES_THAT_HTTPD_ACCEPTS)
def test_mistake_that_httpd_accepts(apus, configured, mistake):
    server = configured(mistake + "\n")
    assert_rejected(server, server.line_of(mistake))


def test_the_word_that_is_wrong_is_named(configured):
    server = configured("KeepAlive On\nBogusDirective on\n")
    assert "BogusDirective" in assert_rejected(server, server.line_of("BogusDirective"))


def test_five_mistakes_are_five_errors(apus, configured):
    """Who moves in with a large configuration wants all of them at once."""
    mistakes = [
        MISTAKES[name] for name in ("unknown directive", "flag", "log level", "option", "port out of range")
    ]
    server = configured("\n# fine\n".join(mistakes) + "\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert blamed_lines(server, done.stderr) == [server.line_of(mistake) for mistake in mistakes]


def test_mistakes_inside_sections_are_collected(apus, configured):
    server = configured(
        "<VirtualHost *:80>\nBogus1 a\n<Directory />\nBogus2 b\n</Directory>\n</VirtualHost>\nBogus3 c\n"
    )
    done = server.run("-t")
    assert blamed_lines(server, done.stderr) == [server.line_of(f"Bogus{number}") for number in (1, 2, 3)]


def test_mistake_in_an_included_file(configured):
    server = configured('Include "@ROOT@/conf/extra.conf"\n')
    extra = server.root / "conf" / "extra.conf"
    extra.write_text("# first line\nKeepAlive On\nBogus on\n")
    assert_rejected(server, 3, extra)


def test_included_files_by_pattern(configured):
    server = configured('Include "@ROOT@/conf/extra/*.conf"\n')
    (server.root / "conf" / "extra").mkdir()
    for name in ("a", "b"):
        (server.root / "conf" / "extra" / f"{name}.conf").write_text(
            f"# {name}\n" + ("Bogus on\n" if name == "b" else "")
        )
    assert_rejected(server, 2, server.root / "conf" / "extra" / "b.conf")


def test_unclosed_section(configured):
    server = configured("<Directory />\nOptions None\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert "<Directory>" in done.stderr or "</Directory>" in done.stderr


def test_wrong_closing_line(configured):
    server = configured("<Directory />\nOptions None\n</Location>\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert "</Location>" in done.stderr or "</Directory>" in done.stderr


def test_closing_line_too_many(configured):
    server = configured("Options None\n</Directory>\n")
    assert_rejected(server, server.line_of("Options None") + 1)


@pytest.mark.parametrize(
    "config",
    [
        "<IfModule no_such_module>\nBogus on\n</IfModule>",
        "<IfModule !dir_module>\nBogus on\n</IfModule>",
        "<IfModule mod_no_such.c>\nBogus on\n</IfModule>",
        "<IfDefine NOT_DEFINED>\nBogus on\n</IfDefine>",
        "Define DEFINED\n<IfDefine !DEFINED>\nBogus on\n</IfDefine>",
        "Define timeout 5\nTimeout ${timeout}",
        "Timeout \\\n5",
        "  \t KeepAlive \t On  \t ",
        "keepalive on",
        "#" + "x" * 5000,
        'ErrorDocument 404 "a \\"quoted\\" text"',
        "DirectoryIndex index.html index.htm",
        '<FilesMatch "\\.(gif|png)$">\nRequire all denied\n</FilesMatch>',
    ],
)
def test_correct_configurations(configured, config):
    done = configured(config + "\n").run("-t")
    assert (done.returncode, "Syntax OK" in done.stdout + done.stderr) == (0, True), done.stderr


@pytest.mark.parametrize(
    "config, arguments, accepted",
    [
        ("<IfModule dir_module>\nBogus on\n</IfModule>", (), False),
        ("<IfModule mod_dir.c>\nBogus on\n</IfModule>", (), False),
        ("<IfDefine X>\nBogus on\n</IfDefine>", ("-D", "X"), False),
        ("<IfDefine !X>\nBogus on\n</IfDefine>", ("-D", "X"), True),
        ("<IfDefine X>\nBogus on\n</IfDefine>", ("-DX",), False),
        ("UnDefine X\n<IfDefine X>\nBogus on\n</IfDefine>", ("-DX",), True),
    ],
)
def test_conditional_sections(configured, config, arguments, accepted):
    done = configured(config + "\n").run(*arguments, "-t")
    assert done.returncode == (0 if accepted else 1), done.stderr


def test_nothing_starts_with_a_mistake(configured):
    server = configured("Bogus on\n")
    done = server.run("-DFOREGROUND")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("Bogus"))


def test_missing_configuration_file(configured):
    server = configured("")
    server.config_file.unlink()
    done = server.run("-t")
    assert done.returncode == 1
    assert "httpd.conf" in done.stderr


def test_configuration_without_listen(configured):
    """It must not start, whatever -t says of it."""
    server = configured("ServerName localhost\n", prelude=False)
    done = server.run("-DFOREGROUND")
    assert done.returncode == 1


def test_port_in_use_is_an_error_that_names_it(server_class, configured):
    with server_class("") as holder:
        server = configured("")
        text = server.config_file.read_text().replace(f":{server.port}", f":{holder.port}")
        server.config_file.write_text(text)
        done = server.run("-DFOREGROUND")
    assert done.returncode == 1
    assert str(holder.port) in done.stderr + server.error_log()


def test_binary_junk_is_an_error_not_a_crash(configured):
    server = configured("")
    server.config_file.write_bytes(bytes(range(256)) * 20)
    assert server.run("-t").returncode == 1


@pytest.mark.parametrize("directive", ["ErrorLog", "CustomLog", "TransferLog"])
@pytest.mark.parametrize("how", ["-t", "-DFOREGROUND"])
@pytest.mark.parametrize("kind", ["missing directory", "directory in its place", "file in its path"])
def test_a_log_that_cannot_be_opened(apus, configured, directive, how, kind):
    """-t finds it as the start does, at the directive's line, and makes nothing."""
    path = {
        "missing directory": "@ROOT@/nowhere/log",
        "directory in its place": "@ROOT@/logs",
        "file in its path": "@ROOT@/conf/httpd.conf/log",
    }[kind]
    server = configured(f'# {kind}\n{directive} "{path}"' + (' "%r"\n' if directive == "CustomLog" else "\n"))
    line = server.line_of(f"# {kind}") + 1
    before = sorted(server.root.rglob("*"))
    done = server.run(how)
    assert done.returncode == 1
    assert re.search(rf"^{re.escape(str(server.config_file))}:{line}:(\d+:)? error: ", done.stderr, re.MULTILINE), done.stderr
    if how == "-t":
        assert sorted(server.root.rglob("*")) == before


def test_checking_makes_no_logs(configured):
    server = configured('CustomLog "@ROOT@/logs/other" "%r"\n')
    assert server.run("-t").returncode == 0
    assert list((server.root / "logs").iterdir()) == []
