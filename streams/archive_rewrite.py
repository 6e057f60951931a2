"""Writes records where they stood: the producer of a restoring."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from schemas.topics import MAX_RECORD, WORKERS
from streams.archive_format import Archived
from streams.archive_place import Place
from streams.broker_features import idempotence_available
from streams.connect import Auth, opened

#: Stands where the archive has no record, so that those after it keep their offsets.
FILLER = "millrace-filler"
#: Seconds until a produce that is not acked has failed.
PRODUCE_WITHIN = 30.0


class RestoreFailed(Exception):
    """Somebody else writes to the topics that are being restored."""

    def __init__(self, place: Place, expected: int, found: int) -> None:
        super().__init__(
            f"restoring {place[0]} partition {place[1]}: a record came to stand at offset {found}, not {expected}. "
            "Something else writes to this topic: stop it, delete the topics and restore again."
        )


def filled(records: Iterable[Archived], reach: int) -> Iterator[Archived]:
    """The records without gaps from offset 0 to `reach`: fillers stand where there are none."""
    offset, timestamp = 0, 0
    for record in chain(records, (None,)):
        for missing in range(offset, reach if record is None else record.offset):
            # with a key, as compacted topics refuse records without one
            yield Archived(missing, timestamp, FILLER.encode(), None, ((FILLER, b""),))
        if record is not None:
            yield record
            offset, timestamp = record.offset + 1, record.timestamp


class Rewriter:
    """Appends to partitions, and sees that each record comes to stand where it should."""

    def __init__(self, producer: AIOKafkaProducer, prefix: str) -> None:
        self.producer, self._prefix = producer, prefix

    @classmethod
    @asynccontextmanager
    async def connected(cls, bootstrap: str, prefix: str, auth: Auth | None) -> AsyncIterator[Self]:
        """With a producer that sends again without writing twice, where the broker can. Raises BrokerUnreachable."""
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            enable_idempotence=await idempotence_available(bootstrap, auth),
            max_batch_size=MAX_RECORD,
            max_request_size=64 * 1024 * 1024,
            request_timeout_ms=int(PRODUCE_WITHIN * 1000),
            **(auth or {}),
        )
        async with opened(producer, bootstrap):
            yield cls(producer, prefix)

    async def write(self, place: Place, records: Iterable[Archived]) -> None:
        """Write records, whose offsets have no gaps. Raises RestoreFailed, KafkaError, TimeoutError."""
        for batch, first in self._batches(records):
            batch.close()
            acked = await self.producer.send_batch(batch, self._prefix + place[0], partition=place[1])
            found = (await asyncio.wait_for(acked, PRODUCE_WITHIN)).offset
            if found != first:
                raise RestoreFailed(place, first, found)

    def _batches(self, records: Iterable[Archived]) -> Iterator[tuple[Any, int]]:
        """(a batch, its first offset), as large as batches may be; the last record is one of its own.

        The embedded broker tells the second offset of the last batch when it is asked where a partition ends.
        """
        batch, first = None, 0
        for record, is_last in _with_last(iter(records)):
            content: dict[str, Any] = {"key": record.key, "value": record.value, "timestamp": record.timestamp}
            content["headers"] = list(record.headers)
            if batch is None or is_last or batch.append(**content) is None:
                if batch is not None:
                    yield batch, first
                batch, first = self.producer.create_batch(), record.offset
                batch.append(**content)
        if batch is not None:
            yield batch, first

    async def say_goodbye(self, workers: Iterable[str]) -> None:
        """By a tombstone on `workflow.workers`, as a worker does that ends (PROTOCOL.md, 10)."""
        topic = self._prefix + WORKERS.name
        sent = [await self.producer.send(topic, value=None, key=worker.encode(), partition=0) for worker in workers]
        await asyncio.gather(*sent)


def _with_last(records: Iterator[Archived]) -> Iterator[tuple[Archived, bool]]:
    """Each record, and whether none follows."""
    current = next(records, None)
    while current is not None:
        following = next(records, None)
        yield current, following is None
        current = following
