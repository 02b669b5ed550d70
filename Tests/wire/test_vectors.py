"""Every framing vector against one server: right answer, right connection state, nothing smuggled.

`--oracle` plays them to apache2 as well and prints how many it answers as Apus must.
"""

import pathlib

import pytest

from support import vectors
from support.server import SERVERS
from support.site import VECTOR_CONFIG, make_vector_site

VECTORS = vectors.load(pathlib.Path(__file__).with_name("vectors.toml"))


def pytest_generate_tests(metafunc):
    if "vector" in metafunc.fixturenames:
        names = [metafunc.config.getoption("--server")]
        if metafunc.config.getoption("--oracle") and "apache2" not in names:
            names.append("apache2")
        metafunc.parametrize("engine", names, indirect=True, scope="module")
        metafunc.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


@pytest.fixture(scope="module")
def engine(request, server_class):
    """The server that the vectors are played to; a worker that crashes on one is noticed at the end."""
    chosen = SERVERS[request.param]
    if not chosen.program.exists():
        pytest.skip(f"needs {chosen.program}")
    with chosen(VECTOR_CONFIG) as server:
        make_vector_site(server)
        yield server
        assert "exit signal" not in server.error_log(), server.diagnosis()


def test_vector(engine, vector, request):
    scores = request.config.vector_scores.setdefault(engine.name, {})
    scores[vector.name] = False
    expected, _ = vector.expectation(engine.name)
    outcome = vectors.play(vector, engine.port, len(expected))
    scores[vector.name] = vector.mismatch(outcome, "apus") is None
    problem = vector.mismatch(outcome, engine.name)
    assert problem is None, f"{engine.name} {problem}\n{vector.why}\n{vector.data[:400]!r}"
