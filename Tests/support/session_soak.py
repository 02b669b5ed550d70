"""Many TLS sessions in a shared cache, while nothing happens and while workers die: what the clients saw and what the cache told."""

import collections
import contextlib
import os
import random
import signal
import threading
import time

from .handshakes import handshakes
from .wire import fetch, get
from .workers import Processes

#: A host with TLS 1.2 and no tickets, so that only the cache knows sessions, and one that tells about it.
HOSTS = """\
MaxKeepAliveRequests 0
SSLSessionCache "{cache}"
SSLSessionCacheTimeout 3000
LogFormat "%P %{{SSL_SESSION_RESUMED}}x" sessions
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName one.example
    SSLEngine on
    SSLProtocol -all +TLSv1.2
    SSLSessionTickets off
    SSLCertificateFile "{pair.certificate}"
    SSLCertificateKeyFile "{pair.key}"
    CustomLog "@ROOT@/logs/sessions.log" sessions
</VirtualHost>
<Location "/server-status">
    SetHandler server-status
</Location>
"""


def soaked_server(kind, cache, pair, workers=4):
    """A server of this class with a cache for sessions, a page, and a port without TLS, the second, for `told`."""
    modules = ("authz_core", "log_config", "status", "ssl", f"socache_{cache.split(':')[0]}")
    own = f"Workers {workers}\nHangTimeout Off\n" if kind.name == "apus" else ""
    server = kind(own + HOSTS.format(cache=cache, pair=pair), modules=modules, ports=2)
    server.put("1k.html", "x" * 1024)
    return server


def told(server):
    """The cache's own figures, from the status page."""
    text = fetch(server.ports[1], get("/server-status?auto", "Connection: close")).body.decode()
    lines = text.split("TLSSessionCacheStatus\n")[1].splitlines()
    facts = dict(line.split(": ", 1) for line in lines if ": " in line)
    return {name: int(value) if value.isdecimal() else value for name, value in facts.items()}


def by_worker(server):
    """How many connections each worker had that went on with a session."""
    lines = (server.root / "logs" / "sessions.log").read_text().splitlines()
    return collections.Counter(line.split()[0] for line in lines if line.endswith("Resumed"))


def keep(server, directory, amount, processes=4):
    """Makes so many sessions, then resumes each."""
    return handshakes(directory, server.port, "keep", amount, processes)


@contextlib.contextmanager
def dying_workers(server, pause=0.1):
    """Kills a worker each tenth of a second. Yields a list of those killed."""
    processes, moment, end, killed = Processes(server.process.pid), random.Random(5), threading.Event(), []

    def kill():
        while not end.wait(pause):
            with contextlib.suppress(ProcessLookupError):
                if victims := processes.workers:
                    victim = moment.choice(victims)
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        end.set()
        killer.join()


def churn(server, directory, seconds, processes=4):
    """Sessions made and resumed while workers die; how many did, what became of the connections, and the time it took."""
    begin = time.monotonic()
    with dying_workers(server) as killed:
        counts = handshakes(directory, server.port, "churn", seconds, processes)
    return len(killed), counts, time.monotonic() - begin
