"""Configurations as sites have them, asked on Apus and on Debian's apache2: the answers must agree."""

import gzip
import os
import shutil
import subprocess

import pytest

from oracle import real_sites
from support.oracle import Oracle
from support.server import world_readable_directory

QUESTIONS = [(site, request) for site in real_sites.SITES for request in site.requests]


def lay_out(root):
    for site in real_sites.SITES:
        for name, text in site.files.items():
            path = root / site.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("users"):
                path.write_text(
                    "".join(subprocess.run(["htpasswd", "-nbs", *words.split(":")], capture_output=True, text=True, check=True).stdout.strip() + "\n" for words in text.split())
                )
            elif name.endswith(".gz"):
                path.write_bytes(gzip.compress(text.encode(), mtime=0))
            else:
                path.write_text(text.replace("@HERE@", str(root / site.name)))
            if text.startswith("#!"):
                path.chmod(0o755)
    # The validators of files that have just been changed are weak, and listings show times.
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            os.utime(os.path.join(directory, name), (1_700_000_000, 1_700_000_000))


def configuration():
    hosts = "".join(
        f'<VirtualHost *:@PORT@>\nServerName {site.name}.example\nServerAlias *.{site.name}.example\nDocumentRoot "@HTDOCS@/{site.name}{site.root}"\n'
        f"{site.config.replace('@HERE@', f'@HTDOCS@/{site.name}')}\n</VirtualHost>\n"
        for site in real_sites.SITES
    )
    return "UseCanonicalName Off\n" + "".join(site.server.replace("@HERE@", f"@HTDOCS@/{site.name}") for site in real_sites.SITES) + hosts


@pytest.fixture(scope="module")
def oracle(apus, apache):
    root = world_readable_directory()
    lay_out(root)
    with Oracle(apus, configuration(), htdocs=root, modules=real_sites.MODULES) as running:
        yield running
    shutil.rmtree(root)


def head(site, request):
    """The text of "METHOD /path | Field: value || body", of which the method may be missing, and all behind the path."""
    request, _, body = request.partition(" || ")
    line, *fields = (part.strip() for part in request.split(" | "))
    if " " not in line:
        line = f"GET {line}"
    if not any(field.lower().startswith("host:") for field in fields):
        fields.insert(0, f"Host: {site.name}.example")
    if body or line.startswith(("POST", "PUT")):
        fields.append(f"Content-Length: {len(body)}")
    return "\r\n".join([f"{line} HTTP/1.1", *fields, "", body])


@pytest.mark.parametrize("site, request_", QUESTIONS, ids=lambda value: getattr(value, "name", None) or str(value)[:60])
def test_same_answer(oracle, site, request_):
    for _ in range(2):
        oracle.compare(head(site, request_), ignore=["Connection", "Keep-Alive", *site.ignored])
