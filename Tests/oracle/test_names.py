"""How a server calls itself: UseCanonicalName, UseCanonicalPhysicalPort, ServerName, ServerPath, as Debian's apache2 does."""

import shutil

import pytest

from oracle.sites import Site, lay_out, name_of, questions
from support.oracle import Oracle
from support.server import world_readable_directory
from support.wire import fetch, get

DIRECTIVES = {
    "off": "UseCanonicalName Off",
    "on": "UseCanonicalName On",
    "physical": "UseCanonicalPhysicalPort On",
    "both": "UseCanonicalName On\nUseCanonicalPhysicalPort On",
    "inside": '<Directory "@HERE@/sub">\nUseCanonicalName On\n</Directory>',
    "location": "UseCanonicalName On\n<Location /sub>\nUseCanonicalName Off\n</Location>",
}
NAMES = {"plain": "{}.example", "port": "{}.example:8123", "scheme": "https://{}.example:8443"}
HOSTS = ["{}.example", "{}.example:81", "{}.example:@PORT@", "{}.EXAMPLE:80", ""]
SITES = [
    Site(f"{kind}-{name}", directives, [f"GET {path} HTTP/1.{1 if host else 0}\r\n" + (f"Host: {host.format(f'{kind}-{name}')}\r\n" if host else "") + "\r\n" for host in HOSTS for path in ("/sub", f"/{kind}-{name}/sub")])
    for kind, directives in DIRECTIVES.items()
    for name in NAMES
]  # fmt: skip


def virtual_hosts():
    return "".join(
        f'<VirtualHost *:@PORT@>\nServerName {NAMES[site.name.split("-")[1]].format(site.name)}\nDocumentRoot "@HTDOCS@/{site.name}"\n'
        f"ServerPath /{site.name}/\nAlias /{site.name} \"@HTDOCS@/{site.name}\"\n{site.config.replace('@HERE@', f'@HTDOCS@/{site.name}')}\n</VirtualHost>\n"
        for site in SITES
    )


@pytest.fixture(scope="module")
def oracle(apus, apache):
    root = world_readable_directory()
    lay_out(root, SITES)
    with Oracle(apus, virtual_hosts(), htdocs=root) as running:
        yield running
    shutil.rmtree(root)


@pytest.mark.parametrize("site, request_", questions(SITES), ids=lambda value: name_of(value) if isinstance(value, Site) else "")
def test_same_answer(oracle, site, request_):
    oracle.compare(request_, ignore=["Connection", "Keep-Alive"])


def test_signature_and_look_up(apus):
    config = 'ServerAdmin me@site.example\nHostnameLookups On\n<Location /mail>\nServerSignature EMail\n</Location>\n<Location /plain>\nServerSignature On\n</Location>\n'
    with apus(config) as server:
        assert b'<a href="mailto:me@site.example">localhost</a> Port' in fetch(server.port, get("/mail")).body
        assert b"Server at localhost Port" in fetch(server.port, get("/plain")).body
        assert b"<address>" not in fetch(server.port, get("/none")).body
        server.wait_for_log(r"^localhost\S* - - .*GET /plain", log="access")
