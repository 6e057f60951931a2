"""How long a worker takes to be ready on a long history: without a mark, then from its own marks."""

import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from aiokafka import AIOKafkaProducer
from core import best, chain

from schemas.codec import Decoder, encode
from schemas.message import Event
from schemas.topics import EVENTS
from streams import clock
from streams.broker_features import idempotence_available
from streams.client import Client
from streams.recovery import read_record
from streams.settings import WorkerSettings
from streams.topics import ensure_topics
from streams.worker import Worker, run_worker
from tests.brokers import Broker
from tests.running import worker_settings
from tests.story import Shelf, Story
from workflow.parse.load import load
from workflow.partition import Partition

PARTITIONS = 24
WAITS = "name: waits\nsteps: [{id: a, tool: t.noop}, {id: w, wait: {for: 1000d}}]\n"
STEPS = 10


def history(records: int, open_runs: int) -> tuple[list[Event], Shelf]:
    """One partition's: runs that end, and between them some that stay open."""
    story = Story(shelf=Shelf(chain(STEPS), WAITS))
    story.now = clock.now()
    each = max(1, records // max(1, open_runs))
    for number in range(records):
        if len(story.history) >= records:
            break
        story.start(f"r{number}", "chain")
        while (run := story.partition.runs.get(f"r{number}")) is not None:
            story.succeed(next(iter(run.live)), None, run_id=run.id)
        while len(story.partition.runs) < len(story.history) // each:
            waiting = f"open-{len(story.partition.runs)}"
            story.start(waiting, "waits").succeed("a", None, run_id=waiting)
    for event in story.history:
        event.cause = replace(event.cause, log=0)  # type: ignore[misc]  # there are no commands to go on at
    return story.history, story.shelf


def fold_alone(records: int = 40_000) -> float:
    """Records decoded and folded in a second of one processor, without a broker."""
    events, shelf = history(records, records // 100)
    values = [encode(event) for event in events]

    class Parts:
        decoder = Decoder()

    def fold() -> None:
        state = Partition(0, shelf)
        for offset, value in enumerate(values):
            read_record(state, offset, value, Parts)  # type: ignore[arg-type]

    return len(values) / best(fold, 5, time.process_time)


async def measure(name: str, bootstrap: str, scale: float) -> dict[str, float]:
    """A million records and ten thousand open runs, or a share of them."""
    broker = Broker(name, bootstrap, await idempotence_available(bootstrap))
    folder = Path(tempfile.mkdtemp())
    settings = worker_settings(broker, "recovery.", partitions=PARTITIONS, data_dir=folder, grace=30.0)
    await ensure_topics(bootstrap, settings.prefix, settings.partitions)
    async with Client(bootstrap, settings.prefix) as client:
        for source in (chain(STEPS), WAITS):
            workflow = load(source)
            await client.publish_workflow(workflow.name, workflow.version_hash, source)
    events, _ = history(int(1_000_000 * scale) // PARTITIONS, int(10_000 * scale) // PARTITIONS)
    await _write(settings, events)
    whole, from_mark = await _ready(settings), await _ready(settings)
    return {
        "fold_alone_records_per_s": fold_alone(),
        **whole,
        "with_marks_ready_s": from_mark["ready_s"],
        "with_marks_records": from_mark["records"],
    }


async def _write(settings: WorkerSettings, events: list[Event]) -> None:
    """The same history into each partition, in batches as owners send them."""
    topic, values = settings.topic(EVENTS.name), [(event.run_id.encode(), encode(event)) for event in events]
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap, max_batch_size=1_000_000) as producer:
        for partition in range(PARTITIONS):
            at = 0
            while at < len(values):
                batch = producer.create_batch()
                while at < len(values) and batch.append(key=values[at][0], value=values[at][1], timestamp=None):
                    at += 1
                batch.close()
                await (await producer.send_batch(batch, topic, partition=partition))


async def _ready(settings: WorkerSettings) -> dict[str, float]:
    """Start a worker, and stop it once each of its owners has decided what its runs owe."""
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    begun, spent = time.perf_counter(), time.process_time()
    task = asyncio.create_task(run_worker(settings, stop, started.set_result))
    worker: Worker = await started
    while not _all_ready(worker):
        await asyncio.sleep(0.01)
        if task.done():
            task.result()
    took, cpu = time.perf_counter() - begun, time.process_time() - spent
    read = [owner.progress for owner in worker.owners.values()]
    records = sum(progress.reached - progress.start for progress in read)
    runs = sum(len(owner.state.runs) for owner in worker.owners.values())
    stop.set()
    await task
    return {"ready_s": took, "records": records, "open_runs": runs, "records_per_cpu_s": records / cpu}


def _all_ready(worker: Worker) -> bool:
    owners = worker.owners.values()
    return len(owners) == PARTITIONS and all(owner.phase == "live" and owner.resumed for owner in owners)
