"""What stands in the topics: followed while it happens, and read whole at the end."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import events as e
from schemas.codec import Decoder
from workflow.validity import Claim

ENDS = (e.RunSucceeded, e.RunFailed, e.RunCancelled, e.RunRefused)


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a topic; `time` in µs is the broker's or the producer's, as the topic says."""

    partition: int
    offset: int
    time: int
    record: Any


async def read(bootstrap: str, topic: str, partitions: int) -> list[Line]:
    """Every record, partition by partition; tombstones are left out."""
    decoder, lines = Decoder(), []
    tps = [TopicPartition(topic, number) for number in range(partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False) as consumer:
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        firsts = await consumer.beginning_offsets(tps)
        for tp in tps:
            consumer.seek(tp, firsts[tp])
            while await consumer.position(tp) < ends[tp]:
                for message in (await consumer.getmany(tp, timeout_ms=500)).get(tp, []):
                    if message.value is not None:
                        record = decoder.decode(message.value)
                        lines.append(Line(tp.partition, message.offset, message.timestamp * 1_000, record))
    return lines


def valid(lines: list[Line]) -> list[Line]:
    """The records of `workflow.events` that count."""
    claims: dict[int, Claim] = defaultdict(Claim)
    return [line for line in lines if claims[line.partition].admits(line.record)]


class Tail:
    """The ids of the runs that have ended so far."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._tps = [TopicPartition(topic, number) for number in range(partitions)]
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=200)
        self._claims: dict[int, Claim] = defaultdict(Claim)
        self._decoder = Decoder()
        self.ended: set[str] = set()

    @asynccontextmanager
    async def following(self) -> AsyncIterator["Tail"]:
        """From the first record on."""
        async with self._consumer:
            self._consumer.assign(self._tps)
            await self._consumer.seek_to_beginning(*self._tps)
            task = asyncio.create_task(self._follow())
            try:
                yield self
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def _follow(self) -> None:
        while True:
            for tp, messages in (await self._consumer.getmany(timeout_ms=500)).items():
                for message in messages:
                    record = self._decoder.decode(message.value)
                    if self._claims[tp.partition].admits(record) and isinstance(record, ENDS):
                        self.ended.add(record.run_id)
