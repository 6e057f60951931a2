"""Reads a partition of `workflow.events` from any offset to its end, without a group."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from schemas.topics import EVENTS
from streams.pacing import paced
from streams.settings import WorkerSettings


class Logged(Protocol):
    """A record as it stands in the log."""

    offset: int
    key: bytes | None
    value: bytes | None


#: Takes a few records at a time, and the offset where the log ends.
OnRecords = Callable[[Sequence[Logged], int], None]

#: Seconds that reading may hold the event loop at a time, and records between two looks at the clock.
SLICE, PIECE = 0.002, 50


class LogCut(Exception):
    """Records that should stand in the log are not there any more (PROTOCOL.md, 23)."""


class LogReader:
    """One consumer, one partition at a time; whoever needs another waits."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._topic = settings.topic(EVENTS.name)
        self._consumer = paced(
            AIOKafkaConsumer(
                bootstrap_servers=settings.bootstrap,
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_partition_fetch_bytes=8 * 1024 * 1024,
                fetch_max_wait_ms=100,
                **settings.auth,
            )
        )
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def read(self, partition: int, on_records: OnRecords, start: int = 0) -> int:
        """Hand over each record from `start` on; returns the offset after the last. Raises LogCut, KafkaError.

        A batch is read whole: the embedded broker tells the end as one after the first record of its last batch.
        """
        tp = TopicPartition(self._topic, partition)
        async with self._turn:
            self._consumer.assign([tp])
            first = (await self._consumer.beginning_offsets([tp]))[tp]
            if first > start:
                raise LogCut(f"the log begins at offset {first}; what stood from {start} on is gone")
            end = int((await self._consumer.end_offsets([tp]))[tp])
            self._consumer.seek(tp, start)
            while start < end and await self._consumer.position(tp) < end:
                await self._hand_over(await self._next(tp), on_records, end)
            self._consumer.pause(tp)  # else it asks on, and the next question waits behind that
            return max(end, int(await self._consumer.position(tp)))

    async def _hand_over(self, messages: list[Any], on_records: OnRecords, end: int) -> None:
        until = time.monotonic() + SLICE
        for at in range(0, len(messages), PIECE):
            on_records(messages[at : at + PIECE], end)
            if time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE

    async def _next(self, tp: TopicPartition) -> list[Any]:
        return list((await self._consumer.getmany(tp, timeout_ms=500)).get(tp, []))

    async def record_at(self, partition: int, offset: int) -> bytes | None:
        """The value of one record; None where the log ends before it. Raises KafkaError."""
        tp = TopicPartition(self._topic, partition)
        async with self._turn:
            self._consumer.assign([tp])
            self._consumer.seek(tp, offset)
            try:
                while not (found := await self._next(tp)):
                    if (await self._consumer.end_offsets([tp]))[tp] <= offset:
                        return None
            except OffsetOutOfRangeError:
                return None
            return found[0].value if found[0].offset == offset else b""

    async def must_hold(self, topic: str, partition: int, offset: int) -> None:
        """Raises LogCut where what stood from an offset on is gone."""
        tp = TopicPartition(topic, partition)
        first = (await self._consumer.beginning_offsets([tp]))[tp]
        if first > offset:
            raise LogCut(f"{topic} begins at offset {first}; what was to be taken in from {offset} on is gone")

    async def end(self, topic: str, partition: int) -> int:
        """The offset that the next record will have (on the embedded broker: at least one of its last batch)."""
        tp = TopicPartition(topic, partition)
        return int((await self._consumer.end_offsets([tp]))[tp])
