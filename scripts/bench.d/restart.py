"""W4: a worker killed in the middle of 500 runs of 10 steps and started again, beside the same load undisturbed."""

import asyncio
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from core import chain

from schemas import events as e
from schemas.codec import encode
from schemas.commands import StartRun
from schemas.topics import COMMANDS
from streams.broker_features import idempotence_available
from streams.client import Client
from streams.home import partition_of
from streams.settings import WorkerSettings
from streams.topics import ensure_topics
from tests.brokers import Broker
from tests.running import Running, worker_process, worker_settings
from workflow.parse.load import load

STEPS = 10
#: What a kill finds under way is done again at once.
SOURCE = chain(STEPS).replace("t.noop}", "t.noop, idempotent: true, retry: {backoff: 10ms}}")


async def measure(bootstrap: str, scale: float) -> dict[str, Any]:
    """Seconds from the first start to the last end, undisturbed and with a kill; what got lost or was done twice."""
    broker = Broker("kafka", bootstrap, await idempotence_available(bootstrap))
    settings = worker_settings(broker, "w4.", partitions=24, data_dir=Path(tempfile.mkdtemp()))
    await ensure_topics(bootstrap, settings.prefix, settings.partitions)
    workflow = load(SOURCE)
    async with Client(bootstrap, settings.prefix) as client:
        await client.publish_workflow(workflow.name, workflow.version_hash, SOURCE)
        bench = Restart(Running(settings, client), await worker_process(settings, "w4"), max(20, int(500 * scale)))
        try:
            await bench.burst("warm")
            undisturbed = await bench.burst("calm")
            killed = await bench.burst("killed", after=undisturbed / 2)
            return {"undisturbed_s": undisturbed, "killed_s": killed, **await bench.counts()}
        finally:
            bench.worker.terminate()
            await bench.worker.wait()


@dataclass
class Restart:
    """One worker, and as many runs at a time."""

    world: Running
    worker: asyncio.subprocess.Process
    runs: int
    ready: float = 0.0

    async def burst(self, name: str, after: float | None = None) -> float:
        """Start the runs; kill the worker so many seconds later, and start it again; the time of the last end."""
        begun = time.time()
        await self._start([f"{name}-{n}" for n in range(self.runs)])
        if after is not None:
            await asyncio.sleep(begun + after - time.time())
            self.worker.send_signal(signal.SIGKILL)
            await self.worker.wait()
            self.worker = await worker_process(self.world.settings, "w4")
            self.ready = time.time()
        last = max(event.time for event in await self._ended(name))
        return last / 1e6 - begun

    async def _start(self, run_ids: list[str]) -> None:
        settings: WorkerSettings = self.world.settings
        topic = settings.topic(COMMANDS.name)
        async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer:
            for run_id in run_ids:
                home, command = (
                    partition_of(run_id, settings.partitions),
                    encode(StartRun(run_id, run_id, workflow="chain")),
                )
                await producer.send(topic, command, key=run_id.encode(), partition=home)

    async def _ended(self, name: str) -> list[Any]:
        """Looked for now and then: watching must not take the processors from what is watched."""
        async with asyncio.timeout(120):
            while True:
                await asyncio.sleep(1.0)
                found = [r for r in await self.world.records() if isinstance(r, e.RunSucceeded | e.RunFailed)]
                if len(ended := [r for r in found if r.run_id.startswith(f"{name}-")]) >= self.runs:
                    return ended

    async def counts(self) -> dict[str, float]:
        """Runs that did not succeed, what happened more than once, and when the last of the open runs went on."""
        records = await self.world.records()
        new = next(r.owner for r in reversed(records) if r.run_id.startswith("killed-"))
        went_on: dict[str, int] = {}
        for record in records:
            if record.owner == new and record.run_id:
                went_on.setdefault(record.run_id, record.time)
        succeeded = Counter(r.run_id for r in records if isinstance(r, e.RunSucceeded))
        steps = Counter((r.run_id, r.path) for r in records if isinstance(r, e.StepSucceeded))
        twice = sum(times > 1 for times in (*succeeded.values(), *steps.values()))
        last = max(0.0, max(went_on.values()) / 1e6 - self.ready)
        return {"lost": 3 * self.runs - len(succeeded), "twice": twice, "taken_up_after_ready_s": last}
