#!/usr/bin/python3
"""Compares the CPU that servers spend on a request: Apus, nginx and h2o, interleaved in one run.

Each server runs one worker on one processor, the client on another; the figure is user and system time of all
processes of the server, divided by the responses the client counted. Usage: bench/compare.py [--dist DIR] [--rounds N]
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from peers import Apus, H2o, Nginx, prepare

#: name: (path, connections, extra wrk arguments, https?)
WORKLOADS = {
    "W1 1 KiB, keep-alive": ("/1k.html", 64, [], False),
    "W2 100 KiB, keep-alive": ("/100k.bin", 64, [], False),
    "W3 1 KiB, connection per request": ("/1k.html", 64, ["-H", "Connection: close"], False),
    "W6a 1 KiB over TLS, keep-alive": ("/1k.html", 64, [], True),
    "W6b 100 KiB over TLS, keep-alive": ("/100k.bin", 64, [], True),
}


def measure(server, path, connections, extra, is_tls, seconds):
    """CPU microseconds a request, and requests a second."""
    scheme = "https" if is_tls else "http"
    url = f"{scheme}://127.0.0.1:{server.ports[is_tls]}{path}"
    before = server.cpu()
    done = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *extra, url],
        capture_output=True, text=True, timeout=seconds + 30,
    )
    used = server.cpu() - before
    answered = int(re.search(r"(\d+) requests in", done.stdout)[1])
    problems = re.findall(r"(Non-2xx.*|Socket errors.*)", done.stdout)
    if problems:
        print(f"  {server.name}: {'; '.join(problems)}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    return used / answered * 1e6, rate


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dist", default=str(Path(__file__).resolve().parent.parent / "dist"))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=2)
    options.add_argument("--only", default="")
    options = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="apus-bench-"))
    os.umask(0)
    prepare(root)
    time.sleep(0.1)
    servers = [kind(root, options.dist) for kind in (Apus, Nginx, H2o)]
    for server in servers:
        server.start()
    try:
        print("| workload | " + " | ".join(server.name for server in servers) + " | apus / nginx | apus / h2o |")
        print("|---" * (len(servers) + 3) + "|")
        for name, (path, connections, extra, is_tls) in WORKLOADS.items():
            if options.only and options.only not in name:
                continue
            figures = {server.name: [] for server in servers}
            for _ in range(options.rounds):
                for server in servers:
                    figures[server.name].append(measure(server, path, connections, extra, is_tls, options.seconds)[0])
            medians = {key: statistics.median(values) for key, values in figures.items()}
            ratios = {
                peer: statistics.median(a / b for a, b in zip(figures["apus"], figures[peer])) for peer in ("nginx", "h2o")
            }
            cells = " | ".join(f"{medians[server.name]:.1f} µs" for server in servers)
            print(f"| {name} | {cells} | {ratios['nginx']:.2f} | {ratios['h2o']:.2f} |", flush=True)
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
