#!/usr/bin/python3
"""How long a configuration of many virtual hosts takes to load and what it costs: Apus beside Debian's apache2, in turns.

Usage: bench/hosts.py [--dist DIR] [--hosts 10000] [--rounds 5]

  check     seconds of processor for `-t`, and the peak of its memory (RSS)
  start     seconds until the port answers, and what all processes then have for themselves (PSS)
  lookup    seconds of processor for 20,000 requests to the last host, and to the only host of another configuration

The best of the rounds counts: what else the machine does can only add.
"""

import argparse
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from peers import Apache, Apus, prepare

HOST = """<VirtualHost *:{port}>
    ServerName host{number}.example
    ServerAlias www.host{number}.example
    DocumentRoot {root}/site
    CustomLog {root}/{name}/access_log common
    <Directory {root}/site/host{number}>
        Options -Indexes
        AllowOverride None
        Require all granted
    </Directory>
</VirtualHost>
"""


class Many:
    """A peer whose configuration ends in many virtual hosts."""

    def __init__(self, kind, root, dist, hosts):
        self.server = kind(root, dist)
        self.name = kind.name
        (root / self.name).mkdir(exist_ok=True)
        self.command = self.server.command()
        self.configuration = Path(self.command[self.command.index("-f") + 1])
        text = self.configuration.read_text()
        text += 'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common\n'
        port = self.server.ports[False]
        text += "".join(HOST.format(port=port, number=number, root=root, name=self.name) for number in range(hosts))
        self.configuration.write_text(text)
        self.server.command = lambda: self.command
        self.hosts = hosts

    def check(self):
        command = [word for word in self.command if word not in ("-DFOREGROUND", "-X")] + ["-t"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, subprocess.run(command, capture_output=True, text=True).stderr[:2000]
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def start(self):
        begin = time.monotonic()
        self.server.start(pinned=False, patience=60)
        self.ask(self.hosts - 1)
        return time.monotonic() - begin, self.server.memory() / 1e6

    def ask(self, number, count=1):
        """Asks for a page of a host, on one connection."""
        request = f"GET /1k.html HTTP/1.1\r\nHost: www.host{number}.example\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.server.ports[False])) as connection:
            connection.settimeout(30)
            for _ in range(count):
                connection.sendall(request)
                answer = b""
                while len(answer) < 1100:
                    answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]

    def lookup(self):
        before = self.server.cpu()
        for _ in range(20):
            self.ask(self.hosts - 1, 1000)
        return self.server.cpu() - before


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dist", type=Path, default=Path(__file__).resolve().parent.parent / "dist")
    options.add_argument("--hosts", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="apus-hosts-"))
    root.chmod(0o755)
    try:
        measure(root, chosen)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def measure(root, chosen):
    prepare(root)
    for number in range(chosen.hosts):
        (root / f"site/host{number}").mkdir()
    kinds = [kind for kind in (Apus, Apache) if kind.is_here()]
    best = {kind.name: {} for kind in kinds}
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(40000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    for _ in range(chosen.rounds):
        for kind in kinds:
            note(best[kind.name], Many(kind, root, chosen.dist.resolve(), chosen.hosts), "")
            note(best[kind.name], Many(kind, root, chosen.dist.resolve(), 1), " of one")
    rows = [
        ("`-t`, s of processor", "check"), ("`-t`, peak MB", "peak"), ("start until the first answer, s", "start"),
        ("memory of all processes, MB", "memory"), ("20,000 requests to the last host, s of processor", "lookup"),
        ("the same where there is one host", "lookup of one"),
    ]  # fmt: skip
    print(f"| {chosen.hosts:,} virtual hosts | " + " | ".join(best) + " |\n|---" + "|---" * len(best) + "|")
    for title, key in rows:
        print(f"| {title} | " + " | ".join(f"{best[name][key]:.2f}" for name in best) + " |")


def note(best, many, suffix):
    """Measures one configuration and keeps what is better than before."""
    found = dict(zip(("check", "peak"), many.check()))
    found.update(zip(("start", "memory"), many.start()))
    found["lookup"] = many.lookup()
    many.server.stop()
    for key, value in found.items():
        best[key + suffix] = min(value, best.get(key + suffix, value))


if __name__ == "__main__":
    main()
