"""The projector: reads the log and keeps the database and its snapshot true to it."""

import asyncio
import logging
from pathlib import Path

from projections.follow import Follower, OnProgress
from projections.reader import Auth, EventReader
from projections.snapshot import Snapshots
from projections.store import Store, StoreStale
from projections.writers import WriterSchemas
from schemas.topics import EVENTS, SCHEMAS

log = logging.getLogger(__name__)

#: Between two looks for a topic that nobody has created yet.
_PAUSE = 0.5


async def run_projector(
    *,
    bootstrap: str,
    path: Path,
    stop: asyncio.Event,
    prefix: str = "",
    snapshot_path: Path | None = None,
    snapshot_interval: float = 5.0,
    on_progress: OnProgress | None = None,
    auth: Auth | None = None,
    start_anew: bool = False,
    until_end: bool = False,
) -> int:
    """Project until `stop` is set, or with `until_end` up to what is in the log now. The number of records read.

    With `start_anew` a file that cannot be continued (another log, another version) is put aside as NAME.old and built
    anew; without it StoreStale says what to do. Raises StoreStale, StoreBusy, Unreadable, RecordsMissing, BrokerSilent.
    """
    topic = prefix + EVENTS.name
    writers = WriterSchemas(bootstrap, prefix + SCHEMAS.name, auth)

    async def once() -> int:
        reader = EventReader(bootstrap, topic, auth)
        try:
            if not (partitions := await _partitions(reader, topic, stop)):
                return 0
            with Store(path, topic) as store:
                snapshots = None if snapshot_path is None else Snapshots(store, snapshot_path, snapshot_interval)
                return await Follower(store, reader, writers, snapshots, on_progress).run(partitions, stop, until_end)
        finally:
            await reader.close()

    try:
        return await once()
    except StoreStale as error:
        if not start_anew:
            raise
        log.warning("building the database anew: %s", error)
        _put_aside(path)
        return await once()


async def _partitions(reader: EventReader, topic: str, stop: asyncio.Event) -> list[int]:
    """The topic's partitions, as soon as somebody has created it."""
    said = False
    while not stop.is_set():
        if found := await reader.partitions():
            return found
        if not said:
            log.info("waiting for the topic %s: the first worker creates it", topic)
            said = True
        await asyncio.sleep(_PAUSE)
    return []


def _put_aside(path: Path) -> None:
    for name in (path.name, f"{path.name}.wal"):
        current = path.with_name(name)
        aside = path.with_name(name.replace(path.name, f"{path.name}.old", 1))
        aside.unlink(missing_ok=True)
        if current.exists():
            current.rename(aside)
