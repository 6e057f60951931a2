"""The seat that a process takes: stable across restarts, never shared (PROTOCOL.md, 10)."""

import fcntl
import socket
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import IO


class Superseded(Exception):
    """A newer process took this one's seat; this one begins nothing more and ends."""


class Seat:
    """A lock on a file of the data folder; the first free number is ours until this process ends."""

    def __init__(self, folder: Path, name: str = "") -> None:
        self._file: IO[str] | None = None
        self.name = name or self._take(folder / "seats")

    def _take(self, folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            file = (folder / str(number)).open("w", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            self._file = file
            return f"{socket.gethostname()}.{_mark(folder)}.{number}"
        raise AssertionError("unreachable")

    def leave(self) -> None:
        """Let another process take it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _mark(folder: Path) -> str:
    """Tells data folders of one machine apart."""
    return sha256(str(folder.resolve()).encode()).hexdigest()[:6]
