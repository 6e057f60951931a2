"""An archive in an object store: the file that is appended to is kept in memory, and put whole when it is synced."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from streams.archive_store import Content, StoreFailed

#: Bytes after which the next object begins: the last one of each partition is put again with what is new.
ROLL_AT = 8 * 1024 * 1024


class ObjectStore:
    """The objects under a prefix of S3, Google Cloud Storage or Azure, through obstore.

    No object is written over unless it is still what we put: two archivers of one archive notice each other.
    """

    def __init__(self, store: Any, url: str, roll_at: int = ROLL_AT) -> None:
        self._store, self._url, self.roll_at = store, url, roll_at

    @classmethod
    def at(cls, url: str) -> "ObjectStore":
        """The store of a URL; who asks it, and at which address, the environment says. Raises StoreFailed."""
        import obstore

        try:
            return cls(obstore.store.from_url(url), url)
        except (ValueError, obstore.exceptions.BaseError) as error:
            raise StoreFailed(f"{url} names no object store: {_told(error)}") from error

    def __str__(self) -> str:
        return self._url

    def list(self, folder: str) -> dict[str, int]:
        """The objects under `folder/`, by name."""
        import obstore

        with _failing(folder):
            found = {meta["path"]: meta["size"] for part in obstore.list(self._store, folder) for meta in part}
        return dict(sorted((name, size) for name, size in found.items() if size))

    def open(self, name: str, size: int | None = None) -> Content:
        """An object, in memory."""
        content = self.get(name)[0]
        mapped = mmap.mmap(-1, len(content) if size is None else min(size, len(content)))
        mapped[:] = content[: len(mapped)]
        return mapped

    def get(self, name: str) -> tuple[bytes, dict[str, str]]:
        """What an object holds, and its version."""
        import obstore

        with _failing(name):
            got = obstore.get(self._store, name)
            return bytes(got.bytes()), _version(got.meta)

    def put(self, name: str, content: bytes) -> None:
        """Putting is all or nothing."""
        import obstore

        with _failing(name):
            obstore.put(self._store, name, content)

    def put_after(self, name: str, content: bytes, before: dict[str, str] | None) -> dict[str, str]:
        """Put an object in the place of the version that we know, None being none; its version now."""
        import obstore

        taken = (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError)
        with _failing(name):
            try:
                return _version(obstore.put(self._store, name, content, mode=before or "create"))  # type: ignore[arg-type]
            except taken as error:
                there, version = self.get(name)
                if there != content:  # else it was our own put, sent again as its answer was lost
                    raise OSError(f"somebody else has put {name}: two archivers write this archive") from error
                return version

    def begin(self, name: str) -> "ObjectSegment":
        """A new object."""
        return ObjectSegment(self, name, b"", None)

    def resume(self, name: str, size: int) -> "ObjectSegment":
        """Go on with an object."""
        content, version = self.get(name)
        return ObjectSegment(self, name, content[:size], version)

    def lock(self, folder: str, wait: float) -> nullcontext[None]:
        """None is needed: see above."""
        return nullcontext()


class ObjectSegment:
    """An object as it will be."""

    def __init__(self, store: ObjectStore, name: str, content: bytes, version: dict[str, str] | None) -> None:
        self._store, self._name, self._version = store, name, version
        self._content, self._put = bytearray(content), len(content)

    def append(self, content: bytes) -> None:
        """Kept until the next sync."""
        self._content += content

    def sync(self) -> None:
        """Put it, if there is more of it."""
        if len(self._content) > self._put:
            content = bytes(self._content)
            self._version = self._store.put_after(self._name, content, self._version)
            self._put = len(content)

    def close(self) -> None:
        """Let go of the memory."""
        self._content = bytearray()


def _version(meta: Any) -> dict[str, str]:
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key) is not None}


@contextmanager
def _failing(name: str) -> Iterator[None]:
    """What obstore raises, as an OSError in one line."""
    import obstore

    try:
        yield
    except FileNotFoundError:
        raise
    except obstore.exceptions.BaseError as error:
        raise OSError(f"{name}: {_told(error)}") from error


def _told(error: Exception) -> str:
    return str(error).partition("\n\nDebug source")[0]
