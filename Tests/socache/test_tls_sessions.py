"""TLS sessions in a shared cache: SSLSessionCache, SSLSessionCacheTimeout."""

import contextlib
import os
import signal
import ssl
import subprocess

import pytest
from support import session_soak as soak
from support.waiting import wait_until
from support.wire import Connection, ConnectionEnded, fetch, get, tls_context
from support.workers import Processes

from .conftest import HANDLER, who
from support.engines import engine_for

MODULES = ("authz_core", "ssl")

#: Port 1: two names. 2: another host with the certificate of the first.
HOSTS = """\
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName two.example
    SSLEngine on
    SSLCertificateFile "@TWO@"
    SSLCertificateKeyFile "@TWOKEY@"
    SSLSessionCacheTimeout 1000
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName other.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
"""


def client():
    """A client without tickets, so that only a session id can be resumed."""
    context = tls_context(minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_TICKET
    return context


def connect(server, context, session=None, name="one.example", port=1):
    return Connection(server.ports[port - 1], tls=context, server_name=name, session=session)


def session_of(server, context, name="one.example", port=1):
    """A session that was made just now, and the worker that made it."""
    with connect(server, context, name=name, port=port) as connection:
        worker = who(connection)
        assert not connection.socket.session_reused
        return connection.socket.session, worker


def is_resumed(server, context, session, name="one.example", port=1):
    with connect(server, context, session, name, port) as connection:
        assert connection.request(get("/who")).status == 200
        return connection.socket.session_reused


def resumed_by(server, context, session, workers=2):
    """The workers that go on with a session, each of them asked."""
    if any(f"socache_{kind}_module" in server.config_file.read_text() for kind in ("memcache", "redis")):
        # Nobody waits until the engine has what it was given.
        wait_until(lambda: is_resumed(server, context, session), "the session to be kept")
    seen, resumed = set(), set()
    # Connections that stay open leave the next ones to the workers that have fewer.
    with contextlib.ExitStack() as open_connections:
        for _ in range(200):
            connection = open_connections.enter_context(connect(server, context, session))
            number = who(connection)
            seen.add(number)
            if connection.socket.session_reused:
                resumed.add(number)
            if len(seen) == workers:
                return resumed
    raise AssertionError(f"only workers {seen} answered")


@pytest.fixture(scope="session")
def tls_server(apus, driver, tls_config):
    """Makes servers with a session cache; `cache` is the word of SSLSessionCache."""

    def make(cache, *, before="", workers=2, hosts=HOSTS, **options):
        kind = {"rediss": "redis"}.get(cache.split(":")[0], cache.split(":")[0])
        load = f"LoadModule socache_{kind}_module @MODULES@/mod_socache_{kind}.so\n"
        if kind in ("none", "nonenotnull", ""):
            load = ""
        directive = f'SSLSessionCache "{cache}"\n' if cache else ""
        config = (
            f"Workers {workers}\nMaxKeepAliveRequests 0\n{load}LoadModule abi_socache_module {driver}\n"
            f"{before}{directive}{HANDLER}{hosts}"
        )
        return apus(tls_config(config), modules=MODULES, ports=2, **options)

    return make


@pytest.fixture(scope="module", params=["shmcb", "dbm", "memcache", "redis"])
def cache(request):
    with engine_for(request.param) as word:
        yield word


@pytest.fixture(scope="module")
def server(tls_server, cache):
    with tls_server(cache) as running:
        yield running


def test_a_session_of_one_worker_goes_on_in_the_other(server):
    context = client()
    for _ in range(4):
        session, _ = session_of(server, context)
        assert resumed_by(server, context, session) == {0, 1}


def test_every_session_is_kept(server):
    context = client()
    sessions = [session_of(server, context)[0] for _ in range(40)]
    assert len({session.id for session in sessions}) == 40
    assert all(is_resumed(server, context, session) for session in sessions)


def test_a_client_that_just_leaves(server):
    """Without a close_notify: its session is worth as much as before."""
    line = ["openssl", "s_time", "-connect", f"127.0.0.1:{server.port}", "-reuse", "-time", "2", "-tls1_2"]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    # One letter for each handshake: r for a resumed one, * for a full one.
    outcome = done.stdout.split("starting\n")[1].split("\n")[0]
    assert set(outcome) == {"r"}, done.stdout


def test_variables_tell(server):
    """What the session's id is and whether it was resumed is the same on both sides."""
    context = client()
    session, _ = session_of(server, context)
    with connect(server, context, session) as connection:
        assert connection.socket.session.id == session.id and connection.socket.session_reused


@pytest.mark.parametrize("name, port", [("two.example", 1), ("other.example", 2)])
def test_no_session_goes_on_at_another_host(server, name, port):
    """Nor back: another certificate, or another host with the same one."""
    context = client()
    session, _ = session_of(server, context)
    assert not is_resumed(server, context, session, name, port)
    other, _ = session_of(server, context, name, port)
    assert is_resumed(server, context, other, name, port)
    assert not is_resumed(server, context, other)


def test_an_id_that_is_not_known(server, tls_server):
    """A session of another server, whose certificate is the same: a full handshake follows."""
    context = client()
    session, _ = session_of(server, context)
    with tls_server("shmcb:logs/x") as another:
        assert not is_resumed(another, context, session)
        own, _ = session_of(another, context)
        assert is_resumed(another, context, own)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tickets_take_no_room(tls_server, version):
    """They hold the session themselves. The cache has room for some thirty."""
    with tls_server("shmcb:logs/x(8192)") as server:
        context, ticketed = client(), tls_context(minimum=version, maximum=version)
        session, _ = session_of(server, context)
        for _ in range(60):
            with connect(server, ticketed) as connection:
                assert connection.request(get("/who")).status == 200
                with_ticket = connection.socket.session
        assert is_resumed(server, context, session)
        assert is_resumed(server, ticketed, with_ticket)


def test_sessions_go_through_a_reload(server):
    context = client()
    session, _ = session_of(server, context)
    for _ in range(2):
        assert server.run("-k", "graceful").returncode == 0
        assert resumed_by(server, context, session) == {0, 1}


def test_sessions_outlive_their_worker(server):
    context = client()
    session, _ = session_of(server, context)
    processes = Processes(server.process.pid)
    before = set(processes.workers)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(processes.workers) - before) == 2, "new workers")
    assert resumed_by(server, context, session) == {0, 1}


def test_sessions_expire(tls_server, cache):
    with tls_server(cache, before="SSLSessionCacheTimeout 1\n") as server:
        context = client()
        brief, _ = session_of(server, context)
        lasting, _ = session_of(server, context, "two.example")
        assert (brief.timeout, lasting.timeout) != (0, 0)
        assert is_resumed(server, context, brief)
        wait_until(lambda: not is_resumed(server, context, brief), "the session to expire")
        assert is_resumed(server, context, lasting, "two.example")


# Many sessions. bench/socache.py does the same with 10,000, and for half a minute.


@pytest.fixture(scope="module")
def pair(certificates):
    return certificates.server("soaked", "one.example")


@pytest.fixture
def soaked(apus, pair):
    with contextlib.ExitStack() as stack:
        yield lambda cache: stack.enter_context(soak.soaked_server(apus, cache, pair))


@pytest.mark.parametrize("cache", ["shmcb:logs/x(8000000)", "dbm:logs/x"])
def test_many_sessions_are_all_found(soaked, tmp_path, cache):
    server = soaked(cache)
    counts = soak.keep(server, tmp_path, 600)
    assert counts == {"made": 600, "resumed": 600, "forgotten": 0, "cut": 0, "wrong": 0, "late": 0}
    wait_until(lambda: sum(soak.by_worker(server).values()) == 600, "all lines of the log")
    assert len(soak.by_worker(server)) == 4
    told = soak.told(server)
    assert told["CacheCurrentEntries"] == 600
    if "CacheStoreCount" in told:
        assert (told["CacheStoreCount"], told["CacheRetrieveHitCount"], told["CacheRetrieveMissCount"]) == (600, 600, 0)


def test_sessions_that_had_to_go(soaked, tmp_path):
    """Each that is not found was scrolled out, and the cache knows of it."""
    server = soaked("shmcb:logs/x(65536)")
    counts = soak.keep(server, tmp_path, 600)
    told = soak.told(server)
    assert 100 < counts["resumed"] == told["CacheRetrieveHitCount"]
    assert counts["forgotten"] == told["CacheRetrieveMissCount"] == 600 - counts["resumed"]
    assert counts["made"] == told["CacheStoreCount"] == told["CacheCurrentEntries"] + told["CacheDiscardCount"]
    assert told["CacheDiscardCount"] >= counts["forgotten"] and counts["wrong"] == counts["cut"] == counts["late"] == 0


def test_the_status_page_has_apache2s_names(apus, apache, pair):
    """And the same counts, but for what only its way of storing has."""
    counts = []
    for kind in (apus, apache):
        with soak.soaked_server(kind, "shmcb:logs/x(512000)", pair) as server:
            context = client()
            session, _ = ask_once(server, context)
            assert ask_once(server, context, session)[1]
            page = fetch(server.ports[1], get("/server-status", "Connection: close")).body.decode()
            assert "Session" in page and "Cache" in page and "Status" in page
            counts.append(soak.told(server))
    ours, theirs = counts
    its_own = {"CacheIndexesPerSubcaches", "CacheIndexUsage", "CacheUsage", "CacheTimeLeftOldestAvg", "CacheTimeLeftOldestMin", "CacheTimeLeftOldestMax"}
    assert set(theirs) - set(ours) <= its_own
    for name in ("CacheType", "CacheCurrentEntries", "CacheStoreCount", "CacheRetrieveHitCount", "CacheRetrieveMissCount", "CacheDiscardCount"):
        assert ours[name] == theirs[name], name
    assert {"CacheLockContention", "CacheExpireCount", "CacheRecovered"} <= set(ours)


def ask_once(server, context, session=None):
    with connect(server, context, session) as connection:
        assert connection.request(get("/1k.html")).status == 200
        return connection.socket.session, connection.socket.session_reused


@pytest.mark.parametrize("cache", ["shmcb:logs/x(8000000)", "dbm:logs/x"])
def test_sessions_while_workers_die(soaked, tmp_path, cache):
    server = soaked(cache)
    kills, counts, _ = soak.churn(server, tmp_path, 4)
    assert kills > 10 and counts["resumed"] > 100
    # Those that were cut are the killed workers' own.
    assert counts["wrong"] == counts["late"] == counts["forgotten"] == 0
    after = soak.keep(server, tmp_path, 100)
    assert after["resumed"] == 100 and after["wrong"] == after["cut"] == after["late"] == 0


# Without a cache.


def test_none(tls_server):
    for word in ("none", ""):
        with tls_server(word) as server:
            context = client()
            session, _ = session_of(server, context)
            assert not session.id
            assert not resumed_by(server, context, session)


def test_none_but_not_null(tls_server):
    """Clients get an id that leads nowhere."""
    with tls_server("nonenotnull") as server:
        context = client()
        session, _ = session_of(server, context)
        assert len(session.id) == 32
        assert not resumed_by(server, context, session)


# The directives.

WORDS = [
    "none",
    "nonenotnull",
    "None",
    "shmcb",
    "shmcb:",
    "shmcb:logs/x",
    "shmcb:logs/x(512000)",
    "shmcb:logs/x(100)",
    "shmcb:logs/x(4294967295)",
    "shmcb:logs/x(abc)",
    "shmcb:logs/x(",
    "shmcb:logs/x)",
    "shmcb:logs/x(9000)y",
    "default",
    "none:x",
    "shm:logs/x",
    "foo:bar",
    "dc:UNIX:/tmp/x",
]


def test_words_are_taken_as_by_apache2(apus, apache):
    """Each of them accepted, or refused, by both."""
    wrong = []
    for word in WORDS:
        answers = []
        for kind in (apus, apache):
            modules = ("authz_core", "ssl", "socache_shmcb")
            with kind(f'SSLSessionCache "{word}"\n', modules=modules, start=False) as server:
                answers.append(server.run("-t").returncode == 0)
        if answers[0] != answers[1]:
            wrong.append((word, *answers))
    assert not wrong


@pytest.mark.parametrize("value, good", [("300", 1), ("1", 1), ("0", 1), ("-1", 0), ("abc", 0), ("300x", 0), ("", 0)])
def test_timeouts(configured, value, good):
    """apache2 takes "abc" for 0 and "300x" for 300; that is a mistake here."""
    server = configured(f"SSLSessionCacheTimeout {value}\n", modules=MODULES)
    assert (server.run("-t").returncode == 0) == bool(good)


def test_a_missing_provider_names_its_line(configured):
    for kind in ("shmcb", "dbm", "memcache", "redis"):
        server = configured(f"SSLSessionCache {kind}:logs/x\n", modules=MODULES)
        done = server.run("-t")
        assert done.returncode != 0
        assert server.reports_error_at(done.stderr, server.line_of(f"SSLSessionCache {kind}:logs/x"))
        assert f"LoadModule socache_{kind}_module modules/mod_socache_{kind}.so" in done.stderr


def test_an_unknown_provider_lists_the_known_ones(configured):
    server = configured("SSLSessionCache magic:x\n", modules=(*MODULES, "socache_shmcb"))
    done = server.run("-t")
    assert done.returncode != 0 and '"magic"' in done.stderr and "shmcb" in done.stderr


def test_not_in_a_virtual_host(configured, tls_config):
    hosts = tls_config(HOSTS).replace("SSLEngine on", "SSLEngine on\nSSLSessionCache none", 1)
    server = configured(hosts, modules=MODULES, ports=2)
    done = server.run("-t")
    assert done.returncode != 0 and server.reports_error_at(done.stderr, server.line_of("SSLSessionCache none"))


def test_the_last_one_counts(tls_server):
    with tls_server("shmcb:logs/last(100000)", before='SSLSessionCache "shmcb:logs/first"\n') as server:
        context = client()
        session, _ = session_of(server, context)
        assert is_resumed(server, context, session)


# TLS 1.3.


def client13():
    return tls_context(minimum=ssl.TLSVersion.TLSv1_3, maximum=ssl.TLSVersion.TLSv1_3)


@pytest.fixture(scope="module")
def without_tickets(tls_server, cache):
    with tls_server(cache, before="SSLSessionTickets off\n") as running:
        yield running


def test_tls13_without_tickets(without_tickets):
    """What the client takes for a ticket is an id, which every worker finds in the cache."""
    context = client13()
    for _ in range(4):
        session, _ = session_of(without_tickets, context)
        assert resumed_by(without_tickets, context, session) == {0, 1}


@pytest.mark.parametrize("name, port", [("two.example", 1), ("other.example", 2)])
def test_tls13_sessions_stay_with_their_host(without_tickets, name, port):
    context = client13()
    session, _ = session_of(without_tickets, context)
    assert not is_resumed(without_tickets, context, session, name, port)
    assert is_resumed(without_tickets, context, session)


def test_tls13_through_a_reload(without_tickets):
    context = client13()
    session, _ = session_of(without_tickets, context)
    assert without_tickets.run("-k", "graceful").returncode == 0
    assert resumed_by(without_tickets, context, session) == {0, 1}


def test_without_tickets_and_without_cache(tls_server):
    for make in (client, client13):
        with tls_server("none", before="SSLSessionTickets off\n") as server:
            context = make()
            session, _ = session_of(server, context)
            assert not resumed_by(server, context, session)


# Several machines.


@pytest.mark.parametrize("make", [client, client13])
@pytest.mark.parametrize("kind", ["memcache", "redis"])
def test_two_machines_share_an_engine(tls_server, kind, make):
    with engine_for(kind) as word:
        before = "SSLSessionTickets off\n"
        with tls_server(word, before=before) as one, tls_server(word, before=before) as two:
            context = make()
            for made, used in ((one, two), (two, one)):
                session, _ = session_of(made, context)
                assert resumed_by(used, context, session) == {0, 1}


# Client certificates.

#: Port 1: open.example asks for none, strict.example for one. 2: another.example wants one of another authority.
GUARDED = """\
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName open.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName strict.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    SSLVerifyClient require
    SSLCACertificateFile "@CA@"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName another.example
    SSLEngine on
    SSLCertificateFile "@ONE@"
    SSLCertificateKeyFile "@ONEKEY@"
    SSLVerifyClient require
    SSLVerifyDepth 5
    SSLCACertificateFile "@INTERMEDIATE@"
</VirtualHost>
"""


@pytest.mark.parametrize("make", [client, client13])
def test_no_session_gets_around_a_client_certificate(tls_server, certificates, make):
    """A session of a host that asked for none, or of another authority, is worth nothing at one that asks."""
    with tls_server("shmcb:logs/x", before="SSLSessionTickets off\n", hosts=GUARDED) as server:
        bare, known = make(), make()
        visitor = certificates.client("visitor")
        known.load_cert_chain(visitor.certificate, visitor.key)
        session, _ = session_of(server, bare, "open.example")
        for name, port in (("strict.example", 1), ("another.example", 2)):
            with pytest.raises((ssl.SSLError, OSError, EOFError, ConnectionEnded)):
                is_resumed(server, bare, session, name, port)
        mine, _ = session_of(server, known, "strict.example")
        assert is_resumed(server, known, mine, "strict.example")
        with pytest.raises((ssl.SSLError, OSError, EOFError, ConnectionEnded)):
            is_resumed(server, known, mine, "another.example", 2)
        assert not is_resumed(server, known, mine, "open.example")
