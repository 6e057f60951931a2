"""What already stands in the topics that an archive is to be restored into."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.archive_format import Archived
from streams.connect import Auth, opened

Place = tuple[str, int]
#: Seconds in which a broker must hand out a record that it has.
READ_WITHIN = 30.0


class RestoreRefused(Exception):
    """The topics are not empty: their records would come to stand before the archive's, at other offsets."""

    def __init__(self, occupied: Iterable[str], why: str = "already hold records") -> None:
        super().__init__(
            f"the archive can't be restored: {', '.join(occupied)} {why}. "
            "Restore into topics that were just created (another broker, or another topic prefix). If a restoring of "
            "this archive was interrupted there, and no worker has started since: go on with --resume."
        )


@dataclass(frozen=True, slots=True)
class There:
    """The end of a partition, and its last record where there is one."""

    end: int = 0
    last: Any = None

    def beyond(self, topic: str, records: Iterable[Archived]) -> Iterator[Archived]:
        """The records that are not there yet. Raises RestoreRefused where others are."""
        for record in records:
            if record.offset >= self.end:
                yield record
            elif self._is_another(record):
                raise RestoreRefused([topic], f"hold another record than the archive at offset {record.offset}")

    def _is_another(self, record: Archived) -> bool:
        last = self.last
        return last is not None and last.offset == record.offset and not record.says_the_same(last.key, last.value)


async def standing(bootstrap: str, prefix: str, places: Iterable[Place], auth: Auth | None) -> dict[Place, There]:
    """The partitions that hold records. Raises BrokerUnreachable, TimeoutError."""
    sources = {TopicPartition(prefix + topic, partition): (topic, partition) for topic, partition in places}
    settings = {"auto_offset_reset": "none", "fetch_max_wait_ms": 50, "enable_auto_commit": False, **(auth or {})}
    async with opened(AIOKafkaConsumer(bootstrap_servers=bootstrap, **settings), bootstrap) as consumer:
        ends = {source: end for source, end in (await consumer.end_offsets(list(sources))).items() if end}
        async with asyncio.timeout(READ_WITHIN):
            return {sources[source]: await last_of(consumer, source, end) for source, end in ends.items()}


async def last_of(consumer: Any, source: TopicPartition, end: int) -> There:
    """The true end, and the last record: the embedded broker tells the end as one after the first of the last batch."""
    last = None
    if end:
        consumer.assign([source])
        consumer.seek(source, end - 1)
        with suppress(OffsetOutOfRangeError):  # every record was deleted
            while await consumer.position(source) < end:
                messages = (await consumer.getmany(source, timeout_ms=500)).get(source)
                last = messages[-1] if messages else last
            end = await consumer.position(source)
    return There(end, last)
