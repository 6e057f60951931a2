"""Reads a partition of `workflow.events` from any offset to its end, without a group."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import EVENTS
from streams.pacing import paced
from streams.settings import WorkerSettings

OnRecord = Callable[[int, bytes, bytes], None]

#: Seconds that reading may hold the event loop at a time.
SLICE = 0.002


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

    async def read(self, partition: int, on_record: OnRecord) -> int:
        """Hand over (offset, key, value) of each record from the first on; returns the offset after the last.

        A batch is read whole: the embedded broker tells the end as one after the first record of its last batch.
        """
        tp = TopicPartition(self._topic, partition)
        async with self._turn:
            self._consumer.assign([tp])
            first = (await self._consumer.beginning_offsets([tp]))[tp]
            end = int((await self._consumer.end_offsets([tp]))[tp])
            self._consumer.seek(tp, first)
            until = time.monotonic() + SLICE
            while first < end and await self._consumer.position(tp) < end:
                for message in await self._next(tp):
                    on_record(message.offset, message.key, message.value)
                    if time.monotonic() > until:
                        await asyncio.sleep(0)
                        until = time.monotonic() + SLICE
            return max(end, int(await self._consumer.position(tp)))

    async def _next(self, tp: TopicPartition) -> list[Any]:
        return list((await self._consumer.getmany(tp, timeout_ms=500)).get(tp, []))

    async def end(self, topic: str, partition: int) -> int:
        """The offset that the next record will have (on the embedded broker: at least one of its last batch)."""
        tp = TopicPartition(topic, partition)
        return int((await self._consumer.end_offsets([tp]))[tp])
