"""One process at a time: a lock that the system lets go of when its holder dies, and that names the holder."""

import fcntl
import os
import time
from pathlib import Path


class Locked(Exception):
    """Another process holds the lock."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path.parent} is in use by process {holder or 'unknown'}")
        self.path, self.holder = path, holder


class FileLock:
    """Held from `acquire` to `release`, or to the death of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def acquire(self, wait: float = 0.0) -> None:
        """Take it; wait so many seconds for it, as a holder that was killed may take a moment to go. Raises Locked."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        until = time.monotonic() + wait
        while not _locked(fd):
            if time.monotonic() >= until:
                holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
                os.close(fd)
                raise Locked(self._path, holder)
            time.sleep(0.02)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Let go; the file stays, as removing it would let two processes hold it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
