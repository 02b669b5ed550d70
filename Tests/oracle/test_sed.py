"""mod_sed: what scripts make of bodies, compared with apache2."""

import shutil

import pytest

from support.oracle import Oracle, ask, mismatch
from support.server import DEFAULT_MODULES, world_readable_directory

SCRIPTS = [
    "s/a/b/", "$d", "$s/x/LAST/", "2q", r"N;s/\n/+/", "n;d", "1!G;h;$!d", "=", "y/abc/xyz/", "/b/,/d/d", "2,3s/./X/g", r"s/\(a\)\(.\)/\2\1/", "s/a*/Z/g", "s/./&&/2",
    "#n", "/c/p", "P;D", "s/a/b/p", "2!d", r"s/a\{2\}/TWO/", "x;p;x", "H;$!d;x", "$!N;P;D", "s/a|b/c/", "s,a,b,", "s/x$/END/", "s/^/> /", "s/b*$/E/", "s/a/\\n/", "s/a/\\&/",
    "3,1d", "/a/s//Q/g", r"N;N;s/\n/,/g", "n;n;s/./x/", "1d;N;D", "g", "G", "s/a/b/;;s/b/c/", "0d", "2,/a/d", "D", "s/[^a]/-/g", "s/[]a]/-/g", r"s/[a\]/-/g",
    "/^$/d", r"s/\t/T/", "$=", "b", "t", r"\,a,d", "1,2{", "h;G", "/a/!s/^/-/", "s/x*/-/2", "1,$p", "/a/,$d", "$!d", "s/a.c/[&]/", "s/.*/<&>/", "N;P;D", "s/[a-c]/X/g", "l",
]  # fmt: skip
#: Several directives are the lines of one script.
SEVERAL = {
    "several": ["s/a/b/", "s/b/c/"],
    "quiet": ["#n", "s/a/b/p", "$="],
    "loop": [":a", r"s/^\(x*\)[ab]/\1x/", "ta"],
    "joined": [":again", "$!N", "s/\\n/ /", "tagain"],
    "block": ["/a/{", "s/a/1/", "s/b/2/", "}"],
    "branches": ["/a/b end", "s/^/no: /", ":end", "s/$/!/"],
}
#: What no sed takes.
WRONG = ["5", "s/a/b", "y/ab/c/", "}", r"s/\(a/b/", r"s/a/\1/", "s//b/", "//d", "z", "a", "s/a/b/k", "1,p x", ": "]

BODIES = {"lines": "abc\nbcd\naab\nxx\n", "rest": "abc\nbcd\nlast x", "empty": "", "one": "a", "blank": "\n\na\n\n", "many": "abc def\n" * 3000, "wide": "a" * 100 + "\t\x07b\n"}


def sections():
    yield from ((f"s{number}", [script]) for number, script in enumerate(SCRIPTS) if script != "1,2{")
    yield from SEVERAL.items()


def directives(scripts, name="OutputSed"):
    return "\n".join(f"{name} '{script}'" for script in scripts)


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()
    for name, text in BODIES.items():
        (site / f"{name}.txt").write_text(text)
    config = ""
    for name, scripts in sections():
        config += f'Alias "/{name}/" "@HTDOCS@/"\n<Location "/{name}/">\nSetOutputFilter Sed\n{directives(scripts)}\n</Location>\n'
    config += '<Location "/echo/">\nSetHandler reflector\nSetInputFilter Sed\nInputSed "s/a/IN/g"\nSetOutputFilter Sed\nOutputSed "s/N/n/g"\n</Location>\n'
    config += '<Location "/outer/">\nSetOutputFilter Sed\nOutputSed "s/a/outer/"\n</Location>\nAlias "/outer/" "@HTDOCS@/"\n'
    config += '<Location "/outer/one.txt">\nOutputSed "s/$/ inner/"\n</Location>\n<Location "/outer/rest.txt">\nInputSed "s/$/ inner/"\n</Location>\n'
    with Oracle(apus, config, htdocs=site, modules=(*DEFAULT_MODULES, "sed", "reflector")) as running:
        yield running
    shutil.rmtree(site)


def answer_of(server, text):
    answer = ask(server, text)
    return [str(answer.status), f"{len(answer.body)} bytes", *answer.body.decode("latin-1").splitlines()]


def request(path, method="GET", body=""):
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n" + (f"Content-Length: {len(body)}\r\n" if method == "POST" else "") + f"\r\n{body}"


@pytest.mark.parametrize("name, scripts", list(sections()), ids=lambda value: str(value)[:40])
def test_same_body(oracle, name, scripts):
    for body in BODIES:
        text = request(f"/{name}/{body}.txt")
        ours, theirs = (answer_of(server, text) for server in (oracle.subject, oracle.reference))
        assert ours == theirs, mismatch(f"{scripts} on {body}", ours, theirs, "apus")


@pytest.mark.parametrize("body", ["", "aba", "a\nb\na", "a\n" * 50000], ids=["nothing", "word", "lines", "many"])
def test_same_request_body(oracle, body):
    text = request("/echo/", "POST", body)
    ours, theirs = (answer_of(server, text) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(body[:40], ours, theirs, "apus")


@pytest.mark.parametrize("path", ["/outer/lines.txt", "/outer/one.txt", "/outer/rest.txt"])
def test_inner_sections_take_the_place_of_outer_ones(oracle, path):
    ours, theirs = (answer_of(server, request(path)) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(path, ours, theirs, "apus")


@pytest.mark.parametrize("script", [*WRONG, "1,2{", "b nowhere", "s/a/b/w relative"])
def test_a_wrong_script_is_an_error_of_its_line(apus, script):
    with apus(f"<Location />\nOutputSed '{script}'\n</Location>", modules=(*DEFAULT_MODULES, "sed"), start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0
        assert server.reports_error_at(done.stderr, server.line_of("OutputSed"))


def test_texts_and_files(apus):
    """Texts of more than a line cannot be given to httpd's directives; a file is read where its line was printed."""
    with apus('<Location />\nSetOutputFilter Sed\nOutputSed "2r @HTDOCS@/other.txt"\nOutputSed "/c/w @ROOT@/logs/kept"\n</Location>', modules=(*DEFAULT_MODULES, "sed")) as server:
        (server.root / "logs").chmod(0o777)
        server.put("other.txt", "from the file\n")
        server.put("a.txt", "a\nb\nc\nd\n")
        assert ask(server, request("/a.txt")).body == b"a\nb\nfrom the file\nc\nd\n"
        assert (server.root / "logs/kept").read_text() == "c\n"


def test_what_grows_without_end_is_given_up(apus):
    with apus("<Location />\nSetOutputFilter Sed\nOutputSed ':a;G;h;ba'\n</Location>", modules=(*DEFAULT_MODULES, "sed")) as server:
        server.put("a.txt", "a\n")
        assert ask(server, request("/a.txt")).status == 500
        server.wait_for_log("AH10394")
