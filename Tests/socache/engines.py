"""What stands behind the caches that are not memory of the server's own."""

import contextlib
import os


@contextlib.contextmanager
def shared_memory():
    yield "shmcb:logs/cache(4000000)"


@contextlib.contextmanager
def lightning_file():
    yield "dbm:logs/cache"


ENGINES = {"shmcb": shared_memory, "dbm": lightning_file}


@contextlib.contextmanager
def engine_for(name):
    """A cache of that name; a word with a colon in it is taken as it is."""
    if name not in ENGINES:
        yield os.environ.get("APUS_SOCACHE", name)
        return
    with ENGINES[name]() as word:
        yield word
