"""Invariant: a request for a static file on a kept connection allocates nothing after warm-up, modules and log included."""

import pathlib
import shutil
import struct
import subprocess

import pytest

from support.server import world_readable_directory
from support.waiting import wait_until
from support.wire import Connection

REQUEST = b"GET /probe.html HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"


CONFIG = """\
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\"" full
CustomLog "@ROOT@/logs/counted" full
MaxKeepAliveRequests 0
"""


@pytest.fixture
def counting_server(apus):
    directory = world_readable_directory()
    library, counter = directory / "malloc_count.so", directory / "count"
    source = pathlib.Path(__file__).parent / "malloc_count.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", source, "-o", library], check=True)
    counter.write_bytes(bytes(8))
    counter.chmod(0o666)
    # One process, so that the counter is the worker's.
    environment = {"LD_PRELOAD": str(library), "MALLOC_COUNT_FILE": str(counter)}
    with apus(CONFIG, environment=environment, arguments=["-X"]) as server:
        server.put("probe.html", "x" * 1024)
        yield server, lambda: struct.unpack("<Q", counter.read_bytes())[0]
    shutil.rmtree(directory)


def test_static_keep_alive_requests_allocate_nothing(counting_server):
    server, count = counting_server
    with Connection(server.port) as connection:

        def allocations(requests):
            before = count()
            for _ in range(requests):
                assert connection.request(REQUEST).status == 200
            return count() - before

        # Warm once the file, which is new, is old enough to be kept open.
        wait_until(lambda: allocations(50) == 0, "requests that allocate nothing")
        assert allocations(1000) == 0
