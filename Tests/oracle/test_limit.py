"""<Limit> and <LimitExcept>: the same answers as Debian's apache2."""

import shutil

import pytest

from oracle.sites import Site, head, lay_out, name_of, questions, virtual_hosts
from support.oracle import Oracle
from support.server import refusal, world_readable_directory

METHODS = ["/a.txt", "HEAD /a.txt", "POST /a.txt", "OPTIONS /a.txt", "PUT /a.txt", "DELETE /a.txt", "PROPFIND /a.txt", "BREW /a.txt"]
DENIED = "Require all denied"
GRANTED = "Require all granted"


def directory(text):
    return f'<Directory "@HERE@">\n{text}\n</Directory>\n'


SITES = [
    Site("limit-get", directory(f"<Limit GET>\n{DENIED}\n</Limit>"), METHODS),
    Site("limit-head", directory(f"<Limit HEAD>\n{DENIED}\n</Limit>"), METHODS),
    Site("limit-post", directory(f"<Limit POST PUT>\n{DENIED}\n</Limit>"), METHODS),
    Site("limit-unknown", directory(f"<Limit BREW>\n{DENIED}\n</Limit>"), METHODS),
    Site("except-get", directory(f"<LimitExcept GET>\n{DENIED}\n</LimitExcept>"), METHODS),
    Site("except-some", directory(f"<LimitExcept GET POST OPTIONS>\n{DENIED}\n</LimitExcept>"), METHODS),
    Site("both", directory(f"<Limit GET>\n{DENIED}\n</Limit>\n<LimitExcept GET>\n{GRANTED}\n</LimitExcept>"), METHODS),
    Site("beside", directory(f"<Limit POST>\n{DENIED}\n</Limit>\n{GRANTED}"), METHODS),
    Site("beside-denied", directory(f"<Limit POST>\n{GRANTED}\n</Limit>\n{DENIED}"), METHODS),
    Site("all", directory(f"<RequireAll>\n{GRANTED}\n<Limit POST>\n{DENIED}\n</Limit>\n</RequireAll>"), METHODS),
    Site("any", directory(f"<RequireAny>\n<Limit POST>\n{GRANTED}\n</Limit>\n</RequireAny>"), METHODS),
    Site("around", directory(f"<Limit POST>\n<RequireAll>\n{GRANTED}\n{DENIED}\n</RequireAll>\n</Limit>"), METHODS),
    Site("location", f"<Location /a.txt>\n<Limit GET>\n{DENIED}\n</Limit>\n</Location>", METHODS),
    Site("files", f'<Files "a.txt">\n<LimitExcept GET>\n{DENIED}\n</LimitExcept>\n</Files>', METHODS),
    Site("replaced", directory(DENIED) + f"<Location />\n<Limit POST>\n{GRANTED}\n</Limit>\n</Location>", METHODS),
    Site("and", directory(GRANTED) + f"<Location />\nAuthMerging And\n<Limit POST>\n{DENIED}\n</Limit>\n</Location>", METHODS),
    Site("or", directory(DENIED) + f"<Location />\nAuthMerging Or\n<Limit POST>\n{GRANTED}\n</Limit>\n</Location>", METHODS),
    Site("not", directory(f"<RequireAll>\n{GRANTED}\n<Limit POST>\nRequire not all granted\n</Limit>\n</RequireAll>"), METHODS),
    Site("none", directory(f"<RequireAll>\n{GRANTED}\n<Limit POST>\n<RequireNone>\n{GRANTED}\n</RequireNone>\n</Limit>\n</RequireAll>"), METHODS),
    Site("nested", directory(f"<Limit GET POST>\n<Limit POST>\n{DENIED}\n</Limit>\n</Limit>"), METHODS),
    # It has an effect for all methods, whatever stands around it.
    Site("unaware", directory("<Limit POST>\nForceType text/x-all\n</Limit>"), METHODS),
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(apus, apache):
    root = world_readable_directory()
    lay_out(root, SITES)
    with Oracle(apus, "TraceEnable Off\n" + virtual_hosts(SITES), htdocs=root) as running:
        yield running
    shutil.rmtree(root)


@pytest.mark.parametrize("site, request_", questions(SITES), ids=name_of)
def test_same_answer(oracle, site, request_):
    oracle.compare(head(site, request_))


@pytest.mark.parametrize(
    "text, message",
    [
        ("<Limit TRACE>\n</Limit>", "TRACE cannot be limited"),
        ("<Limit>\n</Limit>", "names no method"),
        ("<LimitExcept>\n</LimitExcept>", "names no method"),
        ('<Limit GET>\n<Files "x">\n</Files>\n</Limit>', "<Files>"),
    ],
)
def test_mistakes(apus, apache, text, message):
    config = directory(text).replace("@HERE@", "@HTDOCS@")
    assert message in refusal(apus, config)
    refusal(apache, config)


def test_outside_of_directories(apus, apache):
    for server in (apus, apache):
        with server("<Limit GET>\nRequire all denied\n</Limit>", start=False) as checked:
            assert checked.run("-t").returncode != 0


def test_a_directive_that_takes_no_notice_is_warned_about(apus):
    with apus("<Location />\n<Limit GET>\nForceType text/plain\n</Limit>\n</Location>", start=False) as checked:
        outcome = checked.run("-t")
        assert outcome.returncode == 0
        assert "ForceType: it holds for all methods" in outcome.stderr
