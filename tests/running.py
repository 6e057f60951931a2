"""A worker in this process or in one of its own, on a broker of the tests, and a client beside it."""

import asyncio
import collections
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.codec import Decoder
from schemas.envelope import event_in
from schemas.message import Event
from schemas.topics import COMMANDS, DEADLETTERS, EVENTS
from steps.settings import StepSettings
from streams.client import Client
from streams.settings import WorkerSettings
from streams.topics import ensure_topics
from streams.worker import Worker, run_worker
from tests.brokers import Broker
from workflow.parse.load import load
from workflow.validity import Claim

TOOLS = str(Path(__file__).parent / "toolbox")
PARTITIONS = 4


def worker_settings(broker: Broker, prefix: str, **changes: Any) -> WorkerSettings:
    """Few partitions and a short session: tests wait for neither."""
    settings = WorkerSettings(
        bootstrap=broker.bootstrap,
        prefix=prefix,
        app=f"{prefix}app",
        partitions=PARTITIONS,
        data_dir=Path(tempfile.mkdtemp(prefix="millrace-test-")),
        grace=5.0,
        steps=StepSettings(models="scripted", tools_path=(TOOLS,)),
    )
    return replace(settings, **changes)


@dataclass(slots=True)
class Running:
    """What a test talks to."""

    settings: WorkerSettings
    client: Client
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    worker: Worker | None = None

    async def begin(self) -> None:
        """Start a worker here; returns when it is a member of the group."""
        self.stop = asyncio.Event()
        ready: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(run_worker(self.settings, self.stop, ready.set_result))
        await asyncio.wait([self.task, ready], return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()
        self.worker = ready.result()

    async def end(self) -> None:
        """Stop it in order."""
        self.stop.set()
        if self.task is not None:
            await asyncio.wait_for(self.task, 30)
            self.task = None

    async def publish(self, source: str) -> str:
        workflow = load(source)
        await self.client.publish_workflow(workflow.name, workflow.version_hash, source)
        return workflow.name

    async def run(self, workflow: str, timeout: float = 30, **inputs: Any) -> Event:
        """Start a run and wait for its end."""
        run_id = await self.client.start(workflow, inputs)
        return await self.client.wait(run_id, timeout)

    async def produce(self, value: bytes | None, **more: Any) -> tuple[int, int]:
        """A foreign producer's message on the commands topic."""
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.bootstrap, max_request_size=9_000_000)
        async with producer:
            acked = await producer.send_and_wait(self.settings.topic(COMMANDS.name), value=value, **more)
            return acked.partition, acked.offset

    async def records(self, topic: str = EVENTS.name, *, void: bool = False) -> list[Any]:
        """Every record of a topic now, in the order of its partitions; of the events the valid ones alone."""
        count = 1 if topic == DEADLETTERS.name else self.settings.partitions
        claims: dict[int, Claim] = collections.defaultdict(Claim)
        read = await self._read(topic, list(range(count)))
        return [r for number, r in read if void or topic != EVENTS.name or claims[number].admits(r)]

    async def _read(self, topic: str, numbers: list[int]) -> list[tuple[int, Any]]:
        name, found = self.settings.topic(topic), []
        decoder = Decoder() if self.worker is None else self.worker.parts.decoder  # which knows later versions
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.bootstrap, enable_auto_commit=False)
        async with consumer:
            partitions = [TopicPartition(name, number) for number in numbers]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            for tp in partitions:
                consumer.seek(tp, 0)
            for tp in partitions:
                while await consumer.position(tp) < ends[tp]:
                    batch = (await consumer.getmany(tp, timeout_ms=500)).get(tp, [])
                    for message in batch:
                        of_log = topic == EVENTS.name
                        read = event_in(message.value, decoder) if of_log else decoder.decode(message.value)
                        found += [(tp.partition, read)] if read is not None else []
        return found

    async def records_of(self, partition: int) -> list[Any]:
        """Every event of one partition, void ones too."""
        return [record for number, record in await self._read(EVENTS.name, [partition])]

    async def until(self, kind: type[Any], count: int = 1, timeout: float = 20, **fields: Any) -> list[Any]:
        """Wait until so many events of a kind, with these fields, stand in the log."""
        async with asyncio.timeout(timeout):
            while True:
                found = [r for r in await self.records() if isinstance(r, kind)]
                found = [r for r in found if all(getattr(r, name) == value for name, value in fields.items())]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def running(broker: Broker, prefix: str, **changes: Any) -> AsyncIterator[Running]:
    """A worker that is ready, and a client; both are gone afterwards."""
    settings = worker_settings(broker, prefix, **changes)
    await ensure_topics(settings.bootstrap, prefix, settings.partitions)
    async with Client(broker.bootstrap, prefix, settings.auth) as client:
        world = Running(settings, client)
        await world.begin()
        try:
            yield world
        finally:
            await world.end()


async def worker_process(settings: WorkerSettings, seat: str, queue: str = "") -> asyncio.subprocess.Process:
    """A worker (of a queue) in a process of its own, to be killed; it says `ready` on its standard output."""
    program = str(Path(__file__).parent / "worker_program.py")
    with (settings.data_dir / f"{seat}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            program,
            settings.bootstrap,
            settings.prefix,
            str(settings.partitions),
            str(settings.session),
            str(settings.data_dir),
            seat,
            *settings.steps.tools_path,
            f"--queue={queue}",
            f"--concurrency={settings.concurrency}",
            f"--grace={settings.grace}",
            *([f"--replies={settings.steps.replies}"] if settings.steps.replies else []),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 40)
        assert line == b"ready\n", (settings.data_dir / f"{seat}.log").read_text()[-4000:]
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process
