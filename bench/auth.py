#!/usr/bin/python3
"""Compares what Basic authentication costs Apus, apache2 and nginx: CPU a request, without and with each kind of hash.

Each server runs one worker on one processor, the client on another; the figure is user and system time of all processes of
the server, divided by the responses that the client counted. What a password may cost Apus is said below the table, and whether it
does.
Usage: bench/auth.py [--dist DIR] [--rounds N] [--seconds N] [--write]
--write puts the table into docs/performance.md.
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

import page
from peers import Server, prepare

PASSWORD = "wonderland"
#: What htpasswd is told for the user of each area.
HASHES = {"{SHA}": ["-s"], "bcrypt, cost 5": ["-B", "-C5"], "bcrypt, cost 10": ["-B", "-C10"], "$apr1$": ["-m"]}
#: Microseconds that a request with a password may cost Apus more than one without; of a slow hash, once it is verified.
TARGET = 1.0


def place(name):
    """The folder, and file of users, of a hash."""
    return "".join(letter for letter in name if letter.isalnum())


def areas(root):
    return "".join(
        f"""<Location /{place(name)}/>
    AuthType Basic
    AuthName area
    AuthUserFile {root}/{place(name)}.users
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
            f"""{modules(f"{self.dist}/modules", ("mime", "log_config", *AUTH))}
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
            f"location /{place(name)}/ {{ auth_basic area; auth_basic_user_file {self.root}/{place(name)}.users; }}\n"
            for name in HASHES
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


def token():
    """What the client shows."""
    return base64.b64encode(f"alice:{PASSWORD}".encode()).decode()


def prepare_areas(root):
    """The folders and users' files of the areas, below what prepare() has made."""
    for name, how in HASHES.items():
        (root / "site" / place(name)).mkdir()
        shutil.copy(root / "site/1k.html", root / "site" / place(name))
        subprocess.run(["htpasswd", "-cb", *how, root / f"{place(name)}.users", "alice", PASSWORD], check=True, capture_output=True)


def measure(server, path, seconds):
    """CPU microseconds a request."""
    url = f"http://127.0.0.1:{server.ports[False]}{path}"
    # The first check is what it is everywhere; what follows is compared.
    subprocess.run(["curl", "-sf", "-o", "/dev/null", "-u", f"alice:{PASSWORD}", url], check=True, timeout=60)
    # The others take so long for one that what 64 connections ask would keep them busy for the rounds to come.
    connections = 2 if "cost10" in path and server.name != "apus" else 64
    before = server.cpu()
    done = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-H", f"Authorization: Basic {token()}", url],
        capture_output=True, text=True, timeout=seconds + 60,
    )  # fmt: skip
    used = server.cpu() - before
    for problem in re.findall(r"(Non-2xx.*|Socket errors.*)", done.stdout):
        print(f"  {server.name} {path}: {problem}")
    answered = int(re.search(r"(\d+) requests in", done.stdout)[1])
    return used / max(answered, 1) * 1e6


def verdicts(figures):
    """Whether a password costs Apus no more than it may: medians of the rounds' own differences."""
    for name in HASHES:
        more = statistics.median(own - without for own, without in zip(figures[name]["apus"], figures["none"]["apus"]))
        yield f"{name} {more:+.1f} µs ({'held' if more <= TARGET else 'MISSED'})"


def table(figures):
    servers = list(figures["none"])
    yield f"| CPU a request of 1 KiB, µs; password stored as | {' | '.join(servers)} |"
    yield "|---" * (len(servers) + 1) + "|"
    for name, of in figures.items():
        yield f"| {name} | " + " | ".join(f"{statistics.median(of[server]):.1f}" for server in servers) + " |"
    yield ""
    yield f"What a password adds to a request of Apus, {TARGET:+.1f} µs at most, slow hashes once they are verified: " + ", ".join(
        verdicts(figures)
    ) + "."


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dist", default=str(Path(__file__).resolve().parent.parent / "dist"))
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=2)
    options.add_argument("--write", action="store_true")
    options = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="apus-bench-"))
    os.umask(0)
    prepare(root)
    prepare_areas(root)
    time.sleep(0.1)
    servers = [kind(root, str(Path(options.dist).resolve())) for kind in (Apus, Apache, Nginx)]
    paths = {"none": "/1k.html", **{name: f"/{place(name)}/1k.html" for name in HASHES}}
    figures = {name: {server.name: [] for server in servers} for name in paths}
    try:
        for server in servers:
            server.start()
        for _ in range(options.rounds):
            for name, path in paths.items():
                for server in servers:
                    figures[name][server.name].append(measure(server, path, options.seconds))
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(root)
    text = "\n".join(table(figures)) + "\n"
    print(text, end="")
    if options.write:
        page.write("bench/auth.py", text)


if __name__ == "__main__":
    main()
