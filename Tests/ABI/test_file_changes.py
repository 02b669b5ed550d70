"""Files that a module changes between two requests that came in one packet: the second sees the change.

The worker looks at a file once for all requests that were on their way when its turn of the loop began; these were not.
"""

import pathlib
import time

import pytest
from support.building import build_module
from support.waiting import wait_until
from support.wire import Connection, get

MODULE = """\
#include "abi_test.h"
static apus_status handler(void *ctx, apus_req *r) {
    (void)ctx;
    if (!ours(r)) return APUS_DECLINED;
    const char *name = copy(r, rq->get(r, APUS_R_QUERY));
    char next[4096];
    snprintf(next, sizeof next, "%s.next", name);
    return answerf(r, "%d", rename(next, name));
}
static apus_status attach(const apus_host *host, void **ctx) {
    (void)ctx;
    return on(host, "handler", APUS_MIDDLE, handler, NULL);
}
static const apus_module description = {BASICS("replace_module"), .attach = attach};
EXPORT(description)
"""


@pytest.fixture(scope="module")
def server(apus, scratch):
    file = build_module(MODULE, scratch / "replace", "replace", flags=[f"-I{pathlib.Path(__file__).parent}"])
    config = f'Workers 1\nLoadModule replace_module {file}\n<Location "/replace">\nSetHandler abi\n</Location>\n'
    with apus(config) as running:
        running.htdocs.chmod(0o777)
        yield running


def test_requests_in_one_packet(server):
    for size in (10, 100_000):
        page = server.put("page.txt", "a" * size)
        server.put("page.txt.next", "b" * (size + 1))
        # Only files that have not been changed just now are kept open.
        wait_until(lambda: time.time() - page.stat().st_ctime > 0.05, "the file to be at rest")
        with Connection(server.port) as connection:
            # Twice, the second time from the table of open files.
            assert connection.request(get("/page.txt")).body == connection.request(get("/page.txt")).body == b"a" * size
            asked = ["/page.txt", f"/replace?{page}", "/page.txt", "/page.txt"]
            connection.send(b"".join(map(get, asked)))
            answers = [connection.read_response().body for _ in asked]
        assert answers == [b"a" * size, b"0", b"b" * (size + 1), b"b" * (size + 1)]
