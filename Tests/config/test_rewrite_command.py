"""`apus rewrite test`: a table of URLs and what rules must make of them."""

import json
import subprocess

import pytest


WORDPRESS = """\
RewriteRule ^index\\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
"""

SERVER = """\
RewriteCond %{HTTPS} !on
RewriteRule ^/login https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]
RewriteRule ^/old/(.*)$ /new/$1 [L]
RewriteRule ^/cgi/(.*)$ /srv/programs/$1 [L]
RewriteRule ^/away$ http://other.example/?a=b [R,NE,L]
RewriteRule ^/proxied/(.*)$ http://backend:8000/$1 [P]
RewriteCond %{REMOTE_ADDR} ^192\\.0\\.2\\.
RewriteRule ^/inside - [F]
RewriteRule ^/gone - [G]
RewriteRule ^/teapot - [R=451]
RewriteRule ^/set - [E=A:one,E=B,T=text/x-thing,H=thing,CO=seen:yes:.example.com]
RewriteRule ^/pt$ /aliased/x [PT]
RewriteRule ^/loop/(.*)$ /loop/$1x [N=5]
"""


@pytest.fixture
def run(apus, tmp_path):
    """Runs the command on rules and cases, given as text."""

    def run(rules, cases, *options):
        (tmp_path / "rules.conf").write_text(rules)
        (tmp_path / "cases.txt").write_text(cases)
        command = [apus.program, "rewrite", "test", "--rules", "rules.conf", "--cases", "cases.txt", *options]
        return subprocess.run(
            list(map(str, command)), cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )

    return run


PASSING = [
    (
        WORDPRESS,
        """\
@files index.php wp-content/a.css wp-admin/
/                                   -> unchanged
/hello/world/?p=1                   -> /index.php?p=1
/wp-content/a.css                   -> unchanged
/wp-content/b.css                   -> /index.php
/wp-admin/                          -> /wp-admin/
POST /wp-json "Content-Type: text/plain" -> /index.php
""",
        ("--directory", "/"),
    ),
    (
        WORDPRESS.replace("/index.php", "index.php"),
        """\
@files blog/index.php
/blog/x/y      -> /blog/index.php
/blog/         -> unchanged
/other         -> unchanged
/blog/a%20b    -> /blog/index.php
""",
        ("--directory", "/blog", "--base", "/blog"),
    ),
    (
        SERVER,
        """\
@host www.example.com
/login                         -> 301 https://www.example.com/login
https://shop.example.com/login -> unchanged
/old/a%20b?c                   -> "/new/a b?c"
/old/a%20b                     -> /new/a%20b
/cgi/x                         -> file /srv/programs/x
/away                          -> 302 http://other.example/?a=b
/proxied/x                     -> proxy http://backend:8000/x
/inside from 192.0.2.7         → forbidden
/inside from 2001:db8::1       → unchanged
/inside                        -> unchanged
/gone                          -> gone
/teapot                        -> 451
/set                           -> unchanged env:A=one env:B= env:!C type:text/x-thing handler:thing header:!Vary
/loop/                         -> 500
HEAD /old/                     -> /new/
/login "Host: a.example"       -> 301 https://a.example/login
""",
        (),
    ),
    ("Alias /aliased /srv/aliased\n" + SERVER, "/pt -> /aliased/x\n", ()),
    ("<IfDefine LIVE>\nRewriteRule ^/a$ /b\n</IfDefine>\n", "/a -> /b\n", ("--define", "LIVE")),
    ("RewriteEngine Off\nRewriteRule ^/a$ /b\n", "/a -> unchanged\n", ()),
    ("ErrorDocument 403 /sorry\nHeader set X y\nDirectoryIndex index.php\nRewriteRule ^/a$ - [F]\n", "/a -> 403\n", ()),
]


@pytest.mark.parametrize("rules, cases, options", PASSING, ids=map(str, range(len(PASSING))))
def test_as_expected(run, rules, cases, options):
    done = run(rules, cases, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all as expected\n")


def test_what_fails_is_told_with_the_rule(run, tmp_path):
    done = run(SERVER, "/old/x -> /newer/x\n\n/old/y -> /new/y\n/inside -> forbidden\nPOST /set -> unchanged env:A=two env:!B\n")
    assert done.returncode == 1
    rules = tmp_path / "rules.conf"
    assert done.stdout.splitlines() == [
        f"cases.txt:1: /old/x: expected /newer/x, got /new/x (decided by {rules}:3)",
        "cases.txt:4: /inside: expected 403, got /inside (no rule decided)",
        'cases.txt:5: POST /set: expected env:A "two", got "one"; expected env:B none, got "" (no rule decided)',
        "4 cases, 3 not as expected",
    ]


def test_for_programs(run, tmp_path):
    done = run(SERVER, "/old/x -> /newer/x\n/gone -> 410\n", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["cases"], found["failed"]) == (2, 1)
    first, second = found["results"]
    assert first == {
        "file": "cases.txt", "line": 1, "method": "GET", "url": "/old/x", "passed": False, "expected": "/newer/x", "actual": "/new/x",
        "rule": f"{tmp_path}/rules.conf:3", "problems": ["expected /newer/x, got /new/x"],
    }  # fmt: skip
    assert second["passed"] and second["actual"] == "410" and second["rule"].endswith("rules.conf:9")


def test_files_of_a_site(run, tmp_path):
    (tmp_path / "site" / "real").mkdir(parents=True)
    done = run(WORDPRESS, "/real/ -> unchanged\n/unreal -> /index.php\n", "--directory", "/", "--document-root", "site")
    assert done.returncode == 0, done.stdout


def test_maps_of_the_server(run, tmp_path):
    (tmp_path / "map.txt").write_text("key /value\n")
    (tmp_path / "server.conf").write_text("RewriteMap m txt:map.txt\nRewriteMap p prg:/bin/cat\n")
    rules = "RewriteRule ^m/(.*) ${m:$1|/none} [L]\nRewriteRule ^p/(.*) ${p:$1|/not-run} [L]\n"
    cases = "/m/key -> /value\n/m/other -> /none\n/p/x -> /not-run\n"
    done = run(rules, cases, "--directory", "/", "--server", "server.conf")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "rules, cases, options, message",
    [
        ("RewriteRule ( x\n", "/a -> /b\n", (), "rules.conf:1:"),
        ("Nonsense\n", "/a -> /b\n", (), "unknown directive Nonsense"),
        ("", "/a\n", (), "cases.txt:1:1: error: what is expected is missing"),
        ("", "/a ->\n", (), "what is expected is missing behind the arrow"),
        ("", "\na b -> /c\n", (), "cases.txt:2:1: error: there is no URL"),
        ("", "/a b -> /c\n", (), '"b" is not expected behind a URL'),
        ("", "/a -> 301\n", (), "a redirect leads to a URL"),
        ("", "/a -> lost\n", (), '"lost" is nothing that becomes of a request'),
        ("", "/a -> /b colour:red\n", (), '"colour:red" is no check'),
        ("", '/a "b -> /c\n', (), "never closed"),
        ("", "/a from nowhere.invalid -> /c\n", (), "is no address"),
        ("", "@what\n", (), "unknown setting @what"),
        ("", "@files ../x\n/a -> /b\n", (), 'its name has no ".."'),
        ("", "# nothing\n", (), "there are no cases in cases.txt"),
        ("", "/a -> /b\n", ("--base", "/x"), "--base goes with --directory"),
        ("", "/a -> /b\n", ("--directory", "x"), "takes a path of a URL"),
        ("", "/a -> /b\n", ("--document-root", "absent"), "cannot make the site"),
        ("", "/a -> /b\n", ("--what", "x"), "unknown option --what"),
        ("", "/a -> /b\n", ("--define",), "--define needs a value"),
    ],
)
def test_what_cannot_be_run(run, rules, cases, options, message):
    done = run(rules, cases, *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_words_that_are_missing(apus):
    for arguments, message in ((["rewrite"], "say what to do"), (["rewrite", "run"], "nothing it can do"), (["rewrite", "test"], "--rules FILE is missing")):
        done = subprocess.run([str(apus.program), *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 2 and message in done.stderr and "Usage:" in done.stderr


def test_a_request_no_server_takes(run):
    done = run("", 'GET /a "Bad Field: x" -> unchanged\n/ok -> unchanged\n')
    assert done.returncode == 1
    assert "cases.txt:1: /a: no server takes the request: " in done.stdout


def test_help_names_the_command(apus):
    done = subprocess.run([str(apus.program), "-h"], capture_output=True, text=True, timeout=30)
    assert "apus rewrite test" in done.stdout


