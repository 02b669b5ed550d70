#!/usr/bin/python3
"""Compares Apus with other servers and with the floor of the machine, interleaved in one run.

Usage: bench/compare.py [--dist DIR] [--rounds N] [--seconds N] [--only TEXT] [--write]

CPU: each server runs one worker on one processor, the client on another; the figure is user and system time of all
processes of the server, divided by the responses that the client counted. The ratios are medians of the rounds.
Peers that are not installed are left out. --write puts the tables into docs/performance.md.
"""

import argparse
import os
import platform
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import page
from peers import Apache, Apus, Floor, H2o, Lighttpd, Nginx, prepare

TOP = Path(__file__).resolve().parent.parent
sys.path.append(str(TOP / "Tests"))
from support.handshakes import handshakes  # noqa: E402

KINDS = (Apus, Floor, Nginx, H2o, Lighttpd, Apache)
PINNED = ["taskset", "-c", "1"]


class Wrk:
    """Requests on 64 connections, kept or one each."""

    def __init__(self, name, path, is_tls=False, extra=()):
        self.name, self.path, self.is_tls, self.extra = name, path, is_tls, extra

    def suits(self, server):
        return server.speaks_tls or not self.is_tls

    def run(self, server, seconds):
        """How many responses came."""
        url = f"{'https' if self.is_tls else 'http'}://127.0.0.1:{server.ports[self.is_tls]}{self.path}"
        line = [*PINNED, "wrk", "-t1", "-c64", f"-d{seconds}s", *self.extra, url]
        text = subprocess.run(line, capture_output=True, text=True, timeout=seconds + 60).stdout
        for problem in re.findall(r"(Non-2xx.*|Socket errors.*)", text):
            print(f"  {server.name}, {self.name}: {problem}", file=sys.stderr)
        return int(re.search(r"(\d+) requests in", text)[1])


class Handshakes:
    """A connection with a handshake for each request, in three clients at once."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind

    def suits(self, server):
        return server.speaks_tls and (server.speaks_tls13 or self.kind == "resume")

    def run(self, server, seconds):
        counts = handshakes(server.root, server.ports[True], self.kind, seconds, 3, before=PINNED)
        for problem in ("cut", "wrong", "late"):
            if counts[problem]:
                print(f"  {server.name}, {self.name}: {counts[problem]} connections {problem}", file=sys.stderr)
        connections = counts["made"] + counts["resumed"]
        if not connections:
            raise SystemExit(f"{server.name} does not take these connections: {self.name}")
        if self.kind == "resume" and counts["resumed"] < connections * 0.9:
            print(f"  {server.name}: only {counts['resumed']} of {connections} connections resumed a session", file=sys.stderr)
        return connections


WORKLOADS = [
    Wrk("W1 1 KiB, keep-alive", "/1k.html"),
    Wrk("W2 100 KiB, keep-alive", "/100k.bin"),
    Wrk("W3 1 KiB, connection per request", "/1k.html", extra=["-H", "Connection: close"]),
    Handshakes("W4 full TLS 1.3 handshake and a request", "full"),
    Handshakes("W5 TLS 1.2 resumption by session id and a request", "resume"),
    Wrk("W6a 1 KiB over TLS, keep-alive", "/1k.html", is_tls=True),
    Wrk("W6b 100 KiB over TLS, keep-alive", "/100k.bin", is_tls=True),
]


def interleaved(servers, *arguments):
    """The table of CPU, with all servers running."""
    try:
        for server in servers:
            server.start()
        yield from cpu_table(servers, *arguments)
    finally:
        for server in servers:
            server.stop()


def cpu_table(servers, workloads, rounds, seconds):
    names = [server.name for server in servers]
    yield "| CPU a request, µs | " + " | ".join(names) + " | " + " | ".join(f"Apus / {name}" for name in names[1:]) + " |"
    yield "|---" * (2 * len(names)) + "|"
    for workload in workloads:
        figures = {name: [] for name in names}
        for _ in range(rounds):
            for server in servers:
                if not workload.suits(server):
                    continue
                before = server.cpu()
                answered = workload.run(server, seconds)
                figures[server.name].append((server.cpu() - before) / answered * 1e6)
        yield row(workload.name, figures, names)


def row(title, figures, names):
    cells = [f"{statistics.median(figures[name]):.1f}" if figures[name] else "–" for name in names]
    for name in names[1:]:
        ratios = [own / other for own, other in zip(figures[names[0]], figures[name])]
        cells.append(f"{statistics.median(ratios):.2f}" if ratios else "–")
    return f"| {title} | " + " | ".join(cells) + " |"


def idle_table(kinds, root, dist, count=10_000):
    """W9: what connections cost that have had their answer and wait for the next request."""
    yield f"| {count:,} idle connections | memory, MB | bytes each |"
    yield "|---|---|---|"
    for kind in kinds:
        server = kind(root, dist)
        server.start()
        Wrk("warm-up", "/1k.html").run(server, 1)
        before = server.memory()
        connections = []
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", server.ports[False]), 10)
            connection.sendall(b"GET /1k.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while connection.recv(4096)[-4:] != b"xxxx":
                pass
            connections.append(connection)
        grown = server.memory() - before
        for connection in connections:
            connection.close()
        server.stop()
        yield f"| {server.name} | {grown / 1e6:.1f} | {grown // count} |"


def reload_table(kinds, root, dist):
    """W10: five graceful reloads in six seconds, on kept connections."""
    yield "| five reloads in 6 s | failed requests | of |"
    yield "|---|---|---|"
    for kind in kinds:
        server = kind(root, dist, workers=2)
        server.start(pinned=False)
        line = ["wrk", "-t1", "-c64", "-d6s", f"http://127.0.0.1:{server.ports[False]}/1k.html"]
        client = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        for _ in range(5):
            time.sleep(1)
            server.reload()
        text = client.communicate()[0]
        failed = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
        failed += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
        answered = int(re.search(r"(\d+) requests in", text)[1])
        server.stop()
        yield f"| {server.name} | {failed} | {answered:,} |"


def versions(kinds):
    options = {Nginx: "-v", H2o: "-v", Lighttpd: "-v", Apache: "-v"}
    for kind in kinds:
        if kind in options:
            done = subprocess.run([kind.program, options[kind]], capture_output=True, text=True)
            yield f"{kind.name} " + re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)[0]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dist", default=str(TOP / "dist"))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=2)
    options.add_argument("--only", default="", help="workloads whose name holds this text")
    options.add_argument("--write", action="store_true")
    options = options.parse_args()
    options.dist = str(Path(options.dist).resolve())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    root = Path(tempfile.mkdtemp(prefix="apus-bench-"))
    os.umask(0)
    prepare(root)
    time.sleep(0.1)
    kinds = [kind for kind in KINDS if kind.is_here()]
    for kind in set(KINDS) - set(kinds):
        print(f"{kind.name} is left out: there is no {kind.program} (Debian: {kind.packages})", file=sys.stderr)
    lines = []

    def tell(table):
        for line in [*table, ""]:
            print(line, flush=True)
            lines.append(line)

    try:
        tell([f"{', '.join(versions(kinds))}; {os.cpu_count()} processors, Linux {platform.release().split('-')[0]}."])
        workloads = [workload for workload in WORKLOADS if options.only in workload.name]
        if workloads:
            tell(interleaved([kind(root, options.dist) for kind in kinds], workloads, options.rounds, options.seconds))
        if not options.only or options.only == "W9":
            tell(idle_table(kinds, root, options.dist))
        if not options.only or options.only == "W10":
            tell(reload_table([kind for kind in kinds if kind in (Apus, Nginx, Apache)], root, options.dist))
    finally:
        shutil.rmtree(root)
    if options.write:
        page.write("make bench", "\n".join(lines))


if __name__ == "__main__":
    main()
