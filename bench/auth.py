#!/usr/bin/python3
"""Compares what Basic authentication costs Apus, apache2 and nginx: CPU a request, without and with each kind of hash.

Each server runs one worker on one processor, the client on another; the figure is user and system time of all processes of
the server, divided by the responses that the client counted. Usage: bench/auth.py [--dist DIR] [--rounds N]
"""

import argparse
import base64
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from peers import Server, prepare

PASSWORD = "wonderland"
#: What htpasswd is told for the user of each area.
HASHES = {"sha": ["-s"], "bcrypt5": ["-B", "-C5"], "bcrypt10": ["-B", "-C10"], "apr1": ["-m"]}


def areas(root):
    return "".join(
        f"""<Location /{name}/>
    AuthType Basic
    AuthName area
    AuthUserFile {root}/{name}.users
    Require valid-user
</Location>
"""
        for name in HASHES
    )


def modules(directory, names):
    return "".join(f"LoadModule {name}_module {directory}/mod_{name}.so\n" for name in names)


AUTH = ("authz_core", "authz_user", "authn_core", "authn_file", "auth_basic")


class Apus(Server):
    name = "apus"

    def command(self):
        (self.root / "apus/httpd.conf").write_text(
            f"""{modules(self.dist + "/modules", ("mime", "log_config", *AUTH))}
ServerRoot {self.root}/apus
PidFile apus.pid
ErrorLog error_log
Workers 1
Listen 127.0.0.1:{self.ports[False]}
ServerName localhost
MaxKeepAliveRequests 0
TypesConfig {self.dist}/conf/mime.types
DocumentRoot {self.root}/site
<Directory />
    Require all granted
</Directory>
{areas(self.root)}
CustomLog access_log "%h %l %u %t \\"%r\\" %>s %b"
"""
        )
        return [f"{self.dist}/bin/apus", "-f", f"{self.root}/apus/httpd.conf", "-DFOREGROUND"]


class Apache(Server):
    name = "apache2"

    def command(self):
        (self.root / "apache2/httpd.conf").write_text(
            f"""{modules("/usr/lib/apache2/modules", ("mpm_event", "mime", *AUTH))}
ServerRoot {self.root}/apache2
DefaultRuntimeDir {self.root}/apache2
PidFile apache2.pid
ErrorLog error_log
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
Listen 127.0.0.1:{self.ports[False]}
ServerName localhost
MaxKeepAliveRequests 0
TypesConfig {self.dist}/conf/mime.types
DocumentRoot {self.root}/site
<Directory />
    Require all granted
</Directory>
{areas(self.root)}
CustomLog access_log "%h %l %u %t \\"%r\\" %>s %b"
"""
        )
        return ["/usr/sbin/apache2", "-f", f"{self.root}/apache2/httpd.conf", "-DFOREGROUND"]


class Nginx(Server):
    name = "nginx"

    def command(self):
        locations = "".join(
            f"location /{name}/ {{ auth_basic area; auth_basic_user_file {self.root}/{name}.users; }}\n" for name in HASHES
        )
        (self.root / "nginx/nginx.conf").write_text(
            f"""daemon off;
worker_processes 1;
pid {self.root}/nginx/nginx.pid;
error_log {self.root}/nginx/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {self.root}/nginx/access.log;
    keepalive_requests 100000000;
    open_file_cache max=1000;
    client_body_temp_path {self.root}/nginx/body;
    proxy_temp_path {self.root}/nginx/proxy;
    fastcgi_temp_path {self.root}/nginx/fastcgi;
    uwsgi_temp_path {self.root}/nginx/uwsgi;
    scgi_temp_path {self.root}/nginx/scgi;
    server {{
        listen 127.0.0.1:{self.ports[False]};
        root {self.root}/site;
        {locations}
    }}
}}
"""
        )
        return ["nginx", "-p", f"{self.root}/nginx", "-c", f"{self.root}/nginx/nginx.conf"]


def measure(server, path, seconds):
    """CPU microseconds a request."""
    token = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    url = f"http://127.0.0.1:{server.ports[False]}{path}"
    # The first check is what it is everywhere; what follows is compared.
    subprocess.run(["curl", "-sf", "-o", "/dev/null", "-u", f"alice:{PASSWORD}", url], check=True, timeout=60)
    # Some servers take so long for one that what 64 connections ask would keep them busy for the rounds to come.
    connections = 2 if "bcrypt10" in path else 64
    before = server.cpu()
    done = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-H", f"Authorization: Basic {token}", url],
        capture_output=True, text=True, timeout=seconds + 60,
    )  # fmt: skip
    used = server.cpu() - before
    for problem in re.findall(r"(Non-2xx.*|Socket errors.*)", done.stdout):
        print(f"  {server.name} {path}: {problem}")
    answered = int(re.search(r"(\d+) requests in", done.stdout)[1])
    return used / max(answered, 1) * 1e6


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dist", default=str(Path(__file__).resolve().parent.parent / "dist"))
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=2)
    options = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="apus-bench-"))
    os.umask(0)
    prepare(root)
    for name, how in HASHES.items():
        (root / "site" / name).mkdir()
        shutil.copy(root / "site/1k.html", root / "site" / name)
        subprocess.run(["htpasswd", "-cb", *how, root / f"{name}.users", "alice", PASSWORD], check=True, capture_output=True)
    time.sleep(0.1)
    servers = [kind(root, options.dist) for kind in (Apus, Apache, Nginx)]
    for server in servers:
        server.start()
    try:
        print("| 1 KiB, keep-alive | " + " | ".join(server.name for server in servers) + " |")
        print("|---" * (len(servers) + 1) + "|")
        for title, path in {"open": "/1k.html", **{name: f"/{name}/1k.html" for name in HASHES}}.items():
            figures = {server.name: [] for server in servers}
            for _ in range(options.rounds):
                for server in servers:
                    figures[server.name].append(measure(server, path, options.seconds))
            cells = " | ".join(f"{statistics.median(figures[server.name]):.1f} µs" for server in servers)
            print(f"| {title} | {cells} |", flush=True)
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
