"""The yardstick: two records of the usual size as one batch, by plain aiokafka, one batch at a time."""

import asyncio
import time

from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from schemas.events import StepSucceeded
from schemas.message import Cause
from schemas.topics import DEADLETTERS
from streams.settings import WorkerSettings


async def acks(settings: WorkerSettings, idempotent: bool, count: int) -> list[float]:
    """Milliseconds from each send to its ack."""
    event = StepSucceeded(
        "w1-1", 3, 1, "w-0123456789", 5, 1_790_000_000_000_000, Cause("step", 7, -1, "s1#1"), "s1", 1, b"null"
    )
    value = encode(event) + bytes(100)
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap, acks="all", enable_idempotence=idempotent, linger_ms=0
    )
    async with producer:
        took = [await _ack(producer, settings.topic(DEADLETTERS.name), value) for _ in range(count + 20)]
    return took[20:]


async def _ack(producer: AIOKafkaProducer, topic: str, value: bytes) -> float:
    begun = time.perf_counter()
    batch = producer.create_batch()
    for _ in range(2):
        batch.append(key=b"w1-1", value=value, timestamp=None)
    batch.close()
    await asyncio.wait_for(await producer.send_batch(batch, topic, partition=0), 15)
    return (time.perf_counter() - begun) * 1e3
