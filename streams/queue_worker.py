"""A worker of a named queue: owns nothing, runs what owners send to its inbox, reports to `workflow.outcomes`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from zlib import crc32

import structlog

from schemas.codec import Undecodable, UnknownSchema
from schemas.topics import TOPICS, work
from schemas.workers import WorkCancelled, WorkItem
from streams.compacted import CompactedReader
from streams.insistence import insist
from streams.outfit import Outfit, outfit
from streams.seats import Superseded
from streams.settings import WorkerSettings
from streams.topic_watch import watch_topics

logger = structlog.get_logger("millrace.queue")

#: Seconds in which every owner has heard a beat.
HEARD_WITHIN = 1.0
#: How many attempts a worker remembers, so that an item that comes twice is run once.
REMEMBERED = 100_000


async def run_queue_worker(
    settings: WorkerSettings,
    queue: str,
    stop: asyncio.Event,
    on_ready: Callable[["QueueWorker"], None] | None = None,
) -> None:
    """Serve one queue until `stop` is set. Raises what makes going on impossible."""
    topics = (*TOPICS, work(queue))
    async with contextlib.AsyncExitStack() as stack:
        worker = QueueWorker(settings, queue, await outfit(settings, stack, topics))
        stack.push_async_callback(worker.inbox.stop)
        await worker.start()
        if on_ready is not None:
            on_ready(worker)
        try:
            await worker.serve(stop, watch_topics(settings, topics))
        finally:
            await worker.shut_down()


class QueueWorker:
    """Reads its inbox from the end that it had before our first beat: nobody can have sent anything before that."""

    def __init__(self, settings: WorkerSettings, queue: str, parts: Outfit) -> None:
        self.id, self.settings, self.queue, self._parts = parts.worker, settings, queue, parts
        self._slots = settings.concurrency
        self.number = crc32(self.id.encode()) % settings.partitions
        topic = settings.topic(work(queue).name)
        self.inbox = CompactedReader(
            settings.bootstrap, topic, self._read, auth=settings.auth, partition=self.number, last=0
        )
        self._early: list[WorkItem] | None = []
        """Items of owners to whom our first beat came sooner than back to us; None: it has come back."""
        self._passing: asyncio.Task[None] | None = None
        """Passes over what was sent before a time in which nobody heard of us."""
        self._seen: dict[tuple[str, int, str, int], None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._superseded: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Be ready to run steps, then say so."""
        beats = self._parts.beats
        await self._parts.executor.start()
        await self.inbox.start()
        beats.status = self._status
        beats.on_superseded = self._give_way
        beats.on_lapsed = self._lapsed
        await beats.start()
        early, self._early = self._early or [], None
        for item in early:
            self._take(item)
        self._spawn(beats.run())
        logger.info("queue worker started", worker=self.id, queue=self.queue, slots=self._slots)

    async def serve(self, stop: asyncio.Event, *more: Awaitable[None]) -> None:
        """Until told to stop, or nothing more can be read or begun, or one of `more` ends."""
        readers = (self.inbox, self._parts.vocabulary, self._parts.beats)
        ends = (stop.wait(), self._superseded, *(reader.closed() for reader in readers), *more)
        watched = [asyncio.ensure_future(end) for end in ends]
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for future in watched:
            future.cancel()
        for future in watched:
            if future.done() and not future.cancelled():
                future.result()

    async def shut_down(self) -> None:
        """Say that there is no room, let steps finish, give back what has not begun, say goodbye."""
        beats, elapsed = self._parts.beats, asyncio.get_running_loop().time
        self._slots, began = 0, elapsed()
        with contextlib.suppress(Exception):  # the broker may be gone; then ten missing beats say the same
            async with asyncio.timeout(2.0):
                await beats.beat()
        await self._parts.pool.close(self.settings.grace)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(HEARD_WITHIN + 2.0):
                await asyncio.sleep(began + HEARD_WITHIN - elapsed())
                await self._empty()
                await beats.goodbye()
        for task in self._tasks:
            task.cancel()
        logger.info("queue worker stopped", worker=self.id, queue=self.queue)

    async def _empty(self) -> None:
        """What was sent before everybody heard that there is no room is given back."""
        await self.inbox.read_to_end()
        while self._parts.pool.running:
            await asyncio.sleep(0.01)

    def _read(self, _key: bytes | None, value: bytes | None, offset: int) -> None:
        try:
            item = None if value is None else self._parts.decoder.decode(value)
        except (UnknownSchema, Undecodable) as error:
            logger.warning("an item that cannot be read", queue=self.queue, offset=offset, why=str(error))
            return
        if isinstance(item, WorkItem) and item.scheduled.worker == self.id:
            self._take(item)
        elif isinstance(item, WorkCancelled) and item.worker == self.id:
            self._parts.pool.cancel_path(item.run_id, item.path)

    def _take(self, item: WorkItem) -> None:
        """Run it, once; an owner that knew too little of us gets it back."""
        if self._early is not None:
            return self._early.append(item)
        scheduled, pool = item.scheduled, self._parts.pool
        attempt = (scheduled.run_id, scheduled.incarnation, scheduled.path, scheduled.attempt)
        if attempt in self._seen:
            return
        self._seen[attempt] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if self._passing is not None:
            pool.give_back(scheduled, f"worker {self.id} was not heard of in time for it to begin")
        elif pool.running < self._slots:
            pool.submit(-1, scheduled)
        else:
            pool.give_back(scheduled, f"worker {self.id} has no room")

    def _lapsed(self) -> None:
        """Others may have given up what stands in the inbox, and what has not begun."""
        self._parts.pool.lapsed()
        if self._passing is not None:
            self._passing.cancel()
        self._passing = self._spawn(self._pass_over())

    async def _pass_over(self) -> None:
        await insist(self.inbox.read_to_end, "reading the inbox")
        self._passing = None

    def _status(self) -> dict[str, Any]:
        running = self._parts.pool.running
        return {"running": running, "queue": self.queue, "slots": self._slots, "inbox": self.number}

    def _give_way(self) -> None:
        if not self._superseded.done():
            seat = self._parts.seat
            self._superseded.set_exception(Superseded(f"a newer process sits on the seat {seat}"))

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
