"""Ports picked by the kernel and kept reserved while a server uses them."""

import socket


class PortReservation:
    """Holds `count` free ports of 127.0.0.1.

    The sockets stay bound but never listen. With SO_REUSEADDR on both sides the server may bind the port as
    well, while the kernel gives it to nobody else, so parallel test runs cannot steal each other's ports.
    """

    def __init__(self, count=1):
        self._sockets = [self._bind() for _ in range(count)]
        self.ports = [held.getsockname()[1] for held in self._sockets]

    @staticmethod
    def _bind():
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        return held

    def listen(self):
        """Has somebody listen on the first port, so that nobody else can; returns it."""
        self._sockets[0].listen()
        return self.ports[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()

    def release(self):
        for held in self._sockets:
            held.close()


def accepts(port):
    """Whether somebody listens on the port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
