"""Errors that teach: what a message consists of, and that one run shows all of them."""

import re

import pytest

from support.server import DEFAULT_MODULES

#: A file with twelve different mistakes, each with a part of its message and of its hint.
TWELVE = {
    "Timeout abc": ('"abc" is not a time', "30s"),
    "KeepAlive maybe": ("neither On nor Off", "KeepAlive On"),
    "SSLEngin on": ("unknown directive SSLEngin", "SSLEngine"),
    'Header set X "y"': ("unknown directive Header", "LoadModule headers_module modules/mod_headers.so"),
    "Listen 127.0.0.1:99999": ("", ""),
    "Options Nonsense": ("Nonsense", ""),
    "LogLevel loud": ('"loud" is no level', "trace1"),
    "ErrorDocument 999 gone": ("999", ""),
    "AddType text/html": ("AddType", ""),
    'AliasMatch "(" /tmp': ("", ""),
    "Include conf/no-such.conf": ("no-such.conf", ""),
    "<Location /x>\nRequire nonsense all\n</Location>": ("nonsense", ""),
}


def blamed(server, output):
    """The messages with their lines and columns, and what follows each."""
    pattern = rf"^{re.escape(str(server.config_file))}:(\d+):(\d+): error: (.*)\n((?:  .*\n|    .*\n)*)"
    return [(int(line), int(column), message, rest) for line, column, message, rest in re.findall(pattern, output, re.M)]


def test_twelve_mistakes_are_twelve_messages_in_one_run(configured, apache):
    text = "\n".join(TWELVE) + "\n"
    server = configured(text)
    done = server.run("-t")
    assert done.returncode == 1
    found = blamed(server, done.stderr)
    assert len(found) == 12 and "12 errors in the configuration" in done.stderr, done.stderr
    for mistake, (message, hint) in TWELVE.items():
        inner = [line for line in mistake.splitlines() if not line.startswith("</")][-1]
        (one,) = [each for each in found if each[0] == server.line_of(inner)]
        assert message in one[2] and hint in one[3], one
    reference = apache(text, start=False)
    try:
        said = reference.run("-t").stderr
    finally:
        reference.discard()
    assert len(re.findall(r"on line \d+ of", said)) == 1


def test_the_line_is_shown_and_the_place_marked(configured):
    server = configured("KeepAlive On\n  Timeout   abc\n")
    line = server.line_of("Timeout   abc")
    assert f"{server.config_file}:{line}:13: error: " in server.run("-t").stderr
    shown = server.run("-t").stderr.splitlines()
    at = next(index for index, text in enumerate(shown) if "Timeout   abc" in text)
    assert shown[at + 1].index("^") == shown[at].index("abc")


def test_what_was_expected_is_said(configured):
    server = configured("ErrorDocument 404\nServerTokens Everything\n")
    said = server.run("-t").stderr
    assert "takes 2 arguments" in said or "takes at least 2" in said
    assert "usage: ErrorDocument" in said
    assert '"Everything" is not one of' in said and "minimal" in said


@pytest.mark.parametrize(
    "wrong, right",
    [("DocumentRot /tmp", "DocumentRoot"), ("Keepalife On", "KeepAlive"), ("<Virtualhosts *>\n</Virtualhosts>", "VirtualHost"), ("Aliass /a /b", "Alias")],
)
def test_the_nearest_name_is_offered(configured, wrong, right):
    said = configured(wrong + "\n").run("-t").stderr
    assert re.search(rf"did you mean \"<?{right}", said), said


def test_the_module_that_would_bring_a_directive_is_named(configured):
    said = configured("RewriteEngine On\n").run("-t").stderr
    assert "LoadModule rewrite_module modules/mod_rewrite.so" in said


def test_modules_that_are_not_part_of_this_installation(configured):
    said = configured("LuaHookFixups /x y\n").run("-t").stderr
    assert "mod_lua" in said and "not part of this installation" in said


def test_the_chain_of_includes_is_shown(configured):
    server = configured('Include "@ROOT@/conf/outer.conf"\n')
    (server.root / "conf/outer.conf").write_text(f"\n\nInclude {server.root}/conf/inner.conf\n")
    (server.root / "conf/inner.conf").write_text("Bogus\n")
    said = server.run("-t").stderr
    first = said.index(f"{server.root}/conf/inner.conf:1:1: error")
    second = said.index(f"included from {server.root}/conf/outer.conf:3", first)
    assert said.index(f"included from {server.config_file}:{server.line_of('outer.conf')}", second)


#: What -t finds as a start does: files, providers, keys, values; the line that is blamed.
NOT_STARTING = {
    "PidFile in a directory that is not there": 'PidFile "@ROOT@/nowhere/pid"',
    "PidFile that is a directory": 'PidFile "@ROOT@/logs"',
    "ErrorLog": 'ErrorLog "@ROOT@/nowhere/log"',
    "CustomLog": 'CustomLog "@ROOT@/nowhere/log" "%U"',
    "a log of a virtual host": '<VirtualHost *:@PORT@>\nErrorLog "@ROOT@/nowhere/log"\n</VirtualHost>',
    "a provider of users": "<Location /x>\nAuthBasicProvider nobody\n</Location>",
    "a provider of requirements": "<Location /x>\nRequire nobody all\n</Location>",
    "a certificate": "SSLEngine On\nSSLCertificateFile @ROOT@/none.pem",
    "a cache of sessions": "SSLSessionCache nosuch:x",
    "a directory": "CoreDumpDirectory @ROOT@/nowhere",
    "a user": "User nobody-of-that-name",
}


@pytest.mark.parametrize("how", ["-t", "-DFOREGROUND"])
@pytest.mark.parametrize("name", NOT_STARTING)
def test_what_would_not_start_is_found_by_a_test(configured, name, how):
    text = NOT_STARTING[name]
    server = configured("# here\n" + text + "\n", modules=(*DEFAULT_MODULES, "ssl", "authn_core", "auth_basic", "authn_file"))
    lines = [line for line in text.splitlines() if not line.startswith("<")]
    done = server.run(how)
    assert done.returncode == 1, done.stderr
    filled = server.fill(lines[-1])
    assert re.search(rf"^{re.escape(str(server.config_file))}:{server.line_of(filled)}:(\d+:)? error: ", done.stderr, re.M), done.stderr


def test_summary_and_status_are_httpd_s(configured, apache):
    for text, status in (("", 0), ("Bogus\n", 1)):
        server, reference = configured(text), apache(text, start=False)
        try:
            ours, theirs = server.run("-t"), reference.run("-t")
        finally:
            reference.discard()
        assert ours.returncode == theirs.returncode == status
        assert ("Syntax OK" in ours.stderr) == ("Syntax OK" in theirs.stderr) == (status == 0)
