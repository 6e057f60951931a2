"""A worker: the Faust app, the owners of its partitions, the pool that runs their steps."""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from faust.types import TP

from schemas.topics import COMMANDS, OUTCOMES
from schemas.workers import Recovering
from streams.app import Membership, build_app
from streams.archive import EventArchive
from streams.beats import INTERVAL, Beats
from streams.definitions import Definitions
from streams.intake import Incoming
from streams.log import LogReader
from streams.marks import Marks
from streams.outfit import outfit
from streams.owner import Owner
from streams.parts import Parts
from streams.pool import LAST_REPORTS
from streams.seats import Superseded
from streams.settings import WorkerSettings
from streams.timers import Timer, Timers
from streams.topic_watch import watch_topics
from streams.vocabulary import Vocabulary
from workflow.messages import OutcomeTaken

logger = structlog.get_logger("millrace.worker")


async def run_worker(
    settings: WorkerSettings,
    stop: asyncio.Event,
    on_ready: Callable[["Worker"], None] | None = None,
) -> None:
    """Own what the group assigns until `stop` is set. Raises what makes going on impossible."""
    async with contextlib.AsyncExitStack() as stack:
        worker = await _wire(settings, stack)
        await worker.start()
        gc.collect()
        gc.freeze()  # what was imported stays; looking at it again and again costs a seventh of the throughput
        if on_ready is not None:
            on_ready(worker)
        try:
            await worker.serve(stop, watch_topics(settings))
        finally:
            await worker.shut_down()


async def _wire(settings: WorkerSettings, stack: contextlib.AsyncExitStack) -> "Worker":
    """Connect every piece; the stack takes them down again."""
    base = await outfit(settings, stack)
    worker = Worker(base.worker, settings, base.seat)
    membership = Membership.on(settings, base.seat, base.idempotent)
    worker.app = build_app(settings, membership, worker.hand_over, worker.assigned, worker.revoked)
    log, marks, definitions = LogReader(settings), Marks(settings), Definitions(settings, base.decoder)
    for closing in (log.stop, marks.stop, definitions.stop):
        stack.push_async_callback(closing)
    await asyncio.gather(base.executor.start(), log.start(), marks.start(), definitions.start(), base.beats.start())
    archive = EventArchive(settings.archive) if settings.archive else None
    if archive is not None:
        stack.callback(archive.close)
    worker.parts = Parts(
        worker.id,
        settings,
        base.producer,
        log,
        marks,
        definitions,
        base.decoder,
        base.beats,
        Timers(worker.timer_due),
        base.pool,
        worker.app.consumer,
        archive,
        base.vocabulary.read_to_end,
    )
    base.vocabulary.on_learned = definitions.catalogue.schema_learned
    worker.readers = (base.vocabulary, definitions, base.beats)
    return worker


class Worker:
    """The owners of one process, and what the group tells it."""

    parts: Parts
    app: Any
    """The Faust app: what the group says comes from it."""
    readers: tuple[Vocabulary | Definitions | Beats, ...] = ()
    """Who reads topics that nobody else reads for this process."""

    def __init__(self, worker_id: str, settings: WorkerSettings, seat: str) -> None:
        self.id, self.settings, self.seat = worker_id, settings, seat
        self.owners: dict[int, Owner] = {}
        self._leaving = False
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Join the group. Raises KafkaConnectionError."""
        parts = self.parts
        parts.pool.hand_over = self.outcome
        parts.beats.status = self._status
        parts.beats.on_superseded = lambda: self._fail(Superseded(f"a newer process sits on the seat {self.seat}"))
        parts.beats.rooms.given = lambda worker: sum(len(o.elsewhere.attempts.get(worker, ())) for o in self._live())
        parts.beats.rooms.on_room = self._room
        self.app.consumer.positions = self._positions
        self.app.consumer.leaving = parts.beats.observed.others
        parts.spawn(parts.beats.run())
        parts.spawn(parts.marks.run())
        parts.spawn(self._look_for_lost())
        parts.spawn(self._look_for_gaps())
        await self.app.start()
        logger.info("worker started", worker=self.id, seat=self.seat, broker=self.settings.bootstrap)

    async def serve(self, stop: asyncio.Event, *more: Awaitable[None]) -> None:
        """Until told to stop; raises what ended it otherwise, or one of `more`. Faust's crashes show nowhere else."""
        readers = [reader.closed() for reader in self.readers]
        ends = (stop.wait(), self.app.wait_until_stopped(), self._failed, *readers, *more)
        watched = [asyncio.ensure_future(work) for work in ends]
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for future in watched:
            future.cancel()
        if stop.is_set():
            return
        for future in watched:
            if future.done() and not future.cancelled():
                future.result()
        raise RuntimeError("Faust stopped by itself") from self.app.crash_reason

    async def shut_down(self) -> None:
        """Take in no more, let steps finish, release the rest, say goodbye."""
        parts, owners, self._leaving = self.parts, list(self.owners.values()), True
        self.revoked()
        parts.timers.close()  # what is due now is the next owner's: here it would only be given back
        await parts.pool.close(self.settings.grace)
        for owner in owners:
            owner.marking.mark()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(self.settings.grace, LAST_REPORTS)):
                while parts.pool.running or any(owner.appender and owner.appender.backlog for owner in owners):
                    await asyncio.sleep(0.01)
        for owner in owners:
            owner.close()
        with contextlib.suppress(Exception):  # the next recovery begins at the mark before, then
            await parts.marks.commit()
        await self.app.stop()
        with contextlib.suppress(Exception):  # the broker may be gone; then ten missing beats say the same
            async with asyncio.timeout(2.0):
                await parts.beats.goodbye()
        for task in list(parts.tasks):
            task.cancel()
        logger.info("worker stopped", worker=self.id)

    def hand_over(self, messages: list[Incoming]) -> None:
        """What the agents got: each message to the intake of its partition's owner."""
        for message in messages:
            if (owner := self.owners.get(message.partition)) is not None:
                owner.intake_of(message.topic).hand_over(message)

    def revoked(self) -> None:
        """A rebalance began: what is in the queues is read again after it. Owners go on (PROTOCOL.md, 5)."""
        for owner in self.owners.values():
            owner.close_intakes()

    def assigned(self, partitions: set[int]) -> None:
        """The new assignment: let go of what others own now, take over what is new, read on in what stays."""
        for number in [number for number in self.owners if number not in partitions]:
            self.owners.pop(number).close()
        if self._leaving:
            return
        for number in sorted(partitions):
            if (owner := self.owners.get(number)) is not None:
                owner.open_intakes()
            else:
                owner = self.owners[number] = Owner(number, self.parts)
                owner.start()

    def outcome(self, partition: int, message: OutcomeTaken) -> bool:
        """The end of an attempt in this process; False where its owner is not here or not live."""
        owner = self.owners.get(partition)
        if owner is None or owner.phase != "live":
            return False
        owner.handle(message)
        return True

    def timer_due(self, timer: Timer) -> None:
        """A timer fired."""
        if (owner := self.owners.get(timer.partition)) is not None:
            owner.timer_due(timer)

    def _positions(self) -> dict[TP, int]:
        return {
            TP(self.settings.topic(topic.name), owner.number): owner.state.positions[kind]
            for owner in self._live()
            for kind, topic in (("command", COMMANDS), ("outcome", OUTCOMES))
        }

    def _status(self) -> dict[str, Any]:
        live = sorted(owner.number for owner in self._live())
        reading = [owner for owner in self.owners.values() if owner.phase == "reading"]
        recovering = [
            Recovering(owner.number, owner.progress.reached - owner.progress.start, owner.progress.of)
            for owner in reading
        ]
        return {"running": self.parts.pool.running, "partitions": live, "recovering": recovering}

    def _live(self) -> list[Owner]:
        return [owner for owner in self.owners.values() if owner.phase == "live"]

    def _room(self) -> None:
        """A worker of a queue has room."""
        for owner in self._live():
            owner.elsewhere.place()

    async def _look_for_lost(self) -> None:
        """Each second: attempts whose workers are lost go on elsewhere (PROTOCOL.md, 9)."""
        while True:
            await asyncio.sleep(INTERVAL)
            for owner in list(self.owners.values()):
                for worker in [w for w in owner.elsewhere.attempts if self.parts.beats.observed.lost(w)]:
                    self.parts.beats.rooms.left(worker)
                    owner.elsewhere.declare_lost(worker)

    async def _look_for_gaps(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            for owner in list(self.owners.values()):
                for intake in owner.intakes.values():
                    intake.look()

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)
