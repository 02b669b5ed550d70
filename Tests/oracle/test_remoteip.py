"""mod_remoteip: who the client is, by header fields and by the PROXY protocol, on Apus and on Debian's apache2."""

import re
import socket
import ssl
import struct

import pytest

from support.oracle import Oracle
from support.server import DEFAULT_MODULES
from support.waiting import wait_until
from support.wire import Connection, ConnectionEnded, ProtocolError

SEEN = (
    'Header always set X-Seen "expr=%{REMOTE_ADDR} %{CONN_REMOTE_ADDR} %{note:remoteip-proxy-ip-list} '
    '%{req:X-Forwarded-For} %{req:X-By} %{reqenv:FROM}"\n'
)
CONFIGURATIONS = {
    "header": "RemoteIPHeader X-Forwarded-For\nRemoteIPProxiesHeader X-By",
    "internal": "RemoteIPHeader X-Forwarded-For\nRemoteIPProxiesHeader X-By\nRemoteIPInternalProxy 127.0.0.1 10.0.0.0/8\n"
    "RemoteIPTrustedProxy 198.51.100.0/24 2001:db8::/32",
    "trusted": "RemoteIPHeader X-Forwarded-For\nRemoteIPProxiesHeader X-By\nRemoteIPTrustedProxy localhost 198.51.100",
    "strangers": "RemoteIPHeader X-Forwarded-For\nRemoteIPTrustedProxy 192.0.2.1",
    "lists": "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxyList @ROOT@/internal.lst\nRemoteIPTrustedProxyList @ROOT@/trusted.lst\n"
    "RemoteIPProxiesHeader X-By",
    "off": "",
    "proxy": "RemoteIPProxyProtocol On\nRemoteIPHeader X-Forwarded-For",
    "two names": "RemoteIPProxyProtocol Off\n</VirtualHost>\n<VirtualHost 127.0.0.1:@PORT8@>\nServerName other\nRemoteIPProxyProtocol On",
}  # fmt: skip
PORTS = {name: number for number, name in enumerate(CONFIGURATIONS, 1)}
LISTS = {"internal.lst": "# ours\n127.0.0.1/32  #here\n\n10.0.0.0/8 172.16.0.0/12\n", "trusted.lst": "198.51.100.0/24\n"}

FORWARDED = (
    "1.2.3.4", "10.1.1.1", "1.2.3.4, 5.6.7.8", "5.6.7.8 , 10.0.0.3", "1.2.3.4, 198.51.100.7, 10.0.0.3", "1.2.3.4,", "", "bogus, 5.6.7.8",
    "2001:db8::5", "::ffff:1.2.3.4", "1.2.3.4:80", "[2001:db8::5]", "fe80::1", "1.2.3.4,,5.6.7.8", " 192.168.1.1, 198.51.100.7",
    "172.20.1.1, 198.51.100.1", "169.254.1.1", "192.169.1.1, 198.51.100.1", "1.2.3.4, 2001:db8:0:0::7,198.51.100.1", "2600::1, 2001:db8::9",
    "256.1.1.1", "1.2.3", "unknown",
)  # fmt: skip
#: Known: httpd asks the resolver about words that a client sends, such as "1.2.3" and "unknown"; Apus asks nobody.
NAMES = ("1.2.3",)


def v2(command, family, block, extra=b""):
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(block + extra)) + block + extra


IPV4 = socket.inet_aton("203.0.113.9") + socket.inet_aton("192.0.2.2") + struct.pack(">HH", 1234, 80)
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2 + struct.pack(">HH", 1234, 80)
PREFACES = {
    "none": b"", "v1": b"PROXY TCP4 203.0.113.9 192.0.2.2 1234 80\r\n", "v1 of IPv6": b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n",
    "v1 unknown": b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "v1 short": b"PROXY TCP4 1 2\r\n",
    "v1 in lower case": b"proxy TCP4 203.0.113.9 192.0.2.2 1234 80\r\n", "v1 too long": b"PROXY " + b"x" * 200,
    "v1 of another family": b"PROXY UDP4 203.0.113.9 192.0.2.2 1234 80\r\n",
    "v1 with one address": b"PROXY TCP4 203.0.113.9\r\n", "v1 without addresses": b"PROXY TCP4\r\n",
    "v1 with a name": b"PROXY TCP4 localhost 192.0.2.2 1234 80\r\n", "v2": v2(0x21, 0x11, IPV4), "v2 of IPv6": v2(0x21, 0x21, IPV6),
    "v2 local": v2(0x20, 0, b""), "v2 local with addresses": v2(0x20, 0x11, IPV4), "v2 of UDP": v2(0x21, 0x12, IPV4),
    "v2 of a socket file": v2(0x21, 0x31, b"x" * 216), "v2 with extensions": v2(0x21, 0x11, IPV4, b"\x04\0\1a"),
    "v2 too short": v2(0x21, 0x11, IPV4[:8]), "v2 of no command": v2(0x22, 0x11, IPV4), "v2 of version 1": v2(0x11, 0x11, IPV4),
    "v2 too long": v2(0x21, 0x11, IPV4, b"x" * 3000),
}  # fmt: skip
#: What httpd lets in and Apus refuses: these are no headers of the protocol.
REFUSED = {
    "more words": b"PROXY TCP4 203.0.113.9 192.0.2.2 1234 80 x\r\n", "no destination": b"PROXY TCP4 203.0.113.9 bad 1234 80\r\n",
    "a leading zero": b"PROXY TCP4 203.0.113.9 192.0.2.2 0123 80\r\n", "two spaces": b"PROXY TCP4  203.0.113.9 192.0.2.2 1234 80\r\n",
    "a line feed": b"PROXY TCP4 203.0.113.9 192.0.2.2 1234 80\n", "the other family": b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
    "a port too many": b"PROXY TCP4 203.0.113.9 192.0.2.2 65536 80\r\n",
}  # fmt: skip
#: What httpd refuses although the protocol's text wants it let in, with the connection's own address.
LET_IN = {"UNKNOWN alone": b"PROXY UNKNOWN\r\n", "unspecified": v2(0x21, 0, b"")}


def configuration():
    hosts = "".join(
        f"<VirtualHost 127.0.0.1:@PORT{PORTS[name]}@>\nServerName {'localhost' if name != 'two names' else 'first'}\n{text}\n</VirtualHost>\n"
        for name, text in CONFIGURATIONS.items()
    )
    return (
        'LogFormat "%a %{c}a %h %{remote}p %{remoteip-proxy-ip-list}n %>s %U" seen\nCustomLog @ROOT@/logs/seen.log seen\n'
        f"SetEnvIf Remote_Addr ^(.*)$ FROM=$1\n{SEEN}<Location /near>\nRequire ip 1.2.3.0/24 203.0.113.0/24 2001:db8::/32\n</Location>\n{hosts}"
    )


@pytest.fixture(scope="module")
def oracle(apus, apache):
    modules = (*DEFAULT_MODULES, "remoteip", "headers", "setenvif", "authz_host")
    pair = Oracle(apus, configuration(), ports=len(CONFIGURATIONS), modules=modules)
    for server in (pair.subject, pair.reference):
        for name, text in LISTS.items():
            (server.root / name).write_text(text)
    with pair as running:
        yield running


def exchange(port, preface=b"", *fields, path="/near", host="localhost"):
    """The status and what the server says it has seen; None when it closed the connection instead."""
    head = "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "Connection: close", "", ""])
    with Connection(port) as connection:
        try:
            answer = connection.request(preface + head.encode())
        except (ConnectionEnded, ProtocolError, ConnectionError):
            return None
        return answer.status, answer.header("X-Seen")


def lines_about(server, path, count):
    """The lines of the log about a path, once there are so many."""

    def found():
        return [line for line in (server.root / "logs/seen.log").read_text().splitlines() if line.endswith(f" {path}")]

    wait_until(lambda: len(found()) >= count, f"{count} lines about {path} in the log of {server.name}")
    return found()


@pytest.mark.parametrize("value", [value for value in FORWARDED if value not in NAMES])
@pytest.mark.parametrize("name", [name for name in CONFIGURATIONS if name not in ("proxy", "two names")])
def test_header(oracle, name, value):
    ours, theirs = (
        exchange(server.ports[PORTS[name] - 1], b"", f"X-Forwarded-For: {value}") for server in (oracle.subject, oracle.reference)
    )
    assert ours == theirs


@pytest.mark.parametrize("fields", [("1.2.3.4", "198.51.100.9"), ("10.0.0.1", "10.0.0.2", "5.6.7.8")])
@pytest.mark.parametrize("name", ["header", "internal", "trusted"])
def test_several_fields(oracle, name, fields):
    lines = [f"X-Forwarded-For: {value}" for value in fields]
    ours, theirs = (exchange(server.ports[PORTS[name] - 1], b"", *lines) for server in (oracle.subject, oracle.reference))
    assert ours == theirs


def test_names_in_fields_are_not_looked_up(oracle):
    status, seen = exchange(oracle.subject.ports[PORTS["internal"] - 1], b"", "X-Forwarded-For: localhost")
    assert status == 403 and seen.startswith("127.0.0.1 127.0.0.1  localhost")


@pytest.mark.parametrize("preface", PREFACES)
@pytest.mark.parametrize("name", ["proxy", "two names"])
def test_proxy_protocol(oracle, name, preface):
    ours, theirs = (
        exchange(server.ports[PORTS[name] - 1], PREFACES[preface], "X-Forwarded-For: 1.2.3.4")
        for server in (oracle.subject, oracle.reference)
    )
    assert ours == theirs


@pytest.mark.parametrize("preface", REFUSED)
def test_no_header_of_the_protocol(oracle, preface):
    assert exchange(oracle.subject.ports[PORTS["proxy"] - 1], REFUSED[preface]) is None
    oracle.subject.wait_for_log("AH03507")


@pytest.mark.parametrize("preface", LET_IN)
def test_headers_without_an_address(oracle, preface):
    status, seen = exchange(oracle.subject.ports[PORTS["proxy"] - 1], LET_IN[preface])
    assert status == 403 and seen.startswith("127.0.0.1 127.0.0.1")


@pytest.mark.parametrize("preface", ["v1", "v1 of IPv6", "v2", "v2 with extensions"])
def test_it_may_come_byte_by_byte(oracle, preface):
    head = b"GET /near HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with Connection(oracle.subject.ports[PORTS["proxy"] - 1]) as connection:
        for byte in PREFACES[preface]:
            connection.socket.sendall(bytes([byte]))
        answer = connection.request(head)
    assert answer.status == 404 and answer.header("X-Seen").split()[0] in ("203.0.113.9", "2001:db8::1")


def test_whoever_ends_before_the_header_is_closed(oracle):
    with socket.create_connection(("127.0.0.1", oracle.subject.ports[PORTS["proxy"] - 1])) as plain:
        plain.settimeout(10)
        plain.sendall(b"PROXY TCP4 203.0")
        plain.shutdown(socket.SHUT_WR)
        try:
            assert plain.recv(100) == b""
        except ConnectionResetError:
            pass  # What it sent has not been read.


def test_it_holds_for_all_requests_of_a_connection(oracle):
    head = b"GET /near HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for server in (oracle.subject, oracle.reference):
        with Connection(server.ports[PORTS["proxy"] - 1]) as connection:
            seen = [connection.request(PREFACES["v1"] + head).header("X-Seen"), connection.request(head).header("X-Seen")]
        assert [text.split()[0] for text in seen] == ["203.0.113.9", "203.0.113.9"]


def test_log_lines(oracle):
    """The client's address, its port and the proxies on the way, in the access log."""
    lines = []
    for server in (oracle.subject, oracle.reference):
        for name, preface, *fields in (
            ("header", "none", "X-Forwarded-For: 1.2.3.4, 5.6.7.8"), ("internal", "none", "X-Forwarded-For: 2001:db8::1"),
            ("proxy", "v1"), ("proxy", "v2 of IPv6"), ("off", "none", "X-Forwarded-For: 2001:db8::1"),
        ):  # fmt: skip
            exchange(server.ports[PORTS[name] - 1], PREFACES[preface], *fields, path="/lines")
        written = lines_about(server, "/lines", 5)
        lines.append(sorted(re.sub(r"127\.0\.0\.1 \d+ -", "127.0.0.1 PORT -", line) for line in written))
    assert lines[0] == lines[1]
    assert "203.0.113.9 127.0.0.1 203.0.113.9 1234 - 404 /lines" in lines[0]


def test_before_tls(apus, tls_config):
    """The header comes before the handshake, whose bytes it does not touch."""
    config = tls_config(
        "<VirtualHost 127.0.0.1:@PORT1@>\nServerName localhost\nRemoteIPProxyProtocol On\nSSLEngine On\n"
        f'SSLCertificateFile "@ONE@"\nSSLCertificateKeyFile "@ONEKEY@"\n{SEEN}</VirtualHost>\n'
    )
    with apus(config, modules=(*DEFAULT_MODULES, "remoteip", "headers", "setenvif", "ssl")) as server:
        for preface in ("v1", "v2 with extensions"):
            plain = socket.create_connection(("127.0.0.1", server.port))
            plain.settimeout(10)
            plain.sendall(PREFACES[preface])
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = b""
                while piece := secure.recv(65536):
                    answer += piece
            assert b"X-Seen: 203.0.113.9 127.0.0.1" in answer


def test_exceptions_hold_for_their_address(apus):
    """Known: in httpd the exceptions of one virtual host hold for all."""
    config = (
        "<VirtualHost *:@PORT1@>\nRemoteIPProxyProtocol On\nRemoteIPProxyProtocolExceptions 192.0.2.1 127.0.0.0/8\n</VirtualHost>\n"
        "<VirtualHost *:@PORT2@>\nRemoteIPProxyProtocol On\n</VirtualHost>\n" + SEEN
    )
    with apus(config, ports=2, modules=(*DEFAULT_MODULES, "remoteip", "headers", "setenvif")) as server:
        assert exchange(server.ports[0])[0] == 404
        assert exchange(server.ports[1]) is None
        assert exchange(server.ports[1], PREFACES["v1"])[1].startswith("203.0.113.9")


@pytest.mark.parametrize(
    "line, message",
    [
        ("RemoteIPInternalProxy 300.1.1.1", "300.1.1.1"), ("RemoteIPTrustedProxy 10.0.0.0/33", "33"),
        ("RemoteIPTrustedProxy no.such.name.invalid", "neither an address"), ("RemoteIPHeader X:Y", "no name of a header field"),
        ("RemoteIPInternalProxyList none.lst", "cannot read"), ("RemoteIPProxyProtocol Optional", "Optional"),
    ],
)  # fmt: skip
def test_errors(apus, line, message):
    server = apus(line, modules=(*DEFAULT_MODULES, "remoteip"), start=False)
    done = server.run("-t")
    assert done.returncode != 0 and message in done.stderr + done.stdout and f"httpd.conf:{server.line_of(line)}" in done.stderr + done.stdout


def test_errors_in_lists(configured):
    server = configured("RemoteIPTrustedProxyList @ROOT@/proxies.lst", modules=(*DEFAULT_MODULES, "remoteip"))
    (server.root / "proxies.lst").write_text("192.0.2.0/24\n# none\n10.0.0.0/40 # wrong\n")
    done = server.run("-t")
    assert done.returncode != 0 and "proxies.lst" in done.stderr and "40" in done.stderr
