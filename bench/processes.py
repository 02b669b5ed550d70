#!/usr/bin/python3
"""What reloads and deaths of processes cost: Apus beside Debian's apache2 and nginx.

Usage: bench/processes.py [--dist DIR] [reloads] [deaths] [download] [memory]     (all of them when none is named)

  reloads   50 graceful reloads under load on kept connections and on a connection for each request, http and https
  deaths    a worker ends every second for a minute, by SIGKILL, SIGSEGV, SIGSTOP; then leaders, and the supervisor
  download  1 GB, begun before a reload, and ended by graceful-stop
  memory    PSS of each process, fresh and after 20 reloads

A request fails when wrk counts a socket error or another status than 2xx.
"""

import argparse
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from peers import Apache, Apus, Nginx, prepare


class Load:
    """wrk in the background: on kept connections, and with a connection for each request; http or https."""

    KINDS = {
        "keep-alive": (False, []),
        "close": (False, ["-H", "Connection: close"]),
        "TLS keep-alive": (True, []),
        "TLS close": (True, ["-H", "Connection: close"]),
    }

    def __init__(self, server, seconds, kinds=tuple(KINDS)):
        self._running = {}
        for kind in kinds:
            is_tls, extra = self.KINDS[kind]
            url = f"{'https' if is_tls else 'http'}://127.0.0.1:{server.ports[is_tls]}/1k.html"
            line = ["wrk", "-t1", "-c8", f"-d{seconds}s", *extra, url]
            self._running[kind] = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)

    def outcome(self):
        """Of each kind: requests answered, and requests failed."""
        outcomes = {}
        for kind, process in self._running.items():
            text = process.communicate()[0]
            failed = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
            other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
            answered = re.search(r"(\d+) requests in", text)
            outcomes[kind] = (int(answered[1]) if answered else 0, failed + (int(other[1]) if other else 0))
        return outcomes


def describe(outcomes):
    return "; ".join(f"{kind}: {failed} of {answered}" for kind, (answered, failed) in outcomes.items())


def reloads(root, dist):
    print("\n50 graceful reloads in 25 s: failed requests\n")
    print("| workers | server | " + " | ".join(Load.KINDS) + " |\n|---" + "|---" * (len(Load.KINDS) + 1) + "|")
    for workers in (2, 4):
        for kind in (Apus, Apache, Nginx):
            server = kind(root, dist, workers)
            server.start(pinned=False)
            load = Load(server, 28)
            time.sleep(1)
            for _ in range(50):
                begin = time.monotonic()
                server.reload()
                time.sleep(max(0.0, begin + 0.5 - time.monotonic()))
            cells = [f"{failed} of {answered}" for answered, failed in load.outcome().values()]
            print(f"| {workers} | {server.name} | " + " | ".join(cells) + " |", flush=True)
            server.stop()


def wait_for(condition, seconds=20.0):
    """How long it took until the condition held."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            raise SystemExit("waited in vain")
        time.sleep(0.001)
    return time.monotonic() - begin


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def deaths(root, dist):
    kinds = ("keep-alive", "close")
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP):
        server = Apus(root, dist, 2)
        server.start(pinned=False)
        wait_for(lambda: len(server.worker_pids()) == 2)
        load, times = Load(server, 62, kinds), []
        for _ in range(60):
            begin = time.monotonic()
            victim = random.choice(server.worker_pids())
            os.kill(victim, number)
            if number == signal.SIGSTOP:
                state = Path(f"/proc/{victim}/stat")
                times.append(wait_for(lambda: state.read_text().rsplit(")", 1)[1].split()[0] != "T"))
            else:
                times.append(wait_for(lambda: is_gone(victim) and len(server.worker_pids()) == 2))
            time.sleep(max(0.0, begin + 1 - time.monotonic()))
        print(
            f"\na worker by {signal.Signals(number).name} every second for a minute: {describe(load.outcome())}; 16 connections; "
            f"all well after {sorted(times)[len(times) // 2] * 1000:.0f} ms (median), {max(times) * 1000:.0f} ms (worst)",
            flush=True,
        )
        server.stop()
    leaders_die(root, dist, kinds)
    supervisor_dies(root, dist)


def leaders_die(root, dist, kinds):
    server = Apus(root, dist, 2)
    server.start(pinned=False)
    load, times = Load(server, 32, kinds), []
    time.sleep(1)
    for _ in range(10):
        begin = time.monotonic()
        leader = server.leaders()[-1]
        os.kill(leader, signal.SIGKILL)
        wait_for(lambda: is_gone(leader))
        times.append(wait_for(lambda: any(len(server.children(pid)) == 2 for pid in server.leaders() if pid != leader)))
        time.sleep(max(0.0, begin + 3 - time.monotonic()))
    print(f"\nthe leader by SIGKILL, ten times in 30 s: {describe(load.outcome())}; another after {max(times) * 1000:.0f} ms (worst)", flush=True)
    server.stop()


def supervisor_dies(root, dist):
    server = Apus(root, dist, 2)
    server.start(pinned=False)
    wait_for(lambda: len(server.worker_pids()) == 2)
    everything = server.processes()[1:]
    begin = time.monotonic()
    server.process.kill()
    server.process.wait()
    wait_for(lambda: all(is_gone(pid) for pid in everything))
    with socket.socket() as again:
        again.bind(("127.0.0.1", server.ports[False]))
        again.listen()
    print(f"\nthe supervisor by SIGKILL: no process is left and the port bound again after {(time.monotonic() - begin) * 1000:.0f} ms", flush=True)


def download(root, dist):
    large = root / "site" / "large.bin"
    with open(large, "wb") as file:
        file.truncate(1 << 30)
    server = Apus(root, dist, 2)
    server.start(pinned=False)
    line = ["curl", "-sS", "--limit-rate", "200M", "-o", "/dev/null", "-w", "%{http_code} %{size_download}"]
    client = subprocess.Popen([*line, f"http://127.0.0.1:{server.ports[False]}/large.bin"], stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    server.reload()
    reloaded = time.monotonic()
    subprocess.run([f"{dist}/bin/apus", "-f", f"{root}/apus/httpd.conf", "-k", "graceful-stop"], check=True)
    status = server.process.wait(60)
    ended = time.monotonic()
    print(
        f"\na download of 1 GB with a reload and graceful-stop in its first second: {client.communicate()[0]} bytes; "
        f"the server ended with status {status} {ended - reloaded:.1f} s later"
    )
    large.unlink()


def pss(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    field = lambda name: int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[1]) / 1024
    return field("Pss"), field("Private_Clean") + field("Private_Dirty")


def memory(root, dist):
    server = Apus(root, dist, 2)
    server.start(pinned=False)
    print("\n| | supervisor | leader | each worker |\n|---|---|---|---|")
    for name, count in (("fresh", 0), ("after 1 reload", 1), ("after 20 more", 20)):
        for _ in range(count):
            server.reload()
        time.sleep(6)
        subprocess.run(["wrk", "-t1", "-c16", "-d1s", f"http://127.0.0.1:{server.ports[False]}/1k.html"], capture_output=True)
        (leader,) = server.leaders()
        cells = [f"{p:.1f} ({own:.1f})" for p, own in map(pss, [server.process.pid, leader, server.worker_pids()[0]])]
        print(f"| {name}: PSS (private), MB | " + " | ".join(cells) + " |", flush=True)
    server.stop()


PARTS = {"reloads": reloads, "deaths": deaths, "download": download, "memory": memory}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    options.add_argument("--dist", default=str(Path(__file__).resolve().parent.parent / "dist"))
    options = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="apus-bench-"))
    os.umask(0)
    prepare(root)
    try:
        for name in options.parts or PARTS:
            PARTS[name](root, options.dist)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
