"""Sample records for the tests of the archive, and topics full of others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import partition as p
from schemas.codec import decode
from schemas.topics import COMMANDS, DEFINITIONS, EVENTS, OUTCOMES, SCHEMAS, TOPICS
from streams.archive_backup import backing_up
from streams.archive_directory import DirectoryStore
from streams.archive_files import PartitionFiles, files
from streams.archive_format import Archived
from streams.archive_manifest import Manifest
from streams.archive_store import Store
from streams.topics import ensure_topics
from tests.brokers import Broker

TOPIC = "workflow.events"
PARTITIONS = 3


def some(first: int, count: int) -> list[Archived]:
    """Records at so many offsets from the first on, no two alike."""
    return [
        Archived(n, 1000 + n, f"run-{n}".encode(), bytes([n % 251]) * (n % 40)) for n in range(first, first + count)
    ]


def pairs(first: int, count: int) -> list[tuple[bytes, bytes]]:
    """The same as (key, value)."""
    return [(record.key or b"", record.value or b"") for record in some(first, count)]


def partition_of(store: Store, number: int = 0) -> PartitionFiles:
    """What a store has of a partition, to go on with."""
    return PartitionFiles(store, TOPIC, number, list(files(store, TOPIC).get(number, ())))


def paths(store: DirectoryStore, number: int = 0) -> list[Path]:
    """The files of a partition."""
    return [store.folder / name for name in files(store, TOPIC).get(number, ())]


@asynccontextmanager
async def producing(broker: Broker) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, max_request_size=8_000_000)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def contents(broker: Broker, prefix: str) -> dict[tuple[str, int], list[tuple[Any, ...]]]:
    """All records of all topics, as another program sees them."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    await consumer.start()
    try:
        places = [TopicPartition(prefix + t.name, n) for t in TOPICS for n in range(t.partitions or PARTITIONS)]
        ends = await consumer.end_offsets(places)
        found: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
        for place in [place for place in places if ends[place]]:
            consumer.assign([place])
            records: list[Any] = []
            while len(records) < ends[place]:
                records += (await consumer.getmany(place, timeout_ms=1000)).get(place, [])
            found[place.topic.removeprefix(prefix), place.partition] = [
                (r.offset, r.timestamp, r.key, r.value, r.headers) for r in records
            ]
        return found
    finally:
        await consumer.stop()


async def filled(broker: Broker, prefix: str) -> None:
    """Topics with records of many sizes and shapes in several partitions."""
    await ensure_topics(broker.bootstrap, prefix, PARTITIONS)
    async with producing(broker) as producer:
        for n in range(300):
            await producer.send(
                prefix + COMMANDS.name,
                b"x" * n,
                b"k" if n % 3 else None,
                partition=n % 2,
                timestamp_ms=1_700_000_000_000 + n,
                headers=[("ce_id", str(n).encode())] if n % 5 == 0 else [],
            )
        for n in range(5):
            await producer.send(prefix + DEFINITIONS.name, b"y" * 700_000 if n % 2 else b"", f"{n}".encode())
        await producer.send(prefix + OUTCOMES.name, b"", b"", partition=2)
        await producer.flush()


def events_of(there: dict[tuple[str, int], list[Any]]) -> list[tuple[str, int]]:
    """The partitions of events, in order."""
    return sorted(place for place in there if place[0] == EVENTS.name)


def ended(there: dict[tuple[str, int], list[Any]], partition: int) -> p.PartitionRestored:
    """What a restored partition of events ends with."""
    event = decode(there[EVENTS.name, partition][-1][3])
    assert isinstance(event, p.PartitionRestored)
    return event


def without_endings(there: dict[tuple[str, int], list[Any]]) -> dict[tuple[str, int], list[Any]]:
    """What was archived: without what ends each partition of events, and its schema."""
    cut = {
        place: records[:-1] if place[0] in (EVENTS.name, SCHEMAS.name) else records for place, records in there.items()
    }
    return {place: records for place, records in cut.items() if records}


async def brought_up_to_date(broker: Broker, prefix: str, store: DirectoryStore) -> Manifest:
    async with backing_up(broker.bootstrap, prefix, store) as backup:
        return await backup.bring_up_to_date()
