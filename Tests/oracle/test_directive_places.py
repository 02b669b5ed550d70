"""Where each directive may stand: in a server, a virtual host, sections, and .htaccess files under each AllowOverride."""

import re
import shutil

import pytest

from oracle.directive_lines import LINES
from support.oracle import Oracle
from support.server import DEFAULT_MODULES, world_readable_directory
from support.wire import fetch, get

#: The modules that both have; cgid beside cgi is one too many.
MODULES = (
    *DEFAULT_MODULES, "access_compat", "actions", "allowmethods", "asis", "auth_basic", "auth_digest", "auth_form", "authn_anon", "authn_core",
    "authn_dbm", "authn_file", "authn_socache", "authz_dbm", "authz_groupfile", "authz_host", "authz_owner", "authz_user", "autoindex", "brotli",
    "buffer", "cgi", "data", "deflate", "dumpio", "echo", "env", "expires", "ext_filter", "filter", "headers", "include", "info", "log_debug",
    "log_forensic", "logio", "mime", "negotiation", "ratelimit", "reflector", "remoteip", "reqtimeout", "request", "rewrite", "sed", "session",
    "session_cookie", "session_crypto", "setenvif", "socache_shmcb", "speling", "status", "substitute", "unique_id", "userdir", "usertrack",
    "vhost_alias",
)  # fmt: skip

#: Where they stand is httpd's own doing in these cases only.
OTHER_PLACES = {
    "<ifversion": "httpd's says that it has no configuration of directories, which no section has",
}


@pytest.fixture(scope="module")
def servers(apus, apache):
    ours = apus(start=False, modules=MODULES)
    theirs = apache(start=False, modules=MODULES)
    yield ours, theirs
    for server in (ours, theirs):
        server.discard()


def places(text):
    """What -L says, by the directive's name."""
    found = re.findall(r"^(\S+) \(\S+\)\n\t.*\n\t(Allowed in .*(?:\n\twhen .*)?)", text, re.MULTILINE)
    return {name.lower(): where for name, where in found}


def test_places_are_the_same(servers):
    for server in servers:
        server.write_config("")
    ours, theirs = (places(server.run("-L").stdout) for server in servers)
    common = ours.keys() & theirs.keys() - OTHER_PLACES.keys()
    assert len(common) > 340
    assert {name: ours[name] for name in common} == {name: theirs[name] for name in common}


CONTEXTS = {
    "server": "{}",
    "virtual host": "<VirtualHost 127.0.0.1:@PORT@>\n{}\n</VirtualHost>",
    "directory": '<Directory "/none">\n{}\n</Directory>',
    "directory by regex": '<DirectoryMatch "^/none">\n{}\n</DirectoryMatch>',
    "directory of a host": '<VirtualHost 127.0.0.1:@PORT@>\n<Directory "/none">\n{}\n</Directory>\n</VirtualHost>',
    "location": "<Location /none>\n{}\n</Location>",
    "files": "<Files none>\n{}\n</Files>",
    "files in a directory": '<Directory "/none">\n<Files none>\n{}\n</Files>\n</Directory>',
    "if": "<If false>\n{}\n</If>",
    "limit": '<Directory "/none">\n<Limit GET>\n{}\n</Limit>\n</Directory>',
}


def refused(server, context):
    """The lines that may not stand there. Each stands in a section of its own; one run shows the first mistake at least."""
    found = set()
    while True:
        server.write_config("".join(CONTEXTS[context].format("#" if line in found else line) + "\n" for line in LINES))
        done = server.run("-t")
        if done.returncode == 0:
            return found
        text = server.config_file.read_text().splitlines()
        numbers = re.findall(rf"{re.escape(str(server.config_file))}:(\d+):\d+: error:|on line (\d+) of {re.escape(str(server.config_file))}", done.stderr)
        lines = {text[int(ours or theirs) - 1] for ours, theirs in numbers}
        assert lines and lines <= set(LINES) - found, done.stderr
        found |= lines


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_same_lines_are_refused(servers, context):
    ours, theirs = (refused(server, context) for server in servers)
    assert ours == theirs


OVERRIDES = ["None", "All", "AuthConfig", "FileInfo", "Indexes", "Limit", "Options", "Options=Indexes"]


@pytest.fixture(scope="module")
def sites(apus, apache):
    root = world_readable_directory()
    for number, line in enumerate(LINES):
        place = root / str(number)
        place.mkdir()
        (place / ".htaccess").write_text(line + "\n")
        (place / "a.txt").write_text("text")
    hosts = "".join(
        f'<VirtualHost *:@PORT@>\nServerName c{number}.example\n<Directory "@HTDOCS@">\nAllowOverride {override}\n</Directory>\n</VirtualHost>\n'
        for number, override in enumerate(OVERRIDES)
    )
    with Oracle(apus, hosts, htdocs=root, modules=MODULES) as running:
        yield running
    shutil.rmtree(root)


@pytest.mark.parametrize("override", OVERRIDES)
def test_the_same_lines_of_htaccess_files_are_refused(sites, override):
    host = f"c{OVERRIDES.index(override)}.example"

    def refused(server):
        return {line for number, line in enumerate(LINES) if fetch(server.port, get(f"/{number}/a.txt", host=host)).status == 500}

    assert refused(sites.subject) == refused(sites.reference)
