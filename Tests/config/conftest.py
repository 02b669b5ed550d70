"""Running the server's command line over configurations that are never started."""

import pytest

from support.server import DEFAULT_MODULES


@pytest.fixture
def configured(server_class):
    """Makes servers that are configured but not started, and removes their files after the test."""
    made = []

    def make(config, *, modules=DEFAULT_MODULES, **options):
        made.append(server_class(config, modules=modules, start=False, **options))
        return made[-1]

    yield make
    for server in made:
        server.discard()
