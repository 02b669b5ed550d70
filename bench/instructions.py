#!/usr/bin/python3
"""Counts the user instructions that a request costs, with callgrind: free of noise, so fit for a gate.

A server in one process answers the same requests 1000 and 3000 times (over TLS, where each has a handshake, 100 and 300 times);
the difference is what 2000 requests cost.
Usage: bench/instructions.py [--release DIR] [--dist DIR] [--only W1] [--profile N] [--nginx]
"""

import argparse
import collections
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import auth
from peers import Apus, Nginx, prepare

TOP = Path(__file__).resolve().parent.parent
sys.path.append(str(TOP / "Tests"))
from support.handshakes import handshakes  # noqa: E402

CONNECTIONS = 16
FEW, MANY = 1000, 3000

HEAD = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\n{more}\r\n"
)

#: name: (path, further header lines, whether each request has a connection of its own)
WORKLOADS = {
    "W1": ("/1k.html", "", False),
    "W2": ("/100k.bin", "", False),
    "W3": ("/1k.html", "Connection: close\r\n", True),
}


#: Basic authentication: the request without a password in the same site, and with one, once it is verified.
AUTH = {
    "W8 none": ("/1k.html", "", False),
    "W8 {SHA}": (f"/{auth.place('{SHA}')}/1k.html", f"Authorization: Basic {auth.token()}\r\n", False),
    "W8 bcrypt": (f"/{auth.place('bcrypt, cost 5')}/1k.html", f"Authorization: Basic {auth.token()}\r\n", False),
}

#: A request with a TLS handshake for each: how the client makes them.
HANDSHAKES = {"W4": "full", "W5": "resume"}
#: Kept connections over TLS.
KEPT = {"W6a": "/1k.html", "W6b": "/100k.bin"}


class Counted:
    """A server in one process under callgrind, without privileges that it would have to give up."""

    #: What makes it stay in one process.
    alone = ()

    def __init__(self, root, dist, profile):
        super().__init__(root, dist)
        self.profile = profile

    def command(self):
        command = [*super().command(), *self.alone]
        counting = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.profile}", *command]
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *counting] if os.geteuid() == 0 else counting

    def functions(self):
        """Instructions by function and the file that holds it, those of what it calls excluded."""
        done = subprocess.run(
            ["callgrind_annotate", "--threshold=100", self.profile], capture_output=True, text=True, check=True
        )
        costs = collections.Counter()
        for cost, name, place in re.findall(r"^ *([\d,]+) \( *[\d.]+%\)  \S*?:(.+?)(?: \[(.*)\])?$", done.stdout, re.M):
            costs[name, Path(place).name] += int(cost.replace(",", ""))
        return costs


class Single(Counted):
    """Apus in one process."""

    alone = ("-X",)

    def command(self):
        return [word for word in super().command() if word != "-DFOREGROUND"]


class CountedApus(Single, Apus):
    pass


class CountedAuth(Single, auth.Apus):
    """With areas that ask for a password."""


class CountedNginx(Counted, Nginx):
    alone = ("-g", "master_process off;")


def stage(root, release, dist):
    """A tree of the build with its function names, which valgrind reads only without the other debug information."""
    tree = root / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "modules").mkdir()
    shutil.copytree(dist / "lib", tree / "lib")
    shutil.copytree(dist / "conf", tree / "conf")
    names = {release / "apus": tree / "bin/apus"} | {
        path: tree / "modules" / path.name.removeprefix("lib") for path in release.glob("libmod_*.so")
    }
    for source, target in names.items():
        subprocess.run(["strip", "--strip-debug", "-o", target, source], check=True)
    return tree


def receive_any(connection):
    """Reads one answer to the end of its body; its head."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(1 << 16)
    head, body = got.split(b"\r\n\r\n", 1)
    left = int(re.search(rb"\r\nContent-Length: (\d+)", head)[1]) - len(body)
    while left > 0:
        left -= len(connection.recv(1 << 18))
    return head


def receive(connection, closes):
    """Reads one answer, to its end or to that of the connection."""
    head = receive_any(connection)
    assert head.startswith(b"HTTP/1.1 200"), head
    if closes:
        assert connection.recv(1) == b""


def requests(port, request, count, closes):
    """Sends a request on each of the connections before the answers are read: as under load, turns serve several."""
    def connect():
        return socket.create_connection(("127.0.0.1", port), 120)
    # What is found out once is found out before.
    connections = [connect()]
    connections[0].sendall(request)
    receive(connections[0], closes)
    connections += [connect() for _ in range(CONNECTIONS - 1)]
    for _ in range(count // CONNECTIONS):
        if closes:
            connections = [connect() for _ in range(CONNECTIONS)]
        for connection in connections:
            connection.sendall(request)
        for connection in connections:
            receive(connection, closes)
        if closes:
            for connection in connections:
                connection.close()
    for connection in connections:
        connection.close()


def kept(port, path, count):
    """The same over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = HEAD.format(path=path, more="").encode()
    connections = [context.wrap_socket(socket.create_connection(("127.0.0.1", port), 120)) for _ in range(CONNECTIONS)]
    for _ in range(count // CONNECTIONS):
        for connection in connections:
            connection.sendall(request)
        for connection in connections:
            receive(connection, closes=False)


def count(kind, root, tree, workload, requests_sent):
    """What a server that answered so many requests spent from its start to its end, by function."""
    profile = root / f"{workload}.{requests_sent}"
    server = kind(root, tree, profile)
    server.start(pinned=False, patience=120)
    if workload in HANDSHAKES:
        counts = handshakes(root, server.ports[True], HANDSHAKES[workload], f"{requests_sent}x", 1)
        assert counts["made"] + counts["resumed"] == requests_sent + (workload == "W5"), counts
    elif workload in KEPT:
        kept(server.ports[True], KEPT[workload], requests_sent)
    else:
        path, more, closes = (WORKLOADS | AUTH)[workload]
        requests(server.ports[False], HEAD.format(path=path, more=more).encode(), requests_sent, closes)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(60)
    return server.functions()


def show(each, limit):
    """The functions that cost most."""
    costs = sorted(each.items(), key=lambda pair: -pair[1])[:limit]
    text = "\n".join(name for (name, _), _ in costs)
    done = subprocess.run(["swift", "demangle", "--simplified", "--compact"], input=text, capture_output=True, text=True)
    for ((_, place), cost), name in zip(costs, done.stdout.splitlines()):
        print(f"{cost:10.1f}  {name[:110]} [{place}]")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--release", type=Path, default=TOP / ".build/release")
    options.add_argument("--dist", type=Path, default=TOP / "dist")
    options.add_argument("--only", default="")
    options.add_argument("--profile", type=int, default=0, metavar="N", help="print the N functions that cost most")
    options.add_argument("--nginx", action="store_true", help="count those of nginx")
    options = options.parse_args()
    kind = CountedNginx if options.nginx else CountedApus
    os.umask(0)
    root = Path(tempfile.mkdtemp(prefix="apus-instructions-"))
    prepare(root)
    auth.prepare_areas(root)
    tree = stage(root, options.release, options.dist)
    for workload in (*WORKLOADS, *HANDSHAKES, *KEPT, *([] if options.nginx else AUTH)):
        if not workload.startswith(options.only):
            continue
        numbers = (FEW // 10, MANY // 10) if workload in HANDSHAKES else (FEW, MANY)
        few, many = (count(CountedAuth if workload in AUTH else kind, root, tree, workload, number) for number in numbers)
        many.subtract(few)
        each = {key: cost / (numbers[1] - numbers[0]) for key, cost in many.items()}
        own = sum(cost for (_, place), cost in each.items() if not place.startswith("libcrypto"))
        outside = f", {own:.0f} of them outside libcrypto" if workload in HANDSHAKES or workload in KEPT else ""
        print(f"{workload}: {sum(each.values()):.0f} instructions a request{outside}", flush=True)
        if options.profile:
            show(each, options.profile)
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
