"""The provider "socache" with every kind of cache, those in other machines among them, which may be slow or gone."""

import base64
import contextlib
import threading
import time

import pytest
from support.digest import credentials, get, nonce
from support.engines import Engine, engine_for
from support.passwords import USERS, write_digest_file, write_user_file
from support.server import DEFAULT_MODULES
from support.waiting import wait_until
from support.wire import Connection

MODULES = (*DEFAULT_MODULES, "auth_basic", "auth_digest", "authn_core", "authn_file", "authz_user", "authn_socache")
AREA = 'AuthName "Top Secret"\nAuthUserFile @ROOT@/users\nRequire valid-user\nAuthnCacheProvideFor file\n'
AREAS = {
    "basic": AREA + "AuthType Basic\nAuthBasicProvider socache file\n",
    "index": AREA + "AuthType Basic\nAuthBasicProvider socache file\nDirectoryIndex lost f.txt\n",
    "only": AREA + "AuthType Basic\nAuthBasicProvider socache\n",
    "digest": AREA + "AuthType Digest\nAuthDigestProvider socache file\nAuthUserFile @ROOT@/digest\n",
    "open": "Require all granted\n",
}


@contextlib.contextmanager
def cached_server(apus, word, workers=1, more=""):
    kind = word.split(":")[0]
    text = f'Workers {workers}\nAuthnCacheSOCache "{word}"\n{more}' + "".join(
        f'<Directory "@HTDOCS@/{name}">\n{area}</Directory>\n' for name, area in AREAS.items()
    )
    with apus(text, modules=(*MODULES, f"socache_{kind}"), start=False) as server:
        for name in AREAS:
            server.put(f"{name}/f.txt", "secret\n")
        write_user_file(server.root / "users", USERS)
        write_digest_file(server.root / "digest")
        server.start()
        yield server


def status(server, path, name="alice", password=None):
    password = USERS[name].password if password is None else password
    return get(server, path, "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()).status


@pytest.mark.parametrize("kind", ["shmcb", "dbm", "redis", "memcache"])
@pytest.mark.parametrize("name", ["alice", "carol", "bob"])
def test_what_was_looked_up_is_found(apus, kind, name):
    with engine_for(kind) as word, cached_server(apus, word, workers=2) as server:
        for _ in range(3):
            assert status(server, "/basic/f.txt", name) == 200
            assert status(server, "/basic/f.txt", name, "wrong") == 401
            assert status(server, "/basic/f.txt", "nobody", "x") == 401
        write_user_file(server.root / "users", {"zoe": USERS["bob"]}, odd=False)
        # Longer than what one worker keeps by itself.
        time.sleep(1.2)
        for _ in range(4):
            assert status(server, "/basic/f.txt", name) == 200
            assert status(server, "/basic/f.txt", name, "wrong") == 401
        assert status(server, "/basic/f.txt", "zoe", USERS["bob"].password) == 200
        assert status(server, "/only/f.txt", name) == 401


@pytest.mark.parametrize("line", ["", "AuthnCacheEnable", "AuthnCacheSOCache shmcb\nAuthnCacheEnable"])
def test_the_default_cache(apus, line):
    """That of the module with a provider of that name; without one, the message says what to do."""
    text = f'{line}\n<Directory "@HTDOCS@">\n{AREAS["basic"]}</Directory>\n'
    with apus(text, modules=(*MODULES, "socache_shmcb"), start=False) as server:
        server.put("f.txt", "secret\n")
        write_user_file(server.root / "users", USERS)
        server.start()
        assert status(server, "/f.txt") == 200
        write_user_file(server.root / "users", {"bob": USERS["bob"]}, odd=False)
        assert status(server, "/f.txt") == 200
    if "shmcb" not in line:
        with apus(text, modules=MODULES, start=False) as server:
            done = server.run("-t")
            assert done.returncode != 0 and "add AuthnCacheSOCache" in done.stderr


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_requests_inside_the_server(apus, kind):
    with engine_for(kind) as word, cached_server(apus, word) as server:
        for _ in range(3):
            assert status(server, "/index/") == 200
            assert status(server, "/index/", password="wrong") == 401
            time.sleep(1.1)


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_digest(apus, kind):
    """What has come counts for the next request; nobody waits for it."""
    with engine_for(kind) as word, cached_server(apus, word) as server:

        def digest(**changes):
            value = nonce(server, "/digest/f.txt")
            return get(server, "/digest/f.txt", credentials("/digest/f.txt", value, **changes)).status

        assert digest() == 200
        assert digest(password="wrong") == 401
        (server.root / "digest").write_text("")
        time.sleep(1.2)
        wait_until(lambda: digest() == 200, "the cache's answer")
        assert digest(password="wrong") == 401


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_a_cache_that_does_not_answer(apus, kind):
    """Whoever logs in waits, nobody else does; then the next provider decides."""
    with Engine(kind) as engine, cached_server(apus, engine.word) as server:
        assert status(server, "/basic/f.txt") == 200
        time.sleep(1.1)
        engine.pause()
        try:
            seen = []
            thread = threading.Thread(target=lambda: seen.append(status(server, "/basic/f.txt")))
            thread.start()
            time.sleep(0.1)
            start = time.monotonic()
            for _ in range(20):
                assert get(server, "/open/f.txt").status == 200
            assert time.monotonic() - start < 5
            thread.join()
            assert seen == [200]
            assert status(server, "/basic/f.txt", password="wrong") == 401
        finally:
            engine.go_on()
        assert status(server, "/basic/f.txt") == 200


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_a_cache_that_is_gone(apus, kind):
    with Engine(kind) as engine, cached_server(apus, engine.word) as server:
        assert status(server, "/basic/f.txt") == 200
        engine.stop()
        time.sleep(1.1)
        for _ in range(3):
            assert status(server, "/basic/f.txt") == 200
            assert status(server, "/basic/f.txt", password="wrong") == 401
            assert status(server, "/only/f.txt") == 401


@pytest.mark.parametrize("kind", ["redis", "memcache"])
def test_clients_that_do_not_wait(apus, kind):
    """The request goes while the cache is asked: nothing of it may be touched afterwards."""
    with engine_for(kind) as word, cached_server(apus, word) as server:
        for number in range(60):
            with Connection(server.port) as connection:
                token = base64.b64encode(f"user{number}:x".encode()).decode()
                connection.send(f"GET /basic/f.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n\r\n".encode())
        assert status(server, "/basic/f.txt") == 200
