"""Three brokers with three copies of everything: one of them may die, hang or come back, and all goes on."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import EVENTS
from streams.client import Client
from streams.topics import ensure_topics
from tests import brokers
from tests.brokers import Broker
from tests.cluster import Cluster, cluster
from tests.e2e.test_broker_trouble import Load, lost, workers
from tests.running import Running, worker_settings

#: A connection that breaks while aiokafka makes it is left to the garbage collector, which says so.
pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"), pytest.mark.timeout(150)]


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    if reason := brokers.unavailable("kafka"):
        pytest.skip(reason)
    with cluster(nodes=3) as made:
        yield made


@pytest.fixture
async def world(three: Cluster, topic_prefix: str) -> AsyncIterator[Running]:
    settings = worker_settings(Broker("kafka", three.bootstrap, True), topic_prefix, replication=3)
    await ensure_topics(settings.bootstrap, settings.prefix, settings.partitions, settings.replication)
    async with Client(settings.bootstrap, settings.prefix) as client:
        yield Running(settings, client)
    gc.collect()


async def leader_of(world: Running) -> int:
    """The node that leads the first partition of the log."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.bootstrap)
    await admin.start()
    try:
        (topic,) = await admin.describe_topics([world.settings.topic(EVENTS.name)])
        return next(int(p["leader"]) for p in topic["partitions"] if p["partition"] == 0)
    finally:
        await admin.close()


async def test_another_broker_leads_when_the_leader_is_killed(three, world, tmp_path):
    """It comes back beside the others."""
    load = Load(world, tmp_path / "ledger")
    async with workers(world, "one"):
        await load.begin()
        node = await leader_of(world)
        await asyncio.to_thread(three.kill, node)
        try:
            assert not lost(await load.over())
            assert await leader_of(world) != node
        finally:
            await asyncio.to_thread(three.start, node)
