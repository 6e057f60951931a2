"""Reads `workflow.events` by itself: no consumer group, every partition, from the positions that the database holds."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from projections.intake import Raw

T = TypeVar("T")

#: Seconds until a broker that does not answer counts as unreachable.
WITHIN = 15.0
#: Records handed over at once: enough to make a transaction's own cost small, few enough to stop within a second.
AT_ONCE = 20_000

Auth = Mapping[str, Any]


class BrokerSilent(Exception):
    """No broker answers."""


class OffsetGone(Exception):
    """The log does not have the offset that was to be read next."""


class EventReader:
    """An open reader of one topic. Ask `partitions` first: the topic may not be there yet."""

    def __init__(self, bootstrap: str, topic: str, auth: Auth | None = None, fetch_wait: float = 0.05) -> None:
        self._bootstrap, self._topic, self._auth = bootstrap, topic, dict(auth or {})
        # The broker's checksums guard its disk and TCP's the way: checking a third time costs 0.8 µs a record.
        # Not every broker wakes a waiting fetch when records come, so the wait is a bound of what is seen how late.
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="none",
            check_crcs=False,
            fetch_max_wait_ms=int(fetch_wait * 1000),
            max_partition_fetch_bytes=8 * 1024 * 1024,
            **self._auth,
        )

    async def partitions(self) -> list[int]:
        """The topic's partitions; none while nobody has created it. Creates nothing, whatever the broker is set to."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, **self._auth)
        try:
            await self._answer(admin.start())
            topics = await self._answer(admin.describe_topics())
        finally:
            await admin.close()
        found = [t["partitions"] for t in topics if t["topic"] == self._topic and not t["error_code"]]
        return sorted(p["partition"] for p in found[0]) if found else []

    async def connect(self) -> None:
        """Find the broker."""
        await self._answer(self._consumer.start())

    def start(self, offsets: Mapping[int, int]) -> None:
        """Read each partition from an offset on."""
        self._consumer.assign([self._of(number) for number in offsets])
        for number, offset in offsets.items():
            self._consumer.seek(self._of(number), offset)

    async def beginnings(self, partitions: Iterable[int]) -> dict[int, int]:
        """The first offset that is still there, of each partition."""
        found = await self._answer(self._consumer.beginning_offsets([self._of(number) for number in partitions]))
        return {topic.partition: offset for topic, offset in found.items()}

    def end(self, partition: int) -> int | None:
        """The next offset to be written, as the newest fetch told; None before the first.

        Not by asking for the end offset: the embedded broker answers that with the last batch's first record + 1.
        """
        found: int | None = self._consumer.highwater(self._of(partition))
        return found

    async def read(self, wait: float) -> list[Raw]:
        """What has come, at most AT_ONCE records, each partition in order; waits this many seconds for the first."""
        try:
            found = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=AT_ONCE)
        except OffsetOutOfRangeError as error:
            raise OffsetGone(str(error)) from error
        return [Raw(r.partition, r.offset, r.value) for records in found.values() for r in records]

    def behind(self, offsets: Mapping[int, int]) -> int:
        """How many records are known to be there and not read yet."""
        ends = ((offset, self.end(number)) for number, offset in offsets.items())
        return sum(max(0, end - offset) for offset, end in ends if end is not None)

    async def close(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    def _of(self, number: int) -> TopicPartition:
        return TopicPartition(self._topic, number)

    async def _answer(self, asked: Awaitable[T]) -> T:
        return await bounded(asked, self._bootstrap)


async def bounded(asked: Awaitable[T], bootstrap: str) -> T:
    """The answer of a broker, or BrokerSilent."""
    try:
        return await asyncio.wait_for(asked, WITHIN)
    except (KafkaError, OSError, TimeoutError) as error:
        reason = str(error) or f"no answer within {WITHIN:g} s"
        raise BrokerSilent(
            f"No Kafka broker answers at {bootstrap}: {reason}. Is it running, and is the address right?"
        ) from error
