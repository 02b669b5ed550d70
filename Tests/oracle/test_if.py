"""<If>, <ElseIf> and <Else>, asked on Apus and on Debian's apache2: the answers must agree.

Each case is a virtual host. What a section does is seen by the media type that it forces.
"""

import os
import re
import shutil

import pytest

from support.oracle import Oracle
from support.server import refusal, world_readable_directory
from support.waiting import wait_until
from support.wire import Connection


def forced(name):
    return f"ForceType application/x-{name}\n"


def section(tag, argument, *content):
    opening = f'<{tag} "{argument}">' if argument is not None else f"<{tag}>"
    return f"{opening}\n{''.join(content)}</{tag}>\n"


def if_(condition, *content):
    return section("If", condition, *content)


def elseif(condition, *content):
    return section("ElseIf", condition, *content)


def else_(*content):
    return section("Else", None, *content)


A, B, C, D = (forced(name) for name in "abcd")
HAS_T = "%{HTTP:T} == '1'"
HAS_U = "-n %{HTTP:U}"

CASES = {
    "plain": if_(HAS_T, A),
    "negated": if_(f"! {HAS_T}", A),
    "else": if_(HAS_T, A) + else_(B),
    "elseif": if_(HAS_T, A) + elseif(HAS_U, B) + else_(C),
    "two elseif": if_("false", A) + elseif(HAS_U, B) + elseif(HAS_T, C) + else_(D),
    "first of many": if_("true", A) + elseif("true", B) + elseif("true", C) + else_(D),
    "elseif without else": if_(HAS_U, A) + elseif(HAS_T, B),
    "two chains": if_(HAS_T, A) + else_(B) + if_(HAS_U, C) + else_("AddDefaultCharset utf-8\n"),
    "later wins": if_("true", A) + if_("true", B),
    "something between": if_(HAS_T, A) + "AcceptPathInfo On\n" + else_(B),
    "nested": if_(HAS_T, A, if_(HAS_U, B), else_(C)),
    "nested wins over a later one": if_("true", if_(HAS_T, A)) + if_("true", B),
    "nested deeper": if_("true", if_("true", if_(HAS_T, A), else_(B))),
    "nested else": if_(HAS_T, if_(HAS_U, A), elseif("false", B), else_(C)),
    "in a directory": section("Directory", "@HTDOCS@", if_(HAS_T, A), else_(B)),
    "in a directory below": section("Directory", "@HTDOCS@/sub", if_(HAS_T, A), else_(B)),
    "in a location": section("Location", "/sub", if_(HAS_T, A), else_(B)),
    "in files": section("Files", "*.txt", if_(HAS_T, A), else_(B)),
    "in files in a directory": section("Directory", "@HTDOCS@", section("Files", "f.txt", if_(HAS_T, A), else_(B))),
    "in a location match": section("LocationMatch", "^/s", if_(HAS_T, A), else_(B)),
    "after location": section("Location", "/", A) + if_(HAS_T, B),
    "after files": section("Files", "f.txt", A) + section("Directory", "@HTDOCS@", if_(HAS_T, B)),
    "location after directory": section("Location", "/", if_(HAS_T, A)) + section("Directory", "@HTDOCS@", if_(HAS_T, B)),
    "files after directory": section("Files", "*", if_(HAS_T, A)) + section("Directory", "@HTDOCS@", if_(HAS_T, B)),
    "directory after server": if_(HAS_T, A) + section("Directory", "@HTDOCS@", if_(HAS_T, B)),
    "deeper directory last": section("Directory", "@HTDOCS@/sub", if_("true", B)) + section("Directory", "@HTDOCS@", if_("true", A)),
    "chains in two sections": section("Location", "/", if_("false", A)) + section("Location", "/sub", if_(HAS_T, B), else_(C)),
    "access": if_(HAS_T, "Require all denied\n"),
    "access in a location": section("Location", "/sub", if_(HAS_T, "Require all denied\n")),
    "redirect": if_(HAS_T, "Redirect /f.txt http://target.example/\n"),
    "error document": if_(HAS_T, "ErrorDocument 404 /f.txt\n"),
    "index": section("Directory", "@HTDOCS@", if_(HAS_T, "DirectoryIndex f.txt\n")),
    "file name": if_("%{REQUEST_FILENAME} =~ m#/sub/#", A),
    "file exists": if_("-f %{REQUEST_FILENAME}", A) + else_(B),
    "path": if_("%{REQUEST_URI} == '/sub/f.txt'", A) + elseif("%{REQUEST_URI} =~ /other/", B),
    "method": if_("%{REQUEST_METHOD} == 'HEAD'", A),
    "query": if_("%{QUERY_STRING} =~ /(^|&)x=1/", A),
    "group": if_("%{REQUEST_URI} =~ m#^/(sub|other)/# && $1 == 'sub'", A),
    "fails": if_("file('/none') == ''", A) + else_(B),
    "limit inside": if_("true", section("Limit", "HEAD", "Require all denied\n")),
    "vary": if_("%{HTTP_HOST} == '' || req('host') == '' || req('T') == '1' || req('U') == '1'", A) + if_("req_novary('X') == ''", B),
}  # fmt: skip

FOR_ALL = if_("%{HTTP:Everywhere} == '1'", forced("everywhere")) + else_("AddDefaultCharset koi8-r\n")

REQUESTS = [
    f"{method} {path} HTTP/1.1\r\nHost: @HOST@\r\n{fields}\r\n"
    for method, path in [
        ("GET", "/f.txt"), ("GET", "/sub/f.txt"), ("HEAD", "/sub/f.txt"), ("GET", "/sub/other.html"),
        ("GET", "/none"), ("GET", "/f.txt?x=1"), ("GET", "/"),
    ]
    for fields in ["", "T: 1\r\n", "U: 1\r\n", "T: 1\r\nU: 1\r\n", "Everywhere: 1\r\n"]
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()
    (site / "sub").mkdir()
    for name in ("f.txt", "index.html", "sub/f.txt", "sub/other.html"):
        (site / name).write_text(f"{name}\n")
        os.utime(site / name, (1600000000, 1600000000))
    hosts = "".join(
        f"<VirtualHost *:@PORT@>\nServerName c{number}.example\n{config}</VirtualHost>\n"
        for number, config in enumerate(CASES.values())
    )
    with Oracle(apus, FOR_ALL + hosts, htdocs=site) as running:
        yield running
    shutil.rmtree(site)


@pytest.mark.parametrize("name", CASES)
def test_same_answers(oracle, name):
    host = f"c{list(CASES).index(name)}.example"
    problems = []
    for request in REQUESTS:
        try:
            oracle.compare(request.replace("@HOST@", host))
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n\n".join(problems)


#: .htaccess files, each in a directory of its own that has an f.txt and a g.txt.
ACCESS_FILES = {
    "if": if_(HAS_T, A),
    "else": if_(HAS_T, A) + elseif(HAS_U, B) + else_(C),
    "nested": if_(HAS_T, A, if_(HAS_U, B), else_(C)),
    "files in it": if_("true", section("Files", "f.txt", A)),
    "in files": section("Files", "f.txt", if_(HAS_T, A), else_(B)),
    "in files match": section("FilesMatch", "^[f]", if_("%{REQUEST_FILENAME} =~ /f.txt$/", A)),
    "access": if_(HAS_T, "Require all denied\n"),
    "group": if_("%{REQUEST_URI} =~ m#/(.)\\.txt$#", 'ErrorDocument 404 "x"\n', A),
    "else alone": else_(A),
    "file": if_("file('/dev/null') == ''", A),
    "filesize": if_("filesize('/dev/null') == 0", A),
    "no condition": "<If>\n</If>\n",
    "of the server": if_("true", "DocumentRoot /\n"),
}


def test_access_files(apus, apache):
    site = world_readable_directory()
    for number, text in enumerate(ACCESS_FILES.values()):
        (site / str(number)).mkdir()
        (site / str(number) / ".htaccess").write_text(text)
        for name in ("f.txt", "g.txt"):
            (site / str(number) / name).write_text(name)
            os.utime(site / str(number) / name, (1600000000, 1600000000))
    config = section("Directory", "@HTDOCS@", "AllowOverride All\n") + if_(HAS_U, D)
    problems = []
    with Oracle(apus, config, htdocs=site) as oracle:
        for number in range(len(ACCESS_FILES)):
            for path in ("f.txt", "g.txt", "none"):
                for fields in ("", "T: 1\r\n", "U: 1\r\n", "T: 1\r\nU: 1\r\n"):
                    try:
                        request = f"GET /{number}/{path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"
                        # apache2 ends the connection when it cannot use a .htaccess file.
                        oracle.compare(request, ignore=["Connection"])
                    except AssertionError as problem:
                        problems.append(str(problem))
    shutil.rmtree(site)
    assert not problems, "\n\n".join(problems)


#: What no expression in .htaccess may ask. apache2 forbids the first two only.
FORBIDDEN = [
    "file('/etc/passwd') == ''", "filesize('/etc/passwd') == 0", "%{file:/etc/passwd} == ''", "osenv('PATH') == ''",
    "%{osenv:PATH} == ''", "-e '/etc'", "-f '/etc/passwd'", "-d '/etc'", "-s '/etc/passwd'", "-L '/etc'", "-h '/etc'", "-x '/bin/sh'",
    "! -f '/etc/passwd'", "true || -e '/etc'", "tolower(file('/etc/passwd')) == ''", "'a' in {file('/etc/passwd')}",
]  # fmt: skip


def test_what_access_files_cannot_ask(apus):
    with apus(section("Directory", "@HTDOCS@", "AllowOverride All\n")) as server:
        for number, text in enumerate(FORBIDDEN):
            server.put(f"{number}/f.txt", "text")
            server.put(f"{number}/.htaccess", if_(text, A) if number % 2 else f"Require expr {text}\n")
        with Connection(server.port) as connection:
            for number, text in enumerate(FORBIDDEN):
                answer = connection.request(f"GET /{number}/f.txt HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert answer.status == 500, text
        wait_until(
            lambda: server.error_log().count("cannot be used in .htaccess") == len(FORBIDDEN),
            lambda: f"a line for each of {len(FORBIDDEN)} files{server.diagnosis()}",
        )


def test_the_environment_is_kept_from_access_files(apus):
    """There env() knows what belongs to the request, but nothing of the server's own environment."""
    config = section("Directory", "@HTDOCS@", "AllowOverride All\n") + if_("env('PATH') != ''", "AddDefaultCharset utf-8\n")
    with apus(config) as server:
        server.put("f.txt", "text")
        server.put(".htaccess", if_("env('PATH') != ''", A) + else_(B))
        with Connection(server.port) as connection:
            answer = connection.request(b"GET /f.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.header("Content-Type") == "application/x-b"


MISTAKES = {
    else_(A): "no <If>",
    elseif("true", A): "no <If>",
    if_("true", A) + else_(B) + else_(C): "no <If>",
    if_("true", A) + else_(B) + elseif("true", C): "no <If>",
    if_("true", A) + section("Location", "/", else_(B)): "no <If>",
    if_("true", A) + "<Else true>\n</Else>\n": "no condition",
    "<If>\n</If>\n": "no condition",
    "<If a == b>\n</If>\n": "quotation marks",
    if_("a"): "byte",
    if_("true", section("Directory", "/")): "not allowed in <If>",
    if_("true", section("Location", "/")): "not allowed in <If>",
    if_("true", "DocumentRoot /\n"): "not allowed in <If>",
}


@pytest.mark.parametrize("config", MISTAKES, ids=list(range(len(MISTAKES))))
def test_mistakes(apus, apache, config):
    assert re.search(rf"error: .*{re.escape(MISTAKES[config])}", refusal(apus, config))
    refusal(apache, config)


def test_a_condition_that_asks_about_itself(apus):
    """The request that it asks about is not asked again; in apache2 it is, until the worker dies."""
    with apus(if_("-U '%{REQUEST_URI}'", A) + else_(B)) as server:
        server.put("f.txt", "text\n")
        with Connection(server.port) as connection:
            answer = connection.request(b"GET /f.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (answer.status, answer.header("Content-Type")) == (200, "application/x-a")
        assert "LimitInternalRecursion" not in server.error_log()
