"""Each operator, function and variable of expressions, asked on Apus and on Debian's apache2: the answers must agree."""

import re
import shutil

import pytest

from oracle.expressions import CONDITIONS, MISTAKES
from support.oracle import Oracle
from support.server import Apache, world_readable_directory
from support.wire import Connection

FIELDS = {
    "Host": "www.example.com",
    "User-Agent": "UA/1",
    "Referer": "http://r/",
    "Cookie": "a=b; c=d",
    "Accept": "x/y",
    "Forwarded": "for=1",
    "Proxy-Connection": "k",
}


@pytest.fixture(scope="module")
def site():
    path = world_readable_directory()
    (path / "file.txt").write_text("text\n")
    (path / "empty").write_text("")
    (path / "link").symlink_to("file.txt")
    (path / "dangling").symlink_to("nowhere")
    (path / "denied").mkdir()
    (path / "denied" / "x.txt").write_text("denied\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def answers(apus, apache, site):
    """Status and Vary of each condition on both servers."""
    config = [
        "ServerAdmin admin@example.com\nMaxKeepAliveRequests 0",
        '<Directory "@HTDOCS@/denied">\nRequire all denied\n</Directory>',
        *(f"<Location /c/{n}>\nRequire expr {text}\n</Location>" for n, text in enumerate(CONDITIONS)),
    ]
    with Oracle(apus, "\n".join(config) + "\n", htdocs=site) as oracle:
        return [list(ask_all(server)) for server in (oracle.subject, oracle.reference)]


def ask_all(server):
    fields = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())
    with Connection(server.port) as connection:
        for number in range(len(CONDITIONS)):
            answer = connection.request(f"GET /c/{number}?a=b HTTP/1.1\r\n{fields}\r\n".encode())
            yield answer.status, answer.header("Vary")


@pytest.mark.parametrize("number", range(len(CONDITIONS)), ids=lambda number: CONDITIONS[number])
def test_condition(answers, number):
    ours, theirs = (side[number] for side in answers)
    assert ours == theirs
    # 404: the condition holds, and there is no such page.
    assert ours[0] in (403, 404)


def test_mistakes_are_errors_on_apache2(apache):
    """One run for each: apache2 stops at the first."""
    for text in MISTAKES:
        with Apache(f"<Location />\nRequire expr {text}\n</Location>\n", start=False) as server:
            assert server.run("-t").returncode != 0, text


@pytest.fixture(scope="module")
def complaints(apus):
    """What -t says of a configuration with all mistakes, by line."""
    lines = "\n".join(f"<Location />\n# {n}\nRequire expr {text}\n</Location>" for n, text in enumerate(MISTAKES))
    with apus(lines + "\n", start=False) as server:
        done = server.run("-t")
        assert done.returncode == 1
        first = {n: server.line_of(f"# {n}") + 1 for n in range(len(MISTAKES))}
        found = dict(re.findall(r":(\d+):\d+: error: (.*)", done.stderr))
        return [found.get(str(first[n])) for n in range(len(MISTAKES))]


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=lambda number: MISTAKES[number])
def test_mistake(complaints, number):
    """Each is an error at its line that says at which byte and why."""
    assert complaints[number] and re.search(r"at byte \d+, \S", complaints[number])
