"""The yardstick: two records of the usual size as one batch, sent and awaited, one batch at a time."""

import time

from schemas.codec import encode
from schemas.events import StepSucceeded
from schemas.message import Cause
from schemas.topics import DEADLETTERS
from streams.producer import Producer
from streams.settings import WorkerSettings


async def acks(settings: WorkerSettings, idempotent: bool, count: int) -> list[float]:
    """Milliseconds from each send to its ack."""
    event = StepSucceeded(
        "w1-1", 3, 1, "w-0123456789", 5, 1_790_000_000_000_000, Cause("step", 7, -1, "s1#1"), "s1", 1, b"null"
    )
    records = [(b"w1-1", encode(event) + bytes(100))] * 2
    producer = Producer(settings.bootstrap, idempotent=idempotent, auth={})
    await producer.start()
    took = []
    for _ in range(count + 20):
        begun = time.perf_counter()
        await producer.send_batch(settings.topic(DEADLETTERS.name), 0, records)
        took.append((time.perf_counter() - begun) * 1e3)
    await producer.stop()
    return took[20:]
