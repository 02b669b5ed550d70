"""The caches in servers of their own, memcached and Redis: lists, pauses, servers that misbehave, idle connections."""

import contextlib
import socket
import ssl
import threading
import time

import pytest
from support.certs import Authority
from support.ports import PortReservation
from support.waiting import wait_until
from support.wire import Connection, get, tls_context

from .conftest import ask, facts
from support.engines import Engine
from .test_tls_sessions import client, client13, connect, is_resumed, session_of, tls_server  # noqa: F401  (a fixture)

KINDS = ("memcache", "redis")

#: How much longer than the time it is given a failing server may keep somebody on a busy machine.
LATE = 5


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def engine(kind):
    with Engine(kind) as running:
        yield running


# Arguments.


@pytest.mark.parametrize("servers", ["localhost", "localhost:11211", "127.0.0.1:1,127.0.0.1:2", "[::1]:70", "[::1]"])
def test_accepted_lists(cached, kind, servers):
    with cached(f"{kind}:{servers}", start=False) as server:
        done = server.run("-t")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("servers", ["", ",", "localhost:0", "localhost:65536", "localhost:x", ":80", "[::1", "[::1]x", "a b:1"])
def test_refused_lists(cached, kind, servers):
    """apache2 takes any port for a list and fails later, or never."""
    with cached(f"{kind}:{servers}", start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0
        assert server.reports_error_at(done.stderr, server.line_of(f'AbiCache "{kind}:{servers}"'))
        assert f"{kind}:host[:port]" in done.stderr


def test_no_list(cached, kind):
    with cached(kind, start=False) as server:
        assert server.run("-t").returncode != 0


TIMES = {
    "10": True,
    "0": True,
    "10s": True,
    "500ms": True,
    "5min": True,
    "60min": True,
    "1h": True,
    "3600": True,
    "x": False,
    "-1": False,
    "2h": False,
    "61min": False,
    "3601": False,
    "1d": False,
    "": False,
}


@pytest.mark.parametrize("directive", ["MemcacheConnTTL", "RedisConnPoolTTL", "RedisTimeout"])
def test_times_are_taken_as_by_apache2(apus, apache, directive):
    module = "socache_memcache" if directive.startswith("Mem") else "socache_redis"
    wrong = []
    for value, good in TIMES.items():
        answers = []
        for program in (apus, apache):
            with program(f'{directive} "{value}"\n', modules=("authz_core", module), start=False) as server:
                answers.append(server.run("-t").returncode == 0)
        if answers != [good, good]:
            wrong.append((value, *answers))
    assert not wrong


def test_a_time_in_a_virtual_host_is_warned_about(configured):
    config = "<VirtualHost 127.0.0.1:@PORT@>\nRedisTimeout 1s\n</VirtualHost>\n"
    done = configured(config, modules=("authz_core", "socache_redis")).run("-t")
    assert done.returncode == 0 and "no effect in a virtual host" in done.stderr


def test_a_name_without_address(cached, kind, engine):
    """The start goes on without it."""
    with cached(f"{kind}:no.such.host.invalid,{engine.place}", workers=1) as server:
        server.wait_for_log("APUS4033: .*no.such.host.invalid")
        assert ask(server.port, "/mix/a/0/50/200/60000") == {"ok": 50}


# Passwords of Redis.


@pytest.mark.parametrize("written", ["secret", "default:secret", ":secret", "other:word@:with:marks"])
def test_a_password(cached, written):
    """Known to the default user, or to one of its own; it is in no message."""
    with Engine("redis", "--requirepass", "secret", "--user", "other", "on", ">word@:with:marks", "~*", "+@all") as engine:
        with cached(f"redis:{written}@{engine.place}", workers=1) as server:
            assert ask(server.port, "/mix/a/0/20/200/60000") == {"ok": 20}
            assert "secret" not in server.error_log() and "marks" not in server.error_log()


@pytest.mark.parametrize("written", ["", "wrong@"])
def test_without_the_password(cached, written):
    """It is said, and costs nobody a handshake or a request."""
    with Engine("redis", "--requirepass", "secret") as engine:
        with cached(f"redis:{written}{engine.place}", workers=1) as server:
            assert set(ask(server.port, "/mix/a/0/20/200/60000")) <= {"missing", "failed"}
            server.wait_for_log("APUS4031: .* refuses: (NOAUTH|WRONGPASS)")


# Redis over TLS.


def local(certificates, name="redis"):
    """A certificate for this machine."""
    return certificates.server(name, "localhost,IP:127.0.0.1")


def over_tls(cached, certificates, server, *more):
    """A server whose cache is behind TLS, and trusts the authority of the tests."""
    lines = "".join(f"{line}\n" for line in (f'RedisTLSCACertificateFile "{certificates.certificate}"', *more))
    return cached(server, workers=1, extra=lines)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_redis_over_tls(cached, certificates, host):
    with Engine("redis", "--requirepass", "secret", tls=local(certificates)) as engine:
        with over_tls(cached, certificates, f"rediss:secret@{host}:{engine.port}") as server:
            assert ask(server.port, "/mix/a/0/500/200/60000") == {"ok": 500}
            # As large as many records.
            assert ask(server.port, "/mix/large-/0/3/1000000/60000") == {"ok": 3}
            engine.stop()
            assert set(ask(server.port, "/mix/b/0/20/200/60000")) <= {"missing", "failed"}
            engine.start()
            wait_until(lambda: ask(server.port, "/mix/c/0/20/200/60000") == {"ok": 20}, "the engine to be used again")


def test_redis_that_wants_to_know_its_clients(cached, certificates):
    me = certificates.client("apus")
    with Engine("redis", tls=local(certificates), authority=certificates.certificate) as engine:
        shown = (f'RedisTLSCertificateFile "{me.certificate}"', f'RedisTLSCertificateKeyFile "{me.key}"')
        with over_tls(cached, certificates, f"rediss:localhost:{engine.port}", *shown) as server:
            assert ask(server.port, "/mix/a/0/50/200/60000") == {"ok": 50}
        with over_tls(cached, certificates, f"rediss:localhost:{engine.port}") as server:
            assert set(ask(server.port, "/mix/a/0/5/200/60000")) <= {"missing", "failed"}
            server.wait_for_log("APUS4030: .* fails: ")


def test_a_redis_that_is_another(cached, certificates, tmp_path):
    """Its certificate is for another name, or of an authority that nobody knows; or it does not speak TLS."""
    stranger = Authority(tmp_path, "stranger")
    cases = [
        (certificates.server("other.example"), "its certificate is refused: [Hh]ost ?name mismatch"),
        (local(stranger, "strange"), "its certificate is refused: .*issuer certificate"),
        (None, "TLS: |closed the connection|does not answer in time"),
    ]
    for pair, reason in cases:
        with Engine("redis", tls=pair) as engine, over_tls(cached, certificates, f"rediss:localhost:{engine.port}") as server:
            assert set(ask(server.port, "/mix/a/0/5/200/60000")) <= {"missing", "failed"}
            server.wait_for_log(f"APUS4030: .* fails: .*({reason})")


@pytest.mark.parametrize("line", ['RedisTLSCACertificateFile "/no/such"', 'RedisTLSCertificateFile "/no/such"'])
def test_files_for_tls_that_are_not_there(cached, line):
    with cached("rediss:localhost", extra=f"{line}\n", start=False) as server:
        done = server.run("-t")
        assert done.returncode != 0 and line.split()[0] in done.stderr and "/no/such" in done.stderr
        assert server.reports_error_at(done.stderr, server.line_of('AbiCache "rediss:localhost"'))


@pytest.mark.parametrize("make", [client, client13])
def test_two_machines_share_a_redis_over_tls(tls_server, certificates, make):  # noqa: F811
    with Engine("redis", "--requirepass", "secret", tls=local(certificates)) as engine:
        before = f'SSLSessionTickets off\nRedisTLSCACertificateFile "{certificates.certificate}"\n'
        word = f"rediss:secret@localhost:{engine.port}"
        with tls_server(word, before=before) as one, tls_server(word, before=before) as two:
            context = make()
            for made, used in ((one, two), (two, one)):
                session, _ = session_of(made, context)
                wait_until(lambda: is_resumed(used, context, session), "the session to be found")


# Several servers.


def test_every_server_has_a_share(cached, kind):
    """When one goes, only its share is gone, and goes to the others from then on."""
    with contextlib.ExitStack() as stack:
        engines = [stack.enter_context(Engine(kind)) for _ in range(3)]
        word = f"{kind}:" + ",".join(engine.place for engine in engines)
        server = stack.enter_context(cached(word, workers=1))
        assert ask(server.port, "/store/a/0/600/100/600000") == {"ok": 600}
        assert ask(server.port, "/check/a/0/600/100") == {"ok": 600}
        engines[0].stop()
        wait_until(lambda: set(ask(server.port, "/check/a/0/600/100")) == {"ok", "missing"}, "the share to be missed")
        counted = ask(server.port, "/check/a/0/600/100")
        assert 60 < counted["missing"] < 400
        # The one that has gone is tried again from time to time, which costs one store.
        wait_until(lambda: ask(server.port, "/mix/a/0/600/100/600000") == {"ok": 600}, "the others to take its share")


def test_machines_agree_about_shares(cached, kind):
    """Another server with the same list finds everything."""
    with contextlib.ExitStack() as stack:
        engines = [stack.enter_context(Engine(kind)) for _ in range(3)]
        word = f"{kind}:" + ",".join(engine.place for engine in engines)
        one, two = (stack.enter_context(cached(word, workers=1)) for _ in range(2))
        assert ask(one.port, "/store/a/0/300/100/600000") == {"ok": 300}
        assert ask(two.port, "/check/a/0/300/100") == {"ok": 300}


# Servers that fail.


class Misbehaving:
    """Listens and does something else than an engine would; counts who comes."""

    def __init__(self, answer):
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._open = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        try:
            while connection.recv(65536):
                answer = self._answer
                if answer is None:
                    connection.close()
                    return
                for start in range(0, len(answer), 3):
                    connection.sendall(answer[start : start + 3])
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        for connection in self._open:
            connection.close()


NONSENSE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "zeroes": bytes(5000),
    "no end": b"x" * 20000,
    "a length below zero": b"$-5\r\n",
    "a huge length": b"$99999999999999999999\r\nVALUE a 0 99999999999999999999\r\n",
    "a huge value": b"VALUE a 0 2000000000\r\n",
    "a wrong end": b"$3\r\nabcdefVALUE a 0 3\r\nabcdefghijk\r\n",
    "nobody asked": b"+OK\r\n+OK\r\n+OK\r\nSTORED\r\nSTORED\r\n",
    "an end": None,
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_nonsense(cached, kind, answer):
    """Nothing is found, nobody hangs, and the worker lives."""
    with Misbehaving(answer) as other, cached(f"{kind}:127.0.0.1:{other.port}", workers=1) as server:
        counted = ask(server.port, "/check/a/0/20/100")
        assert set(counted) <= {"missing", "failed"} and sum(counted.values()) == 20
        server.wait_for_log("APUS4030: the (redis|memcache) server 127.0.0.1:\\d+ fails: ")
        assert other.connections <= 2
        assert ask(server.port, "/check/a/0/20/100").keys() <= {"missing", "failed"}
        assert "signal" not in server.error_log()


def test_refusals_are_logged_but_not_all_of_them(cached, kind):
    text = b"-ERR I do not want to\r\n" if kind == "redis" else b"SERVER_ERROR I do not want to\r\n"
    with Misbehaving(text) as other, cached(f"{kind}:127.0.0.1:{other.port}", workers=1) as server:
        assert ask(server.port, "/check/a/0/30/100") == {"missing": 30}
        server.wait_for_log("APUS4031: .* refuses: .*I do not want to")
        assert server.error_log().count("APUS4031") <= 8
        assert other.connections == 1


def test_nobody_there(cached, kind):
    with PortReservation(1) as reservation, cached(f"{kind}:127.0.0.1:{reservation.ports[0]}", workers=1) as server:
        assert set(ask(server.port, "/mix/a/0/1000/100/60000")) <= {"missing", "failed"}
        server.wait_for_log("APUS4030: .*Connection refused; it is left alone for 500 ms")


def test_a_server_that_does_not_answer(cached, engine):
    """It costs its time once; then nobody waits, until it is tried again."""
    extra = "RedisTimeout 300ms\n" if engine.kind == "redis" else ""
    with cached(engine.word, workers=1, extra=extra) as server:
        assert ask(server.port, "/mix/a/0/10/100/600000") == {"ok": 10}
        engine.pause()
        begin = time.monotonic()
        counted = ask(server.port, "/check/a/0/100/100")
        assert time.monotonic() - begin < 1.5 + LATE
        assert counted.pop("failed") >= 1 and counted.keys() <= {"missing"}
        server.wait_for_log("APUS4030: .*does not answer in time")
        engine.go_on()
        wait_until(lambda: ask(server.port, "/check/a/0/10/100") == {"ok": 10}, "the server to be asked again")
        server.wait_for_log("APUS4032: .*answers again")


def test_a_server_that_comes_back(cached, engine):
    with cached(engine.word, workers=1) as server:
        assert ask(server.port, "/mix/a/0/10/100/600000") == {"ok": 10}
        for _ in range(2):
            engine.stop()
            assert set(ask(server.port, "/mix/b/0/10/100/600000")) <= {"missing", "failed"}
            engine.start()
            wait_until(lambda: ask(server.port, "/mix/b/0/10/100/600000") == {"ok": 10}, "it to be used again")


def test_idle_connections_are_closed(cached, engine):
    name = "RedisConnPoolTTL" if engine.kind == "redis" else "MemcacheConnTTL"
    with cached(engine.word, workers=1, extra=f"{name} 200ms\n") as server:
        for number in range(1, 4):
            assert ask(server.port, "/mix/a/0/10/100/600000") == {"ok": 10}
            assert int(facts(server.port)["connections made"]) == number
            wait_until(lambda: connections_to(engine.port) == 0, "the idle connection to go")
        assert "APUS4030" not in server.error_log()


def test_connections_are_kept_without_limit(cached, engine):
    name = "RedisConnPoolTTL" if engine.kind == "redis" else "MemcacheConnTTL"
    with cached(engine.word, workers=1, extra=f"{name} 0\n") as server:
        for _ in range(3):
            assert ask(server.port, "/mix/a/0/10/100/600000") == {"ok": 10}
            time.sleep(0.05)
        assert facts(server.port)["connections made"] == "1"


def connections_to(port):
    """Established connections to a port of 127.0.0.1, as the kernel lists them."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(1 for row in rows if row[2] == wanted and row[3] == "01")


def test_a_client_that_leaves_while_it_waits(cached, engine):
    extra = "RedisTimeout 1s\n" if engine.kind == "redis" else ""
    with cached(engine.word, workers=1, extra=extra) as server:
        assert ask(server.port, "/mix/a/0/10/100/600000") == {"ok": 10}
        engine.pause()
        for _ in range(5):
            with Connection(server.port) as connection:
                connection.send(get("/check/a/0/10/100"))
        server.wait_for_log("APUS4030")
        engine.go_on()
        wait_until(lambda: ask(server.port, "/check/a/0/10/100") == {"ok": 10}, "the server to be asked again")
        assert "signal" not in server.error_log()


# Handshakes.


def test_a_handshake_waits_for_the_answer(tls_server, engine):  # noqa: F811
    """And goes on as a full one when none comes in time; others go on meanwhile."""
    with tls_server(engine.word, before="RedisTimeout 1s\n" if engine.kind == "redis" else "", workers=1) as server:
        context = client()
        session, _ = session_of(server, context)
        assert is_resumed(server, context, session)
        engine.pause()
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(is_resumed(server, context, session)))
        thread.start()
        # A client with a new session asks for nothing, so it does not wait.
        session_of(server, context)
        thread.join(timeout=1.5 + LATE)
        assert outcome == [False]
        engine.go_on()
        wait_until(lambda: is_resumed(server, context, session), "the session to be found again")


def test_a_client_that_leaves_its_handshake(tls_server, engine):  # noqa: F811
    before = "RedisTimeout 1s\n" if engine.kind == "redis" else ""
    with tls_server(engine.word, before=before, workers=1) as server:
        context = client()
        session, _ = session_of(server, context)
        engine.pause()
        for _ in range(5):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="one.example", session=session)
            with pytest.raises(ssl.SSLWantReadError):
                tls.do_handshake()
            with socket.create_connection(("127.0.0.1", server.port)) as plain:
                plain.sendall(outgoing.read())
        server.wait_for_log("APUS4030")
        engine.go_on()
        wait_until(lambda: is_resumed(server, context, session), "the session to be found again")
        assert "signal" not in server.error_log()


def test_no_handshake_fails_when_the_engine_does(tls_server, engine):  # noqa: F811
    """Stopped at work, it costs resumption and nothing else."""
    with tls_server(engine.word) as server:
        context = client()
        session, _ = session_of(server, context)
        failures, resumed = [], []
        end = threading.Event()

        def work():
            while not end.is_set():
                try:
                    resumed.append(is_resumed(server, context, session))
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(resumed) > 50, "work")
        engine.stop()
        before = len(resumed)
        wait_until(lambda: len(resumed) > before + 100, "work without the engine")
        end.set()
        for thread in threads:
            thread.join(timeout=30)
        assert not failures and resumed[0] and not resumed[-1]


def test_both_versions(tls_server, engine):  # noqa: F811
    """TLS 1.3 with tickets asks the cache for nothing."""
    with tls_server(engine.word) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = tls_context(minimum=version, maximum=version)
            with connect(server, context) as connection:
                assert connection.request(get("/who")).status == 200
                session = connection.socket.session
            assert is_resumed(server, context, session)
