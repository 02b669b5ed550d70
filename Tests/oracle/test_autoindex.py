"""mod_autoindex: listings of one directory tree under many configurations, compared with apache2's byte for byte."""

import os
import pathlib
import re
import shutil

import pytest

from support.oracle import Oracle, ask, mismatch
from support.server import DEFAULT_MODULES, world_readable_directory

#: Debian's autoindex.conf, as far as it has rules.
DEBIAN = """\
IndexOptions FancyIndexing VersionSort HTMLTable NameWidth=* DescriptionWidth=* Charset=UTF-8
AddIconByEncoding (CMP,/icons/compressed.gif) x-compress x-gzip x-bzip2
AddIconByType (TXT,/icons/text.gif) text/*
AddIconByType (IMG,/icons/image2.gif) image/*
AddIcon /icons/binary.gif .bin .exe
AddIcon /icons/tar.gif .tar
AddIcon /icons/compressed.gif .Z .z .tgz .gz .zip
AddIcon /icons/layout.gif .html .shtml .htm .pdf
AddIcon /icons/bomb.gif /core
AddIcon /icons/back.gif ..
AddIcon /icons/hand.right.gif README
AddIcon /icons/folder.gif ^^DIRECTORY^^
AddIcon /icons/blank.gif ^^BLANKICON^^
DefaultIcon /icons/unknown.gif
ReadmeName README.html
HeaderName HEADER.html
IndexIgnore .??* *~ *# RCS CVS *,v *,t
"""

#: A configuration for each port.
CONFIGURATIONS = {
    "plain": "",
    "fancy": "IndexOptions FancyIndexing",
    "table": "IndexOptions FancyIndexing HTMLTable",
    "table alone": "IndexOptions HTMLTable",
    "debian": DEBIAN,
    "debian styled": DEBIAN + 'IndexOptions XHTML AddAltClass\nIndexStyleSheet /s.css\nIndexHeadInsert "<meta name=x>"',
    "icons": "IndexOptions FancyIndexing IconsAreLinks IconHeight IconWidth=30 FoldersFirst UseOldDateFormat XHTML\n"
    "DefaultIcon /i/def.png\nAddIcon /i/back.png ..\nAddIcon (DIR,/i/dir.png) ^^DIRECTORY^^\nAddAlt text .txt\n"
    "AddAltByType picture image/*\nAddAltByEncoding packed x-gzip gzip\nServerSignature On",
    "one size": "IndexOptions FancyIndexing IconWidth\nDefaultIcon /i/def.png\nAddIcon /i/b.png ^^BLANKICON^^",
    "widths": "IndexOptions FancyIndexing NameWidth=12 DescriptionWidth=15 ScanHTMLTitles\n"
    'AddDescription "A <b>very</b> long description &amp; so" *.txt\nAddDescription "sub" sub\nAddDescription up ..',
    "wide": "IndexOptions FancyIndexing NameWidth=* DescriptionWidth=*\n"
    'AddDescription "A <b>very</b> long description &amp; so" .txt\nAddDescription "in sub" sub/x.txt\n'
    'AddDescription "part" foo-1.9',
    "default description": 'IndexOptions FancyIndexing SuppressIcon SuppressSize SuppressLastModified\n'
    'AddDescription "A very long description that goes on and on beyond any column there is" *',
    "suppressed": "IndexOptions FancyIndexing HTMLTable SuppressIcon SuppressSize SuppressRules SuppressDescription\n"
    "AddIcon /i/back.png ..\nAddIcon /i/blank.png ^^BLANKICON^^\nServerSignature EMail\nServerAdmin a@b.c",
    "suppressed columns": "IndexOptions FancyIndexing SuppressIcon SuppressSize SuppressRules SuppressDescription",
    "no sorting": "IndexOptions FancyIndexing SuppressColumnSorting SuppressLastModified",
    "no client": "IndexOptions FancyIndexing HTMLTable IgnoreClient\nIndexOrderDefault Descending Size",
    "by date": "IndexOptions FancyIndexing IgnoreCase\nIndexOrderDefault Descending Date",
    "by description": 'IndexOptions FancyIndexing FoldersFirst VersionSort\nIndexOrderDefault Ascending Description\n'
    'AddDescription "v10" f.txt\nAddDescription "v9" core\nAddDescription "v9" README',
    "ignoring": "IndexOptions FancyIndexing\nIndexIgnore ..\nIndexIgnore *.txt foo-?.* .hid*\nIndexIgnore sub",
    "ignored by path": "IndexIgnore */*.png /nowhere/f.txt *.gif",
    "headers": "IndexOptions FancyIndexing\nHeaderName /h/HEADER.html\nReadmeName README.txt\nServerSignature On",
    "no preamble": "IndexOptions FancyIndexing HTMLTable SuppressHTMLPreamble\nHeaderName HEADER.html\nReadmeName README.html",
    "texts": "IndexOptions +SuppressHTMLPreamble\nHeaderName HEADER.txt\nReadmeName README.txt\nIndexStyleSheet /s.css",
    "missing": "HeaderName nothing.html\nReadmeName /denied/x.html\nServerSignature On",
    "binary": "HeaderName /a/pic.png\nReadmeName /a/sub/",
    "typed": "IndexOptions Charset=UTF-8 Type=text/x-html TrackModified",
    "forbidden": "IndexOptions FancyIndexing ShowForbidden\n<Files denied.txt>\nRequire all denied\n</Files>",
    "denied": "IndexOptions FancyIndexing\n<Files denied.txt>\nRequire all denied\n</Files>",
    "minus": 'IndexOptions FancyIndexing SuppressSize HTMLTable\n<Directory "@HTDOCS@/a">\n'
    'IndexOptions -SuppressSize +XHTML\nIndexIgnore README\nAddIcon /in.png .txt\nHeaderName none\n</Directory>\n'
    '<Directory "@HTDOCS@/a/sub">\nIndexOptions -HTMLTable\nIndexIgnoreReset On\nIndexIgnore x.txt\n</Directory>',
    "none inside": 'IndexOptions FancyIndexing HTMLTable NameWidth=30\n<Directory "@HTDOCS@/a">\nIndexOptions None\n'
    '</Directory>\n<Directory "@HTDOCS@/a/sub">\nIndexOptions +FancyIndexing\n</Directory>',
    "by directory": 'IndexOptions FancyIndexing\nDefaultIcon /outer.png\n<Directory "@HTDOCS@/a">\nAddIcon /in-a.png .txt\n'
    'AddAlt a .txt\nDefaultIcon /inner.png\nIndexOrderDefault Descending Name\nAddDescription "in a" f.txt x.txt\n</Directory>\n'
    'AddIcon /out.png .txt .png\n<Directory "@HTDOCS@/h">\nAddDescription in-h f.txt\n</Directory>',
    "off": '<Directory "@HTDOCS@/a">\nOptions -Indexes\n</Directory>',
}  # fmt: skip
PORTS = {name: number for number, name in enumerate(CONFIGURATIONS, 1)}

PATHS = ["/", "/a/", "/a/sub/", "/e/", "/h/", "/t/"]
QUERIES = [
    "C=N;O=D", "C=M;O=A", "C=M&O=D", "C=S;O=A", "C=S;O=D", "C=D", "C=D;O=D", "C=X;O=D", "O=D", "O=D;C=S", "F=0", "F=1", "F=2",
    "F=3;C=S", "F=2;C=S;V=1", "V=1", "V=0;C=M", "V=1;F=1;P=*.txt", "P=*.txt", "P=f*", "P=%2A.%74xt;F=1", "P=&C=S", "P=a,b*;F=1",
    "P=%3Cx%22%3E;F=1", "P=.*", "P=[fc]*", "X=1;C=S", "C=S;X=1;O=D", "N=D", "C=SS", "C=;O=D", "P=%zz", "P=%00",
]  # fmt: skip


def make_site():
    site = world_readable_directory()
    files = {
        "f.txt": "hello", "Zed.html": "<html><head><TITLE>The  title\nof it &amp; more</TITLE></head>",
        "untitled.html": "<html><title>open", "foo-1.10.tar.gz": "x" * 5000, "foo-1.9.tar.gz": "x" * 123456, "foo-1.001": "1",
        "foo-1.002": "2", "foo-1.04": "4", "foo-1.12a": "", "foo- 1.7": "7", "README": "readme & <b>", "core": "c",
        "pic.png": "p" * 1010, "pic2.gif": "p" * 1011, "a&b<c>.txt": "amp", "sp ace%20.txt": "s", "long" * 20 + ".txt": "l" * 2000000,
        ".hidden": "h", "back~": "b", "ünïcode.txt": "u", "sub/x.txt": "x", "Beta/y": "y", "#hash#": "h", "x:y.txt": "c",
        "foo.rpm": "r" * 1500, "denied.txt": "d", "Abc": "1", "abC": "2", "ABC": "3", 'quo"te\'s.txt': "q", "972": "x" * 972,
        "973": "x" * 973, "9.9K": "x" * 10137, "10K": "x" * 10189, "1023K": "x" * 1047552,
    }  # fmt: skip
    for number, (name, text) in enumerate(files.items()):
        put(site, f"a/{name}", text, 1700000000 + number * 86400)
    for name, text in {
        "h/HEADER.html": "<p>head</p>\n", "h/README.html": "<p>foot</p>\n", "h/f.txt": "x", "t/HEADER.txt": "head <&>\n",
        "t/README.txt": "foot <&>\n", "t/f.txt": "x", "top.txt": "x", "e/gone": "", "denied/x.html": "<p>secret</p>",
    }.items():  # fmt: skip
        put(site, name, text)
    (site / "e/gone").unlink()
    for directory in ("a/sub", "a/Beta", "a", "e", "h", "t", "denied"):
        os.utime(site / directory, (1690000000, 1690000000))
    os.symlink("nowhere", site / "a/dangling")
    os.mkfifo(site / "a/fifo")
    return pathlib.Path(site)


def put(site, name, text, time=1700000000):
    path = site / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time, time))


def questions():
    for name in CONFIGURATIONS:
        for path in PATHS:
            yield name, path
    for name in ("plain", "fancy", "debian", "no client"):
        for query in QUERIES:
            yield name, f"/a/?{query}"


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = make_site()
    hosts = "".join(
        f"<VirtualHost *:@PORT{PORTS[name]}@>\nServerName localhost\n{text}\n</VirtualHost>\n"
        for name, text in CONFIGURATIONS.items()
    )
    common = (
        'AddEncoding x-gzip .gz\n<Directory "@HTDOCS@">\nOptions +Indexes\n</Directory>\n'
        '<Directory "@HTDOCS@/denied">\nRequire all denied\n</Directory>\n'
    )
    modules = (*DEFAULT_MODULES, "autoindex")
    with Oracle(apus, common + hosts, htdocs=site, ports=len(CONFIGURATIONS), modules=modules) as running:
        yield running
    shutil.rmtree(site)


def compared(answer):
    """Status, type and the lines of the page, without the product's name."""
    kind = answer.header("Content-Type", "")
    validators = [f"{name}: {answer.header(name)}" for name in ("Last-Modified", "ETag")]
    if answer.status != 200:
        return [str(answer.status)]
    page = re.sub(r"<address>\S+( \([^)]*\))? Server", "<address>Server", answer.body.decode("latin-1"))
    return [str(answer.status), kind, *validators, *page.splitlines()]


@pytest.mark.parametrize("name, path", list(questions()), ids=lambda value: str(value)[:40])
def test_same_listing(oracle, name, path):
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    ours, theirs = (compared(ask(server, request, PORTS[name])) for server in (oracle.subject, oracle.reference))
    assert ours == theirs, mismatch(request, ours, theirs, "apus")


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "DELETE"])
def test_other_methods(oracle, method):
    request = f"{method} /a/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ours, theirs = (ask(server, request, PORTS["typed"]) for server in (oracle.subject, oracle.reference))
    assert ours.status == theirs.status
    if method == "HEAD":
        assert compared(ours) == compared(theirs)


def test_why_there_is_no_listing_is_logged(oracle):
    ask(oracle.subject, "GET /a/ HTTP/1.1\r\nHost: localhost\r\n\r\n", PORTS["off"])
    oracle.subject.wait_for_log(r"AH01276: .*cannot serve directory .*/a/.*index\.html.*Options")


def test_long_directories_are_listed_whole(apus):
    with apus('<Directory "@HTDOCS@">\nOptions +Indexes\n</Directory>\nHeaderName h.html', modules=(*DEFAULT_MODULES, "autoindex")) as server:
        for number in range(1100):
            server.put(f"big/{number:04}.txt", "x")
        server.put("big/h.html", "<p>head</p>\n")
        answer = ask(server, "GET /big/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        names = re.findall(rb'<li><a href="(\d+)\.txt">', answer.body)
        assert [int(name) for name in names] == list(range(1100))
        assert answer.body.index(b"head") < answer.body.index(b"<ul>")


def test_a_pattern_is_repeated_as_it_was(oracle):
    """httpd leaves & as it is, so that its links lose the rest of the pattern."""
    answer = ask(oracle.subject, "GET /a/?P=a%26b%3B*;F=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", PORTS["fancy"])
    assert b'<a href="?C=M;O=A;F=1;P=a%26b%3b*">' in answer.body


def test_increments_after_a_plain_word_count(apus):
    """As the manual has it: FancyIndexing forgets what came before it, not what follows. httpd forgets both."""
    lines = ["IndexOptions +ScanHTMLTitles -IconsAreLinks FancyIndexing\nIndexOptions +SuppressSize", "IndexOptions FancyIndexing SuppressSize"]
    pages = []
    for line in lines:
        config = f'<Directory "@HTDOCS@">\nOptions +Indexes\n{line}\n</Directory>'
        with apus(config, modules=(*DEFAULT_MODULES, "autoindex")) as server:
            put(server.htdocs, "x.html", "<title>not scanned</title>")
            pages.append(compared(ask(server, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")))
    assert pages[0] == pages[1]


BAD = {
    "IndexOptions Fancy": "no option \"Fancy\"",
    "IndexOptions None FancyIndexing": "None cannot be combined",
    "IndexOptions +None": "None takes neither",
    "IndexOptions NameWidth=2": "at least 5",
    "IndexOptions DescriptionWidth=3": "at least 12",
    "IndexOptions +NameWidth=30": "takes a value",
    "IndexOptions IconWidth=x": "no number of pixels",
    "IndexOrderDefault Up Name": "neither Ascending nor Descending",
    "IndexOrderDefault Ascending Age": "none of Name, Date, Size and Description",
    "IndexIgnoreReset maybe": "",
}


@pytest.mark.parametrize("line, words", BAD.items())
def test_bad_values_are_errors_at_their_line(apus, line, words):
    with apus(line, modules=(*DEFAULT_MODULES, "autoindex"), start=False) as server:
        outcome = server.run("-t")
        assert outcome.returncode != 0
        assert server.reports_error_at(outcome.stderr, server.line_of(line))
        assert words in outcome.stderr
