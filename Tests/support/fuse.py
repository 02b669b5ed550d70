"""A file system whose answers a test can hold back, so that what looks at its files has to wait.

The kernel's FUSE protocol, as much of it as files of one directory need; only root may mount it.
"""

import contextlib
import ctypes
import errno
import os
import struct
import threading

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT = 1, 2, 3, 14, 15, 18, 25, 26
INTERRUPT, BATCH_FORGET = 36, 42
UNANSWERED = {FORGET, INTERRUPT, BATCH_FORGET}
ROOT = 1
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


class HeldFiles:
    """Files by their names and contents, mounted at a directory while the context lasts."""

    def __init__(self, directory, files):
        self.directory = str(directory)
        self.names = list(files)
        self.contents = [content.encode() for content in files.values()]
        #: Clear: whoever asks waits.
        self.flows = threading.Event()
        self.flows.set()
        #: Set when somebody has asked since the last `hold`.
        self.asked = threading.Event()
        self._fd = -1

    def hold(self):
        self.asked.clear()
        self.flows.clear()

    def release(self):
        self.flows.set()

    def __enter__(self):
        self._fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._fd},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        if _libc.mount(b"held", self.directory.encode(), b"fuse", 0, options.encode()) != 0:
            os.close(self._fd)
            raise OSError(ctypes.get_errno(), "mount")
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *problem):
        self.release()
        _libc.umount2(self.directory.encode(), MNT_DETACH)
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _serve(self):
        while True:
            try:
                message = os.read(self._fd, 1 << 17)
            except OSError:
                return
            _, operation, unique, node = struct.unpack_from("<IIQQ", message)
            if operation in UNANSWERED:
                continue
            # Each in a thread of its own: one that is held keeps nobody else waiting.
            threading.Thread(target=self._answer, args=(operation, unique, node, message[40:]), daemon=True).start()

    def _answer(self, operation, unique, node, body):
        if operation != INIT:
            self.asked.set()
            self.flows.wait()
        result = self._result(operation, node, body)
        code, data = (result, b"") if isinstance(result, int) else (0, result)
        with contextlib.suppress(OSError):
            os.write(self._fd, struct.pack("<IiQ", 16 + len(data), -code, unique) + data)

    def _result(self, operation, node, body):
        if operation == INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 16, 16, 1 << 16, 1, 0, 0, 0)
        if operation == LOOKUP:
            name = body.rstrip(b"\0").decode()
            if name not in self.names:
                return errno.ENOENT
            found = ROOT + 1 + self.names.index(name)
            return struct.pack("<QQQQII", found, 0, 0, 0, 0, 0) + self._attributes(found)
        if operation == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self._attributes(node)
        if operation == OPEN:
            return struct.pack("<QII", 0, 0, 0)
        if operation == READ:
            offset, size = struct.unpack_from("<8xQI", body)
            return self.contents[node - ROOT - 1][offset : offset + size]
        return 0 if operation in (RELEASE, FLUSH) else errno.ENOSYS

    def _attributes(self, node):
        is_root = node == ROOT
        size = 0 if is_root else len(self.contents[node - ROOT - 1])
        mode = 0o040755 if is_root else 0o100644
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, 0, 0, 1, 1, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
