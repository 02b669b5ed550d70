#!/usr/bin/env python3
"""What a hundred rewrite rules cost a request, in instructions: Apus and nginx, each with the rules and without.

    bench/rewrite_cost.py [--distribution dist] [--requests 1000]

Counts with callgrind what one process executes for a number of requests and for none, so the start is no part of it. The
rules are those of bench/rewrite; the last of them matches.
"""

import argparse
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PATH = "/last/page/42"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stripped(distribution, target):
    """A copy without debug information, which valgrind cannot read."""
    shutil.copytree(distribution, target, symlinks=True)
    for file in [target / "bin" / "apus", *target.glob("modules/*.so")]:
        subprocess.run(["strip", "--strip-debug", file], check=True)
    return target


def apus(distribution, root, port, rules):
    modules = "\n".join(
        f"LoadModule {name}_module {distribution}/modules/mod_{name}.so"
        for name in ("authz_core", "dir", "rewrite")
    )
    (root / "httpd.conf").write_text(
        f'ServerRoot "{root}"\nPidFile "{root}/pid"\nErrorLog "{root}/error.log"\n{modules}\nServerName localhost\n'
        f'Listen 127.0.0.1:{port}\nDocumentRoot "{root}/htdocs"\nMaxKeepAliveRequests 0\n'
        f'<Directory "{root}/htdocs">\nOptions FollowSymLinks\nRequire all granted\n</Directory>\n'
        + (f"Include {HERE}/rewrite/rules.conf\n" if rules else "")
    )
    return [distribution / "bin" / "apus", "-f", root / "httpd.conf", "-d", root, "-X"]


def nginx(_, root, port, rules):
    include = f"include {HERE}/rewrite/nginx.conf;" if rules else ""
    (root / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n"
        f"keepalive_requests 1000000; open_file_cache max=100; client_body_temp_path {root}/a; proxy_temp_path {root}/b;\n"
        f"fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}/htdocs; {include} }} }}\n"
    )
    return ["/usr/sbin/nginx", "-c", root / "nginx.conf"]


def connect(port, patience=120):
    end = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=30)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def ask(connection, path, times):
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n"
    ).encode()
    for _ in range(times):
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{path}: {head.splitlines()[0]!r}")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while len(body) < length:
            body += connection.recv(65536)


def unprivileged():
    """Root's servers become somebody else, who could not leave the counts: so they are somebody else from the start."""
    return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


def instructions(command, port, root, path, times):
    """What the process executes in its life when it answers so many requests."""
    log = root / "callgrind.log"
    process = subprocess.Popen(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={root}/out", f"--log-file={log}", *map(str, command)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **unprivileged(),
    )  # fmt: skip
    try:
        with connect(port) as connection:
            ask(connection, path, times)
        process.terminate()
        process.wait(timeout=120)
    finally:
        if process.poll() is None:
            process.kill()
    return int(re.search(r"Collected : (\d+)", log.read_text())[1])


def cost(server, distribution, rules, requests):
    """Instructions of one request."""
    found = []
    for times in (200, 200 + requests):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            root.chmod(0o755)
            (root / "htdocs" / "last" / "page").mkdir(parents=True)
            for name in ("index.html", "last/page/42"):
                (root / "htdocs" / name).write_text("x" * 100)
            if os.geteuid() == 0:
                shutil.chown(root, "nobody", "nogroup")
            port = free_port()
            command = server(distribution, root, port, rules)
            found.append(instructions(command, port, root, PATH, times))
    return (found[1] - found[0]) / requests


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--distribution", type=pathlib.Path, default=HERE.parent / "dist")
    parser.add_argument("--requests", type=int, default=1000)
    options = parser.parse_args()
    deltas = {}
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory).chmod(0o755)
        copy = stripped(options.distribution.resolve(), pathlib.Path(directory, "dist"))
        for server in (apus, nginx):
            without, with_rules = (cost(server, copy, rules, options.requests) for rules in (False, True))
            deltas[server.__name__] = with_rules - without
            print(f"{server.__name__:6} {without:10.0f} without {with_rules:10.0f} with  {with_rules - without:+10.0f}")
    print(f"apus / nginx: {deltas['apus'] / deltas['nginx']:.2f}")


if __name__ == "__main__":
    main()
