#!/usr/bin/python3
"""What slow clients cost the others: the latency of a normal client, quiet and beside idle and slow ones.

Opens 10,000 connections that do nothing and 500 that send a request a byte a second, compares the 50th and 99th percentile
of a normal client's answers with its quiet value, and waits until the defaults of mod_reqtimeout have cut the slow ones off.
Usage: bench/slow.py [--idle N] [--slow N] [--requests N] [--server apus|apache2]
"""

import argparse
import multiprocessing
import pathlib
import select
import socket
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests"))

from support.server import DEFAULT_MODULES, SERVERS  # noqa: E402
from support.wire import Connection, get  # noqa: E402

CONFIG = "KeepAliveTimeout 300\nMaxKeepAliveRequests 0\n"
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 1000


def connect(port):
    for _ in range(50):
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"port {port} takes no further connection")


def annoy(port, idle, slow, told):
    """Holds the idle connections, feeds the slow ones, and tells when all are there and when each slow one has ended."""
    kept = []
    for _ in range(idle):
        kept.append(connect(port))
        kept[-1].sendall(get("/"))
    for one in kept:
        one.recv(4096)
    senders = {}
    for _ in range(slow):
        one = connect(port)
        one.sendall(HEAD[:30])
        senders[one.fileno()] = one
    begin = time.monotonic()
    told.send("there")
    sent = 30
    poll = select.poll()
    for number in senders:
        poll.register(number, select.POLLIN)
    while senders:
        until = time.monotonic() + 1
        while (left := until - time.monotonic()) > 0:
            for number, _ in poll.poll(left * 1000):
                poll.unregister(number)
                senders.pop(number).close()
        for one in senders.values():
            try:
                one.sendall(HEAD[sent : sent + 1] or b"x")
            except OSError:
                pass
        sent += 1
    told.send(time.monotonic() - begin)
    still = sum(not _has_ended(one) for one in kept)
    told.send(still)


def _has_ended(one):
    one.setblocking(False)
    try:
        return not one.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True


def latencies(port, count):
    """Milliseconds of each of `count` answers on one connection."""
    found = []
    request = get("/")
    with Connection(port) as connection:
        for _ in range(count):
            begin = time.perf_counter()
            connection.request(request)
            found.append((time.perf_counter() - begin) * 1000)
    return found


def report(name, values):
    cuts = statistics.quantiles(values, n=100)
    print(f"{name:28} p50 {cuts[49]:7.3f} ms   p99 {cuts[98]:7.3f} ms")
    return cuts[98]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=500)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--server", choices=sorted(SERVERS), default="apus")
    arguments = parser.parse_args()
    with SERVERS[arguments.server](CONFIG, modules=(*DEFAULT_MODULES, "reqtimeout")) as server:
        server.put("index.html", "x" * 1024)
        latencies(server.port, 1000)
        quiet = report("quiet", latencies(server.port, arguments.requests))
        mine, theirs = multiprocessing.Pipe()
        others = multiprocessing.Process(target=annoy, args=(server.port, arguments.idle, arguments.slow, theirs))
        others.start()
        mine.recv()
        busy = report(f"{arguments.idle} idle, {arguments.slow} slow", latencies(server.port, arguments.requests))
        print(f"ratio of the p99: {busy / quiet:.2f}")
        print(f"the slow ones were cut off after {mine.recv():.0f} s; {mine.recv()} idle ones are still connected")
        others.join()


if __name__ == "__main__":
    main()
