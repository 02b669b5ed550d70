#!/usr/bin/python3
"""What rewrite rules cost a request: Apus, nginx and apache2 with the rules of bench/rewrite and without, in one run.

    bench/rewrite_cost.py [--dist DIR] [--sets 100 1000] [--rounds 5] [--seconds 1] [--no-instructions] [--no-cpu]

Each set has its rules in the language of httpd (NUMBER.conf) and of nginx (NUMBER.nginx); the request matches the last.
Instructions are counted with callgrind: those of a number of requests less those of fewer, so the start is no part of it.
CPU is what the server's processes used for the responses that wrk counted, the servers in turn. What is told is the
difference that the rules make.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
from pathlib import Path

from instructions import stage
from peers import Server

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
PATH = "/last/page/42"
HEAD = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n".encode()
#: Requests before it is counted, for what is made once, and those that are.
WARM_UP, COUNTED = 100, 300


class Ruled(Server):
    """A server of one process with a set of rules; 0: none. Under valgrind it has no rights that it would give up."""

    def __init__(self, root, dist, rules, profile=None):
        super().__init__(root, dist)
        self.kind, self.rules, self.profile = self.name, rules, profile
        self.name = f"{self.name}-{rules}{'-counted' if profile else ''}"
        self.home = root / self.name

    def command(self):
        command = self.configured(self.home, self.ports[False])
        if self.profile is None:
            return command
        counting = ["env", f"TMPDIR={self.home}", "valgrind", "--tool=callgrind", f"--callgrind-out-file={self.profile}", *command]
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *counting] if os.geteuid() == 0 else counting

    def start(self, **options):
        self.home.mkdir()
        self.home.chmod(0o777)
        super().start(**options)


HTTPD = """ServerRoot {home}
PidFile {home}/pid
ErrorLog {home}/error_log
{modules}
ServerName localhost
Listen 127.0.0.1:{port}
DocumentRoot {site}
MaxKeepAliveRequests 0
KeepAliveTimeout 300
<Directory {site}>
    Options FollowSymLinks
    Require all granted
</Directory>
{rules}
"""


class Httpd(Ruled):
    def write(self, home, port, directory, names, more=""):
        modules = "\n".join(f"LoadModule {name}_module {directory}/mod_{name}.so" for name in names)
        rules = f"Include {HERE}/rewrite/{self.rules}.conf" if self.rules else ""
        text = HTTPD.format(home=home, modules=modules, port=port, site=self.root / "site", rules=rules)
        (home / "httpd.conf").write_text(more + text)
        return ["-f", f"{home}/httpd.conf", "-d", f"{home}", "-X"]


class Apus(Httpd):
    name = "Apus"

    def configured(self, home, port):
        return [f"{self.dist}/bin/apus", *self.write(home, port, f"{self.dist}/modules", ("authz_core", "dir", "rewrite"))]


class Apache(Httpd):
    name = "apache2"
    program = "/usr/sbin/apache2"

    def configured(self, home, port):
        names = ("mpm_event", "authz_core", "dir", "rewrite")
        more = f"DefaultRuntimeDir {home}\n" + ("User nobody\nGroup nogroup\n" if os.geteuid() == 0 and not self.profile else "")
        return [self.program, *self.write(home, port, "/usr/lib/apache2/modules", names, more)]


class Nginx(Ruled):
    name = "nginx"
    program = "/usr/sbin/nginx"

    def configured(self, home, port):
        rules = f"include {HERE}/rewrite/{self.rules}.nginx;" if self.rules else ""
        temporary = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (home / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {home}/pid; error_log {home}/error_log;\nevents {{}}\n"
            f"http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 300; open_file_cache max=100; {temporary}\n"
            f"server {{ listen 127.0.0.1:{port}; root {self.root}/site;\n{rules}\n}} }}\n"
        )
        return [self.program, "-c", f"{home}/nginx.conf"]


KINDS = (Apus, Nginx, Apache)


def ask(port, times):
    with socket.create_connection(("127.0.0.1", port), 120) as connection:
        for _ in range(times):
            connection.sendall(HEAD)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += connection.recv(65536)
            head, _, body = answer.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"{PATH}: {head.splitlines()[0]!r}")
            length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
            while len(body) < length:
                body += connection.recv(65536)


def executed(kind, root, dist, rules, times):
    """The instructions of a server's life in which it answers so many requests."""
    profile = root / f"{kind.name}-{rules}-{times}.out"
    server = kind(root, dist, rules, profile)
    server.start(pinned=False, patience=300)
    try:
        ask(server.ports[False], times)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(120)
    finally:
        if server.process.poll() is None:
            server.process.kill()
        shutil.rmtree(server.home)
    return int(re.search(r"^(?:totals|summary): (\d+)", profile.read_text(), re.M)[1])


def instructions(root, tree, sets):
    """By kind and set: the instructions of a request."""
    found = {}
    for kind in KINDS:
        for rules in (0, *sets):
            few, many = (executed(kind, root, tree, rules, times) for times in (WARM_UP, WARM_UP + COUNTED))
            found[kind.name, rules] = [(many - few) / COUNTED]
    return found


def processor_time(root, dist, sets, rounds, seconds):
    """By kind and set: microseconds a request in each round."""
    servers = [kind(root, dist, rules) for kind in KINDS for rules in (0, *sets)]
    found = {(server.kind, server.rules): [] for server in servers}
    try:
        for server in servers:
            server.start()
        for _ in range(rounds):
            for server in servers:
                before = server.cpu()
                line = ["taskset", "-c", "1", "wrk", "-t1", "-c16", f"-d{seconds}s", f"http://127.0.0.1:{server.ports[False]}{PATH}"]
                text = subprocess.run(line, capture_output=True, text=True, check=True).stdout
                if "Non-2xx" in text:
                    raise SystemExit(f"{server.name}: {text}")
                answered = int(re.search(r"(\d+) requests in", text)[1])
                found[server.kind, server.rules].append((server.cpu() - before) / answered * 1e6)
    finally:
        for server in servers:
            server.stop()
    return found


def table(title, found, sets, form):
    names = [kind.name for kind in KINDS]
    yield f"| {title} | " + " | ".join(names) + " | " + " | ".join(f"Apus / {name}" for name in names[1:]) + " |"
    yield "|---" * (2 * len(names)) + "|"
    for rules in sets:
        added = {name: [more - less for more, less in zip(found[name, rules], found[name, 0])] for name in names}
        cells = [form.format(statistics.median(added[name])) for name in names]
        cells += [
            f"{statistics.median(own / other for own, other in zip(added[names[0]], added[name])):.2f}" for name in names[1:]
        ]
        yield f"| {rules:,} rules | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dist", type=Path, default=TOP / "dist")
    parser.add_argument("--release", type=Path, default=TOP / ".build/release")
    parser.add_argument("--sets", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--no-instructions", action="store_true")
    parser.add_argument("--no-cpu", action="store_true")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="apus-rewrite-"))
    try:
        (root / "site/last/page").mkdir(parents=True)
        for name in ("index.html", PATH[1:]):
            (root / "site" / name).write_text("x" * 100)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o644)
        if not options.no_cpu:
            times = processor_time(root, options.dist.resolve(), options.sets, options.rounds, options.seconds)
            print("\n".join(table("CPU added to a request, µs", times, options.sets, "{:.1f}")), flush=True)
        if not options.no_instructions:
            counts = instructions(root, stage(root, options.release.resolve(), options.dist.resolve()), options.sets)
            print("\n".join(table("instructions added to a request", counts, options.sets, "{:,.0f}")))
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
