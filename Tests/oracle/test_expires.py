"""ExpiresActive, ExpiresDefault and ExpiresByType, asked on Apus and on Debian's apache2: the answers must agree."""

import os
import re
import shutil
import time
from email.utils import parsedate_to_datetime

import pytest

from oracle.hosts import Hosts
from support.oracle import ask
from support.server import DEFAULT_MODULES, refusal, world_readable_directory

MODULES = (*DEFAULT_MODULES, "headers", "expires")
ON = "ExpiresActive On\n"

CASES = {
    "off": "ExpiresDefault A60",
    "on without times": ON,
    "default": f"{ON}ExpiresDefault A60",
    "default from the file": f"{ON}ExpiresDefault M60",
    "long after the file": f'{ON}ExpiresDefault "modification plus 50 years"',
    "by type": f"{ON}ExpiresByType text/html A10\nExpiresByType text/plain M1500000000",
    "by type and default": f"{ON}ExpiresDefault A60\nExpiresByType text/html A10",
    "by main type": f"{ON}ExpiresDefault A60\nExpiresByType text/* A20\nExpiresByType text/html A10",
    "by type in another case": f"{ON}ExpiresByType TEXT/HTML A10",
    "words": f'{ON}ExpiresDefault "access plus 1 month 2 days 3 hours 4 minutes 5 seconds"',
    "words without plus": f'{ON}ExpiresDefault "now 2 weeks"',
    "words, singular": f'{ON}ExpiresDefault "access plus 1 year 1 week"',
    "negative": f"{ON}ExpiresDefault A-60",
    "switched off inside": f"{ON}ExpiresDefault A60\n<Location /sub>\nExpiresActive Off\n</Location>",
    "switched on inside": "ExpiresDefault A60\n<Location /sub>\nExpiresActive On\n</Location>",
    "another time inside": f"{ON}ExpiresDefault A60\n<Location /sub>\nExpiresDefault A70\n</Location>",
    "types merged": f"{ON}ExpiresByType text/html A60\n<Location /sub>\nExpiresByType text/plain A70\n</Location>",
    "type inside": f"{ON}ExpiresByType text/html A60\n<Location /sub>\nExpiresByType text/html A70\n</Location>",
    "with cache control": f"{ON}ExpiresDefault A60\nHeader append Cache-Control public",
    "with expires": f"{ON}ExpiresDefault A60\nHeader set Expires never early",
    "unset by header": f"{ON}ExpiresDefault A60\nHeader unset Expires",
    "charset": f"{ON}ExpiresByType text/html A60\nAddDefaultCharset utf-8",
    "redirect": f"{ON}ExpiresDefault A60\nRedirect /f.txt http://target.example/",
    "redirect by type": f"{ON}ExpiresByType text/html A60\nRedirect /f.txt http://target.example/",
    "error page": f"{ON}ExpiresDefault A60\nErrorDocument 404 /f.txt",
}

REQUESTS = [
    "GET /f.txt", "HEAD /f.txt", "GET /a.html", "GET /sub/f.txt", "GET /sub/a.html", "GET /none", "GET /", "GET /f.txt | If-None-Match: *",
    "GET /f.txt | Range: bytes=0-1", "GET /image.png",
]  # fmt: skip


@pytest.fixture(scope="module")
def hosts(apus, apache):
    site = world_readable_directory()
    (site / "sub").mkdir()
    changed = int(time.time()) - 1000
    for name in ("f.txt", "a.html", "index.html", "sub/f.txt", "sub/a.html", "image.png"):
        (site / name).write_text(f"{name}\n")
        os.utime(site / name, (changed, changed))
    with Hosts(apus, CASES, htdocs=site, modules=MODULES) as running:
        yield running
    shutil.rmtree(site)


def in_seconds(answer):
    """The answer with its Expires field in seconds from its Date field: the two servers were not asked in one second."""
    date = parsedate_to_datetime(answer.header("Date"))
    shown = []
    for name, value in answer.headers:
        if name == "Expires" and value != "never":
            value = round((parsedate_to_datetime(value) - date).total_seconds())
            value = f"about {value // 10 * 10}"
        if name == "Cache-Control":
            value = re.sub(r"max-age=(\d+)", lambda found: f"about {int(found[1]) // 10 * 10}", value)
        shown.append((name, value))
    return sorted(item for item in shown if item[0] in ("Expires", "Cache-Control"))


@pytest.mark.parametrize("name", CASES)
def test_same_answers(hosts, name):
    for request in REQUESTS:
        lines = hosts.lines(name, request)
        ours, theirs = (ask(server, lines) for server in (hosts.oracle.subject, hosts.oracle.reference))
        assert (ours.status, in_seconds(ours)) == (theirs.status, in_seconds(theirs)), request


MISTAKES = {
    "ExpiresActive maybe": "On",
    "ExpiresDefault": "takes",
    'ExpiresDefault ""': "empty",
    "ExpiresDefault 60": "neither access",
    'ExpiresDefault "access plus month"': "lacks a number",
    'ExpiresDefault "access plus 1"': "is not followed by",
    'ExpiresDefault "access plus 1 fortnight"': "is not followed by",
    'ExpiresDefault "yesterday plus 1 day"': "neither access",
    "ExpiresByType text/html": "takes",
    "ExpiresByType html A60": "is no media type",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes(apus, line):
    assert re.search(rf"error: .*{re.escape(MISTAKES[line])}", refusal(apus, line + "\n", modules=MODULES))
