"""Directives of every shape in every scope, and how configuration is merged from the main server inwards."""

import pytest
from support.wire import fetch, get

from .texts import HANDLER

AREA = "directives"


def values(server, path="/", host="localhost"):
    """What the module's configuration is at a path, as the module's handler prints it."""
    text = fetch(server.port, get(path, host=host)).body.decode()
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture
def calls(apus, module):
    """Runs a server with the lines in its <Location "/"> and returns what the module recorded."""

    def run(lines):
        with apus(module.load() + HANDLER + f'<Location "/">\n{lines}\n</Location>\n') as server:
            return values(server)["calls"]

    return run


@pytest.fixture
def check(configured, module):
    """Checks a configuration that is the module and some lines."""

    def run(lines):
        server = configured(module.load() + lines)
        return server, server.run("-t")

    return run


def test_shapes(calls):
    lines = """
    AbiNone
    AbiRange a b
    AbiRange a "b c" d
    AbiMany 1 2 3 4 5
    AbiFlag on
    AbiFlag OFF
    AbiRaw  a  "b"  \\c
    AbiRaw
    AbiEach x y "z z"
    AbiPairs key v1 v2 v3
    """
    assert calls(lines) == (
        "AbiNone()AbiRange(a|b)AbiRange(a|b c|d)AbiMany(1|2|3|4|5)AbiFlag(On)AbiFlag(Off)"
        'AbiRaw(a  "b"  \\c)AbiRaw()AbiEach(x)AbiEach(y)AbiEach(z z)'
        "AbiPairs(key|v1)AbiPairs(key|v2)AbiPairs(key|v3)"
    )


def test_name_is_as_written(calls):
    assert calls("abinone\nABIWORD x\naBiNoNe") == "abinone()aBiNoNe()"


def test_section(calls):
    lines = "<AbiSection one two>\nAbiNone\n<AbiSection>\nAbiFlag on\n</AbiSection>\n</AbiSection>"
    assert calls(lines) == ("AbiSection(one two)AbiNone()AbiSection()AbiFlag(On)AbiSection()AbiSection()")


@pytest.mark.parametrize(
    "line",
    ["AbiNone x", "AbiRange a", "AbiRange a b c d", "AbiMany a", "AbiFlag", "AbiFlag perhaps", "AbiFlag on off",
     "AbiEach", "AbiPairs key", "AbiWord", "AbiWord a b"],
)  # fmt: skip
def test_wrong_number_of_arguments(check, line):
    server, done = check(f"{line} # here\n" if "#" in line else f"{line}\n")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(line))
    assert line.split()[0] in done.stderr


@pytest.mark.parametrize(
    "line, scope",
    [
        ("AbiServer x", '<Directory "@HTDOCS@">'),
        ("AbiServer x", '<Location "/">'),
        ("AbiServer x", '<Files "x">'),
        ("AbiGlobal x", "<VirtualHost *:@PORT@>"),
        ("AbiGlobal x", '<Location "/">'),
        ("AbiDirectory x", None),
        ("AbiDirectory x", "<VirtualHost *:@PORT@>"),
        ("AbiDirectory x", '<Location "/">'),
        ("AbiDirectory x", '<Files "x">'),
        ("AbiLocation x", None),
        ("AbiLocation x", '<Directory "@HTDOCS@">'),
        ("AbiLocation x", '<FilesMatch "x">'),
        ("AbiFiles x", None),
        ("AbiFiles x", '<LocationMatch "/">'),
        ("AbiFiles x", '<DirectoryMatch "/">'),
    ],
)
def test_wrong_scope(check, line, scope):
    text = f"{scope}\n{line}\n</{scope[1:].split()[0]}>\n" if scope else f"{line}\n"
    server, done = check(text)
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(line))


@pytest.mark.parametrize(
    "line, scope",
    [
        ("AbiServer x", "<VirtualHost *:@PORT@>"),
        ("AbiServer x", None),
        ("AbiGlobal x", None),
        ("AbiDirectory x", '<Directory "@HTDOCS@">'),
        ("AbiDirectory x", '<DirectoryMatch "/x">'),
        ("AbiLocation x", '<Location "/">'),
        ("AbiLocation x", '<LocationMatch "/x">'),
        ("AbiFiles x", '<Files "x">'),
        ("AbiFiles x", '<FilesMatch "x">'),
    ],
)
def test_right_scope(check, line, scope):
    text = f"{scope}\n{line}\n</{scope[1:].split()[0]}>\n" if scope else f"{line}\n"
    _, done = check(text)
    assert done.returncode == 0, done.stderr


def test_errors_of_the_module_stand_with_their_lines_and_all_at_once(check):
    server, done = check(
        'AbiFail one\n<Location "/">\nAbiFail two\n<AbiSection>\nAbiFail three\n</AbiSection>\n</Location>\n'
    )
    assert done.returncode == 1
    for word in ("one", "two", "three"):
        assert server.reports_error_at(done.stderr, server.line_of(f"AbiFail {word}"))
        assert f'no "{word}" today' in done.stderr
    assert done.stderr.count(": error:") == 3


def test_warning(check):
    server, done = check("AbiWarn this\n")
    assert done.returncode == 0
    line = server.line_of("AbiWarn this")
    assert any(
        f":{line}:" in text and '"this" is probably wrong' in text for text in done.stderr.splitlines()
    )


def test_deprecated_warns_with_the_help(check):
    server, done = check("AbiOld x\n")
    assert done.returncode == 0
    assert f":{server.line_of('AbiOld x')}:" in done.stderr
    assert "write AbiWord" in done.stderr


def test_once(check):
    _, done = check('AbiOnce a\n<Location "/">\nAbiOnce b\n</Location>\n')
    assert done.returncode == 0, done.stderr
    server, done = check('<Location "/">\nAbiOnce first\nAbiOnce second\n</Location>\n')
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("AbiOnce second"))


def test_secret_is_redacted_in_dumps(configured, module):
    server = configured(module.load() + "AbiSecret hunter2\nAbiWord plain\n")
    done = server.run("-t", "-D", "DUMP_CONFIG")
    assert "AbiWord plain" in done.stdout
    assert "AbiSecret" in done.stdout
    assert "hunter2" not in done.stdout


def test_unknown_directive_suggests_ours(check):
    server, done = check("AbiWrod x\n")
    assert done.returncode == 1
    assert "AbiWord" in done.stderr


def test_place(apus, module):
    config = (
        module.load()
        + HANDLER
        + """AbiPlace
<Directory "@HTDOCS@">
    AbiPlace
    <Files "*.txt">
        AbiPlace
    </Files>
</Directory>
<Location "/x">
    AbiPlace
</Location>
"""
    )
    with apus(config) as server:
        server.put("x/a.txt", "")
        lines = [
            n
            for n, line in enumerate(server.config_file.read_text().splitlines(), 1)
            if line.strip() == "AbiPlace"
        ]
        calls = values(server, "/x/a.txt")["calls"]
        found = [call.split(" ") for call in calls.replace("AbiPlace(", "").rstrip(")").split(")")]
        assert [place[0] for place in found] == ["0", "2", "3", "4"]
        assert [place[1].rstrip("/") or place[1] for place in found] == [
            "",
            str(server.htdocs),
            "*.txt",
            "/x",
        ]
        assert [int(place[2]) for place in found] == lines
        assert {place[3] for place in found} == {"httpd.conf"}
        assert {place[4] for place in found} == {"localhost"}


def test_resolve(calls, apus, module):
    with apus(module.load() + HANDLER + "AbiPath logs/x\nAbiPath /abs//x/\nAbiPath a/../b\n") as server:
        relative, absolute, _ = values(server)["calls"].replace("AbiPath(", "").rstrip(")").split(")")
        assert relative == f"{server.root}/logs/x"
        assert absolute in ("/abs/x", "/abs//x")


NESTED = """\
AbiServer main
AbiServerCall main
AbiWord main
AbiNone
AbiBoth main
<Directory "@HTDOCS@">
    AbiFlag on
</Directory>
<Directory "@HTDOCS@/deep">
    AbiWord deep
</Directory>
<Location "/deep/er">
    AbiEach location
</Location>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName first.example
    AbiServer first
    AbiServerCall first
    <Location "/deep">
        AbiEach vhost
    </Location>
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName second.example
    AbiWord second
    AbiServerCall second
    DocumentRoot "@HTDOCS@"
    <Files "a.txt">
        AbiEach file
    </Files>
    <LocationMatch "^/deep/(?<part>e)">
        AbiWord match
    </LocationMatch>
</VirtualHost>
"""


@pytest.fixture(scope="module")
def nested(apus, module):
    with apus(module.load() + HANDLER + NESTED) as server:
        for path in ("a.txt", "deep/a.txt", "deep/er/a.txt"):
            server.put(path, "")
        yield server


@pytest.mark.parametrize(
    "host, path, word, calls",
    [
        ("first.example", "/x.txt", "main", "AbiNone()AbiBoth(main)AbiFlag(On)"),
        ("first.example", "/deep/a.txt", "deep", "AbiNone()AbiBoth(main)AbiFlag(On)AbiEach(vhost)"),
        ("first.example", "/deep/er/a.txt", "deep", "AbiNone()AbiBoth(main)AbiFlag(On)AbiEach(location)AbiEach(vhost)"),
        ("second.example", "/x.txt", "second", "AbiNone()AbiBoth(main)AbiFlag(On)"),
        ("second.example", "/a.txt", "second", "AbiNone()AbiBoth(main)AbiFlag(On)AbiEach(file)"),
        ("second.example", "/deep/a.txt", "deep", "AbiNone()AbiBoth(main)AbiFlag(On)AbiEach(file)"),
        ("second.example", "/deep/er/a.txt", "match", "AbiNone()AbiBoth(main)AbiFlag(On)AbiEach(file)AbiEach(location)"),
        ("second.example", "/deep/er/b.txt", "match", "AbiNone()AbiBoth(main)AbiFlag(On)AbiEach(location)"),
    ],
)  # fmt: skip
def test_directory_configuration(nested, host, path, word, calls):
    found = values(nested, path, host)
    assert (found["word"], found["calls"]) == (word, calls)


@pytest.mark.parametrize(
    "host, word, calls",
    [
        ("first.example", "first", "AbiServerCall(main)AbiBoth(main)AbiServerCall(first)"),
        ("second.example", "main", "AbiServerCall(main)AbiBoth(main)AbiServerCall(second)"),
    ],
)
def test_server_configuration(nested, host, word, calls):
    found = values(nested, "/x.txt", host)
    assert (found["server"], found["servercalls"]) == (word, calls)


def test_configuration_is_the_same_again(nested):
    """Merging changes neither side: asking twice and in another order gives the same."""
    paths = ["/deep/er/a.txt", "/x.txt", "/deep/a.txt"] * 3
    seen = {path: {tuple(values(nested, path, "second.example").items()) for _ in range(2)} for path in paths}
    assert all(len(found) == 1 for found in seen.values())
