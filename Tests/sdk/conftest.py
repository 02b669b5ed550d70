"""Authors outside this tree: everything is done with the programs and files of the distribution alone."""

import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

import pytest
from support import wire
from support.server import DISTRIBUTION, PROJECT, world_readable_directory

APUS = DISTRIBUTION / "bin" / "apus"


@dataclass
class Outcome:
    status: int
    output: str


class Author:
    """Somebody with a directory of their own, who runs commands in it."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        #: Crates are built once for all tests.
        self.environment = {**os.environ, "CARGO_TARGET_DIR": str(self.directory / "target")}

    def run(self, *command, directory=".", timeout=900, environment=None):
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.directory / directory,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        return Outcome(done.returncode, done.stdout)

    def module(self, *arguments, **options):
        """`apus module …`, which must succeed."""
        done = self.run(APUS, "module", *arguments, **options)
        assert done.status == 0, done.output
        return done.output


@pytest.fixture(scope="session")
def author():
    directory = world_readable_directory()
    yield Author(directory)
    shutil.rmtree(directory, ignore_errors=True)


def needs(language):
    """Skips where there is no compiler for a language."""
    tool = {"c": "cc", "swift": os.environ.get("SWIFT", "swift"), "rust": os.environ.get("CARGO", "cargo")}[language]
    if not shutil.which(tool):
        pytest.skip(f"needs {tool}")


EXAMPLES = PROJECT / "Modules" / "examples"
#: The folder of each example, its language, and the modules of each file it gives.
PACKAGES = {
    "c": ("c", {"mod_keyring": ["keyring"], "mod_ledger": ["ledger"]}),
    "rust": ("rust", {"mod_examples_rust": ["letters", "memory", "reader", "echo"]}),
    "swift": ("swift", {"mod_later": ["later"]}),
    "async": ("swift", {"mod_errand": ["errand"]}),
    "xsendfile": ("c", {"mod_xsendfile": ["xsendfile"]}),
    "geoip": ("rust", {"mod_geoip": ["geoip"]}),
    "jwt": ("swift", {"mod_jwt": ["jwt"]}),
}
OWNER = {file: package for package, (_, files) in PACKAGES.items() for file in files}


@pytest.fixture(scope="session")
def package(author):
    """Copies an example out of the tree and builds it there, with the distribution alone."""
    made = {}

    def build(name):
        language, _ = PACKAGES[name]
        needs(language)
        if name not in made:
            target = author.directory / f"example_{name}"
            shutil.copytree(EXAMPLES / name, target, ignore=shutil.ignore_patterns("target", ".build", "*.so"))
            for manifest in target.glob("Cargo.toml"):
                manifest.write_text(manifest.read_text().replace("../../../sdk/rust", str(DISTRIBUTION / "sdk" / "rust")))
            author.module("build", directory=target, environment={"APUS_SDK": str(DISTRIBUTION / "sdk" / "modulekit")})
            made[name] = target
        return made[name]

    return build


@pytest.fixture
def load(package):
    """The LoadModule lines of files."""

    def lines(*files):
        text = ""
        for file in files:
            name = OWNER[file]
            path = package(name) / f"{file}.so"
            text += "".join(f"LoadModule {module}_module {path}\n" for module in PACKAGES[name][1][file])
        return text

    return lines


@pytest.fixture
def serve(apus):
    started = []

    def start(config, **options):
        server = apus(config, **options)
        started.append(server)
        return server.__enter__()

    yield start
    for server in started:
        server.__exit__(None, None, None)


def ask(server, path="/", *fields, **options):
    return wire.fetch(server.port, wire.get(path, *fields, **options))


@pytest.fixture
def peer():
    """Says a line to whoever connects, or nothing at all."""
    listener = socket.create_server(("127.0.0.1", 0))
    answers = [b"from a peer\n"]

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                time.sleep(0.05)
                client.sendall(answers[0])

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1], answers
    listener.close()
