"""OCSP stapling: answers are fetched in the background, and handshakes never wait."""

import re
import subprocess

import pytest

from support.certs import Authority, bundle
from support.ocsp import Responder
from support.server import DEFAULT_MODULES
from support.tls_client import Client, outcome
from support.waiting import wait_until

MODULES = (*DEFAULT_MODULES, "ssl", "socache_shmcb", "socache_dbm")
HOST = """\
{main}
<VirtualHost 127.0.0.1:@PORT{port}@>
    ServerName staple.example
    SSLEngine on
    SSLCertificateFile "{pair.certificate}"
    SSLCertificateKeyFile "{pair.key}"
    {lines}
</VirtualHost>
"""
CACHE = 'SSLStaplingCache "shmcb:@ROOT@/logs/stapling(32768)"'


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stapling"), "stapling-ca")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger-ca")


@pytest.fixture(scope="module")
def pair(authority):
    """A certificate that names no responder, with its issuer."""
    own = authority.server("staple", "staple.example")
    return type(own)(bundle(own.certificate.with_suffix(".chain"), own.certificate, authority.certificate), own.key)


@pytest.fixture
def responder(authority, stranger):
    with Responder(authority, stranger) as running:
        yield running


def stapled(port, version="-tls1_3"):
    """What a client gets stapled: "good", "revoked", "unknown", "later" or None."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "staple.example", "-status", version],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "CONNECTED" in done.stdout, done.stderr
    if match := re.search(r"Cert Status: (\w+)", done.stdout):
        return match[1]
    if match := re.search(r"OCSP Response Status: (\w+)", done.stdout):
        return match[1]
    assert "no response sent" in done.stdout
    return None


def settings(responder, pair, lines="", main=CACHE, port=1):
    lines = f'SSLUseStapling on\n    SSLStaplingForceURL {responder.url}\n    {lines}'
    return HOST.format(main=main, port=port, pair=pair, lines=lines)


def started(apus, config, **options):
    return apus(config, modules=MODULES, **options)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_good(apus, responder, pair, version):
    with started(apus, settings(responder, pair)) as server:
        wait_until(lambda: stapled(server.port, version) == "good", "a stapled answer")
        for _ in range(5):
            assert stapled(server.port, version) == "good"
        assert responder.requests == 1
        assert outcome(server.port, Client(name="staple.example")) in (403, 404)


#: "SSL/TLS Strong Encryption: How-To", as it stands.
HOWTO_CACHES = ["shmcb:logs/ssl_stapling(32768)", "dbm:logs/ssl_stapling"]
TUNED = """\
SSLStaplingReturnResponderErrors off
SSLStaplingResponderTimeout 4
SSLStaplingStandardCacheTimeout 172800
SSLStaplingErrorCacheTimeout 60
"""


@pytest.mark.parametrize("tuning", ["", TUNED], ids=["plain", "tuned"])
@pytest.mark.parametrize("cache", HOWTO_CACHES)
def test_howto(apus, responder, pair, cache, tuning):
    main = f'SSLUseStapling On\nSSLStaplingCache "{cache}"\n{tuning}SSLStaplingForceURL {responder.url}'
    config = HOST.format(main=main, port=1, pair=pair, lines="") + HOST.format(main="", port=2, pair=pair, lines="SSLUseStapling Off")
    with started(apus, config, ports=2) as server:
        wait_until(lambda: stapled(server.port) == "good", "a stapled answer")
        assert stapled(server.port, "-tls1_2") == "good"
        assert stapled(server.ports[1]) is None
        assert responder.requests == 1


def test_dbm_keeps_answers_over_a_restart(apus, responder, pair):
    config = settings(responder, pair, main='SSLStaplingCache "dbm:logs/ssl_stapling"')
    with started(apus, config) as server:
        wait_until(lambda: stapled(server.port) == "good", "a stapled answer")
        server.stop()
        responder.mood = "hang"
        server.start()
        wait_until(lambda: stapled(server.port) == "good", "the answer of before")
        assert responder.requests == 1


def test_stapled_handshakes_while_the_responder_hangs(apus, responder, pair):
    """The answer at hand is stapled to each, while one question about the next waits."""
    with started(apus, settings(responder, pair, "SSLStaplingStandardCacheTimeout 4\nSSLStaplingResponderTimeout 30")) as server:
        wait_until(lambda: stapled(server.port) == "good", "a stapled answer")
        responder.mood = "hang"
        asked = responder.requests
        wait_until(lambda: responder.requests > asked, "the next question")
        assert [stapled(server.port) for _ in range(25)] == ["good"] * 25
        assert responder.requests == asked + 1


def test_responder_that_the_certificate_names(apus, authority, responder):
    own = authority.server(
        "aia", "staple.example", extensions=f"authorityInfoAccess=OCSP;URI:{responder.url}status"
    )
    both = type(own)(bundle(own.certificate.with_suffix(".chain"), own.certificate, authority.certificate), own.key)
    config = HOST.format(main=CACHE, port=1, pair=both, lines="SSLUseStapling on")
    with started(apus, config) as server:
        wait_until(lambda: stapled(server.port) == "good", "a stapled answer")


def test_off_for_one_host(apus, responder, pair):
    config = f"{CACHE}\nSSLUseStapling on\nSSLStaplingForceURL {responder.url}\n" + "".join(
        HOST.format(main="", port=port, pair=pair, lines=lines) for port, lines in ((1, ""), (2, "SSLUseStapling off"))
    )
    with started(apus, config, ports=2) as server:
        wait_until(lambda: stapled(server.ports[0]) == "good", "a stapled answer")
        assert stapled(server.ports[1]) is None


#: What the responder does: what is stapled with ReturnResponderErrors on; with it off; without FakeTryLater.
MOODS = {
    "revoked": ("revoked", None, "revoked"),
    "unknown": ("unknown", None, "unknown"),
    "later": ("trylater", None, "trylater"),
    "garbage": ("trylater", None, None),
    "forged": ("trylater", None, None),
    "error": ("trylater", None, None),
    "flood": ("trylater", None, None),
}


@pytest.mark.parametrize("mood", MOODS)
def test_bad_answers(apus, authority, stranger, pair, mood):
    """With three hosts, each with its own rules: one attempt each, one line in the log each."""
    lines = ["", "SSLStaplingReturnResponderErrors off", "SSLStaplingFakeTryLater off"]
    pairs = [pair, *(with_issuer(authority, f"{mood}{number}") for number in (1, 2))]
    with Responder(authority, stranger, mood) as responder:
        config = CACHE + "".join(
            settings(responder, pairs[number], text, main="", port=number + 1) for number, text in enumerate(lines)
        )
        with started(apus, config, ports=3) as server:
            wait_until(lambda: server.error_log().count("AH01980") == 3, "three complaints")
            server.wait_for_log("AH01980")
            got = tuple(settle(port, expected) for port, expected in zip(server.ports, MOODS[mood], strict=True))
            assert got == MOODS[mood]
            assert responder.requests == 3
            assert server.error_log().count("AH01980") == 3


def with_issuer(authority, name):
    own = authority.server(name, "staple.example")
    return type(own)(bundle(own.certificate.with_suffix(".chain"), own.certificate, authority.certificate), own.key)


def settle(port, expected):
    """The news reach each worker in its own time."""
    if expected:
        wait_until(lambda: stapled(port) == expected, f"{expected} to be stapled")
    return stapled(port)


def test_failure_is_tried_again_after_its_time(apus, responder, pair):
    responder.mood = "error"
    with started(apus, settings(responder, pair, "SSLStaplingErrorCacheTimeout 1")) as server:
        wait_until(lambda: responder.requests >= 2, "another attempt")
        responder.mood = "good"
        wait_until(lambda: stapled(server.port) == "good", "a stapled answer")


def test_answer_is_fetched_again_and_the_last_good_one_serves(apus, responder, pair):
    lines = "SSLStaplingStandardCacheTimeout 1\nSSLStaplingErrorCacheTimeout 1"
    with started(apus, settings(responder, pair, lines)) as server:
        wait_until(lambda: responder.requests >= 3, "another fetch")
        responder.mood = "error"
        server.wait_for_log("AH01980")
        assert stapled(server.port) == "good"


def test_handshakes_do_not_wait_for_the_responder(apus, responder, pair):
    responder.mood = "hang"
    with started(apus, settings(responder, pair, "SSLStaplingResponderTimeout 30")) as server:
        wait_until(lambda: responder.requests == 1, "the fetch")
        for _ in range(100):
            assert outcome(server.port, Client(name="staple.example")) in (403, 404)
        assert stapled(server.port) is None
        assert responder.requests == 1


def test_responder_that_is_too_slow(apus, responder, pair):
    responder.mood = "hang"
    with started(apus, settings(responder, pair, "SSLStaplingResponderTimeout 1")) as server:
        server.wait_for_log("AH01980.*did not answer")
        assert settle(server.port, "trylater") == "trylater"


@pytest.mark.parametrize("main", [CACHE, ""], ids=["cache", "none"])
def test_answer_outlives_a_reload(apus, responder, pair, main):
    with started(apus, settings(responder, pair, main=main)) as server:
        wait_until(lambda: stapled(server.port) == "good", "a stapled answer")
        responder.mood = "hang"
        assert server.run("-k", "graceful").returncode == 0
        for _ in range(5):
            assert stapled(server.port) == "good"
        assert responder.requests == 1


def test_unknown_issuer(configured, responder, authority):
    own = authority.server("alone", "staple.example")
    server = configured(settings(responder, own), modules=MODULES)
    done = server.run("-t")
    assert done.returncode == 0
    assert re.search(rf":{server.line_of('SSLCertificateFile')}:\d+: warning: .*issuer", done.stderr)


def test_no_responder(configured, pair):
    server = configured(HOST.format(main=CACHE, port=1, pair=pair, lines="SSLUseStapling on"), modules=MODULES)
    done = server.run("-t")
    assert done.returncode == 0
    assert re.search(rf":{server.line_of('SSLCertificateFile')}:\d+: warning: .*responder", done.stderr)


def test_certificate_that_must_be_stapled(configured, authority, responder):
    own = authority.server("must", "staple.example", extensions="tlsfeature=status_request")
    both = type(own)(bundle(own.certificate.with_suffix(".chain"), own.certificate, authority.certificate), own.key)
    server = configured(HOST.format(main="", port=1, pair=both, lines=""), modules=MODULES)
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of("SSLCertificateFile"))
    assert configured(settings(responder, both), modules=MODULES).run("-t").returncode == 0


def test_cache_that_is_too_small(apus, responder, pair):
    with started(apus, settings(responder, pair, main=CACHE.replace("32768", "8192"))) as server:
        wait_until(lambda: stapled(server.port) == "good", "a stapled answer")


@pytest.mark.parametrize(
    "line",
    [
        "SSLStaplingForceURL nowhere",
        "SSLStaplingForceURL https://127.0.0.1/",
        "SSLStaplingResponderTimeout soon",
        "SSLStaplingResponderTimeout 0",
        "SSLStaplingFakeTryLater perhaps",
    ],
)
def test_wrong_line(configured, responder, pair, line):
    server = configured(settings(responder, pair).replace(f"SSLStaplingForceURL {responder.url}", line), modules=MODULES)
    done = server.run("-t")
    assert done.returncode == 1
    assert server.reports_error_at(done.stderr, server.line_of(line))
