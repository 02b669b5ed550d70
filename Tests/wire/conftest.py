"""One server for the connection tests of a module."""

import pytest

from support.site import VECTOR_CONFIG, make_vector_site

LARGE = bytes(range(256)) * (5 * 1024 * 1024 // 256)


@pytest.fixture(scope="module")
def server(server_class):
    """The server under test over the small site, with one large file."""
    with server_class(VECTOR_CONFIG) as running:
        make_vector_site(running)
        running.put("large.bin", LARGE)
        running.put("empty.txt", "")
        yield running


@pytest.fixture(scope="session")
def large():
    """The content of /large.bin: 5 MB with every byte value."""
    return LARGE
