"""One simulated process: a real worker on edges in memory."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import streams.marks
from schemas.topics import OUTCOMES, WORKERS
from streams.beats import Beats
from streams.marks import Marks
from streams.parts import Parts
from streams.pool import Pool
from streams.settings import WorkerSettings
from streams.timers import Timers
from streams.worker import Superseded, Worker
from tests.simulation.edges import Definitions, Follower, LogReader, Producer, RecoveryGroup
from tests.simulation.group import App
from tests.simulation.loop import Loop

if TYPE_CHECKING:
    from tests.simulation.world import World


class Machine:
    """A process on a seat, from its start to its end."""

    def __init__(self, world: "World", number: int, seat: str) -> None:
        self.world, self.seat = world, seat
        self.id = f"w{number}"
        self.loop = Loop(world.agenda, self.id, world.went_wrong)
        self.loop.skew = world.random.choice((0, 0, 0, 400_000, -2_000_000))
        self.stop = asyncio.Event()
        self.worker: Worker | None = None
        self.ready = self.thawed = 1e18
        """When it joined the group; when it last went on after a freeze."""
        self.leaving = self.usurped = False
        self.app: App | None = None

    @property
    def alive(self) -> bool:
        return not self.loop.dead

    @property
    def up(self) -> bool:
        """Whether it is a member of the group that can do something."""
        return self.worker is not None and self.alive and not self.loop.frozen

    def start(self) -> None:
        self.loop.call_soon(lambda: self.loop.create_task(self._main()))

    async def _main(self) -> None:
        """`streams.worker.run_worker`, on other edges."""
        beats = await self._wire()
        try:
            await beats.start()
        except Exception as error:
            return self._ended(f"could not start: {error}")
        assert self.worker is not None
        await self.worker.start()
        self.ready = self.thawed = self.world.agenda.now
        try:
            await self.worker.serve(self.stop)
            why = "left in order"
        except (Superseded, RuntimeError) as error:
            why = str(error)
        await self.worker.shut_down()
        self._ended(why)

    def _ended(self, why: str) -> None:
        self.world.story(self.id, f"ends: {why}")
        self.kill()

    async def _wire(self) -> Beats:
        world, loop = self.world, self.loop
        settings = WorkerSettings(
            partitions=world.partitions,
            data_dir=Path(),
            seat=self.seat,
            concurrency=world.concurrency,
            grace=world.grace,
        )
        producer = Producer(world.broker, loop, world.partitions)
        worker = self.worker = Worker(self.id, settings, self.seat)
        self.app = worker.app = App(world.group, world.broker, loop, self.seat, worker)

        def reader(_bootstrap: str, topic: str, on_record: Any, **_: Any) -> Any:
            assert topic == WORKERS.name
            return Follower(world.broker, loop, topic, on_record)

        beats = Beats(self.id, self.seat, producer, settings, reader, world.decoder)  # type: ignore[arg-type]
        pool = Pool(world.executor, beats.begin_by, producer, OUTCOMES.name, settings.concurrency)  # type: ignore[arg-type]
        beats.on_lapsed = pool.lapsed
        worker.parts = Parts(
            self.id,
            settings,
            producer,  # type: ignore[arg-type]
            LogReader(world.broker, loop),  # type: ignore[arg-type]
            self._marks(settings),
            Definitions(world.shelf, world.broker, loop),  # type: ignore[arg-type]
            world.decoder,  # type: ignore[arg-type]
            beats,
            Timers(worker.timer_due),
            pool,
            self.app.consumer,
        )
        return beats

    def _marks(self, settings: WorkerSettings) -> Marks:
        group = RecoveryGroup(self.world.broker, self.loop)
        with patch.object(streams.marks, "AIOKafkaConsumer", lambda **_: group):
            return Marks(settings)

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more."""
        if self.alive:
            self.loop.kill()
            self.world.died(self)

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        if self.alive and not self.loop.frozen:
            self.loop.freeze()
            self.world.agenda.after(seconds, self._thaw)
            if self.app is not None and self.app in self.world.group.members:
                self.world.group.silent(self.app)

    def _thaw(self) -> None:
        if self.alive:
            self.world.story(self.id, "goes on")
            self.loop.thaw()
            self.thawed = self.world.agenda.now
            if self.app is not None and self.worker is not None:
                self.world.group.goes_on(self.app)

    def terminate(self) -> None:
        """SIGTERM."""
        self.leaving = True
        self.loop.call_soon(self.stop.set)
