"""Puts synthetic logs on a real broker."""

import asyncio
import json
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from projections.intake import Raw


async def create(bootstrap: str, prefix: str, partitions: int) -> None:
    """The topics that a projector reads."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = {f"{prefix}workflow.events": partitions, f"{prefix}workflow.schemas": 1}
        await admin.create_topics([NewTopic(name, count, 1) for name, count in topics.items()])
        async with asyncio.timeout(20):
            while not await _all_led(admin, topics):
                await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def _all_led(admin: AIOKafkaAdminClient, topics: dict[str, int]) -> bool:
    found = {t["topic"]: t["partitions"] for t in await admin.describe_topics()}
    return all(
        name in found and len(found[name]) == count and all(p["leader"] >= 0 for p in found[name])
        for name, count in topics.items()
    )


async def append(bootstrap: str, prefix: str, records: Iterable[Raw]) -> None:
    """The records as they are, each to its partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        sent = [
            await producer.send(f"{prefix}workflow.events", raw.value, key=b"k", partition=raw.partition)
            for raw in records
        ]
        for raw, acked in zip(records, sent, strict=True):
            assert (await acked).offset == raw.offset
    finally:
        await producer.stop()


async def publish_schema(bootstrap: str, prefix: str, fingerprint: bytes, schema: dict) -> None:
    """A writer's schema under its fingerprint."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(f"{prefix}workflow.schemas", json.dumps(schema).encode(), key=fingerprint)
    finally:
        await producer.stop()


async def eventually(check: Callable[[], bool], within: float = 20.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(within):
        while not check():
            await asyncio.sleep(0.02)
