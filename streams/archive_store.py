"""Where an archive stands: a directory or an object store, by the few things that an archive asks of either."""

import mmap
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

Content = mmap.mmap
"""What a file holds: read from it like from a file, sliced like bytes."""


class ArchiveFailed(Exception):
    """Records could not be written; none of them is in the archive."""

    def __init__(self, where: object, error: OSError) -> None:
        super().__init__(
            f"{where}: the archive can't be written: {error.strerror or error}. Make room or give the right to write; "
            "what was not archived is written as soon as that works."
        )


class StoreFailed(Exception):
    """The store can't be asked, or does not say what it should."""


class Segment(Protocol):
    """One file that is being written: only its end grows."""

    def append(self, content: bytes) -> None:
        """All of it, or nothing. Raises OSError."""

    def sync(self) -> None:
        """See that what was appended stays, whatever dies. Called from any thread. Raises OSError."""

    def close(self) -> None:
        """Write nothing more."""


class Store(Protocol):
    """Files under names like `folder/file`. Failing raises OSError."""

    roll_at: int
    """Bytes after which a partition's next file begins."""

    def list(self, folder: str) -> dict[str, int]:
        """The files of a folder that hold anything, in the order of their names, with their sizes."""

    def open(self, name: str, size: int | None = None) -> Content:
        """What a file holds, or the first `size` bytes of it."""

    def put(self, name: str, content: bytes) -> None:
        """Make a file hold this, and stay so: the whole of it, or what it held before."""

    def begin(self, name: str) -> Segment:
        """A new file."""

    def resume(self, name: str, size: int) -> Segment:
        """Go on with a file after its first `size` bytes; what follows them is cut."""

    def lock(self, folder: str, wait: float) -> AbstractContextManager[None]:
        """One process at a time writes a folder. Raises Locked after so many seconds."""


def store_at(where: str) -> Store:
    """The store that a path or a URL names: `s3://bucket/path`, `gs://…`, `az://…`, else a directory."""
    scheme, is_url, path = where.partition("://")
    if is_url and scheme != "file":
        from streams.archive_objects import ObjectStore

        return ObjectStore.at(where)
    from streams.archive_directory import DirectoryStore

    return DirectoryStore(Path(path if is_url else where))
