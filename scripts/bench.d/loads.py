"""W1, W2 and W3 on a running broker: a worker in a process of its own, everything timed by the log's own times."""

import tempfile
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from core import chain
from tailing import Ends
from yardstick import acks

from schemas.codec import encode
from schemas.commands import StartRun
from schemas.topics import COMMANDS
from streams.broker_features import idempotence_available
from streams.client import Client
from streams.home import partition_of
from streams.settings import WorkerSettings
from streams.topics import ensure_topics
from tests.brokers import Broker
from tests.cpu import Cpu
from tests.running import worker_process, worker_settings
from workflow.parse.load import load

WIDE = "name: wide\nsteps:\n  - id: p\n    parallel:\n" + "".join(
    f"      b{n}: [{{id: k{n}, tool: t.noop}}]\n" for n in range(100)
)
STEPS = 10


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


def percentile(values: list[float], share: float) -> float:
    """The value that so many are not above."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def measure(name: str, bootstrap: str, scale: float) -> dict[str, Any]:
    """All figures of one broker. Times in milliseconds, CPU in µs per step."""
    broker = Broker("embedded" if name == "embedded" else "kafka", bootstrap, await idempotence_available(bootstrap))
    settings = worker_settings(broker, "bench.", partitions=24, data_dir=Path(tempfile.mkdtemp()))
    await ensure_topics(bootstrap, settings.prefix, settings.partitions)
    worker = await worker_process(settings, "bench")
    try:
        async with Client(bootstrap, settings.prefix) as client:
            for source in (chain(STEPS), WIDE):
                workflow = load(source)
                await client.publish_workflow(workflow.name, workflow.version_hash, source)
        async with Loads(settings, Cpu(worker.pid, bootstrap), broker.idempotent) as loads:
            return await loads.all(scale)
    finally:
        worker.terminate()
        await worker.wait()


class Loads:
    """Publishes starts as any client does, and reads the ends."""

    def __init__(self, settings: WorkerSettings, cpu: Cpu, idempotent: bool) -> None:
        self.settings, self.cpu, self.idempotent = settings, cpu, idempotent
        self.ends = Ends(settings)
        self.producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap, linger_ms=0)

    async def __aenter__(self) -> "Loads":
        await self.producer.start()
        await self.ends.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.producer.stop()
        await self.ends.stop()

    async def start(self, run_id: str, workflow: str) -> None:
        """One start, acked or not yet."""
        command = encode(StartRun(run_id, run_id, workflow=workflow))
        home = partition_of(run_id, self.settings.partitions)
        topic = self.settings.topic(COMMANDS.name)
        await self.producer.send(topic, command, key=run_id.encode(), partition=home)

    async def run(self, run_id: str, workflow: str) -> float:
        """Milliseconds from the run's first event to its last."""
        await self.start(run_id, workflow)
        return await self.ends.took(run_id)

    async def all(self, scale: float) -> dict[str, Any]:
        await self.burst("warm", int(500 * scale) or 1)
        raw = await acks(self.settings, self.idempotent, int(400 * scale))
        alone = [await self.run(f"w1-{n}", "chain") / STEPS for n in range(int(200 * scale))]
        raw += await acks(self.settings, self.idempotent, int(400 * scale))
        bursts = [await self.burst(f"w2-{n}", 500) for n in range(3)]
        wide = [await self.run(f"w3-{n}", "wide") for n in range(int(40 * scale))]
        best = max(bursts, key=lambda figures: figures["steps_per_s"])
        return {
            "raw_ack_ms_p50": median(raw),
            "w1_ms_per_step_p50": median(alone),
            "w1_ms_per_step_p99": percentile(alone, 0.99),
            "w1_to_raw_ack": median(alone) / median(raw),
            "w2_steps_per_s": median([figures["steps_per_s"] for figures in bursts]),
            "w2_steps_per_s_best": best["steps_per_s"],
            "w2_cpu_us_per_step": {part: best[part] for part in ("worker", "tool_host", "broker")},
            "w3_ms_p50": median(wide),
        }

    async def burst(self, name: str, runs: int) -> dict[str, float]:
        """So many runs at once: steps a second from the first start to the last end, CPU by part."""
        before, begun = self.cpu.read(), time.time()
        run_ids = [f"{name}-{n}" for n in range(runs)]
        for run_id in run_ids:
            await self.start(run_id, "chain")
        last = max([await self.ends.ended(run_id) for run_id in run_ids])
        steps = runs * STEPS
        spent = {part: (after - before[part]) / steps * 1e6 for part, after in self.cpu.read().items()}
        return {"steps_per_s": steps / (last / 1e6 - begun), **spent}
