"""An archive in a directory: what is appended survives the process at once, and a power loss once it is synced."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from streams.archive_lock import FileLock
from streams.archive_store import Content

#: Bytes after which the next file begins.
ROLL_AT = 64 * 1024 * 1024


class DirectoryStore:
    """The files of a directory."""

    def __init__(self, folder: Path, roll_at: int = ROLL_AT) -> None:
        self.folder, self.roll_at = folder, roll_at

    def __str__(self) -> str:
        return str(self.folder)

    def list(self, folder: str) -> dict[str, int]:
        """The files in a folder, by name; those that hold nothing were only begun."""
        found = {f"{folder}/{path.name}": path.stat().st_size for path in sorted((self.folder / folder).glob("[!.]*"))}
        return {name: size for name, size in found.items() if size}

    def open(self, name: str, size: int | None = None) -> Content:
        """A file, mapped; what is not looked at is not read."""
        with (self.folder / name).open("rb") as file:
            there = os.fstat(file.fileno()).st_size
            return mmap.mmap(file.fileno(), there if size is None else min(size, there), access=mmap.ACCESS_READ)

    def put(self, name: str, content: bytes) -> None:
        """By another file that takes its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(path.parent)

    def begin(self, name: str) -> "FileSegment":
        """A new file; one that was only begun holds nothing."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        return FileSegment(self.folder / name, 0)

    def resume(self, name: str, size: int) -> "FileSegment":
        """An old file, without what a crash has torn."""
        return FileSegment(self.folder / name, size)

    @contextmanager
    def lock(self, folder: str, wait: float) -> Iterator[None]:
        """By a file that the system lets go of when its holder dies."""
        lock = FileLock(self.folder / folder / ".lock")
        lock.acquire(wait)
        try:
            yield
        finally:
            lock.release()


class FileSegment:
    """A file that is appended to: each write is the operating system's at once."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._created = not size
        os.ftruncate(self._fd, size)

    def append(self, content: bytes) -> None:
        """One write where the system allows it; a part of one is taken back."""
        try:
            written = os.write(self._fd, content)
            while written < len(content):
                written += os.write(self._fd, content[written:])
        except OSError:
            with suppress(OSError):  # a tail that can't be cut now is cut when the file is opened next
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(content)

    def sync(self) -> None:
        """To the disk itself, with its name in the folder."""
        os.fdatasync(self._fd)
        if self._created:
            sync_folder(self._path.parent)
            self._created = False

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def sync_folder(folder: Path) -> None:
    """See the names of new files onto the disk."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
