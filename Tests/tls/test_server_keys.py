"""Certificates, keys and pass phrases of the server."""

import os
import pathlib
import pty
import re
import shutil
import subprocess
import time

import pytest


from support.server import DEFAULT_MODULES, world_readable_directory
from support.tls_client import Client, outcome
from support.waiting import wait_until
from support.wire import Connection, get, tls_context

MODULES = (*DEFAULT_MODULES, "ssl")
HOST = """\
{main}
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    {lines}
</VirtualHost>
"""


@pytest.fixture(scope="module")
def locked(material):
    """The key of one.example under the pass phrase "open sesame", in both PEM formats."""
    keys = {}
    for name, options in {"pkcs8": ["pkcs8", "-topk8"], "traditional": ["rsa", "-aes256", "-traditional"]}.items():
        keys[name] = material["@ONEKEY@"].with_name(f"locked-{name}.key")
        subprocess.run(
            ["openssl", *options, "-in", material["@ONEKEY@"], "-out", keys[name], "-passout", "pass:open sesame"],
            check=True,
            capture_output=True,
        )
    return keys


def script(server, name, text):
    path = server.root / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("form", ["pkcs8", "traditional"])
@pytest.mark.parametrize(
    "dialog, text",
    [
        ("exec:{}", 'echo "$@" >> @ROOT@/asked\necho "open sesame"\n'),
        ("|{}", 'while read -r prompt; do echo "$prompt" >> @ROOT@/asked; echo "open sesame"; done\n'),
    ],
    ids=["exec", "pipe"],
)
def test_pass_phrase_from_a_program(server_class, material, locked, form, dialog, text):
    """Asked once for two keys with the same phrase, and never again by a reload."""
    lines = f'SSLCertificateFile "{material["@ONE@"]}"\n    SSLCertificateKeyFile "{locked[form]}"'
    second = lines.replace("ONE", "TWO")
    config = HOST.format(main='SSLPassPhraseDialog "@DIALOG@"', lines=lines) + HOST.format(
        main="", lines=second
    ).replace("PORT1", "PORT2")
    with server_class(config, modules=MODULES, ports=3, start=False) as server:
        program = script(server, "phrase", server.fill(text))
        server.config_file.write_text(server.config_file.read_text().replace("@DIALOG@", dialog.format(program)))
        server.start()
        assert outcome(server.port, Client()) == 404 or outcome(server.port, Client()) == 403
        asked = (server.root / "asked").read_text()
        if dialog.startswith("exec"):
            assert asked.splitlines()[0] == "one.example:443 RSA"
        if server.name == "apus":
            assert len(asked.splitlines()) == 1
            program.unlink()
            program.write_text("#!/bin/sh\nexit 1\n")
            program.chmod(0o755)
            done = server.run("-k", "graceful")
            assert done.returncode == 0, done.stderr
            server.wait_for_log("resuming|generation 2|AH00489|ready")
            assert outcome(server.port, Client()) in (403, 404)


def test_wrong_pass_phrase(configured, material, locked):
    lines = f'SSLCertificateFile "{material["@ONE@"]}"\n    SSLCertificateKeyFile "{locked["pkcs8"]}"'
    server = configured(HOST.format(main='SSLPassPhraseDialog "exec:@ROOT@/phrase"', lines=lines), modules=MODULES)
    script(server, "phrase", "echo wrong\n")
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("SSLCertificateKeyFile"))
    assert "pass phrase" in done.stderr


def test_no_terminal_to_ask_at(configured, material, locked):
    lines = f'SSLCertificateFile "{material["@ONE@"]}"\n    SSLCertificateKeyFile "{locked["pkcs8"]}"'
    server = configured(HOST.format(main="", lines=lines), modules=MODULES)
    done = subprocess.run(
        server.command("-t"), stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True
    )
    assert done.returncode == 1
    assert "SSLPassPhraseDialog" in done.stderr


@pytest.mark.parametrize("daemon", [False, True], ids=["-t", "daemon"])
def test_pass_phrase_at_the_terminal(configured, material, locked, daemon):
    lines = f'SSLCertificateFile "{material["@ONE@"]}"\n    SSLCertificateKeyFile "{locked["pkcs8"]}"'
    server = configured(HOST.format(main="", lines=lines), modules=MODULES)
    child, terminal = pty.fork()
    if child == 0:
        command = server.command(*(["-k", "start"] if daemon else ["-t"]))
        os.execv(command[0], command)
    shown = b""
    while b"pass phrase:" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, b"open sesame\n")
    try:
        while data := os.read(terminal, 1000):
            shown += data
    except OSError:
        pass
    _, status = os.waitpid(child, 0)
    assert status == 0, shown.decode()
    assert b"open sesame" not in shown
    if daemon:
        try:
            assert outcome(server.port, Client()) in (403, 404)
        finally:
            assert server.run("-k", "stop").returncode == 0
            wait_until(lambda: not (server.root / "run" / "httpd.pid").exists(), "the server to end")


@pytest.mark.parametrize("kind, cipher", [("RSA", "ECDHE-RSA-AES128-GCM-SHA256"), ("EC", "ECDHE-ECDSA-AES128-GCM-SHA256")])
def test_certificate_by_the_abilities_of_the_client(server_class, certificates, material, kind, cipher):
    both = certificates.server("both-ec", "one.example", kind="ecdsa")
    lines = (
        f'SSLCertificateFile "{material["@ONE@"]}"\n    SSLCertificateKeyFile "{material["@ONEKEY@"]}"\n'
        f'    SSLCertificateFile "{both.certificate}"\n    SSLCertificateKeyFile "{both.key}"'
    )
    with server_class(HOST.format(main="", lines=lines), modules=MODULES) as server:
        client = Client("1.2", ciphers=cipher)
        with client.connect(server.port) as connection:
            assert connection.socket.cipher()[0] == cipher


def test_authority_file_completes_the_chain(server_class, material):
    """As in httpd: intermediate certificates may lie in SSLCACertificateFile."""
    lines = (
        f'SSLCertificateFile "{material["@THREE@"]}"\n    SSLCertificateKeyFile "{material["@THREEKEY@"]}"\n'
        f'    SSLCACertificateFile "{material["@INTERMEDIATE@"]}"'
    )
    with server_class(HOST.format(main="", lines=lines), modules=MODULES) as server:
        context = tls_context(material["@CA@"])
        with Connection(server.port, tls=context, server_name="three.example") as connection:
            assert connection.request(get(host="one.example")).status in (403, 404)


GOOD_LINES = [
    "SSLCompression off",
    "SSLInsecureRenegotiation off",
    "SSLSessionTickets off",
    "SSLStrictSNIVHostCheck on",
    "SSLHonorCipherOrder on",
    "SSLOpenSSLConfCmd Curves X25519:P-256",
    "SSLOpenSSLConfCmd SignatureAlgorithms RSA+SHA256:ECDSA+SHA256",
    "SSLVerifyDepth 3",
    "SSLCARevocationCheck none",
    "SSLProtocol all -TLSv1 -TLSv1.1",
    "SSLOptions +StdEnvVars -ExportCertData",
    "SSLUserName SSL_CLIENT_S_DN_CN",
]
WRONG_LINES = [
    "SSLOpenSSLConfCmd Curves nowhere",
    "SSLOpenSSLConfCmd NoSuchThing 1",
    "SSLVerifyDepth -1",
    "SSLCARevocationCheck sometimes",
    "SSLCARevocationCheck chain no_such_flag",
    "SSLOptions +NoSuchOption",
    "SSLCipherSuite NOSUCHCIPHER",
    "SSLCipherSuite TLSv1.3 NOSUCHCIPHER",
    "SSLSessionTickets maybe",
    'SSLSessionTicketKeyFile "@ABSENT@"',
    'SSLSessionTicketKeyFile "@GARBAGE@"',
    'SSLCARevocationFile "@ABSENT@"',
    'SSLCADNRequestFile "@ABSENT@"',
    'SSLCACertificatePath "@ABSENT@"',
]
#: Accepted by apache2, which finds out at the start at the earliest, or accepts what does harm.
STRICTER = {
    "SSLVerifyDepth -1",
    "SSLInsecureRenegotiation on",
    'SSLSessionTicketKeyFile "@GARBAGE@"',
    "SSLCipherSuite NOSUCHCIPHER",
    "SSLCipherSuite TLSv1.3 NOSUCHCIPHER",
    "SSLOpenSSLConfCmd Curves nowhere",
}
MAIN_LINES = [
    "SSLRandomSeed startup builtin",
    "SSLRandomSeed connect file:/dev/urandom 512",
    "SSLFIPS off",
    "SSLCryptoDevice builtin",
    "SSLCryptoDevice pkcs11",
    "SSLVHostSNIPolicy authonly",
    "SSLPassPhraseDialog builtin",
]
WRONG_MAIN_LINES = [
    "SSLRandomSeed never builtin",
    "SSLRandomSeed startup builtin many",
    "SSLVHostSNIPolicy loose",
    "SSLPassPhraseDialog none",
    "SSLPassPhraseDialog exec:/no/such/program",
    "SSLFIPS on\nSSLFIPS off",
    "SSLCryptoDevice nosuchengine",
]


@pytest.fixture
def checked(configured, tls_config):
    def check(main, line):
        lines = 'SSLCertificateFile "@ONE@"\n    SSLCertificateKeyFile "@ONEKEY@"\n    ' + line
        server = configured(tls_config(HOST.format(main=main, lines=lines)), modules=MODULES)
        return server, server.run("-t")

    return check


@pytest.mark.parametrize("line", GOOD_LINES)
def test_good_line(checked, line):
    _, done = checked("", line)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", [*WRONG_LINES, "SSLInsecureRenegotiation on"])
def test_wrong_line(checked, line):
    server, done = checked("", line)
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(line.split()[0]))


@pytest.mark.parametrize("line", MAIN_LINES)
def test_good_main_line(checked, line):
    _, done = checked(line, "")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", WRONG_MAIN_LINES)
def test_wrong_main_line(checked, line):
    server, done = checked(line, "")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(line.splitlines()[-1].split()[0] + " " + line.splitlines()[-1].split()[1]))


@pytest.mark.parametrize("line", ["SSLCompression on", "SSLProtocol TLSv1.2 TLSv1.3"])
def test_line_that_is_warned_of(checked, line):
    server, done = checked("", line)
    assert done.returncode == 0, done.stderr
    assert re.search(rf":{server.line_of(line)}:\d+: warning: ", done.stderr)


def test_seed_that_has_no_effect_is_warned_of(checked):
    server, done = checked("SSLRandomSeed startup file:/dev/urandom 512", "")
    assert done.returncode == 0
    assert re.search(rf":{server.line_of('SSLRandomSeed')}:\d+: warning: ", done.stderr)


def test_authorities_in_a_directory(server_class, certificates, material):
    directory = world_readable_directory()
    shutil.copy(certificates.certificate, directory / "ca.pem")
    subprocess.run(["openssl", "rehash", str(directory)], check=True)
    client = certificates.client("pathclient")
    lines = (
        f'SSLCertificateFile "{material["@ONE@"]}"\n    SSLCertificateKeyFile "{material["@ONEKEY@"]}"\n'
        f'    SSLVerifyClient require\n    SSLCACertificatePath "{directory}"'
    )
    with server_class(HOST.format(main="", lines=lines), modules=MODULES) as server:
        assert outcome(server.port, Client(certificate=client)) in (403, 404)
        assert outcome(server.port, Client()) == "refused"


def test_names_that_clients_are_told(server_class, certificates, material):
    """SSLCADNRequestFile says what to ask for; without it the authorities do."""
    host = (
        f'SSLCertificateFile "{material["@ONE@"]}"\n    SSLCertificateKeyFile "{material["@ONEKEY@"]}"\n'
        f'    SSLVerifyClient optional\n    SSLCACertificateFile "{certificates.certificate}"'
    )
    own = host + f'\n    SSLCADNRequestFile "{material["@INTERMEDIATE@"]}"'
    config = HOST.format(main="", lines=host) + HOST.format(main="", lines=own).replace("PORT1", "PORT2")
    with server_class(config, modules=MODULES, ports=2) as server:
        names = []
        for port in server.ports:
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2"],
                input="",
                capture_output=True,
                text=True,
            )
            names.append(re.findall(r"Acceptable client certificate CA names\n(.*)\n", done.stdout))
    assert names == [["CN = test-ca"], ["CN = intermediate"]]


DAY = 86400


def served_until(apus, certificates, name, seconds):
    """A server whose certificate has so long to live."""
    pair = certificates.server_until(name, time.time() + seconds)
    lines = f'SSLCertificateFile "{pair.certificate}"\n    SSLCertificateKeyFile "{pair.key}"'
    return apus("Workers 3\n" + HOST.format(main="", lines=lines), modules=MODULES)


@pytest.mark.parametrize("days", [7, 3])
def test_a_certificate_that_comes_to_its_end(apus, certificates, days):
    """Warned of once a day from a week before on, by one worker; here the time for that comes after the start."""
    with served_until(apus, certificates, f"ending{days}", days * DAY + 6) as server:
        server.wait_for_log(rf"ssl:warn\] .*APUS3005: SSLCertificateFile .*ending{days}.crt.* expires on 20.*, in {days} days; renew it")
        time.sleep(1)
        assert server.error_log().count("APUS3005") == 1


def test_a_certificate_that_ends(apus, certificates):
    with served_until(apus, certificates, "ended", 6) as server:
        server.wait_for_log(r"APUS3005: SSLCertificateFile .*ended.crt.* expired on 20.*; renew it")


# Keys in tokens.

TOKENS = pathlib.Path("/usr/lib/softhsm/libsofthsm2.so")
ENGINE = pathlib.Path("/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so")
needs_token = pytest.mark.skipif(
    not (TOKENS.exists() and ENGINE.exists() and shutil.which("pkcs11-tool")),
    reason="needs softhsm2, opensc and libengine-pkcs11-openssl",
)


@pytest.fixture
def token(certificates):
    """A token in software that holds a key and its certificate: the environment it wants, and the URIs' beginning and end."""
    directory = world_readable_directory()
    (directory / "tokens").mkdir()
    (directory / "softhsm2.conf").write_text(f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\n")
    environment = {"SOFTHSM2_CONF": str(directory / "softhsm2.conf")}

    def run(*line):
        subprocess.run(list(map(str, line)), check=True, capture_output=True, env={**os.environ, **environment})

    pair = certificates.server("token", "one.example", kind="rsa")
    run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", pair.key, "-out", directory / "key.pem")
    run("openssl", "x509", "-in", pair.certificate, "-outform", "DER", "-out", directory / "certificate.der")
    run("softhsm2-util", "--init-token", "--free", "--label", "web", "--so-pin", "4321", "--pin", "1234")
    run("softhsm2-util", "--import", directory / "key.pem", "--token", "web", "--label", "tls", "--id", "01", "--pin", "1234")
    tool = ("pkcs11-tool", "--module", TOKENS, "--token-label", "web", "--login", "--pin", "1234")
    run(*tool, "--write-object", directory / "certificate.der", "--type", "cert", "--id", "01", "--label", "tls")
    subprocess.run(["chmod", "-R", "a+rwX", directory], check=True)
    uri = "pkcs11:token=web;object=tls;type={kind}?module-path=" + f"{TOKENS}&pin-value={{pin}}"
    yield environment, uri
    shutil.rmtree(directory)


def token_lines(uri, pin="1234"):
    return (
        f'SSLCertificateFile "{uri.format(kind="cert", pin=pin)}"\n'
        f'    SSLCertificateKeyFile "{uri.format(kind="private", pin=pin)}"'
    )


@needs_token
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_key_that_stays_in_its_token(apus, token, version):
    """Workers have it sign, also after a reload."""
    environment, uri = token
    with apus(HOST.format(main="", lines=token_lines(uri)), modules=MODULES, environment=environment) as server:
        server.put("index.html", "")
        for _ in range(2):
            for _ in range(5):
                assert outcome(server.port, Client(version)) == 200
            assert server.run("-k", "graceful").returncode == 0


@needs_token
def test_a_token_that_does_not_open(configured, token):
    environment, uri = token
    server = configured(HOST.format(main="", lines=token_lines(uri, "9999")), modules=MODULES, environment=environment)
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("SSLCertificateKeyFile"))
    assert "AH10131" in done.stderr and "pin-value" in done.stderr
