"""A flood stays at the broker: what waits in a worker is bounded, and everything is answered in the end."""

import asyncio

from schemas import partition as p
from schemas.codec import encode
from schemas.commands import CancelRun
from schemas.topics import COMMANDS, EVENTS
from streams import intake
from streams.home import partition_of
from streams.producer import Producer
from tests.running import running

#: Commands, and bytes of each: one poll brings at most a megabyte of a partition.
FLOOD, SIZE = 2_500, 10_000


async def test_what_cannot_be_written_is_not_fetched(broker, topic_prefix, monkeypatch):
    monkeypatch.setattr(intake, "BACKLOG", 200)
    monkeypatch.setattr(intake, "WAITING", 500)
    dam, send = asyncio.Event(), Producer.send_batch
    dam.set()

    async def dammed(self, topic, partition, records):
        if topic.endswith(EVENTS.name):
            await dam.wait()
        return await send(self, topic, partition, records)

    monkeypatch.setattr(Producer, "send_batch", dammed)
    async with running(broker, topic_prefix) as world:
        await world.until(p.PartitionClaimed, world.settings.partitions)
        here = next(f"r{n}" for n in range(99) if partition_of(f"r{n}", world.settings.partitions) == 0)
        dam.clear()
        topic = world.settings.topic(COMMANDS.name)
        producer = world.worker.parts.producer
        for start in range(0, FLOOD, 50):
            commands = [CancelRun(f"c{n}", here, reason="x" * SIZE) for n in range(start, start + 50)]
            await send(producer, topic, 0, [(here.encode(), encode(command)) for command in commands])
        taking = world.worker.owners[0].intakes["command"]
        most = await highest(taking)
        assert 500 < most < FLOOD // 2  # some polls were under way when the consumer was told to rest
        dam.set()
        refused = await world.until(p.CommandRefused, FLOOD, timeout=60)
        assert [event.cause.offset for event in refused] == list(range(FLOOD))


async def highest(taking: intake.Intake) -> int:
    """How many messages waited at most, until their number no longer grows."""
    most = still = 0
    while still < 20:
        await asyncio.sleep(0.05)
        count = len(taking._waiting)
        still = still + 1 if count and count <= most else 0
        most = max(most, count)
    return most
