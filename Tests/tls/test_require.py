"""SSLRequire: the whole grammar, with the answers of apache2."""

import pytest

from support.server import DEFAULT_MODULES
from support.tls_client import Client
from support.wire import Connection, get

MODULES = (*DEFAULT_MODULES, "ssl")

EXPRESSIONS = r"""
true
false
!true
not false
!!true
true and false
true && true
false or true
false || false
true || false && false
(true || false) && false
not true or true
1 == 1
1 == 2
1 eq 1
1 ne 1
9 < 10
10 < 9
"9" lt "10"
2 <= 2
3 le 2
10 > 9
"b" > "a"
"aa" > "b"
"b" > "aa"
3 >= 3
3 ge 4
"a" != "b"
"a" == "A"
"" == ""
"x y" == "x y"
"a\"b" == "a\"b"
"\101" == "A"
%{SSL_PROTOCOL} == "TLSv1.2"
%{SSL_PROTOCOL} in {"TLSv1.1", "TLSv1.2"}
%{SSL_PROTOCOL} in {"TLSv1", "TLSv1.3"}
%{SSL_CIPHER_USEKEYSIZE} >= 128
%{SSL_CIPHER_USEKEYSIZE} >= 1024
%{SSL_CIPHER} =~ m/^ECDHE-/
%{SSL_CIPHER} !~ m/^(EXP|NULL)-/
%{SSL_CIPHER} =~ m#^ecdhe-#
%{SSL_CIPHER} =~ m#^ecdhe-#i
%{SSL_CIPHER} =~ m|GCM|
not %{SSL_CIPHER} =~ m/CBC/
%{SSL_CLIENT_S_DN_O} eq "Snake Oil, Ltd."
%{SSL_CLIENT_S_DN_OU} in {"Staff", "CA", "Dev"}
%{SSL_CLIENT_S_DN_OU_1} eq "Ops"
%{SSL_CLIENT_S_DN} == "none"
%{SSL_CLIENT_VERIFY} eq "SUCCESS"
%{SSL_CLIENT_M_SERIAL} ne ""
%{SSL_SERVER_S_DN_CN} eq "one.example"
"Snake Oil, Ltd." in {%{SSL_CLIENT_S_DN_O}}
"a comment" in PeerExtList("nsComment")
"another comment" in PeerExtList("2.16.840.1.113730.1.13")
"own value" in PeerExtList("1.2.3.4.5.6.7")
"own value" in PeerExtList("1.2.3.4.5.6.8")
%{REMOTE_ADDR} =~ m/^127\.0\.0\.[0-9]+$/
%{REMOTE_ADDR} eq "127.0.0.1"
%{REQUEST_METHOD} eq "GET"
%{REQUEST_URI} =~ m#^/e[0-9]+/#
%{QUERY_STRING} eq "a=b"
%{HTTP_HOST} eq "one.example"
%{HTTP_USER_AGENT} eq "test"
%{HTTP:X-Test} eq "field"
%{HTTP:X-None} eq ""
%{SERVER_NAME} eq "one.example"
%{SERVER_PROTOCOL} eq "HTTP/1.1"
%{HTTPS} eq "on"
%{THE_REQUEST} =~ m#^GET /e#
%{REQUEST_FILENAME} =~ m#index.html$#
%{IS_SUBREQ} eq "false"
%{TIME_YEAR} >= 2024
%{TIME_WDAY} >= 0 and %{TIME_WDAY} <= 6
%{TIME_HOUR} >= 00 and %{TIME_HOUR} <= 23
file("@ROOT@/conf/word") eq "magic"
file("@ROOT@/conf/word") ne "magic"
( %{SSL_CIPHER} !~ m/^(EXP|NULL)-/ and %{SSL_CLIENT_S_DN_O} eq "Snake Oil, Ltd." and %{TIME_WDAY} >= 0 ) or %{REMOTE_ADDR} =~ m/^192\.76\.162\.[0-9]+$/
""".strip().splitlines()

WRONG = [
    "",
    "%{NOSUCHVARIABLE} eq 1",
    "true and",
    "1 ==",
    "== 1",
    "(true",
    "true)",
    '"open',
    "%{OPEN",
    "1 in {1",
    "1 in {}",
    '1 =~ "x"',
    "1 =~ m/(/",
    "1 =~ m/x",
    "nonsense",
    "1 = 1",
    "true false",
    'exec("x") == 1',
    "1 in PeerExtList",
]


@pytest.fixture(scope="module")
def client(certificates):
    extensions = (
        "nsComment=a comment\n1.2.3.4.5.6.7=ASN1:UTF8String:own value\n"
        "2.16.840.1.113730.1.2=ASN1:IA5String:https://example.com"
    )
    subject = "/O=Snake Oil, Ltd./OU=Dev/OU=Ops/CN=me"
    return Client("1.2", certificates.client("required", subject, extensions=extensions))


def configuration():
    locations = "\n".join(
        f'<Location "/e{number}/">\n    SSLRequire {text}\n</Location>' for number, text in enumerate(EXPRESSIONS)
    )
    return f"""{locations}
<VirtualHost 127.0.0.1:@PORT@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    SSLCACertificateFile "@CA@"
    SSLVerifyClient optional
</VirtualHost>
"""


def answers(server_class, config, client):
    with server_class(config, modules=MODULES) as server:
        (server.root / "conf" / "word").write_text("magic")
        for number in range(len(EXPRESSIONS)):
            server.put(f"e{number}/index.html", "")
        with client.connect(server.port) as connection:
            fields = ("User-Agent: test", "X-Test: field")
            return [
                connection.request(get(f"/e{number}/index.html?a=b", *fields, host="one.example")).status
                for number in range(len(EXPRESSIONS))
            ]


def test_every_expression(apus, apache, tls_config, client):
    config = tls_config(configuration())
    ours, theirs = (answers(server_class, config, client) for server_class in (apus, apache))
    different = [
        f"{text}: {own}, apache2 {other}"
        for text, own, other in zip(EXPRESSIONS, ours, theirs, strict=True)
        if own != other
    ]
    assert not different, "\n".join(different)
    assert 200 in ours and 403 in ours


@pytest.mark.parametrize("text", WRONG)
def test_wrong_expression(configured, tls_config, text):
    server = configured(f'<Location "/">\nSSLRequire {text}\n</Location>', modules=MODULES)
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("SSLRequire"))
