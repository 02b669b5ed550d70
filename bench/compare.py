#!/usr/bin/python3
"""Compares the CPU that servers spend on a request: Apus, nginx and h2o, interleaved in one run.

Each server runs one worker on one processor, the client on another; the figure is user and system time of all
processes of the server, divided by the responses the client counted. Usage: bench/compare.py [--dist DIR] [--rounds N]
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
MIME = {"apus": "conf/mime.types"}

#: name: (path, connections, extra wrk arguments, https?)
WORKLOADS = {
    "W1 1 KiB, keep-alive": ("/1k.html", 64, [], False),
    "W2 100 KiB, keep-alive": ("/100k.bin", 64, [], False),
    "W3 1 KiB, connection per request": ("/1k.html", 64, ["-H", "Connection: close"], False),
    "W6a 1 KiB over TLS, keep-alive": ("/1k.html", 64, [], True),
    "W6b 100 KiB over TLS, keep-alive": ("/100k.bin", 64, [], True),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One peer: writes its configuration, starts it pinned to a processor, and counts its CPU."""

    def __init__(self, root, dist):
        self.root, self.dist = root, dist
        self.ports = {False: free_port(), True: free_port()}
        self.process = None

    def start(self):
        (self.root / self.name).mkdir(exist_ok=True)
        command = ["taskset", "-c", "0", *self.command()]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(self.root / f"{self.name}.err", "wb"))
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports[False]), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit(f"{self.name} does not start: {(self.root / f'{self.name}.err').read_text()}")
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def processes(self):
        """The server's process and everything below it."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                todo += map(int, task.read_text().split())
        return found

    def cpu(self):
        total = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK


class Apus(Server):
    name = "apus"

    def command(self):
        modules = "".join(
            f"LoadModule {name}_module {self.dist}/modules/mod_{name}.so\n"
            for name in ("mime", "dir", "alias", "log_config", "authz_core", "ssl", "welcome")
        )
        (self.root / "apus/httpd.conf").write_text(
            f"""{modules}
ServerRoot {self.root}/apus
PidFile apus.pid
ErrorLog error_log
Workers 1
Listen 127.0.0.1:{self.ports[False]}
Listen 127.0.0.1:{self.ports[True]}
ServerName localhost
MaxKeepAliveRequests 0
TypesConfig {self.dist}/conf/mime.types
DocumentRoot {self.root}/site
<Directory />
    Require all denied
</Directory>
<Directory {self.root}/site>
    Require all granted
</Directory>
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog access_log combined
<VirtualHost *:{self.ports[True]}>
    SSLEngine on
    SSLCertificateFile {self.root}/server.pem
    SSLCertificateKeyFile {self.root}/server.key
</VirtualHost>
"""
        )
        return [f"{self.dist}/bin/apus", "-f", f"{self.root}/apus/httpd.conf", "-DFOREGROUND"]


class Nginx(Server):
    name = "nginx"

    def command(self):
        (self.root / "nginx/nginx.conf").write_text(
            f"""worker_processes 1;
daemon off;
pid {self.root}/nginx/pid;
error_log {self.root}/nginx/error_log;
events {{ worker_connections 4096; }}
http {{
    types {{ text/html html; application/octet-stream bin; }}
    access_log {self.root}/nginx/access_log combined;
    sendfile on;
    keepalive_requests 1000000000;
    client_body_temp_path {self.root}/nginx/b; proxy_temp_path {self.root}/nginx/p; fastcgi_temp_path {self.root}/nginx/f;
    uwsgi_temp_path {self.root}/nginx/u; scgi_temp_path {self.root}/nginx/s;
    server {{
        listen 127.0.0.1:{self.ports[False]};
        listen 127.0.0.1:{self.ports[True]} ssl;
        ssl_certificate {self.root}/server.pem;
        ssl_certificate_key {self.root}/server.key;
        root {self.root}/site;
    }}
}}
"""
        )
        return ["/usr/sbin/nginx", "-c", f"{self.root}/nginx/nginx.conf"]


class H2o(Server):
    name = "h2o"

    def command(self):
        (self.root / "h2o/h2o.conf").write_text(
            f"""num-threads: 1
user: {"nobody" if os.geteuid() == 0 else os.environ.get("USER", "nobody")}
listen:
  host: 127.0.0.1
  port: {self.ports[False]}
listen:
  host: 127.0.0.1
  port: {self.ports[True]}
  ssl:
    certificate-file: {self.root}/server.pem
    key-file: {self.root}/server.key
access-log: {self.root}/h2o/access_log
hosts:
  default:
    paths:
      "/":
        file.dir: {self.root}/site
"""
        )
        return ["/usr/bin/h2o", "-c", f"{self.root}/h2o/h2o.conf"]


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


def prepare(root):
    site = root / "site"
    site.mkdir()
    (site / "1k.html").write_bytes(b"x" * 1024)
    (site / "100k.bin").write_bytes(os.urandom(100 << 10))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", root / "server.key", "-out", root / "server.pem"],
        check=True, capture_output=True,
    )
    for path in [root, *root.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o644)


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
