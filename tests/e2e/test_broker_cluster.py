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
from tests.running import Running, worker_process, worker_settings

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


async def test_a_leader_that_hangs_is_replaced_and_may_come_back(three, world, tmp_path):
    """Its answer to a join may be an unknown error, which ends a worker: it says so, and a successor goes on."""
    load = Load(world, tmp_path / "ledger")
    seats = {seat: await worker_process(world.settings, seat) for seat in ("one", "two")}
    succeeding = None
    try:
        await load.begin()
        node = await leader_of(world)
        await asyncio.to_thread(three.pause, node)
        try:
            await asyncio.sleep(12.0)
        finally:
            await asyncio.to_thread(three.resume, node)
        succeeding = asyncio.create_task(succeed(world, seats))
        assert not lost(await load.over())
        if succeeding.done():
            succeeding.result()
    finally:
        if succeeding is not None:
            succeeding.cancel()
        for process in seats.values():
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 30)


async def succeed(world: Running, seats: dict[str, asyncio.subprocess.Process]) -> None:
    """As a supervisor does: start again whoever ended, who must have said why."""
    while True:
        for seat, process in list(seats.items()):
            if process.returncode is not None:
                said = (world.settings.data_dir / f"{seat}.log").read_text(encoding="utf-8")
                assert "Faust stopped by itself" in said.splitlines()[-1], said[-2_000:]
                seats[seat] = await worker_process(world.settings, seat)
        await asyncio.sleep(0.2)
