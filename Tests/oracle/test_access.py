"""Who may enter, asked on Apus and on Debian's apache2: status and challenge must agree.

Each configuration of `SECTIONS` is the directory of its name; every client of `CLIENTS` asks for a file in it.
"""

import base64
import pathlib
import shutil

import pytest

from support.oracle import Oracle, ask
from support.passwords import USERS, write_digest_file, write_group_file, write_user_file
from support.server import DEFAULT_MODULES, world_readable_directory

MODULES = (
    *DEFAULT_MODULES, "auth_basic", "authn_core", "authn_file", "authz_user", "authz_groupfile", "authz_host",
    "authz_owner", "access_compat", "allowmethods",
)  # fmt: skip

BASIC = 'AuthType Basic\nAuthName "Top Secret"\nAuthUserFile @ROOT@/users\nAuthGroupFile @ROOT@/groups\n'

#: What stands in the <Directory> of each case. A part after a line of "--- name" stands in a directory below.
SECTIONS = {
    # Who the user is
    "valid-user": BASIC + "Require valid-user",
    "one-user": BASIC + "Require user alice",
    "two-users": BASIC + "Require user bob carol",
    "quoted-user": BASIC + 'Require user "alice"',
    "two-lines": BASIC + "Require user bob\nRequire user alice",
    "group": BASIC + "Require group staff",
    "group-case": BASIC + "Require group STAFF",
    "two-groups": BASIC + "Require group nobody admins",
    "no-group-file": 'AuthType Basic\nAuthName "A"\nAuthUserFile @ROOT@/users\nRequire group staff',
    "lost-group-file": BASIC + "AuthGroupFile @ROOT@/lost\nRequire group staff",
    "user-or-group": BASIC + "Require user bob\nRequire group admins",
    "file-owner": BASIC + "Require file-owner",
    "file-group": BASIC + "Require file-group",
    # Settings that are missing or wrong
    "no-name": "AuthType Basic\nAuthUserFile @ROOT@/users\nRequire valid-user",
    "no-type": 'AuthName "A"\nAuthUserFile @ROOT@/users\nRequire valid-user',
    "no-file": 'AuthType Basic\nAuthName "A"\nRequire valid-user',
    "lost-file": 'AuthType Basic\nAuthName "A"\nAuthUserFile @ROOT@/lost\nRequire valid-user',
    "other-type": 'AuthType Form\nAuthName "A"\nRequire valid-user',
    "type-only": 'AuthType Basic\nAuthName "A"\nAuthUserFile @ROOT@/users',
    "lower-case": 'AuthType basic\nAuthName "A"\nAuthUserFile @ROOT@/users\nRequire valid-user',
    "quoted-name": 'AuthType Basic\nAuthName "a \\"b\\" c"\nAuthUserFile @ROOT@/users\nRequire valid-user',
    "word-name": "AuthType Basic\nAuthName Word\nAuthUserFile @ROOT@/users\nRequire valid-user",
    "type-none": "AuthType None\nRequire valid-user",
    "type-none-granted": "AuthType None\nRequire all granted",
    # Containers
    "all-of": BASIC + "<RequireAll>\nRequire valid-user\nRequire group staff\n</RequireAll>",
    "all-with-not": BASIC + "<RequireAll>\nRequire valid-user\nRequire not user alice\n</RequireAll>",
    "all-not-group": BASIC + "<RequireAll>\nRequire valid-user\nRequire not group admins\n</RequireAll>",
    "any-of": BASIC + "<RequireAny>\nRequire user bob\nRequire group admins\n</RequireAny>",
    "none-of": BASIC
    + "<RequireAll>\nRequire valid-user\n<RequireNone>\nRequire user alice\nRequire group admins\n</RequireNone>\n</RequireAll>",
    "nested": BASIC
    + "<RequireAny>\n<RequireAll>\nRequire user alice\nRequire ip 10\n</RequireAll>\n<RequireAll>\nRequire group admins\n"
    "<RequireNone>\nRequire ip 192.0.2.0/24\n</RequireNone>\n</RequireAll>\n</RequireAny>",
    "user-and-near": BASIC + "<RequireAll>\nRequire user alice\nRequire ip 127\n</RequireAll>",
    "user-and-far": BASIC + "<RequireAll>\nRequire user alice\nRequire ip 192.0.2.1\n</RequireAll>",
    "far-and-user": BASIC + "<RequireAll>\nRequire ip 192.0.2.1\nRequire user alice\n</RequireAll>",
    "user-or-near": BASIC + "Require user alice\nRequire ip 127.0.0.1",
    "user-or-far": BASIC + "Require user alice\nRequire ip 192.0.2.1",
    "granted-and-user": BASIC + "<RequireAll>\nRequire all granted\nRequire valid-user\n</RequireAll>",
    "denied-or-user": BASIC + "<RequireAny>\nRequire all denied\nRequire valid-user\n</RequireAny>",
    "denied-and-user": BASIC + "<RequireAll>\nRequire all denied\nRequire valid-user\n</RequireAll>",
    "method": BASIC + "<RequireAny>\nRequire method POST\nRequire user alice\n</RequireAny>",
    "forbidden": BASIC + "AuthzSendForbiddenOnFailure On\nRequire user bob",
    # Where the client is
    "near": "Require ip 127.0.0.1",
    "near-part": "Require ip 127.0",
    "near-dot": "Require ip 127.",
    "near-net": "Require ip 10.0.0.0/8 127.0.0.0/255.0.0.0",
    "near-bits": "Require ip 127.0.0.1/32",
    "far": "Require ip 10.1 192.168.0.0/16 2001:db8::/32",
    "not-near": "<RequireAll>\nRequire all granted\nRequire not ip 127.0.0.1\n</RequireAll>",
    "local": "Require local",
    "host": "Require host localhost",
    "host-case": "Require host LOCALHOST",
    "host-domain": "Require host .example.org example.net",
    "host-part": "Require host alhost",
    "not-host": "<RequireAll>\nRequire all granted\nRequire not host localhost\n</RequireAll>",
    "forward": "Require forward-dns localhost",
    "forward-far": "Require forward-dns name.invalid",
    "host-and-user": BASIC + "<RequireAll>\nRequire host localhost\nRequire valid-user\n</RequireAll>",
    # Directories in directories
    "sub-replaced": BASIC + "Require user alice\n--- sub\nRequire user bob",
    "sub-open": BASIC + "Require user alice\n--- sub\nAuthType None\nRequire all granted",
    "sub-granted": BASIC + "Require user alice\n--- sub\nRequire all granted",
    "sub-closed": "Require all granted\n--- sub\n" + BASIC + "Require valid-user",
    "merge-and": BASIC + "Require group staff\n--- sub\nAuthMerging And\nRequire user alice",
    "merge-or": BASIC + "Require user bob\n--- sub\nAuthMerging Or\nRequire user alice",
    "merge-off": BASIC + "Require user alice\n--- sub\nAuthMerging Off\nRequire user bob",
    "merge-and-far": BASIC + "Require valid-user\n--- sub\nAuthMerging And\nRequire ip 192.0.2.1",
    "sub-realm": BASIC + 'Require valid-user\n--- sub\nAuthName "Inner"',
    "sub-file": BASIC + "Require valid-user\n--- sub\nAuthUserFile @ROOT@/few",
    # Providers
    "provider": BASIC + "AuthBasicProvider file\nRequire valid-user",
    "alias": BASIC + "AuthBasicProvider few\nRequire valid-user",
    "alias-order": BASIC + "AuthBasicProvider few file\nRequire valid-user",
    "alias-order-2": BASIC + "AuthBasicProvider file few\nRequire valid-user",
    "alias-lost": BASIC + "AuthBasicProvider lost file\nRequire valid-user",
    "alias-lost-last": BASIC + "AuthBasicProvider file lost\nRequire valid-user",
    "not-authoritative": BASIC + "AuthBasicAuthoritative Off\nRequire valid-user",
    "not-authoritative-none": BASIC + "AuthBasicAuthoritative Off\nAuthUserFile @ROOT@/lost\nRequire valid-user",
    "requirement-alias": BASIC + "Require admins-here",
    "requirement-alias-not": BASIC + "<RequireAll>\nRequire valid-user\nRequire not admins-here\n</RequireAll>",
    "requirement-alias-far": BASIC + "Require far-away",
    "digest-hashes": BASIC + "AuthUserFile @ROOT@/digest\nAuthBasicUseDigestAlgorithm MD5\nRequire valid-user",
    "digest-realm": BASIC + 'AuthName "Other"\nAuthUserFile @ROOT@/digest\nAuthBasicUseDigestAlgorithm MD5\nRequire valid-user',
    "digest-off": BASIC + "AuthBasicUseDigestAlgorithm Off\nRequire valid-user",
    "fake": "AuthBasicFake alice fake-password\nRequire all granted",
    # Order, Allow, Deny, Satisfy
    "old-allow": "Require all granted\nOrder allow,deny\nAllow from all",
    "old-deny": "Require all granted\nOrder deny,allow\nDeny from all",
    "old-nothing": "Require all granted\nOrder allow,deny",
    "old-nothing-2": "Require all granted\nOrder deny,allow",
    "old-mutual": "Require all granted\nOrder mutual-failure\nAllow from 127.0.0.1",
    "old-both": "Require all granted\nOrder deny,allow\nDeny from all\nAllow from 127.0",
    "old-both-2": "Require all granted\nOrder allow,deny\nAllow from 127.0\nDeny from all",
    "old-far": "Require all granted\nOrder allow,deny\nAllow from 10 192.168.0.0/16",
    "old-allow-only": "Require all granted\nAllow from 10",
    "old-deny-only": "Require all granted\nDeny from 127.0.0.1",
    "old-host": "Require all granted\nOrder allow,deny\nAllow from localhost",
    "old-host-far": "Require all granted\nOrder allow,deny\nAllow from example.org .test",
    "old-env": "Require all granted\nOrder allow,deny\nAllow from env=NOT_SET",
    "old-no-env": "Require all granted\nOrder allow,deny\nAllow from env=!NOT_SET",
    "old-denied-env": "Require all granted\nOrder deny,allow\nDeny from env=!NOT_SET",
    "old-require-denied": "Require all denied\nOrder allow,deny\nAllow from all",
    "old-all": BASIC + "Require valid-user\nOrder deny,allow\nAllow from 127\nSatisfy All",
    "old-all-far": BASIC + "Require valid-user\nOrder deny,allow\nDeny from all\nSatisfy All",
    "old-unsaid-far": BASIC + "Require valid-user\nOrder deny,allow\nDeny from all",
    "any-near": BASIC + "Require valid-user\nOrder deny,allow\nDeny from all\nAllow from 127.0.0.1\nSatisfy Any",
    "any-far": BASIC + "Require valid-user\nOrder deny,allow\nDeny from all\nAllow from 10\nSatisfy Any",
    "any-far-user": BASIC + "Require user alice\nOrder allow,deny\nAllow from 10\nSatisfy any",
    "any-host": BASIC + "Require valid-user\nOrder allow,deny\nAllow from localhost\nSatisfy any",
    "any-far-host": BASIC + "Require valid-user\nOrder allow,deny\nAllow from far.example\nSatisfy any",
    "any-granted": "Require all granted\nDeny from all\nSatisfy Any",
    "any-denied": "Require all denied\nDeny from all\nSatisfy Any",
    "any-denied-near": "Require all denied\nAllow from all\nSatisfy Any",
    "any-sub": BASIC + "Require valid-user\n--- sub\nAllow from all\nSatisfy Any",
    "any-sub-inherits": BASIC + "Require valid-user\nDeny from all\nSatisfy Any\n--- sub\nRequire user alice",
    "any-sub-replaced": BASIC + "Require valid-user\nDeny from all\nSatisfy Any\n--- sub\nAllow from 127",
    "any-and-ip": BASIC + "Require ip 10\nRequire user alice\nDeny from all\nSatisfy any",
    # Methods
    "methods": "Require all granted\nAllowMethods GET POST",
    "methods-post": "Require all granted\nAllowMethods POST",
    "methods-reset": "Require all granted\nAllowMethods POST\n--- sub\nAllowMethods reset",
    "methods-any": BASIC + "Require valid-user\nAllowMethods POST\nDeny from all\nSatisfy any",
    "limit-post": BASIC + "<Limit POST>\nRequire valid-user\n</Limit>",
    "limit-except": BASIC + "<LimitExcept GET>\nRequire user alice\n</LimitExcept>",
    "limit-order": "Require all granted\n<Limit POST>\nOrder deny,allow\nDeny from all\n</Limit>",
    "limit-order-except": "Require all granted\n<LimitExcept POST OPTIONS>\nDeny from 127\n</LimitExcept>",
    "limit-satisfy": BASIC + "Require valid-user\nAllow from all\n<Limit GET>\nSatisfy any\n</Limit>",
    # Expressions
    "expr-name": 'AuthType Basic\nAuthName "at %{HTTP_HOST}"\nAuthUserFile @ROOT@/users\nRequire valid-user',
    "expr-type": 'AuthType "%{tolower:BASIC}"\nAuthName A\nAuthUserFile @ROOT@/users\nRequire valid-user',
    "expr-no-type": 'AuthType "%{tolower:NONE}"\nAuthName A\nAuthUserFile @ROOT@/users\nRequire all granted',
    "expr-user": BASIC + "Require user %{tolower:ALICE} carol",
    "expr-group": BASIC + "Require group %{tolower:ADMINS}",
    "expr-host": "Require host %{tolower:LOCALHOST}",
    "expr-fake": "AuthBasicFake %{HTTP_HOST} secret\nRequire all granted",
    # Sub-requests and internal redirects
    "index": BASIC + "Require user alice\nDirectoryIndex index.html",
    "index-hidden": 'DirectoryIndex secret.html index.html\nRequire all granted\n<Files "secret.html">\n' + BASIC
    + "Require user alice\n</Files>",
    "fallback": "Require all granted\nFallbackResource /valid-user/f.txt",
    "error-page": BASIC + "Require user alice\nErrorDocument 401 /error-page/why.html",
    "error-page-out": BASIC + "Require user alice\nErrorDocument 401 /open/why.html",
    "error-page-closed": BASIC + "Require user alice\nErrorDocument 401 /one-user/f.txt",
    "open": "Require all granted",
}  # fmt: skip


def basic(text):
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


#: Value of the Authorization field, or None.
CLIENTS = {
    "nobody": None,
    "alice": basic(f"alice:{USERS['alice'].password}"),
    "alice-wrong": basic("alice:wrong"),
    "bob": basic(f"bob:{USERS['bob'].password}"),
    "carol": basic(f"carol:{USERS['carol'].password}"),
    "stranger": basic("stranger:x"),
}

#: Asked in two directories only: ways to send credentials, and users with all kinds of hashes.
ODD_CLIENTS = {
    "no-colon": basic("alice"),
    "no-password": basic("alice:"),
    "no-user": basic(":secret"),
    "nothing": basic(""),
    "no-credentials": "Basic",
    "blank-credentials": "Basic ",
    "two-spaces": "Basic  " + basic(f"alice:{USERS['alice'].password}").split()[1],
    "lower-case": "basic " + basic(f"alice:{USERS['alice'].password}").split()[1],
    "upper-case": "BASIC " + basic(f"alice:{USERS['alice'].password}").split()[1],
    "no-padding": basic(f"alice:{USERS['alice'].password}").rstrip("="),
    "bearer": "Bearer abc",
    "digest": 'Digest username="alice"',
    "not-base64": "Basic !!!!",
    "colons": basic("colon:with:two:colons"),
    "upper-user": basic(f"ALICE:{USERS['alice'].password}"),
    "space-user": basic(f" alice:{USERS['alice'].password}"),
    "long-user": basic("a" * 3000 + ":x"),
    "long-password": basic("alice:" + "x" * 3000),
    "latin-1": basic("älice:pässword".encode("latin-1")),
    "comment": basic("#comment:x"),
    "second-line": basic("twice:second"),
    "first-line": basic("twice:first"),
    "joined-line": basic("joined:password"),
    "spaced-line": basic("spaced:password"),
    "locked": basic("locked:*"),
    "star-0": basic("star:*0"),
    "empty-hash": basic("empty:"),
    "plain-text": basic("plain:plain"),
    "colonless": basic("colonless:"),
    **{f"user-{name}": basic(f"{name}:{user.password}") for name, user in USERS.items()},
    **{f"wrong-{name}": basic(f"{name}:{user.password}x") for name, user in USERS.items()},
}

#: httpd answers 401 without a challenge when FallbackResource is what may not be seen; RFC 9110 demands one.
KNOWN = "/fallback/"


#: What stands in the .htaccess of each case; @SITE@ is the same for both servers.
FILES = {
    "access-user": 'AuthType Basic\nAuthName "A"\nAuthUserFile @SITE@.users\nRequire user alice',
    "access-group": 'AuthType Basic\nAuthName "A"\nAuthUserFile @SITE@.users\nAuthGroupFile @SITE@.groups\nRequire group staff',
    "access-order": "Require all granted\nOrder allow,deny\nAllow from 10",
    "access-any": 'AuthType Basic\nAuthName "A"\nAuthUserFile @SITE@.users\nRequire valid-user\nDeny from all\nSatisfy any',
    "access-wrong": "Require no-such-thing",
    "access-provider": 'AuthType Basic\nAuthName "A"\nAuthUserFile @SITE@.users\nAuthBasicProvider few file\nRequire valid-user',
    "access-name": 'AuthName "B"\nRequire valid-user',
}


def has_sub(name):
    return "\n--- sub\n" in SECTIONS[name]


def questions():
    for name in SECTIONS:
        for client in CLIENTS:
            yield f"/{name}/f.txt", client, "GET"
            if has_sub(name):
                yield f"/{name}/sub/f.txt", client, "GET"
    for name in FILES:
        for client in CLIENTS:
            yield f"/{name}/f.txt", client, "GET"
    for client in ODD_CLIENTS:
        yield "/valid-user/f.txt", client, "GET"
        yield "/one-user/f.txt", client, "HEAD"
    for name in ("method", "methods", "methods-post", "methods-any", "any-far", "valid-user", "limit-post", "limit-except", "limit-order",
                 "limit-order-except", "limit-satisfy"):
        for method in ("POST", "HEAD", "OPTIONS", "DELETE"):
            for client in ("nobody", "alice"):
                yield f"/{name}/f.txt", client, method
    for name in ("index", "index-hidden", "fallback", "valid-user", "error-page"):
        for client in CLIENTS:
            yield f"/{name}/", client, "GET"
            yield f"/{name}/missing", client, "GET"
            yield f"/{name}", client, "GET"


def directories():
    for name, text in SECTIONS.items():
        outer, _, inner = text.partition("\n--- sub\n")
        yield f'<Directory "@HTDOCS@/{name}">\n{outer}\n</Directory>\n'
        if inner:
            yield f'<Directory "@HTDOCS@/{name}/sub">\n{inner}\n</Directory>\n'


def access_files(site):
    for name, text in FILES.items():
        directory = pathlib.Path(site, name)
        directory.mkdir()
        (directory / "f.txt").write_text(f"{name}\n")
        (directory / ".htaccess").write_text(text.replace("@SITE@", str(site)) + "\n")
        yield f'<Directory "{directory}">\nAllowOverride AuthConfig Limit\n{BASIC if name == "access-name" else ""}</Directory>\n'


ALIASES = """\
<AuthnProviderAlias file few>
    AuthUserFile @ROOT@/few
</AuthnProviderAlias>
<AuthnProviderAlias file lost>
    AuthUserFile @ROOT@/lost
</AuthnProviderAlias>
<AuthzProviderAlias group admins-here "admins">
    AuthGroupFile @ROOT@/groups
</AuthzProviderAlias>
<AuthzProviderAlias ip far-away "10.1 192.0.2.0/24">
</AuthzProviderAlias>
"""


@pytest.fixture(scope="module")
def oracle(apus, apache):
    site = world_readable_directory()
    for name in SECTIONS:
        for path in ("f.txt", "sub/f.txt"):
            file = pathlib.Path(site, name, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{name}\n")
    for path in ("index/index.html", "index-hidden/index.html", "index-hidden/secret.html", "error-page/why.html", "open/why.html"):
        pathlib.Path(site, path).write_text("page\n")
    beside = [pathlib.Path(f"{site}.{name}") for name in ("users", "groups")]
    write_user_file(beside[0], USERS)
    write_group_file(beside[1])
    running = Oracle(apus, ALIASES + "".join([*directories(), *access_files(site)]), htdocs=site, modules=MODULES)
    for server in (running.subject, running.reference):
        write_user_file(server.root / "users", USERS)
        write_user_file(server.root / "few", {"alice": USERS["alice"]}, odd=False)
        write_group_file(server.root / "groups")
        write_digest_file(server.root / "digest")
    with running:
        yield running
    shutil.rmtree(site)
    for path in beside:
        path.unlink()


def decision(server, path, client, method):
    credentials = {**CLIENTS, **ODD_CLIENTS}[client]
    fields = [f"Authorization: {credentials}"] if credentials is not None else []
    answer = ask(server, "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""]))
    page = answer.body.decode("latin-1") if answer.status == 200 or "why" in str(answer.body) else ""
    return answer.status, answer.values("WWW-Authenticate"), page


@pytest.mark.parametrize("path, client, method", list(questions()))
def test_same_decision(oracle, path, client, method):
    ours, theirs = (decision(server, path, client, method) for server in (oracle.subject, oracle.reference))
    if path.startswith(KNOWN) and theirs[0] == 401:
        ours, theirs = ours[0], theirs[0]
    assert ours == theirs, f"apus {ours}, apache2 {theirs}"
