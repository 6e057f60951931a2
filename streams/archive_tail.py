"""Copies topics from the broker to the archive: up to an offset, or for as long as it runs."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from schemas.topics import COMMANDS, DEADLETTERS, DEFINITIONS, EVENTS, OUTCOMES, SCHEMAS, SETTINGS, Topic
from streams.archive_format import Archived
from streams.archive_place import last_of
from streams.archive_store import ArchiveFailed, Store
from streams.archive_topic import SYNC_EVERY, AnotherLog, TopicArchive
from streams.connect import opened, start, stop
from streams.pacing import paced
from streams.topics import partition_counts

logger = structlog.get_logger("millrace.archive")

#: All but the events, which their owners archive, and the beats, which mean nothing to another broker.
TAILED: tuple[Topic, ...] = (COMMANDS, OUTCOMES, DEFINITIONS, SETTINGS, SCHEMAS, DEADLETTERS)
#: Milliseconds: the embedded broker looks for new records only when a fetch begins.
FETCH_WAIT = 50
#: Seconds until what could not be written is tried again.
PAUSE = 1.0


Ends = dict[TopicPartition, int]
#: Told how many of how many records are done.
OnProgress = Callable[[int, int], None]


class RecordsGone(Exception):
    """Events were deleted before they were archived: no run that they belong to could be restored."""

    def __init__(self, topic: str, partition: int, wanted: int, first: int) -> None:
        super().__init__(
            f"{topic} partition {partition} begins at offset {first}, and the archive ends before {wanted}: the events "
            "between are gone. The topic must keep everything (retention.ms=-1, cleanup.policy=delete)."
        )


def _consumer(bootstrap: str, auth: Mapping[str, Any] | None) -> AIOKafkaConsumer:
    return paced(
        AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT,
            max_partition_fetch_bytes=8 * 1024 * 1024,
            **(auth or {}),
        )
    )


def _archived(message: Any) -> Archived:
    return Archived(message.offset, message.timestamp, message.key, message.value, tuple(message.headers or ()))


async def copy(
    bootstrap: str,
    prefix: str,
    topic: TopicArchive,
    partition: int,
    up_to_offset: int,
    *,
    auth: Mapping[str, Any] | None = None,
) -> None:
    """Archive what is missing of a partition before an offset."""
    source = TopicPartition(prefix + topic.topic, partition)
    async with opened(_consumer(bootstrap, auth), bootstrap) as consumer:
        consumer.assign([source])
        consumer.seek(source, topic.partition(partition).next_offset)
        while await consumer.position(source) < up_to_offset:
            messages = (await consumer.getmany(source, timeout_ms=500)).get(source, [])
            topic.append(partition, [_archived(m) for m in messages if m.offset < up_to_offset])


class Archiver:
    """Follows topics into the archive: `async with Archiver(bootstrap, prefix, store): ...`."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        store: Store,
        topics: Iterable[Topic] = TAILED,
        *,
        auth: Mapping[str, Any] | None = None,
        sync_every: float | None = SYNC_EVERY,
    ) -> None:
        """With `sync_every` None nothing is synced but by `held`, and what can't be written ends the archiving."""
        self._bootstrap, self._prefix, self._store = bootstrap, prefix, store
        self._names = [topic.name for topic in topics]
        self._auth, self._sync_every = auth, sync_every
        self._consumer = _consumer(bootstrap, auth)
        self.topics: dict[str, TopicArchive] = {}
        """By their names on the broker."""
        self.reached: Ends = {}
        """Before which offset of each partition everything is archived."""
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        await self.stop(catch_up=e is None)

    async def start(self) -> None:
        """Connect, and go on where the archive ends. Raises BrokerUnreachable, Locked, RecordsGone, OSError."""
        try:
            await start(self._consumer, self._bootstrap)
            for name in self._names:
                self.topics[self._prefix + name] = TopicArchive(self._store, name, sync_every=self._sync_every)
            counts = await partition_counts(self._bootstrap, self.topics, self._auth)
            await self._take_up([TopicPartition(name, p) for name, count in counts.items() for p in range(count)])
        except BaseException:
            await self.stop(catch_up=False)
            raise
        self._task = asyncio.create_task(self._run(), name="archive")

    async def _take_up(self, sources: list[TopicPartition]) -> None:
        consumer = self._consumer
        for source, end in (await consumer.end_offsets(sources)).items():
            archived = self.topics[source.topic].partition(source.partition).next_offset
            if archived > end and archived > (true := (await last_of(consumer, source, end)).end):
                why = f"it ends at offset {true}, and is archived up to {archived}"
                raise AnotherLog(source.topic, source.partition, why)
        consumer.assign(sources)
        for source, first in (await consumer.beginning_offsets(sources)).items():
            self._seek(source, first)

    def _seek(self, source: TopicPartition, first: int) -> None:
        """To the last record that is archived, which is compared with the one that stands there now."""
        partition = self.topics[source.topic].partition(source.partition)
        if partition.next_offset < first:
            if source.topic == self._prefix + EVENTS.name:
                raise RecordsGone(source.topic, source.partition, partition.next_offset, first)
            said = {"topic": source.topic, "partition": source.partition, "before": first}
            logger.warning("what was deleted is not archived", **said)
        self.reached[source] = max(partition.next_offset, first)
        compared = partition.next_offset if partition.last is None else partition.last.offset
        self._consumer.seek(source, max(compared, first))

    async def stop(self, *, catch_up: bool = True) -> None:
        """Archive what the topics hold now (unless the broker is gone), sync, disconnect."""
        if self._task is not None and not self._task.done():
            if catch_up:
                await self.caught_up()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await stop(self._consumer)
        for topic in self.topics.values():
            await asyncio.to_thread(topic.close, sync=self._sync_every is not None)

    async def caught_up(self, on_progress: OnProgress | None = None) -> None:
        """Wait until everything that the topics hold now is archived. Raises what ended the archiving."""
        await self.reach(await self.ends(), on_progress)

    async def ends(self, topics: Iterable[Topic] | None = None) -> Ends:
        """Where each partition ends now. Raises KafkaError."""
        wanted = None if topics is None else {self._prefix + topic.name for topic in topics}
        places = [place for place in self.reached if wanted is None or place.topic in wanted]
        return dict(await self._consumer.end_offsets(places))

    async def reach(self, ends: Ends, on_progress: OnProgress | None = None) -> None:
        """Wait until everything before these ends is archived. Raises what ended the archiving."""
        total = left = self._left(ends)
        while left:
            await self._alive()
            await asyncio.sleep(0.01)
            left = self._left(ends)
            if on_progress is not None:
                on_progress(total - left, total)

    def _left(self, ends: Ends) -> int:
        return sum(max(0, end - self.reached[source]) for source, end in ends.items())

    def held(self) -> AbstractAsyncContextManager[None]:
        """Nothing is archived meanwhile."""
        return self._writing

    async def closed(self) -> None:
        """Wait for the end of the archiving; raises what ended it."""
        assert self._task is not None, "the archiver was not started"
        await asyncio.shield(self._task)

    async def _alive(self) -> None:
        if self._task is not None and self._task.done():
            await self._task

    async def _run(self) -> None:
        while True:
            try:
                fetched = await self._consumer.getmany(timeout_ms=1000)
            except OffsetOutOfRangeError as error:
                await self._out_of_range(dict(error.args[0]))
                raise
            async with self._writing:
                for source, messages in fetched.items():
                    await self._append(source, [_archived(message) for message in messages])
                for source in self.reached:
                    # not the last record's offset + 1: markers of transactions and compaction leave offsets without
                    # records; and before what is there already, the last record is read once more
                    self.reached[source] = max(self.reached[source], await self._consumer.position(source))

    async def _out_of_range(self, asked: Ends) -> None:
        """Say why the broker has no such offset: the topic is shorter than the archive, or has lost its beginning."""
        firsts = await self._consumer.beginning_offsets(list(asked))
        for source, offset in asked.items():
            if offset < firsts[source]:
                raise RecordsGone(source.topic, source.partition, offset, firsts[source])
            raise AnotherLog(source.topic, source.partition, f"it ends before offset {offset}, which is archived")

    async def _append(self, source: TopicPartition, records: list[Archived]) -> None:
        topic = self.topics[source.topic]
        while True:
            try:
                topic.append(source.partition, records)
                break
            except ArchiveFailed as error:
                if self._sync_every is None:
                    raise
                logger.error("the archive waits", why=str(error))
                await asyncio.sleep(PAUSE)
        if self._sync_every is None and (partition := topic.partition(source.partition)).rolled:
            await asyncio.to_thread(partition.sync)  # so that no more than one file a partition waits in memory
