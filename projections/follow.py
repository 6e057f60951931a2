"""Following the log: records in, transactions out, the snapshot in between."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from projections.anchors import Anchors
from projections.intake import Intake, Raw
from projections.reader import EventReader, OffsetGone
from projections.snapshot import Snapshots
from projections.store import Store, StoreStale
from projections.threads import in_thread
from projections.writers import WriterSchemas
from schemas.codec import UnknownSchema

#: Live records are gathered this long, so that a transaction, which has a price of its own, holds more than one; and
#: after one the projector rests twice as long as it took: a trickle of records costs a third of a core at most …
GATHER = 0.02
LONGEST_REST = 0.1
#: … unless there are this many already.
FULL = 1_000
#: How long one look at the log may take before `stop` and the snapshot get their turn.
LOOK = 0.2
#: The WAL is brought into the file when it is larger, also where no snapshot does so.
LARGE_WAL = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """A committed batch: `behind` counts the records that are known to be there and not read yet."""

    records: int
    total: int
    behind: int
    seconds: float


OnProgress = Callable[[Progress], None]


class Follower:
    """Takes one store along one log."""

    def __init__(
        self,
        store: Store,
        reader: EventReader,
        writers: WriterSchemas,
        snapshots: Snapshots | None,
        on_progress: OnProgress | None,
    ) -> None:
        self._store, self._reader, self._writers = store, reader, writers
        self._snapshots, self._on_progress = snapshots, on_progress
        self._intake = Intake(store.positions(), store.open_runs(), store.incarnations)
        self._anchors = Anchors(store, self._intake)
        self._total = 0
        self._rests_until = 0.0

    async def run(self, partitions: list[int], stop: asyncio.Event, until_end: bool) -> int:
        """Follow until `stop` is set, or up to the end that the log has now. The number of records read."""
        await self._begin(partitions)
        ends: dict[int, int] | None = None
        try:
            while not stop.is_set():
                if until_end and (ends := ends or self._ends(partitions)) is not None and self._reached(ends):
                    break
                if records := await self._read():
                    await self._project(records)
                await self._keep()
            if self._snapshots is not None:
                await self._snapshots.finish()
        except BaseException:
            if self._snapshots is not None:
                await self._snapshots.abandon()
            raise
        return self._total

    async def _begin(self, partitions: list[int]) -> None:
        await self._reader.connect()
        beginnings = await self._reader.beginnings(partitions)
        self._reader.start({number: self._anchors.start(number, beginnings[number]) for number in partitions})

    def _ends(self, partitions: list[int]) -> dict[int, int] | None:
        """Where the log ended when every partition had been looked at."""
        ends = {number: end for number in partitions if (end := self._reader.end(number)) is not None}
        return ends if len(ends) == len(partitions) else None

    def _reached(self, ends: dict[int, int]) -> bool:
        return not self._anchors.pending and all(self._intake.offset(number) >= end for number, end in ends.items())

    async def _read(self) -> list[Raw]:
        try:
            records = await self._reader.read(LOOK)
            if 0 < len(records) < FULL:
                await asyncio.sleep(max(GATHER, self._rests_until - time.monotonic()))
                records += await self._reader.read(0)
        except OffsetGone as error:
            raise StoreStale(
                self._store.path, f"it was made from another log, or from a longer one ({error})"
            ) from error
        if self._anchors.pending:
            for number in self._intake.positions:
                self._anchors.check_end(number, self._reader.end(number))
        return records

    async def _project(self, records: list[Raw]) -> None:
        began = time.monotonic()
        while True:
            try:
                written = await in_thread(self._write, records)
                break
            except UnknownSchema as unknown:
                await self._writers.teach(self._intake.decoder, unknown.fingerprint)
        if written:
            self._written(written, time.monotonic() - began)

    def _written(self, written: int, seconds: float) -> None:
        self._total += written
        self._rests_until = time.monotonic() + min(LONGEST_REST, 2 * seconds)
        if self._snapshots is not None:
            self._snapshots.changed()
        if self._on_progress is not None:
            offsets = {number: self._intake.offset(number) for number in self._intake.positions}
            self._on_progress(Progress(written, self._total, self._reader.behind(offsets), seconds))

    def _write(self, records: list[Raw]) -> int:
        self._anchors.check(records)
        batch = self._intake.take(records)
        if batch.records:
            self._store.apply(batch)
        return batch.records

    async def _keep(self) -> None:
        """Publish what is due; keep the WAL from growing where nothing is published."""
        if self._snapshots is not None:
            await self._snapshots.publish_if_due()
            if self._snapshots.copying:
                return
        if self._store.wal_size > LARGE_WAL:
            await in_thread(self._store.checkpoint)
