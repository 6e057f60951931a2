"""Drives it: the load, the deeds of the plan, the watch over what has ended."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from fleet import Struck, Worker
from flows import QUEUE, Flow, flows
from logs import Tail, read
from plan import Deed, plan
from verdict import Evidence

from schemas.topics import COMMANDS, EVENTS, OUTCOMES, WORKERS
from steps.settings import StepSettings
from streams.client import Client, new_command_id
from streams.settings import WorkerSettings
from streams.topics import ensure_topics
from tests.cluster import Cluster
from workflow.parse.load import load

TOOLS = Path(__file__).parent / "tools"
#: Of the runs, one in so many is cancelled.
CANCELLED = 100
#: Seconds without an end after which what is open counts as lost.
PATIENCE = 90.0
#: Seconds between two deeds to workers, at least.
PAUSE = 0.5


@dataclass
class Drive:
    """One chaos: `say` gets a line of progress each second."""

    kafka: Cluster
    folder: Path
    seed: int
    runs: int
    seconds: float
    say: Callable[[str], None]
    partitions: int = 12
    accepted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    struck: list[Struck] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    left: list[Worker] = field(default_factory=list)
    away: list[tuple[int, int]] = field(default_factory=list)
    deeds: int = 0

    def __post_init__(self) -> None:
        self._broker, self._striking = asyncio.Lock(), asyncio.Lock()
        self._seats = 0
        self._doing = ""
        self.settings = WorkerSettings(
            bootstrap=self.kafka.bootstrap,
            prefix="chaos.",
            app="chaos",
            partitions=self.partitions,
            replication=min(3, self.kafka.nodes),
            data_dir=self.folder,
            steps=StepSettings(models="scripted", tools_path=(str(TOOLS),)),
        )

    async def all(self) -> Evidence:
        """From the first start to the last end; what is then in the topics and the ledger."""
        settings = self.settings
        await ensure_topics(settings.bootstrap, settings.prefix, settings.partitions, settings.replication)
        await self._stamp(OUTCOMES.name)
        try:
            await self._run()
        finally:
            await asyncio.gather(*(worker.end() for worker in self.workers))
        return await self._evidence()

    async def _run(self) -> None:
        settings = self.settings
        for queue in ("", "", "", QUEUE, QUEUE):
            self._join(queue)
        tail = Tail(settings.bootstrap, settings.topic(EVENTS.name), settings.partitions)
        async with Client(settings.bootstrap, settings.prefix) as client, tail.following():
            drawn = flows(self.seed, 40)
            for flow in drawn:
                workflow = load(flow.source)
                await client.publish_workflow(workflow.name, workflow.version_hash, flow.source)
            watch = asyncio.create_task(self._watch(tail))
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._load(client, drawn))
                    for deed in plan(self.seed, self.seconds):
                        tasks.create_task(self._do(deed))
                self._doing = "waiting for the last ones"
                await self._drain(tail)
            finally:
                watch.cancel()

    async def _load(self, client: Client, drawn: list[Flow]) -> None:
        """The starts, spread over nearly all of the time; each is sent until it is acked, under the same id."""
        chance, begun = Random(f"{self.seed}/load"), time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.runs):
                await asyncio.sleep(begun + 0.95 * self.seconds * number / self.runs - time.monotonic())
                flow, cancelled = chance.choice(drawn), number % CANCELLED == CANCELLED - 1
                tasks.create_task(self._start(client, f"run{number}", flow, cancelled))

    async def _start(self, client: Client, run_id: str, flow: Flow, cancelled: bool) -> None:
        inputs, command_id = {"ledger": str(self.folder / "ledger")}, new_command_id()
        if cancelled or not flow.certain:
            self.doubtful.add(run_id)
        await _until_acked(lambda: client.start(flow.name, inputs, run_id=run_id, command_id=command_id))
        self.accepted.add(run_id)
        if cancelled:
            await _until_acked(lambda: client.cancel(run_id, "chaos"))

    async def _do(self, deed: Deed) -> None:
        await asyncio.sleep(deed.at)
        if deed.what in ("restart", "crash", "pause"):
            async with self._broker:
                await self._strike_broker(deed)
        else:
            await self._strike_worker(deed)
        self.deeds += 1

    async def _strike_broker(self, deed: Deed) -> None:
        node = 1 + int(deed.lot * self.kafka.nodes)
        self._doing = f"{deed.what} of broker {node} for {deed.lasts:.0f} s"
        kafka = self.kafka
        begin = {"restart": kafka.stop, "crash": kafka.kill, "pause": kafka.pause}[deed.what]
        end = kafka.resume if deed.what == "pause" else kafka.start
        began = time.time_ns() // 1_000
        await asyncio.to_thread(begin, node)
        await asyncio.sleep(deed.lasts)
        await asyncio.to_thread(end, node)
        self.away.append((began, time.time_ns() // 1_000))
        self._doing = ""

    async def _strike_worker(self, deed: Deed) -> None:
        if deed.what == "join":
            return self._join(QUEUE if deed.lot < 0.4 else "")
        async with self._striking:  # what is overdue, because nobody was up, does not come all at once
            await asyncio.sleep(PAUSE)
            while not (up := [worker for worker in self.workers if worker.up]):
                await asyncio.sleep(0.1)
        worker = up[int(deed.lot * len(up))]
        if deed.what == "kill":
            self.struck.append(worker.kill(deed.lasts))
        elif deed.what == "stop":
            worker.stop(deed.lasts)
        elif deed.what == "freeze":
            await worker.freeze(deed.lasts, whole=deed.lot * 1000 % 1 < 0.5)
        elif sum(other.queue == worker.queue for other in self.workers) > 2 - bool(worker.queue):
            self.workers.remove(worker)
            self.left.append(worker)
            await worker.leave()

    def _join(self, queue: str = "") -> None:
        self._seats += 1
        self.workers.append(Worker(self.settings, f"seat-{self._seats}", self.folder, queue))

    async def _watch(self, tail: Tail) -> None:
        begun = time.monotonic()
        while True:
            up = sum(worker.up for worker in self.workers)
            self.say(
                f"{time.monotonic() - begun:5.0f} s  accepted {len(self.accepted):6,}  ended {len(tail.ended):6,}  "
                f"workers {up}/{len(self.workers)}  deeds {self.deeds:3}  {self._doing}"
            )
            await asyncio.sleep(1.0)

    async def _drain(self, tail: Tail) -> None:
        last, since = -1, time.monotonic()
        while not self.accepted <= tail.ended and time.monotonic() - since < PATIENCE:
            if len(tail.ended) != last:
                last, since = len(tail.ended), time.monotonic()
            await asyncio.sleep(0.2)

    async def _stamp(self, name: str) -> None:
        """Let the broker say when a record was appended."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.bootstrap)
        await admin.start()
        topic, config = self.settings.topic(name), {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
        await admin.close()

    async def _evidence(self) -> Evidence:
        settings, ledger = self.settings, self.folder / "ledger"
        bootstrap, count = settings.bootstrap, settings.partitions
        return Evidence(
            self.accepted,
            self.doubtful,
            await read(bootstrap, settings.topic(EVENTS.name), count),
            await read(bootstrap, settings.topic(OUTCOMES.name), count),
            await read(bootstrap, settings.topic(COMMANDS.name), count),
            await read(bootstrap, settings.topic(WORKERS.name), 1),
            ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else [],
            [(struck.pid, struck.time) for struck in self.struck],
            self.away,
        )


async def _until_acked(send: Callable[[], object]) -> None:
    while True:
        try:
            await send()  # type: ignore[misc]
            return
        except Exception:  # the same command, with the same id, once more
            await asyncio.sleep(0.5)
