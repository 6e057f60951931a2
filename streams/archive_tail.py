"""Copies topics from the broker to the archive: up to an offset, or for as long as it runs."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import COMMANDS, DEADLETTERS, DEFINITIONS, OUTCOMES, SCHEMAS, SETTINGS, Topic
from streams.archive_files import ArchiveFailed
from streams.archive_format import Archived
from streams.archive_topic import TopicArchive
from streams.connect import opened, start, stop
from streams.topics import partition_counts

logger = structlog.get_logger("millrace.archive")

#: All but the events, which their owners archive, and the beats, which mean nothing to another broker.
TAILED: tuple[Topic, ...] = (COMMANDS, OUTCOMES, DEFINITIONS, SETTINGS, SCHEMAS, DEADLETTERS)
#: Milliseconds: the embedded broker looks for new records only when a fetch begins.
FETCH_WAIT = 50
#: Seconds until what could not be written is tried again.
PAUSE = 1.0


def _consumer(bootstrap: str, auth: Mapping[str, Any] | None) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=FETCH_WAIT,
        max_partition_fetch_bytes=8 * 1024 * 1024,
        **(auth or {}),
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
    source = TopicPartition(prefix + topic.folder.name, partition)
    async with opened(_consumer(bootstrap, auth), bootstrap) as consumer:
        consumer.assign([source])
        consumer.seek(source, topic.partition(partition).next_offset)
        while await consumer.position(source) < up_to_offset:
            messages = (await consumer.getmany(source, timeout_ms=500)).get(source, [])
            topic.append(partition, [_archived(m) for m in messages if m.offset < up_to_offset])


class Archiver:
    """Follows topics into the archive: `async with Archiver(bootstrap, prefix, folder): ...`."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        folder: Path,
        topics: Iterable[Topic] = TAILED,
        *,
        auth: Mapping[str, Any] | None = None,
    ) -> None:
        self._bootstrap, self._prefix, self._folder = bootstrap, prefix, folder
        self._names = [topic.name for topic in topics]
        self._auth = auth
        self._consumer = _consumer(bootstrap, auth)
        self._topics: dict[str, TopicArchive] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect, and go on where the archive ends. Raises BrokerUnreachable, Locked."""
        await start(self._consumer, self._bootstrap)
        for name in self._names:
            self._topics[self._prefix + name] = TopicArchive(self._folder / name)
        counts = await partition_counts(self._bootstrap, self._topics, self._auth)
        self._consumer.assign([TopicPartition(name, p) for name, count in counts.items() for p in range(count)])
        for source in self._consumer.assignment():
            self._reached[source] = self._topics[source.topic].partition(source.partition).next_offset
            self._consumer.seek(source, self._reached[source])
        self._task = asyncio.create_task(self._run(), name="archive")

    async def stop(self, *, catch_up: bool = True) -> None:
        """Archive what the topics hold now (unless the broker is gone), sync to the disk, disconnect."""
        if self._task is not None and not self._task.done():
            if catch_up:
                await self.caught_up()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await stop(self._consumer)
        for topic in self._topics.values():
            await asyncio.to_thread(topic.close)

    async def caught_up(self) -> None:
        """Wait until everything that the topics hold now stands in the archive. Raises what ended the archiving."""
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        while any(self._reached[source] < end for source, end in ends.items()):
            await self._alive()
            await asyncio.sleep(0.01)

    async def closed(self) -> None:
        """Wait for the end of the archiving; raises what ended it."""
        assert self._task is not None, "the archiver was not started"
        await asyncio.shield(self._task)

    async def _alive(self) -> None:
        if self._task is not None and self._task.done():
            await self._task

    async def _run(self) -> None:
        while True:
            for source, messages in (await self._consumer.getmany(timeout_ms=1000)).items():
                await self._append(source, [_archived(message) for message in messages])
                # not the last record's offset + 1: markers of transactions and compaction leave offsets without records
                self._reached[source] = await self._consumer.position(source)

    async def _append(self, source: TopicPartition, records: list[Archived]) -> None:
        while True:
            try:
                return self._topics[source.topic].append(source.partition, records)
            except ArchiveFailed as error:
                logger.error("the archive waits", why=str(error))
                await asyncio.sleep(PAUSE)
