"""Publishes workflow files, and again whenever they are saved."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from console.failure import Failure
from console.publish import publish_workflow, read_workflows
from console.settings import Settings

#: Seconds between looks at the files.
LOOK = 0.3

Version = tuple[int, int]


class WatchedFiles:
    """Some workflow files; a folder stands for the `*.yaml` and `*.yml` in it."""

    def __init__(self, paths: list[Path], settings: Settings, say: Callable[[str], None]) -> None:
        self._paths, self._settings, self._say = paths, settings, say
        self._published: dict[Path, Version | None] = {}

    async def publish_changed(self) -> None:
        """Publish what is new or was saved since the last look. What is wrong with a file is told, and looked at again
        when it is saved."""
        changed = [(path, version) for path in self._found() if (version := _version(path)) != self._seen(path)]
        for path, version in changed:
            self._published[path] = version
            try:
                await self._publish(path)
            except Failure as failure:
                self._say(f"{_from_here(path)} is not published: {str(failure).removeprefix('error: ')}")

    async def watch(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(LOOK)
            await self.publish_changed()

    async def _publish(self, path: Path) -> None:
        from console.connect import connected

        (workflow,) = await asyncio.to_thread(read_workflows, [path])
        async with connected(self._settings) as client:
            made = await publish_workflow(client, workflow)
        self._say(f"{'published' if made.new else 'unchanged:'} {made.name}@{made.version}  {_from_here(path)}")

    def _found(self) -> list[Path]:
        found = []
        for path in self._paths:
            inside = [*path.glob("*.yaml"), *path.glob("*.yml")] if path.is_dir() else [path]
            found += sorted(inside)
        return found

    def _seen(self, path: Path) -> Version | None:
        return self._published.get(path, (-1, -1))


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _version(path: Path) -> Version | None:
    """What changes when a file is saved; None while there is no such file (editors write anew and rename)."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
