"""Topics that are deleted, cut short or set otherwise under a worker: it stops with the reason, and idles never."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from schemas.topics import COMMANDS, EVENTS
from streams import producer, topic_watch
from streams.home import partition_of
from streams.topics import TopicMismatch, TopicsMissing, ensure_topics
from tests.e2e.test_workers import world_for
from tests.running import PARTITIONS, Running, running

pytestmark = [pytest.mark.brokers("kafka"), pytest.mark.timeout(90)]
HELLO = "name: hello\nsteps: [{id: a, tool: t.noop}]"

Harm = Callable[[AIOKafkaAdminClient, str], Awaitable[object]]


@asynccontextmanager
async def admin_of(world: Running) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def delete(admin: AIOKafkaAdminClient, topic: str) -> None:
    await admin.delete_topics([topic])
    while topic in await admin.list_topics():
        await asyncio.sleep(0.05)


async def widen(admin: AIOKafkaAdminClient, topic: str) -> None:
    await admin.create_partitions({topic: NewPartitions(total_count=9)})


async def compact(admin: AIOKafkaAdminClient, topic: str) -> None:
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": "compact"})])


@pytest.mark.parametrize(
    ("harm", "error", "said"),
    [
        (delete, TopicsMissing, "there are no topics {}"),
        (widen, TopicMismatch, "{} has 9 partitions, not 4: set `partitions = 9`"),
        (compact, TopicMismatch, "{} has cleanup.policy=compact, not delete: kafka-configs --alter"),
    ],
)
async def test_a_worker_ends_when_its_topics_are_no_longer_what_they_must_be(
    broker, topic_prefix, monkeypatch, harm: Harm, error: type[Exception], said: str
):
    monkeypatch.setattr(topic_watch, "EVERY", 0.5)
    world = await world_for(broker, topic_prefix)
    await world.begin()
    topic = world.settings.topic(EVENTS.name)
    async with admin_of(world) as admin:
        await harm(admin, topic)
    with pytest.raises(error, match=said.format(topic)):
        await asyncio.wait_for(world.task, 40)
    await world.client.__aexit__()


async def test_a_deleted_log_is_not_begun_anew_by_the_next_start(broker, topic_prefix):
    """All commands that are still kept would make their runs a second time."""
    world = await world_for(broker, topic_prefix)
    topic = world.settings.topic(EVENTS.name)
    async with admin_of(world) as admin:
        await delete(admin, topic)
    with pytest.raises(TopicMismatch, match=f"{topic} was deleted .* restore it from an archive"):
        await ensure_topics(broker.bootstrap, topic_prefix, world.settings.partitions)
    await world.client.__aexit__()


async def cut(world: Running, topic: str, partition: int) -> None:
    """Everything that the partition holds now is deleted."""
    place = TopicPartition(world.settings.topic(topic), partition)
    async with admin_of(world) as admin:
        await admin.delete_records({place: RecordsToDelete(before_offset=-1)})


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        (EVENTS.name, "the log is shorter than its latest mark"),
        (COMMANDS.name, "workflow.commands begins at offset"),
    ],
)
async def test_records_that_are_gone_before_they_were_read_stop_the_partition(
    broker, topic_prefix, topic: str, said: str, capsys
):
    """Deleted, or beyond a retention that somebody set: the partition stands still, says why, and the others go on."""
    world = await world_for(broker, topic_prefix)
    await world.publish(HELLO)
    await world.begin()
    run_id = await world.client.start("hello")
    await world.client.wait(run_id, 20)
    await world.end()
    await world.produce(b"{}", partition=partition_of(run_id, PARTITIONS))
    await cut(world, topic, partition_of(run_id, PARTITIONS))
    await world.begin()
    other = next(name for n in count() if partition_of(name := f"r{n}", PARTITIONS) != partition_of(run_id, PARTITIONS))
    await world.client.start("hello", run_id=other)
    await world.client.wait(other, 20)
    async with asyncio.timeout(20):
        while world.worker.owners[partition_of(run_id, PARTITIONS)].phase != "reading":
            await asyncio.sleep(0.05)
    await world.end()
    told = capsys.readouterr().out
    assert "the partition stands still" in told and said in told
    await world.client.__aexit__()


async def test_a_log_that_is_begun_anew_under_its_owner_stops_the_partition(broker, topic_prefix, capsys, monkeypatch):
    monkeypatch.setattr(producer, "PRODUCE_TIMEOUT", 2.0)
    async with running(broker, topic_prefix) as world:
        await world.publish(HELLO)
        await world.run("hello")
        name = world.settings.topic(EVENTS.name)
        async with admin_of(world) as admin:
            await delete(admin, name)
            await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=EVENTS.config)])
        for n in range(40):
            await world.client.start("hello", run_id=f"r{n}")
        async with asyncio.timeout(40):
            while all(owner.phase == "live" for owner in world.worker.owners.values()):
                await asyncio.sleep(0.1)
            while "stood in it: restore what was cut" not in (told := capsys.readouterr().out):
                await asyncio.sleep(0.1)
        assert "the partition stands still" in told


async def test_what_crashes_inside_faust_ends_the_worker(broker, topic_prefix):
    """Faust itself would go on as a process that does nothing."""
    world = await world_for(broker, topic_prefix)
    await world.begin()
    thread = world.worker.app.consumer._thread
    await thread.crash(ZeroDivisionError("in the thread that fetches"))
    with pytest.raises((RuntimeError, ZeroDivisionError)) as ended:
        await asyncio.wait_for(world.task, 30)
    assert "in the thread that fetches" in str(ended.value) + str(ended.value.__cause__)
    await world.client.__aexit__()


async def test_a_position_beyond_the_end_of_its_topic_ends_the_worker(broker, topic_prefix):
    """Commands that were made anew beside the log: nothing is read from anywhere else."""
    world = await world_for(broker, topic_prefix)
    await world.publish(HELLO)
    await world.begin()
    run_id = await world.client.start("hello")
    await world.client.wait(run_id, 20)
    await world.end()
    name = world.settings.topic(COMMANDS.name)
    async with admin_of(world) as admin:
        await delete(admin, name)
        await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=COMMANDS.config)])
    with pytest.raises(Exception, match=r"OffsetOutOfRange|out of range|Faust stopped"):
        await world.begin()
        await asyncio.wait_for(world.task, 40)
    await world.client.__aexit__()
