"""`publish` steps on a broker: at least once, and known again, though their worker is killed."""

import asyncio
import collections
import signal
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas import events as e
from streams.client import Client
from streams.topics import ensure_topics
from tests.running import Running, running, worker_process, worker_settings

TEXT = """
name: tells
inputs: {topic: string}
steps:
  - {id: out, publish: {topic: "{{ inputs.topic }}", key: "{{ run.id }}", value: {run: "{{ run.id }}"}}}
outputs: "{{ steps.out.output }}"
"""


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 2, 1)])
    finally:
        await admin.close()


async def records(bootstrap: str, topic: str) -> list[Any]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        found: list[Any] = []
        while batch := await consumer.getmany(timeout_ms=2000):
            found += [record for part in batch.values() for record in part]
        return found


async def test_a_step_publishes_a_record_and_says_where_it_stands(broker, topic_prefix):
    topic = f"{topic_prefix}done"
    async with running(broker, topic_prefix) as world:
        await create(broker.bootstrap, topic)
        await world.publish(TEXT)
        ended = await world.run("tells", topic=topic)
        assert isinstance(ended, e.RunSucceeded)
        (record,) = await records(broker.bootstrap, topic)
        assert ended.outputs == b'{"partition":%d,"position":0}' % record.partition
        assert (record.key.decode(), record.value) == (ended.run_id, b'{"run":"%s"}' % ended.run_id.encode())
        assert dict(record.headers)["millrace-id"].decode().startswith(f"{ended.run_id}.")
        mine = await world.run("tells", topic=world.settings.topic("workflow.events"))
        assert isinstance(mine, e.RunFailed) and "is written by Millrace alone" in mine.message


@pytest.mark.timeout(120)
@pytest.mark.brokers("kafka")
async def test_records_arrive_though_the_worker_is_killed_and_are_known_again(broker, topic_prefix):
    settings, topic = worker_settings(broker, topic_prefix), f"{topic_prefix}done"
    await ensure_topics(settings.bootstrap, topic_prefix, settings.partitions)
    await create(broker.bootstrap, topic)
    process = await worker_process(settings, "seat-1")
    try:
        async with Client(broker.bootstrap, topic_prefix) as client:
            world = Running(settings, client)
            await world.publish(TEXT)
            runs = [await client.start("tells", {"topic": topic}) for _ in range(300)]
            for kill in range(2):
                await world.until(e.RunSucceeded, 60 * kill + 20, timeout=60)
                process.send_signal(signal.SIGKILL)
                await process.wait()
                process = await worker_process(settings, "seat-1")
            ended = await world.until(e.RunSucceeded, 300, timeout=60)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
    assert len(ended) == len({event.run_id for event in ended}) == 300
    ids = collections.defaultdict(set)
    for record in await records(broker.bootstrap, topic):
        ids[record.key.decode()].add(dict(record.headers)["millrace-id"])
    assert set(ids) == set(runs), "a record never arrived"
    assert all(len(found) == 1 for found in ids.values()), "a record came again under another id"
