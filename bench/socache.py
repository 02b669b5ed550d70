#!/usr/bin/python3
"""What shared object caches cost and stand: providers side by side, TLS resumption beside Debian's apache2, processes killed.

Usage: bench/socache.py [--dist DIR] [costs] [resumption] [sessions] [workers] [file]     (all of them when none is named)

  costs       nanoseconds of a processor for a store and a retrieve of 200 bytes, by 1, 2 and 4 workers at once: shmcb and dbm;
              and the time for both, one after the other, with memcached and Redis
  resumption  TLS 1.2 handshakes that resume a session id from shmcb, and what the server's processors did for each: Apus and
              apache2, in turns
  sessions    10,000 TLS sessions made and resumed over handshakes with 4 workers, with room for all and without; then sessions made
              and resumed while a worker is killed every 100 ms for 30 s
  workers     10,000 objects stored and found from 4 workers; then the same while one is killed every 100 ms for 30 s
  file        everything killed at a random moment, 200 times: the file of dbm opens each time, and holds what it should
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def median(numbers):
    return sorted(numbers)[len(numbers) // 2]


class Bench:
    """Servers with the module that the tests drive caches with."""

    def __init__(self, dist):
        os.environ["APUS_DIST"] = str(dist)
        sys.path[:0] = [str(TOP / "Tests")]
        from support import building, certs, server

        os.umask(0o022)
        self._server = server
        self.directory = server.world_readable_directory()
        self.driver = self.directory / "mod_abi_socache.so"
        flags = (f"-I{server.DISTRIBUTION / 'include'}", f"-I{TOP / 'Tests' / 'ABI'}", "-fvisibility=hidden", "-O2")
        building.compile_shared(TOP / "Tests" / "socache" / "mod.c", self.driver, *flags)
        self.driver.chmod(0o755)
        authority = certs.Authority(self.directory)
        self.pair = authority.server("one.example", "one.example", kind="ecdsa")

    def cached(self, word, workers):
        from socache.conftest import HANDLER

        provider = word.split(":")[0]
        config = (
            f"Workers {workers}\nMaxKeepAliveRequests 0\nHangTimeout Off\nKeepAliveTimeout 100\n"
            f"LoadModule socache_{provider}_module @MODULES@/mod_socache_{provider}.so\n"
            f'LoadModule abi_socache_module {self.driver}\nAbiCache "{word}"\n{HANDLER}'
        )
        return self._server.Apus(config, modules=("authz_core",))

    def tls(self, kind, word, workers):
        """A server whose only host speaks TLS 1.2 without tickets."""
        text = (
            f'SSLSessionCache "{word}"\nSSLSessionCacheTimeout 3000\n<VirtualHost 127.0.0.1:@PORT1@>\n'
            f"ServerName one.example\nSSLEngine on\nSSLProtocol -all +TLSv1.2\nSSLSessionTickets off\n"
            f'SSLCertificateFile "{self.pair.certificate}"\nSSLCertificateKeyFile "{self.pair.key}"\n</VirtualHost>\n'
        )
        if kind is self._server.Apus:
            text = f"Workers {workers}\n" + text
        modules = ("authz_core", "ssl", f"socache_{word.split(':')[0]}")
        return kind(text, modules=modules)

    @property
    def kinds(self):
        return self._server.Apus, self._server.Apache


def at_once(connections, path):
    """The same request on each connection at the same time; the answers in their order."""
    from socache.conftest import numbers
    from support.wire import get

    for connection in connections:
        connection.timeout = 120
        connection.socket.settimeout(120)
        connection.send(get(path))
    return [numbers(connection.read_response()) for connection in connections]


def costs(bench):
    from socache.conftest import each_worker
    from support.engines import Engine

    print("\nns of a processor for an operation on 200 bytes, median of all turns\n")
    print("| cache | objects | workers at once | store | retrieve |\n|---|---|---|---|---|")
    for word, count in (("shmcb:logs/x(512000)", 1500), ("shmcb:logs/x(64000000)", 20000), ("dbm:logs/x", 10000)):
        for workers in (1, 2, 4):
            with bench.cached(word, workers) as server:
                connections = each_worker(server, workers)
                stores, finds = [], []
                for turn in range(4 if word.startswith("dbm") else 40):
                    answers = at_once(connections, f"/bench/b-/{count}/200")
                    stores += [answer["store"] for answer in answers]
                    finds += [answer["retrieve"] for answer in answers]
                print(f"| {word} | {count} | {workers} | {median(stores)} | {median(finds)} |", flush=True)
                for connection in connections:
                    connection.close()
    for kind in ("memcache", "redis"):
        with Engine(kind) as engine, bench.cached(engine.word, 1) as server:
            (connection,) = each_worker(server, 1)
            begin = time.monotonic()
            at_once([connection], "/mix/a-/0/20000/200/600000")
            each = (time.monotonic() - begin) / 20000
            print(f"| {kind} | 20000 | 1 | {each * 1e9:.0f} of time for both | |", flush=True)


def processor_seconds(pid):
    """What a process and those below it have used so far."""
    from support.workers import Processes

    total = 0
    for one in Processes(pid).all():
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(") ", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def handshakes(port, seconds):
    """Handshakes of `openssl s_time`, which goes on with one session, and the seconds that they took."""
    line = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-reuse", "-time", str(seconds), "-tls1_2"]
    text = subprocess.run(line, capture_output=True, text=True, timeout=seconds * 3 + 20).stdout
    match = re.findall(r"(\d+) connections in (\d+) real seconds", text)
    assert match, text
    count, real = map(int, match[-1])
    return count, real


def resumption(bench):
    print("\nTLS 1.2 handshakes resumed by session id from shmcb(512000), one client, medians of 5 turns\n")
    print("| server | a second | µs of the server's processors for each |\n|---|---|---|")
    rates, costs = ({kind.name: [] for kind in bench.kinds} for _ in range(2))
    for _ in range(5):
        for kind in bench.kinds:
            with bench.tls(kind, "shmcb:logs/x(512000)", 2) as server:
                before = processor_seconds(server.process.pid)
                count, real = handshakes(server.port, 4)
                used = processor_seconds(server.process.pid) - before
                rates[kind.name].append(count / real)
                costs[kind.name].append(used / count * 1e6)
    for name in rates:
        print(f"| {name} | {median(rates[name]):.0f} | {median(costs[name]):.0f} |", flush=True)


def sessions(bench):
    from support import session_soak as soak

    apus = bench.kinds[0]
    for word in ("shmcb:logs/x(8000000)", "shmcb:logs/x(512000)", "dbm:logs/x"):
        with soak.soaked_server(apus, word, bench.pair) as server:
            counts = soak.keep(server, bench.directory, 10000)
            told = soak.told(server)
            print(f"\n{word}: {counts}", flush=True)
            print("  the cache: " + ", ".join(f"{name[5:]} {told[name]}" for name in told if isinstance(told[name], int)))
            print(f"  resumed by each worker: {sorted(soak.by_worker(server).values())}")
            if "512000" in word:
                continue
            kills, counts, seconds = soak.churn(server, bench.directory, 30)
            told = soak.told(server)
            print(f"  {kills} workers killed in {seconds:.1f} s: {counts}; locks taken over: {told.get('CacheRecovered', '-')}")
            after = soak.keep(server, bench.directory, 1000)
            print(f"  afterwards: {after}", flush=True)


def kill_one(processes, moment):
    victims = processes.workers
    if victims:
        try:
            os.kill(moment.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            pass


def workers(bench):
    from socache.conftest import ask, facts
    from support.wire import ConnectionEnded
    from support.workers import Processes

    for word in ("shmcb:logs/x(8000000)", "dbm:logs/x"):
        with bench.cached(word, 4) as server:
            for start in range(0, 10000, 500):
                assert ask(server.port, f"/store/s-/{start}/500/200/600000") == {"ok": 500}
            found = sum(ask(server.port, f"/check/s-/{start}/500/200").get("ok", 0) for start in range(0, 10000, 500))
            print(f"\n{word}: 10000 stored, {found} found, from 4 workers")
            processes, moment, end = Processes(server.process.pid), random.Random(5), threading.Event()
            tally, wrong = {}, []

            def work(number):
                while not end.is_set():
                    try:
                        counted = ask(server.port, f"/mix/w{number}-/0/2000/200/600000")
                    except (ConnectionEnded, OSError):
                        tally["cut"] = tally.get("cut", 0) + 1
                        continue
                    for name, count in counted.items():
                        tally[name] = tally.get(name, 0) + count
                    if "wrong" in counted or "failed" in counted:
                        wrong.append(counted)

            threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            stop, kills = time.monotonic() + 30, 0
            while time.monotonic() < stop:
                time.sleep(0.1)
                kill_one(processes, moment)
                kills += 1
            end.set()
            for thread in threads:
                thread.join(timeout=60)
                assert not thread.is_alive(), "a request hangs"
            sound = ask(server.port, "/mix/after-/0/1000/200/600000")
            print(f"  {kills} kills in 30 s: {tally}; false answers: {len(wrong)}; afterwards {sound}")
            if word.startswith("shmcb"):
                told = facts(server.port)
                print(f"  locks recovered: {told['recovered']}, found busy: {told['lock contention']}")


def file(bench):
    from socache.conftest import ask
    from socache.test_dbm import kill_everything
    from support.wire import Connection, get

    moment, lost, damaged = random.Random(6), 0, 0
    with bench.cached("dbm:logs/x", 3) as server:
        for turn in range(200):
            assert ask(server.port, f"/store/kept{turn}-/0/50/200/6000000") == {"ok": 50}
            connections = [Connection(server.port) for _ in range(3)]
            for index, connection in enumerate(connections):
                connection.send(get(f"/mix/w{index}-/0/1000000/200/6000"))
            time.sleep(moment.uniform(0.005, 0.12))
            kill_everything(server)
            for connection in connections:
                connection.close()
            server.start()
            for earlier in range(max(0, turn - 5), turn + 1):
                lost += 50 - ask(server.port, f"/check/kept{earlier}-/0/50/200").get("ok", 0)
        damaged = server.error_log().count("APUS4020")
    print(f"\ndbm: everything killed 200 times: {damaged} files set aside, {lost} of what was stored before is missing")


def main():
    parts = {"costs": costs, "resumption": resumption, "sessions": sessions, "workers": workers, "file": file}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dist", type=Path, default=TOP / "dist")
    parser.add_argument("parts", nargs="*", choices=[*parts, []])
    options = parser.parse_args()
    bench = Bench(options.dist.resolve())
    for name in options.parts or parts:
        parts[name](bench)


if __name__ == "__main__":
    main()
