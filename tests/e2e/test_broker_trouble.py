"""One broker that goes away, hangs, refuses and answers too late: the worker waits, goes on, and does nothing twice."""

import asyncio
import contextlib
import gc
import math
from collections.abc import AsyncIterator, Iterator

import pytest

from schemas import events as e
from schemas import partition as p
from schemas.topics import EVENTS, OUTCOMES
from steps.executor import Executor
from steps.settings import StepSettings
from streams.pool import Pool
from streams.producer import Producer
from tests import brokers
from tests.brokers import Broker
from tests.cluster import Cluster, cluster
from tests.cpu import spent
from tests.e2e.test_workers import NOTED, check_ledger, world_for
from tests.kafka_proxy import PRODUCE, Proxy, refusing
from tests.running import Running, worker_process
from tests.steps.scheduled import scheduled

#: A connection that breaks while aiokafka makes it is left to the garbage collector, which says so.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
#: Share of one processor that a worker may use while it can do nothing.
IDLE = 0.5


@pytest.fixture(scope="module")
def kafka() -> Iterator[tuple[Cluster, int, int]]:
    """A broker of this file's own, the port it listens on, and the one that it tells clients."""
    if reason := brokers.unavailable("kafka"):
        pytest.skip(reason)
    port, advertised = brokers.free_port(), brokers.free_port()
    with cluster("--port", str(port), "--advertise", str(advertised)) as made:
        yield made, port, advertised


@pytest.fixture
async def proxy(kafka: tuple[Cluster, int, int]) -> AsyncIterator[Proxy]:
    """What all clients of the broker talk to."""
    proxy = Proxy()
    _, proxy.target, proxy.port = kafka
    await proxy.open()
    yield proxy
    await proxy.close()


@pytest.fixture
async def world(kafka: tuple[Cluster, int, int], proxy: Proxy, topic_prefix: str) -> AsyncIterator[Running]:
    world = await world_for(Broker("kafka", f"127.0.0.1:{proxy.port}", True), topic_prefix)
    yield world
    await world.client.__aexit__()
    gc.collect()


@contextlib.asynccontextmanager
async def workers(world: Running, *seats: str) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Processes that are all alive at the end."""
    started = [await worker_process(world.settings, seat) for seat in seats]
    try:
        yield started
        assert all(process.returncode is None for process in started), "a worker ended by itself"
    finally:
        for process in started:
            if process.returncode is None:
                process.terminate()
                await asyncio.wait_for(process.wait(), 30)


class Load:
    """Runs whose tools take a while and write into a ledger; `over` checks that each was done once."""

    def __init__(self, world: Running, ledger) -> None:
        self.world, self.ledger = world, ledger
        self.runs: list[str] = []

    async def begin(self, count: int = 30) -> None:
        await self.world.publish(NOTED)
        inputs = {"ledger": str(self.ledger), "seconds": 0.4}
        self.runs = [await self.world.client.start("noted", inputs) for _ in range(count)]
        await self.world.until(e.StepSucceeded, 5)

    async def over(self) -> list:
        ended = await self.world.until(e.RunSucceeded, len(self.runs), timeout=60)
        assert {event.run_id for event in ended} == set(self.runs) and len(ended) == len(self.runs)
        records = [record for record in await self.world.records() if record.run_id]
        assert set(check_ledger(self.ledger.read_text(), records).values()) == {1}
        return records


async def cpu_while(process: asyncio.subprocess.Process, seconds: float) -> float:
    """Share of a processor that a process used in this time."""
    begun, before = asyncio.get_running_loop().time(), spent(process.pid)
    await asyncio.sleep(seconds)
    return (spent(process.pid) - before) / (asyncio.get_running_loop().time() - begun)


def lost(records: list) -> list:
    return [r for r in records if isinstance(r, e.StepFailed) and r.error_class == "worker_lost"]


@pytest.mark.timeout(120)
async def test_a_worker_waits_for_a_broker_that_is_stopped_and_goes_on(kafka, world, tmp_path):
    load = Load(world, tmp_path / "ledger")
    async with workers(world, "one") as (process,):
        await load.begin()
        await asyncio.to_thread(kafka[0].stop)
        await asyncio.sleep(1.0)  # what was under way ends, and finds nobody
        assert await cpu_while(process, 4.0) < IDLE
        await asyncio.to_thread(kafka[0].start)
        assert not lost(await load.over())


@pytest.mark.timeout(120)
async def test_a_broker_that_does_not_answer_for_longer_than_ten_beats_makes_nobody_lost(kafka, world, tmp_path):
    load = Load(world, tmp_path / "ledger")
    async with workers(world, "one", "two") as processes:
        await load.begin()
        await asyncio.to_thread(kafka[0].pause)
        try:
            await asyncio.sleep(2.0)
            shares = await asyncio.gather(*(cpu_while(process, 11.0) for process in processes))
        finally:
            await asyncio.to_thread(kafka[0].resume)
        assert max(shares) < IDLE
        assert not lost(await load.over())


@pytest.mark.timeout(120)
async def test_a_produce_whose_answer_is_lost_is_settled_by_reading(world, proxy, tmp_path, monkeypatch):
    """Its connection is cut. It stands in the log or it does not: nothing is done twice (PROTOCOL.md, 5 and 6)."""
    monkeypatch.setattr("streams.producer.PRODUCE_TIMEOUT", 1.5)
    load = Load(world, tmp_path / "ledger")
    await world.begin()
    try:
        await load.begin()
        for _ in range(2):
            proxy.mute = frozenset({PRODUCE})
            await asyncio.sleep(2.0)
            proxy.mute = frozenset()
            proxy.cut()
            await asyncio.sleep(1.0)
        assert not lost(await load.over())
        claims = [r for r in await world.records(void=True) if isinstance(r, p.PartitionClaimed)]
        assert len(claims) > world.settings.partitions
    finally:
        await world.end()


KAFKA_STORAGE_ERROR = 56


@pytest.mark.timeout(120)
async def test_a_broker_that_cannot_write_is_waited_for(world, proxy, tmp_path):
    """What it says when its disk is full."""
    load = Load(world, tmp_path / "ledger")
    async with workers(world, "one") as (process,):
        await load.begin()
        proxy.answer = refusing(KAFKA_STORAGE_ERROR, world.settings.topic(EVENTS.name))
        proxy.seen.clear()
        await asyncio.sleep(1.0)
        assert await cpu_while(process, 4.0) < IDLE
        assert proxy.seen[PRODUCE] < 5 * 4 * 15 * world.settings.partitions, "a request is sent again without a pause"
        proxy.answer = lambda _key, _version, _body: None
        assert not lost(await load.over())


TOPIC_AUTHORIZATION_FAILED = 29


async def test_a_report_is_sent_again_until_it_is_acked(world, proxy):
    """Of an attempt whose run has its home elsewhere: nothing else would ever tell of it."""
    topic = world.settings.topic(OUTCOMES.name)
    producer = Producer(world.settings.bootstrap, idempotent=True, auth={})
    await producer.start()
    pool = Pool(Executor(StepSettings()), lambda: math.inf, producer, topic, concurrency=1)
    proxy.answer = refusing(TOPIC_AUTHORIZATION_FAILED, topic)
    proxy.seen.clear()
    try:
        pool.submit(0, scheduled("nothing", "of the kind"))
        async with asyncio.timeout(20):
            while proxy.seen.get(PRODUCE, 0) < 3:
                await asyncio.sleep(0.05)
        assert pool.running == 1 and not await world.records(OUTCOMES.name)
        proxy.answer = lambda _key, _version, _body: None
        async with asyncio.timeout(20):
            while pool.running:
                await asyncio.sleep(0.05)
        (report,) = await world.records(OUTCOMES.name)
        assert (report.run_id, report.status, report.error_class) == ("run-1", "failed", "fatal")
    finally:
        proxy.answer = lambda _key, _version, _body: None
        await producer.stop()
