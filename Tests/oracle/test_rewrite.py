"""Rule sets for mod_rewrite, asked on Apus and on Debian's apache2: answers and log lines must agree.

The rule sets and what is asked of them stand in rewrite_*.toml. Each rule set is a virtual host on a port of its own; one
pair of servers runs a whole file.
"""

import pathlib
import re
import shutil
import tomllib

import pytest

from support.oracle import ALWAYS_IGNORED, Oracle, ask, describe, mismatch
from support.server import world_readable_directory
from support.waiting import wait_until

HERE = pathlib.Path(__file__).parent
FILES = sorted(HERE.glob("rewrite_*.toml"))

#: What becomes of a request inside the server: path, query, file, handler, type and what the rules have set.
LOG = (
    r'LogFormat "%>s %>U%q file=%f handler=%R location=%{Location}o vary=%{Vary}o'
    r" A=%{A}e B=%{B}e RA=%{REDIRECT_A}e RRA=%{REDIRECT_REDIRECT_A}e url=%{SCRIPT_URL}e"
    r' m=%m #%{X-Number}i" rewrite'
)

FILES_OF_SITE = [
    "index.html", "a.html", "b.html", "c.html", "A.html", "file with space.txt", "q?mark.txt", "index.php", "app.php",
    "maintenance.html", "img/logo.png", "img/photo.jpg", "img/hot.gif", "docs/index.html", "docs/a.html", "docs/b.txt",
    "docs/deep/index.html", "docs/deep/c.txt", "dir/index.php", "dir/page.html", "dir/sub/x.txt", "dir/sub/index.html",
    "wp/index.php", "wp/wp-content/a.css", "wp/wp-admin/index.php", "drupal/index.php", "drupal/core/a.js",
    "joomla/index.php", "laravel/index.php", "symfony/index.php", "mediawiki/index.php", "nextcloud/index.php",
    "nextcloud/remote.php", "typo3/index.php", "typo3/typo3/index.php", "en/index.html", "de/index.html",
    "fr/index.html", "cache/a.html", "mobile/index.html", "private/secret.txt", "x%41y.txt", "empty.txt", "no-slash/index.html",
    "loop/a.html", "other/a.html", "b/c/d.txt", "100%.txt", "plus+sign.txt", "a;b.txt", "häuser.txt",
]  # fmt: skip


def groups():
    for file in FILES:
        yield from tomllib.loads(file.read_text())["group"]


def site():
    root = world_readable_directory()
    for name in FILES_OF_SITE:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name == "empty.txt" else f"this is {name}\n")
    for group in GROUPS:
        for name, text in group.get("files", {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    (root / "link.html").symlink_to("a.html")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


GROUPS = list(groups())
NAMES = [group["name"] for group in GROUPS]


@pytest.fixture(scope="module")
def oracle(apus, apache):
    htdocs = site()
    outside = world_readable_directory()
    (outside / "o.txt").write_text("outside\n")
    (outside / "map.txt").write_text((HERE / "rewrite_map.txt").read_text())
    hosts = []
    for number, group in enumerate(GROUPS, 1):
        name = group.get("server_name", "localhost")
        hosts.append(
            f'<VirtualHost *:@PORT{number}@>\nServerName {name}\nCustomLog "@ROOT@/logs/rewrite{number}.log" rewrite\n'
            f"{group['config']}</VirtualHost>\n"
        )
    config = (LOG + "\n" + "".join(hosts)).replace("@OUTSIDE@", str(outside))
    config += f'<Directory "{outside}">\nRequire all granted\n</Directory>\n'
    modules = ("authz_core", "mime", "dir", "alias", "log_config", "rewrite")
    with Oracle(apus, config, modules=modules, htdocs=htdocs, ports=len(GROUPS)) as running:
        yield running
    shutil.rmtree(htdocs)
    shutil.rmtree(outside)


def head(line, number):
    """The request of a line "[METHOD] PATH [| FIELD: VALUE]…"."""
    target, *fields = (part.strip(" ") for part in line.split(" | "))
    method, path = target.split(" ", 1) if re.match(r"[A-Z]+ ", target) else ("GET", target)
    if not any(field.lower().startswith("host:") for field in fields):
        fields.insert(0, "Host: localhost:@PORT@")
    fields.append(f"X-Number: {number}")
    return "\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode().decode("latin-1")


def answers(server, port, group):
    """What a server answers to each request, with the line of its log that tells what it did."""
    number = server.ports[port - 1]
    found = []
    for index, line in enumerate(group["requests"]):
        answer = ask(server, head(line, index).replace("@PORT@", str(number)), port)
        # How the names in Vary are parted says nothing.
        answer.headers = [(name, value.replace(", ", ",") if name == "Vary" else value) for name, value in answer.headers]
        found.append(describe(answer, ALWAYS_IGNORED | {"etag", "connection"}))
    path = server.root / "logs" / f"rewrite{port}.log"
    wait_until(lambda: path.exists() and path.read_text().count("\n") >= len(found), f"{len(found)} lines in {path}")
    lines = server.with_marks(path.read_text(errors="replace")).splitlines()
    # Workers write independently of each other.
    lines.sort(key=lambda line: int(line.rpartition("#")[2].replace("-", "-1")))
    return [[*answer, comparable(line)] for answer, line in zip(found, lines, strict=True)]


def comparable(line):
    """A log line without the file of a request that got none: httpd leaves traces of its own in it."""
    line = line.replace(", ", ",")
    if line.startswith("400 "):
        return "400"
    return line if line.startswith("2") else re.sub(r" file=.*? handler=\S+", "", line)


def test_there_are_enough():
    assert len(set(NAMES)) == len(NAMES)
    assert sum(len(group["requests"]) for group in GROUPS) >= 300


@pytest.mark.parametrize("name", NAMES)
def test_same_outcome(oracle, name):
    port = NAMES.index(name) + 1
    group = GROUPS[port - 1]
    ours, theirs = (answers(server, port, group) for server in (oracle.subject, oracle.reference))
    problems = [
        mismatch(request, left, right, oracle.subject.name)
        for request, left, right in zip(group["requests"], ours, theirs, strict=True)
        if left != right
    ]
    assert not problems, f"{group['config']}\n" + "\n".join(problems)
