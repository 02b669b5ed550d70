"""Reloads, and clients that keep a server busy meanwhile and notice every answer that does not come."""

import threading

from .waiting import wait_until
from .wire import Connection, ConnectionEnded, ProtocolError, get


def reload(server, verb="graceful"):
    """Reloads by the command line and returns when it says that it is done."""
    done = server.run("-k", verb)
    assert done.returncode == 0, done.stderr + server.diagnosis()
    return done


class Load:
    """Clients that ask without a pause: on kept connections, and on a new one for each request.

    A request fails when no whole answer comes. A connection that the server closes after `Connection: close` is opened
    again; one that it closes otherwise, or resets, is a failure.
    """

    def __init__(self, port, clients=4, tls=None):
        self.port, self.tls = port, tls
        self.failures, self.requests = [], 0
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=[number % 2 == 0]) for number in range(clients)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.requests > 20, "the load to begin")
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _run(self, keeps):
        while not self._ending.is_set():
            try:
                with Connection(self.port, tls=self.tls) as connection:
                    self._talk(connection, keeps)
            except (ConnectionEnded, ProtocolError, OSError) as error:
                self.failures.append(repr(error))

    def _talk(self, connection, keeps):
        while not self._ending.is_set():
            response = connection.request(get("/") if keeps else get("/", "Connection: close"))
            assert response.status == 200
            self.requests += 1
            if not response.persistent:
                return
