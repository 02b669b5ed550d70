"""Every directive of httpd's core, of its processes, of mod_so, mod_unixd, mod_version and mod_macro: taken where httpd takes it.

A row is the directive with a value and, after `|`, what stands behind it. `-`: Debian's apache2 does not have it (it is of
another system, or of another MPM), and Apus takes it with an explanation in the log.
"""

import subprocess

import pytest

from support.wire import fetch, get

VALUES = """\
AcceptFilter http data
AcceptPathInfo On
AccessFileName .acl
AddDefaultCharset utf-8
AllowEncodedSlashes On
AllowOverride None
AllowOverrideList ForceType
- CGIMapExtension sys:/x .x
CGIPassAuth On
CGIVar REQUEST_URI original-uri
ContentDigest Off
DefaultRuntimeDir run
DefaultType none
Define SOME value
<Directory "/">|</Directory>
<DirectoryMatch "^/">|</DirectoryMatch>
DocumentRoot "@HTDOCS@"
EnableMMAP Off
EnableSendfile Off
ErrorDocument 404 /x
ErrorLog "@ROOT@/logs/other.log"
ErrorLogFormat "%M"
ExtendedStatus On
FileETag None
<Files "x">|</Files>
<FilesMatch "x">|</FilesMatch>
FlushMaxPipelined 5
FlushMaxThreshold 65535
ForceType text/x-y
- GprofDir /tmp
HostnameLookups Off
HttpProtocolOptions Strict
<IfDefine X>|</IfDefine>
<IfDirective Options>|</IfDirective>
<IfFile "/">|</IfFile>
<IfModule core_module>|</IfModule>
<IfSection Files>|</IfSection>
<IfVersion >= 2.4>|</IfVersion>
Include "@ROOT@/conf/mime*none/*.x"
IncludeOptional "@ROOT@/conf/none/*.x"
KeepAlive On
KeepAliveTimeout 5
<Limit GET>|</Limit>
<LimitExcept GET>|</LimitExcept>
LimitInternalRecursion 5
LimitRequestBody 1000
LimitRequestFields 50
LimitRequestFieldSize 4000
LimitRequestLine 4000
LimitXMLRequestBody 1000
Listen 127.0.0.1:@PORT2@
ListenBackLog 100
ListenCoresBucketsRatio 8
ListenTCPDeferAccept 30
LoadFile libc.so.6
<Location "/x">|</Location>
<LocationMatch "x">|</LocationMatch>
LogLevel info
<Macro some>|ServerSignature Off|</Macro>
MaxConnectionsPerChild 0
MaxKeepAliveRequests 10
MaxMemFree 100
MaxRangeOverlaps 5
MaxRangeReversals 5
MaxRanges 5
MaxRequestWorkers 16
- MaxSpareServers 5
MaxSpareThreads 32
MergeSlashes On
MergeTrailers On
- MinSpareServers 5
MinSpareThreads 1
Mutex default
NameVirtualHost *:80
Options None
PidFile "@ROOT@/run/httpd.pid"
Protocol http
Protocols http/1.1
ProtocolsHonorOrder On
QualifyRedirectURL On
ReadBufferSize 8192
ReceiveBufferSize 0
RegexDefaultOptions none
RegisterHttpMethod BREW
RLimitCPU 10 max
RLimitMEM 100000000 max
RLimitNPROC 100 max
ScoreBoardFile run/scoreboard
- ScriptInterpreterSource Registry
SeeRequestTail On
SendBufferSize 0
ServerAdmin a@b.example
ServerAlias x.example
ServerLimit 1
ServerName x.example
ServerPath /x
ServerRoot "@ROOT@"
ServerSignature On
ServerTokens Prod
SetHandler none
StartServers 1
- StartThreads 5
StrictHostCheck Off
Suexec Off
ThreadLimit 64
ThreadsPerChild 16
ThreadStackSize 1048576
TimeOut 60
TraceEnable Off
- UNCList x
UnDefine SOME
Use used
UndefMacro used
UseCanonicalName Off
UseCanonicalPhysicalPort Off
AsyncRequestWorkerFactor 2
CoreDumpDirectory "@ROOT@/run"
- EnableExceptionHook Off
GracefulShutdownTimeout 0
Group www-data
User www-data
ChrootDir "@ROOT@"
<VirtualHost *:80>|</VirtualHost>
MaxClients 16
MaxRequestsPerChild 0
MacroIgnoreEmptyArgs x
MacroIgnoreBadNesting x
"""

#: Where the two differ, and why.
KNOWN = {
    # httpd executes it while reading, and so anywhere; it is about the whole server.
    "DefaultRuntimeDir run": {"vhost", "directory", "location", "files"},
}

PLACES = {
    "server": "{}",
    "vhost": "<VirtualHost *:81>\n{}\n</VirtualHost>",
    "directory": '<Directory "@HTDOCS@">\n{}\n</Directory>',
    "location": '<Location "/x">\n{}\n</Location>',
    "files": '<Files "x">\n{}\n</Files>',
}
ROWS = VALUES.splitlines()
MACRO = "<Macro used>\nServerSignature Off\n</Macro>\n"


def lines(row):
    return row.removeprefix("- ").replace("|", "\n")


@pytest.fixture(scope="module")
def accepted(apus, apache):
    """Asks both servers whether a text is a configuration."""
    servers = [kind("", start=False, ports=2, modules=("authz_core", "macro")) for kind in (apus, apache)]

    def ask(text):
        answers = []
        for server in servers:
            server.write_config(text)
            outcome = server.run("-t")
            answers.append((outcome.returncode == 0, outcome.stdout + outcome.stderr))
        return answers

    yield ask
    for server in servers:
        server.discard()


@pytest.mark.parametrize("row", ROWS)
def test_taken_where_httpd_takes_it(accepted, row):
    differences = []
    for place, form in PLACES.items():
        (ours, our_text), (theirs, their_text) = accepted(MACRO + form.format(lines(row)) + "\n")
        if row.startswith("- "):
            assert ours or "is not allowed in" in our_text, our_text
        elif ours != theirs and place not in KNOWN.get(row, ()):
            differences.append(f"{place}: apus {ours}, apache2 {theirs}: {(their_text if ours else our_text).splitlines()[-5:]}")
    assert not differences, "\n".join(differences)


def test_the_list_is_complete(apache):
    """apache2's own list, of the modules that this is about."""
    with apache("", start=False, modules=("authz_core", "macro")) as server:
        text = subprocess.run(server.command("-L"), capture_output=True, text=True).stdout
    owners = {"core.c", "mod_so.c", "mod_unixd.c", "mod_version.c", "mod_macro.c", "event.c", "http_core.c"}
    listed = {line.split()[0] for line in text.splitlines() if line[:1].strip() and line.split()[-1].strip("()") in owners}
    ours = {row.removeprefix("- ").split()[0].rstrip(">").lower() for row in ROWS}
    by_others = {"<if", "<elseif", "<else", "error", "loadmodule", "setinputfilter", "setoutputfilter", "port"}
    assert {name.lower().rstrip(">") for name in listed} - ours - by_others == set()


def test_without_effect_is_explained(apus):
    with apus("LogLevel info\nStartServers 5\n") as server:
        server.wait_for_log("StartServers has no effect: the number of worker processes does not change")


def test_port_names_its_successor(apus):
    with apus("Port 80\n", start=False) as server:
        outcome = server.run("-t")
        assert outcome.returncode == 1 and "write Listen 80" in outcome.stderr


HTACCESS = [row for row in ROWS if not row.startswith("- ") and "DefaultRuntimeDir" not in row]


def test_htaccess(apus, apache):
    answers = []
    for kind in (apus, apache):
        with kind('<Directory "@HTDOCS@">\nAllowOverride All\n</Directory>\n' + MACRO, start=False, ports=2, modules=("authz_core", "macro")) as server:
            for number, row in enumerate(HTACCESS):
                server.put(f"{number}/.htaccess", server.fill(lines(row)) + "\n")
                server.put(f"{number}/x", "x")
            server.start()
            answers.append([(row, fetch(server.port, get(f"/{number}/x")).status) for number, row in enumerate(HTACCESS)])
    assert answers[0] == answers[1]
