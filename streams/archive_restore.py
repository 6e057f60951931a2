"""Writes an archive back into empty topics: every record in its partition, at the offset that it had."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import EVENTS, MAX_RECORD, TOPICS, WORKERS
from streams.archive_files import PartitionFiles, partitions, read
from streams.archive_format import Archived
from streams.archive_lock import FileLock
from streams.archive_references import References
from streams.archive_topic import LOCK_WITHIN
from streams.connect import opened

#: Stands where the archive has no record, so that those after it keep their offsets.
FILLER = "millrace-filler"
#: Partitions written at once, and seconds until a produce that is not acked has failed.
AT_ONCE = 8
PRODUCE_WITHIN = 30.0

Place = tuple[str, int]


class RestoreRefused(Exception):
    """The topics are not empty: their records would come to stand before the archive's, at other offsets."""

    def __init__(self, occupied: list[str]) -> None:
        super().__init__(
            f"the archive can't be restored: {', '.join(occupied)} already hold records. "
            "Restore into topics that were just created (another broker, or another topic prefix)."
        )


class RestoreFailed(Exception):
    """Somebody else writes to the topics that are being restored."""

    def __init__(self, place: Place, expected: int, found: int) -> None:
        super().__init__(
            f"restoring {place[0]} partition {place[1]}: a record came to stand at offset {found}, not {expected}. "
            "Something else writes to this topic: stop it, delete the topics and restore again."
        )


@dataclass(slots=True)
class Restored:
    """What was written back."""

    records: int = 0
    fillers: int = 0
    ends: dict[Place, int] = field(default_factory=dict)

    def records_of(self, topic: str) -> int:
        """The offsets taken in all partitions of a topic."""
        return sum(end for (name, _), end in self.ends.items() if name == topic)


async def restore(bootstrap: str, prefix: str, folder: Path, *, auth: Mapping[str, Any] | None = None) -> Restored:
    """Write the archive in `folder` into the topics with this prefix, which exist and are empty.

    The topics that events refer to are filled up to where the events saw them, even if the archive of them ends
    before. The workers of that time say goodbye, so that nobody waits for them.

    Raises RestoreRefused, RestoreFailed, ArchiveDamaged, Locked, BrokerUnreachable.
    """
    names = [topic.name for topic in TOPICS if (folder / topic.name).is_dir()]
    locks = [FileLock(folder / name / ".lock") for name in names]
    try:
        for lock in locks:
            lock.acquire(LOCK_WITHIN)
        places = [(name, partition) for name in names for partition in partitions(folder / name)]
        for name, partition in places:
            PartitionFiles(folder / name, partition).close()  # cuts what a crash has torn
        if not places:
            return Restored()
        await _refuse_occupied(bootstrap, prefix, places, auth)
        return await _Restorer(bootstrap, prefix, folder, auth).run(places)
    finally:
        for lock in locks:
            lock.release()


async def _refuse_occupied(bootstrap: str, prefix: str, places: list[Place], auth: Mapping[str, Any] | None) -> None:
    async with opened(AIOKafkaConsumer(bootstrap_servers=bootstrap, **(auth or {})), bootstrap) as consumer:
        ends = await consumer.end_offsets([TopicPartition(prefix + name, partition) for name, partition in places])
    if occupied := sorted({source.topic for source, end in ends.items() if end > 0}):
        raise RestoreRefused(occupied)


class _Restorer:
    """One restoring: the events first, as they tell how far the other topics must reach."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, auth: Mapping[str, Any] | None) -> None:
        self._bootstrap, self._prefix, self._folder = bootstrap, prefix, folder
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            max_batch_size=MAX_RECORD,
            max_request_size=64 * 1024 * 1024,
            request_timeout_ms=int(PRODUCE_WITHIN * 1000),
            **(auth or {}),
        )
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._references = References(folder)
        self._restored = Restored()

    async def run(self, places: list[Place]) -> Restored:
        async with opened(self._producer, self._bootstrap):
            await self._write_all([place for place in places if place[0] == EVENTS.name])
            rest = {place for place in places if place[0] != EVENTS.name} | set(self._references.reach)
            await self._write_all(sorted(rest))
            await self._say_goodbye()
        return self._restored

    async def _say_goodbye(self) -> None:
        """By a tombstone on `workflow.workers`, as a worker does that ends (PROTOCOL.md, 10)."""
        topic = self._prefix + WORKERS.name
        for worker in self._references.workers:
            await self._producer.send(topic, value=None, key=worker.encode(), partition=0)
        await self._producer.flush()

    async def _write_all(self, places: Iterable[Place]) -> None:
        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(self._write(place))

    async def _write(self, place: Place) -> None:
        async with self._slots:
            topic, partition = place
            records: Iterable[Archived] = read(self._folder / topic, partition)
            if topic == EVENTS.name:
                records = self._references.noting(partition, records)
            end = 0
            for batch in self._batches(records, self._references.reach.get(place, 0)):
                end = await self._send(place, end, *batch)
            self._restored.ends[place] = end

    def _batches(self, records: Iterable[Archived], reach: int) -> Iterator[tuple[Any, int]]:
        """(a batch, how many records it holds), as large as batches may be; the last record is one of its own.

        The embedded broker tells the second offset of the last batch when it is asked where a partition ends.
        """
        batch, count = self._producer.create_batch(), 0
        for record, is_last in _with_last(self._filled(records, reach)):
            content: dict[str, Any] = {"key": record.key, "value": record.value, "timestamp": record.timestamp}
            content["headers"] = list(record.headers)
            if (is_last and count) or batch.append(**content) is None:
                yield batch, count
                batch, count = self._producer.create_batch(), 0
                batch.append(**content)
            count += 1
        if count:
            yield batch, count

    def _filled(self, records: Iterable[Archived], reach: int) -> Iterator[Archived]:
        """The records without gaps from offset 0 to `reach`."""
        offset, timestamp = 0, 0
        for record in chain(records, (None,)):
            for missing in range(offset, reach if record is None else record.offset):
                self._restored.fillers += 1
                # with a key, as compacted topics refuse records without one
                yield Archived(missing, timestamp, FILLER.encode(), None, ((FILLER, b""),))
            if record is not None:
                self._restored.records += 1
                yield record
                offset, timestamp = record.offset + 1, record.timestamp

    async def _send(self, place: Place, expected: int, batch: Any, count: int) -> int:
        batch.close()
        acked = await self._producer.send_batch(batch, self._prefix + place[0], partition=place[1])
        found = (await asyncio.wait_for(acked, PRODUCE_WITHIN)).offset
        if found != expected:
            raise RestoreFailed(place, expected, found)
        return expected + count


def _with_last(records: Iterator[Archived]) -> Iterator[tuple[Archived, bool]]:
    """Each record, and whether none follows."""
    current = next(records, None)
    while current is not None:
        following = next(records, None)
        yield current, following is None
        current = following
