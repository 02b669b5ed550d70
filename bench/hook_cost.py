#!/usr/bin/python3
"""Measures what an empty hook costs a request, in C, Swift (also as an async function) and Rust, and what thirty of them cost.

Instructions are counted with callgrind, free of noise: a server in one process answers 1000 and 3000 requests, with no
hook, with one and with thirty. Nanoseconds are processor time of the same server outside of callgrind, with none and with
thirty hooks, by turns; the median of the rounds. Usage: bench/hook_cost.py [--dist DIR] [--rounds N] [--only c]
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
import time
from pathlib import Path

from peers import free_port

TOP = Path(__file__).resolve().parent.parent
SOURCES = TOP / "bench" / "hooks"
REQUEST = b"GET /file.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
LANGUAGES = ["c", "swift", "async", "rust"]
FEW, MANY, TIMED = 1000, 3000, 40_000
BATCH = 50


def build(dist, directory, language):
    """Makes the module as an author would."""
    module = [str(dist / "bin/apus"), "module"]
    kind = "swift" if language == "async" else language
    subprocess.run([*module, "new", "empty", "--lang", kind, directory], check=True, capture_output=True)
    source, target = {
        "c": ("mod_empty.c", "mod_empty.c"),
        "swift": ("Empty.swift", "Sources/empty/Empty.swift"),
        "async": ("Async.swift", "Sources/empty/Empty.swift"),
        "rust": ("lib.rs", "src/lib.rs"),
    }[language]
    shutil.copy(SOURCES / source, directory / target)
    if language == "async":
        manifest = directory / "Package.swift"
        manifest.write_text(manifest.read_text().replace('"ModuleKit"', '"AsyncKit"'))
    subprocess.run([*module, "build", directory], check=True, capture_output=True)
    # Valgrind does not read the debug information of every compiler.
    subprocess.run(["strip", "--strip-debug", directory / "mod_empty.so"], check=True)
    return directory / "mod_empty.so"


class Server:
    """One process that serves a file, with so many empty hooks."""

    def __init__(self, dist, root, module, hooks, profile=None):
        self.port = free_port()
        config = root / "httpd.conf"
        config.write_text(
            f'ServerRoot "{root}"\nServerName localhost\nPidFile "{root}/pid"\nErrorLog "{root}/error"\n'
            f'Listen 127.0.0.1:{self.port}\nMaxKeepAliveRequests 0\nDocumentRoot "{root}/htdocs"\nLoadModule empty_module "{module}"\n'
        )
        command = [str(dist / "bin/apus"), "-f", str(config), "-X"]
        if profile:
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", *command]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        self.process = subprocess.Popen(command, env={**os.environ, "HOOKS": str(hooks), "TMPDIR": str(root)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connection = socket.create_connection(("127.0.0.1", self.port), 60)
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def ask(self, count):
        """Sends requests in batches on one connection, and reads all that comes."""
        for _ in range(count // BATCH):
            self.connection.sendall(REQUEST * BATCH)
            received = b""
            while received.count(b"HTTP/1.1 200 ") < BATCH or not received.endswith(b"\r\n\r\nok\n"):
                part = self.connection.recv(1 << 18)
                assert part, "the server has gone"
                received += part

    def processor_time(self):
        fields = Path(f"/proc/{self.process.pid}/schedstat").read_text().split()
        return int(fields[0])

    def stop(self):
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def instructions(dist, root, module, hooks):
    """User instructions of a request."""
    totals = []
    for count in (FEW, MANY):
        profile = root / f"profile.{count}"
        server = Server(dist, root, module, hooks, profile)
        server.ask(count)
        server.stop()
        totals.append(int(re.search(r"^(?:totals|summary): (\d+)", profile.read_text(), re.M)[1]))
        profile.unlink()
    return (totals[1] - totals[0]) / (MANY - FEW)


def nanoseconds(dist, root, module, hooks):
    """Processor time of a request."""
    server = Server(dist, root, module, hooks)
    server.ask(TIMED // 4)
    before = server.processor_time()
    server.ask(TIMED)
    spent = server.processor_time() - before
    server.stop()
    return spent / TIMED


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dist", type=lambda text: Path(text).resolve(), default=TOP / "dist")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", choices=LANGUAGES)
    options = options.parse_args()
    os.umask(0)
    root = Path(tempfile.mkdtemp(prefix="apus-hooks-"))
    root.chmod(0o777)
    (root / "htdocs").mkdir()
    (root / "htdocs/file.txt").write_text("ok\n")
    print("| an empty hook in | instructions | thirty, each | ns, of thirty each |\n|---|---|---|---|")
    try:
        for language in [options.only] if options.only else LANGUAGES:
            module = build(options.dist, root / language, language)
            none, one, thirty = (instructions(options.dist, root, module, hooks) for hooks in (0, 1, 30))
            pairs = [[nanoseconds(options.dist, root, module, hooks) for hooks in (0, 30)] for _ in range(options.rounds)]
            each = statistics.median((pair[1] - pair[0]) / 30 for pair in pairs)
            print(f"| {language} | {one - none:.0f} | {(thirty - none) / 30:.1f} | {each:.1f} |", flush=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
