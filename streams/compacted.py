"""Reads one partition to its end, and goes on reading: definitions, schemas, settings, beats, an inbox."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.connect import Auth, start, stop
from streams.pacing import paced

OnRecord = Callable[[bytes | None, bytes | None, int], None]

#: Milliseconds: the embedded broker looks for new records only when a fetch begins, so fetches must not wait long.
FETCH_WAIT = 100


class CompactedReader:
    """Hands each record (key, value or None for a tombstone, offset) to `on_record`, in order, from the first on
    (or only so many of the `last` ones, and what comes after).

    Whatever `on_record` raises ends the reading and is raised by `read_to_end` and `closed`.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        on_record: OnRecord,
        *,
        auth: Auth | None = None,
        fetch_wait: int = FETCH_WAIT,
        last: int | None = None,
        partition: int = 0,
    ) -> None:
        self._bootstrap, self._on_record, self._last = bootstrap, on_record, last
        self._partition = TopicPartition(topic, partition)
        self._settings = {"fetch_max_wait_ms": fetch_wait, **(auth or {})}
        self._consumer: AIOKafkaConsumer | None = None
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.position = 0
        """The offset after the last record that was handed over."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect and begin to read. Raises BrokerUnreachable; the topic must exist."""
        consumer = self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, **self._settings
        )
        await start(paced(consumer), self._bootstrap)
        consumer.assign([self._partition])
        if self._last is not None:
            first = (await consumer.beginning_offsets([self._partition]))[self._partition]
            end = (await consumer.end_offsets([self._partition]))[self._partition]
            consumer.seek(self._partition, max(first, end - self._last))
        self._task = asyncio.create_task(self._read(consumer), name=f"read {self._partition.topic}")

    async def stop(self) -> None:
        """Stop reading and disconnect."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # a failure was raised where the reader was awaited
                await self._task
            self._task = None
        if self._consumer is not None:
            await stop(self._consumer)
            self._consumer = None

    async def read_to_end(self) -> int:
        """Wait until everything that is in the topic now has been handed over; the offset of that end."""
        self._reading()
        assert self._consumer is not None
        end: int = (await self._consumer.end_offsets([self._partition]))[self._partition]
        await self.read_up_to(end)
        return end

    async def read_up_to(self, offset: int) -> None:
        """Wait until every record before `offset` has been handed over."""
        reading = self._reading()
        while self.position < offset:
            moved = asyncio.ensure_future(self._moved.wait())
            await asyncio.wait({reading, moved}, return_when=asyncio.FIRST_COMPLETED)
            moved.cancel()
            if reading.done():
                await reading

    async def closed(self) -> None:
        """Wait for the end of the reading, and raise what ended it: for who supervises a reader that must not die."""
        await asyncio.shield(self._reading())

    def _reading(self) -> asyncio.Task[None]:
        if self._task is None:
            raise RuntimeError(f"the reader of {self._partition.topic} is not started")
        return self._task

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            batches = await consumer.getmany(self._partition, timeout_ms=1000)
            for record in batches.get(self._partition, ()):
                self._on_record(record.key, record.value, record.offset)
            # Not the last record's offset + 1: compaction may have left nothing to hand over before the end.
            self.position = await consumer.position(self._partition)
            self._moved.set()
            self._moved = asyncio.Event()
