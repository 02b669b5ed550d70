"""Looks at the processes of a server from outside, and reaches each of its workers."""

import os
import pathlib

from .waiting import wait_until
from .wire import Connection


def stat_of(pid):
    """Name, state and parent of a process, or None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, rest = text[text.index("(") + 1 :].rsplit(") ", 1)
    state, parent, group = rest.split()[:3]
    return name, state, int(parent), int(group)


def thread_states(pid):
    """The state of each thread of a process, as a letter of proc(5)."""
    return [stat_of(f"{pid}/task/{thread}")[1] for thread in os.listdir(f"/proc/{pid}/task")]


def children_of(pid):
    """The processes whose parent is `pid`, those that have ended left out."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = stat_of(int(entry.name))
            if stat and stat[2] == pid and stat[1] not in "ZX":
                found.append(int(entry.name))
    return sorted(found)


def alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[1] not in "ZX"


def is_apus(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe").split(" ")[0].endswith("apus")
    except OSError:
        return False


class Processes:
    """The supervisor, the leader that serves and its workers, by their numbers."""

    def __init__(self, supervisor):
        self.supervisor = supervisor

    @property
    def leaders(self):
        """All leaders, the newest last."""
        return [pid for pid in children_of(self.supervisor) if is_apus(pid) and stat_of(pid)[3] == pid]

    @property
    def leader(self):
        return self.leaders[-1]

    @property
    def workers(self):
        return [pid for pid in children_of(self.leader) if is_apus(pid)]

    def all(self):
        found, waiting = [], [self.supervisor]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting.extend(children_of(pid))
        return found

    def wait_for_workers(self, count):
        def ready():
            leaders = self.leaders
            return len(leaders) == 1 and len(self.workers) == count and self.workers

        return wait_until(ready, lambda: f"{count} workers under one leader: {self.leaders}")


def one_connection_each(port, count, identify):
    """Open connections to `count` workers; `identify(connection)` tells which it is."""
    found, tried = {}, []
    try:
        for _ in range(300):
            connection = Connection(port)
            tried.append(connection)
            found.setdefault(identify(connection), connection)
            if len(found) == count:
                return [found[key] for key in sorted(found)]
        raise AssertionError(f"only workers {sorted(found)} answered")
    finally:
        for connection in tried:
            if connection not in found.values():
                connection.close()


def worker_of(connection, workers):
    """Which of the processes holds the server's end of a connection that has been served before."""
    local, peer = connection.socket.getsockname(), connection.socket.getpeername()
    ends = f":{peer[1]:04X}", f":{local[1]:04X}"
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        own, other, inode = (line.split()[index] for index in (1, 2, 9))
        if own.endswith(ends[0]) and other.endswith(ends[1]):
            break
    else:
        raise AssertionError(f"no connection {local} – {peer}")
    for pid in workers:
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                if os.readlink(entry) == f"socket:[{inode}]":
                    return pid
            except OSError:
                continue
    raise AssertionError(f"none of {workers} holds socket {inode}")
