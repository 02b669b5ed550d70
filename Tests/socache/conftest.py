"""Servers with a module that drives a shared object cache, and what they answer.

APUS_SOCACHE=NAME:ARGUMENT and APUS_SOCACHE_MODULE=FILE put a provider from elsewhere through the conformance tests.
"""

import os
import pathlib
import shutil

import pytest
from support.building import compile_shared
from support.server import DISTRIBUTION, world_readable_directory
from support.wire import Connection, fetch, get
from support.workers import one_connection_each

HERE = pathlib.Path(__file__).resolve().parent

HANDLER = """\
<Location "/">
    SetHandler abi
</Location>
"""


@pytest.fixture(scope="session")
def driver():
    """The module that drives a cache."""
    directory = world_readable_directory()
    file = directory / "mod_abi_socache.so"
    flags = (f"-I{DISTRIBUTION / 'include'}", f"-I{HERE.parent / 'ABI'}", "-fvisibility=hidden", "-O2")
    compile_shared(HERE / "mod.c", file, *flags)
    file.chmod(0o755)
    yield file
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def text_for(driver):
    """The configuration of a server that keeps objects in a cache."""

    def make(cache, *, workers=2, extra=""):
        provider = {"rediss": "redis"}.get(cache.split(":")[0], cache.split(":")[0])
        module = os.environ.get("APUS_SOCACHE_MODULE") or f"@MODULES@/mod_socache_{provider}.so"
        return (
            f"Workers {workers}\nMaxKeepAliveRequests 0\n"
            f"LoadModule socache_{provider}_module {module}\nLoadModule abi_socache_module {driver}\n"
            f'{extra}AbiCache "{cache}"\n' + HANDLER
        )

    return make


@pytest.fixture(scope="session")
def cached(apus, text_for):
    """Makes such servers."""

    def make(cache, *, workers=2, extra="", **options):
        return apus(text_for(cache, workers=workers, extra=extra), modules=("authz_core",), **options)

    return make


def numbers(response):
    """What "ok 3 missing 1" says, without the zeroes."""
    assert response.status == 200, response
    words = response.body.decode().split()
    return {name: int(value) for name, value in zip(words[::2], words[1::2]) if value != "0"}


def ask(target, path):
    """What the driver counted, asked over a connection or at a port. How often it had to wait does not matter here."""
    if isinstance(target, Connection):
        counted = numbers(target.request(get(path)))
    else:
        counted = numbers(fetch(target, get(path), timeout=60))
    counted.pop("waited", None)
    return counted


def who(connection):
    return int(connection.request(get("/who")).body.split()[0])


def each_worker(server, count=2):
    """A connection to each of the workers."""
    return one_connection_each(server.port, count, who)


def facts(port):
    """What the provider tells."""
    text = fetch(port, get("/status")).body.decode()
    return dict(line.split(": ", 1) for line in text.splitlines())
