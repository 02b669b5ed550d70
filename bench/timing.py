#!/usr/bin/python3
"""Shows that the time of an answer tells nobody who is a user: known users with a wrong password and unknown ones cost the same.

For {SHA}, whose check is quick, it counts the user instructions of the provider "file" with callgrind. For bcrypt it takes the
time of 200 tries of each kind, in turn: of a clock, which is steady on an idle machine only, and of the server's processors. Usage: bench/timing.py [--release DIR] [--dist DIR] [--tries N] [--write]
--write puts the figures into docs/performance.md.
"""

import argparse
import base64
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import page
from auth import AUTH, modules
from instructions import TOP, Counted, receive_any, stage
from peers import Apus, prepare

USERS = 1000
#: By what part the two may differ: instructions by a few, for what is told apart in the end.
MOST_INSTRUCTIONS, MOST_TIME = 0.001, 0.05


class Guarded(Apus):
    """A server that has something for users only."""

    def command(self):
        (self.root / "apus/httpd.conf").write_text(
            f"""{modules(f"{self.dist}/modules", ("mime", *AUTH))}
ServerRoot {self.root}/apus
PidFile apus.pid
ErrorLog error_log
LogLevel crit
Workers 1
Listen 127.0.0.1:{self.ports[False]}
ServerName localhost
MaxKeepAliveRequests 0
TypesConfig {self.dist}/conf/mime.types
DocumentRoot {self.root}/site
<Directory />
    AuthType Basic
    AuthName area
    AuthUserFile {self.root}/users
    Require valid-user
</Directory>
"""
        )
        return [f"{self.dist}/bin/apus", "-f", f"{self.root}/apus/httpd.conf", "-DFOREGROUND"]


class CountedGuarded(Counted, Guarded):
    alone = ("-X",)

    def command(self):
        return [word for word in super().command() if word != "-DFOREGROUND"]


def ask(connection, user, password):
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    connection.sendall(f"GET /1k.html HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n\r\n".encode())
    head = receive_any(connection)
    assert head.startswith(b"HTTP/1.1 401"), head


def write_users(root, options):
    """Users of names and hashes of one length each."""
    stored = subprocess.run(["htpasswd", "-nb", *options, "x", "right"], capture_output=True, text=True, check=True)
    hash_ = stored.stdout.strip().split(":", 1)[1]
    (root / "users").write_text("".join(f"known{number:04}:{hash_}\n" for number in range(USERS)))


def instructions(root, tree, kind):
    """What the provider spends on a try, all that it calls included."""
    profile = root / f"profile.{kind}"
    server = CountedGuarded(root, tree, profile)
    server.start(pinned=False, patience=120)
    with socket.create_connection(("127.0.0.1", server.ports[False]), 120) as connection:
        for number in range(USERS):
            ask(connection, f"{kind}{number:04}", "wrong")
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(60)
    done = subprocess.run(
        ["callgrind_annotate", "--inclusive=yes", "--threshold=100", profile], capture_output=True, text=True, check=True
    )
    def cost(function):
        found = re.findall(rf"^ *([\d,]+) \( *[\d.]+%\)  \S*?:\$s7AuthKit{function}", done.stdout, re.M)
        return max(int(cost.replace(",", "")) for cost in found)

    # The file is read once, which takes as long as the sorting of random numbers takes.
    return (cost("12UserProviderC5check") - cost("11WatchedFileC7readNow")) / USERS


def times(root, dist, tries):
    """Medians of the milliseconds that a try takes, of known and of unknown users, by a clock and of processors."""
    server = Guarded(root, dist)
    server.start(pinned=False)
    taken = {"known": ([], []), "other": ([], [])}
    with socket.create_connection(("127.0.0.1", server.ports[False]), 120) as connection:
        ask(connection, "known0000", "wrong")
        for number in range(tries):
            for kind, (clock, processors) in taken.items():
                used, start = server.cpu(), time.perf_counter()
                ask(connection, f"{kind}{number:04}", f"wrong{number:04}")
                clock.append(time.perf_counter() - start)
                processors.append(server.cpu() - used)
    server.stop()
    return [[statistics.median(of) * 1e3 for of in ways] for ways in zip(*taken.values())]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--release", type=Path, default=TOP / ".build/release")
    options.add_argument("--dist", type=Path, default=TOP / "dist")
    options.add_argument("--tries", type=int, default=200)
    options.add_argument("--write", action="store_true")
    options = options.parse_args()
    os.umask(0)
    root = Path(tempfile.mkdtemp(prefix="apus-timing-"))
    prepare(root)
    tree = stage(root, options.release, options.dist)
    write_users(root, ["-s"])
    known, unknown = (instructions(root, tree, kind) for kind in ("known", "other"))
    write_users(root, ["-B", "-C", "8"])
    clock, processors = times(root, options.dist.resolve(), options.tries)
    shutil.rmtree(root)
    rows = [
        ("{SHA}: instructions in the provider", known, unknown, MOST_INSTRUCTIONS),
        (f"bcrypt, cost 8: median of {options.tries} tries, ms", *clock, MOST_TIME),
        ("the same, of processors", *processors, MOST_TIME),
    ]
    text = "| a wrong password | of a known user | of an unknown user | ratio | |\n|---|---|---|---|---|\n"
    holds = []
    for name, of_known, of_unknown, most in rows:
        holds.append(abs(of_unknown / of_known - 1) <= most)
        text += f"| {name} | {of_known:,.1f} | {of_unknown:,.1f} | {of_unknown / of_known:.4f} | {'held' if holds[-1] else 'MISSED'} |\n"
    print(text, end="")
    if options.write:
        page.write("bench/timing.py", text)
    raise SystemExit(not all(holds))


if __name__ == "__main__":
    main()
