"""What -S, -M, -l, -L and -D DUMP_… print has the form of httpd's, line by line where it is about the same."""

import json
import re

import pytest

CONFIG = """\
Define FOO bar
<VirtualHost *:@PORT@>
    ServerName a.example
    ServerAlias b.example *.c.example
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName d.example:99
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
    ServerName ip.example
</VirtualHost>
<VirtualHost *:*>
    ServerName any.example
</VirtualHost>
Include "@ROOT@/conf/more.conf"
"""
MORE = '<Directory "/tmp">\n    AllowOverride None\n    <Files "x">\n        Options None\n    </Files>\n</Directory>\n'


@pytest.fixture
def both(apus, apache):
    servers = []
    for kind in (apus, apache):
        server = kind("", start=False)
        (server.root / "conf/more.conf").write_text(MORE)
        server.write_config(CONFIG)
        servers.append(server)
    yield servers
    for server in servers:
        server.discard()


def printed(server, *arguments):
    done = server.run(*arguments)
    assert done.returncode == 0, done.stderr
    return server.with_marks(done.stdout.replace(str(server.root), "ROOT"))


def places_left_out(text):
    """The preludes of the two differ in length."""
    return re.sub(r"httpd\.conf:\d+", "httpd.conf:N", text)


@pytest.mark.parametrize("arguments", [["-D", "DUMP_VHOSTS"], ["-t", "-D", "DUMP_VHOSTS"]], ids=" ".join)
def test_virtual_hosts(both, arguments):
    ours, theirs = (places_left_out(printed(server, *arguments)) for server in both)
    assert re.sub(r"PORT1@ +", "PORT1@ ", ours) == re.sub(r"PORT1@ +", "PORT1@ ", theirs)


def test_run_configuration(both):
    ours, theirs = (printed(server, "-t", "-D", "DUMP_RUN_CFG").splitlines() for server in both)
    left_out = ("Mutex", "Main DocumentRoot", "PidFile", "Define: APUS_ROOT")
    assert [line for line in ours if not line.startswith(left_out)] == [line for line in theirs if not line.startswith(left_out)]
    assert 'PidFile: "ROOT/run/httpd.pid"' in ours


def test_both_of_them(both):
    for server in both:
        text = printed(server, "-S")
        assert text.startswith(printed(server, "-D", "DUMP_VHOSTS")) and "ServerRoot:" in text


def test_includes(both):
    ours, theirs = (re.sub(r"\(\d+\)", "(N)", printed(server, "-t", "-D", "DUMP_INCLUDES")) for server in both)
    assert ours == theirs


def test_modules(both):
    ours, theirs = (printed(server, "-M").splitlines() for server in both)
    assert ours[0] == theirs[0] == "Loaded Modules:"
    left_out = {" watchdog_module (static)", " logio_module (static)", " log_config_module (static)", " mpm_event_module (shared)"}
    assert set(theirs) - left_out <= set(ours)


def test_configuration(apus):
    with apus(CONFIG, start=False) as server:
        (server.root / "conf/more.conf").write_text(MORE)
        text = server.run("-t", "-D", "DUMP_CONFIG").stdout
        line = server.line_of("ServerName d.example:99")
        assert f"# In file: {server.config_file}\n" in text
        assert f"  # {line:3}:\n  ServerName d.example:99\n" in text
        assert f"# In file: {server.root}/conf/more.conf\n#   1:\n<Directory \"/tmp\">\n  #   2:\n  AllowOverride None\n  #   3:\n  <Files \"x\">\n    #   4:\n    Options None\n  </Files>\n</Directory>\n" in text


def test_directives(apus, apache):
    with apus("", start=False) as server, apache("", start=False) as other:
        ours, theirs = (entries(each.run("-L").stdout) for each in (server, other))
    compared = ["Options", "ErrorDocument", "ServerName", "LimitRequestBody", "<Files", "Define", "Require", "Redirect", "AllowOverride", "LogLevel"]
    for name in compared:
        if name != "Define":
            assert ours[name] == theirs[name], name


def entries(text):
    found = re.findall(r"^(\S+) \((\S+)\)\n\t.*\n\t(Allowed in .*(?:\n\twhen .*)?)", text, re.MULTILINE)
    return {name: (owner, places) for name, owner, places in found}


def test_json(apus):
    with apus("Timeout 5\n", start=False) as server:
        done = server.run("-t", "--json")
        found = json.loads(done.stdout)
        assert done.returncode == 0 and found == {"ok": True, "errors": 0, "warnings": 0, "diagnostics": []}
        server.write_config('Timeout "a\\b\tc"\nInclude "@ROOT@/conf/bad.conf"\nNameVirtualHost *\n')
        (server.root / "conf/bad.conf").write_text("\nNoSuchDirective \u00fc\n")
        done = server.run("-t", "--json")
        found = json.loads(done.stdout)
        assert done.returncode == 1 and not found["ok"] and (found["errors"], found["warnings"]) == (2, 1)
        first = next(each for each in found["diagnostics"] if "NoSuchDirective" in each["message"])
        assert (first["severity"], first["file"], first["line"], first["column"]) == ("error", f"{server.root}/conf/bad.conf", 2, 1)
        assert first["includedFrom"][0]["line"] == server.line_of("bad.conf")


DOUBTS = {
    '<Directory "/no/such/place">\n</Directory>': "there is no /no/such/place/",
    "<Location sub>\n</Location>": "no request has a path that begins with sub",
    '<Files "a/b">\n</Files>': "no name of a file holds a slash",
    "<VirtualHost *:1>\n</VirtualHost>": "nothing listens on *:1",
    "<VirtualHost 192.0.2.1:@PORT@>\n</VirtualHost>": "nothing listens on 192.0.2.1:",
    "<VirtualHost *:@PORT@>\nServerName x.example\n</VirtualHost>\n<VirtualHost *:@PORT@>\nServerName X.example\n</VirtualHost>": "requests for X.example go to the virtual host at",
    "<VirtualHost *:@PORT@>\nServerName x.example\nServerAlias y.example\n</VirtualHost>\n<VirtualHost *:@PORT@>\nServerName y.example\n</VirtualHost>": "requests for y.example go to",
}


@pytest.mark.parametrize("text", DOUBTS)
def test_doubts(apus, text):
    with apus(text + "\n", start=False) as server:
        done = server.run("-t")
        assert done.returncode == 0 and "warning" in done.stderr and DOUBTS[text] in done.stderr
        assert not [line for line in server.run("-t", "-T").stderr.splitlines() if "warning" in line]


def test_no_doubt_where_none_is_due(apus):
    text = (
        '<Directory "/">\n</Directory>\n<Directory "/no/*">\n</Directory>\n<Location "*">\n</Location>\n<Files "*.x">\n</Files>\n'
        "<VirtualHost *:@PORT@>\nServerName a.example\nServerAlias b.example\n</VirtualHost>\n<VirtualHost *>\nServerName a.example\n</VirtualHost>\n"
        "<VirtualHost _default_:@PORT@>\nServerName c.example\n</VirtualHost>\n"
    )
    with apus(text, start=False) as server:
        assert "warning" not in server.run("-t").stderr
