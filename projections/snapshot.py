"""The snapshot that analysts read: a copy of the database, published every few seconds by an atomic rename.

The copy is made by a child process, and that is not a matter of taste: DuckDB holds its file by a POSIX lock, and a
process that opens and closes a locked file anywhere else in itself loses the lock without a word.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from projections.store import Store
from projections.threads import in_thread

#: A copy may take at most this part of the time between two.
SHARE = 20

_COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"


class CopyFailed(Exception):
    """The snapshot could not be written."""


class Snapshots:
    """Publishes the store's file at `path` when it has changed, not more often than every `interval` seconds."""

    def __init__(self, store: Store, path: Path, interval: float) -> None:
        self._store, self._path = store, path
        self._interval = interval
        self._changed = True  # whatever there is may be older than the database
        self._next = 0.0
        self._copying: asyncio.Task[None] | None = None
        self.took = 0.0

    def changed(self) -> None:
        """Something was committed since."""
        self._changed = True

    @property
    def copying(self) -> bool:
        """Whether a copy is under way: the main file must not change now."""
        return self._copying is not None and not self._copying.done()

    async def publish_if_due(self) -> None:
        """Begin a copy if there is something new and the time has come. Raises what the last copy raised."""
        if self._copying is not None and self._copying.done():
            finished, self._copying = self._copying, None
            await finished
        if self._changed and self._copying is None and time.monotonic() >= self._next:
            await self._begin()

    async def finish(self) -> None:
        """Wait for the copy under way, and publish what came since."""
        if self._copying is not None:
            await self._copying
            self._copying = None
        if self._changed:
            await self._begin()
            await self.finish()

    async def abandon(self) -> None:
        """Publish nothing more: the copy under way does not replace the snapshot."""
        if self._copying is not None:
            self._copying.cancel()
            await asyncio.wait({self._copying})

    async def _begin(self) -> None:
        self._changed = False
        began = time.monotonic()
        await in_thread(self._store.checkpoint)
        self._copying = asyncio.create_task(self._publish(began))

    async def _publish(self, began: float) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.new")
        await _copy(self._store.path, fresh)
        os.replace(fresh, self._path)
        self.took = time.monotonic() - began
        self._next = began + max(self._interval, SHARE * self.took)


async def _copy(source: Path, target: Path) -> None:
    """By reference where the file system can; `cp` of other systems does not know that option."""
    target.unlink(missing_ok=True)
    refused = await _child("cp", "--reflink=auto", str(source), str(target))
    if refused is not None:
        refused = await _child(sys.executable, "-I", "-S", "-c", _COPY, str(source), str(target))
    if refused is not None:
        raise CopyFailed(
            f"The snapshot could not be copied from {source} to {target}: {refused}. Is there room on the disk, and "
            "may this user write there?"
        )


async def _child(*command: str) -> str | None:
    """None when it went well, else what it said."""
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        return str(error)
    _, said = await child.communicate()
    if child.returncode == 0:
        return None
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with code {child.returncode}"
