"""Beats on `workflow.workers`: the right to begin, and who is lost (PROTOCOL.md, 8-10)."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import structlog

from schemas.codec import Decoder, Undecodable, UnknownSchema, encode
from schemas.topics import WORKERS
from schemas.workers import WorkerBeat
from steps.clock import uptime
from streams import clock
from streams.compacted import CompactedReader
from streams.producer import Producer
from streams.rooms import Rooms
from streams.settings import WorkerSettings
from streams.version import VERSION

logger = structlog.get_logger("millrace.beats")

#: Seconds between beats; how long one that came back lets steps begin; beats of ours that make another lost.
INTERVAL, FRESH, LOST = 1.0, 5.0, 10
#: In place of a time: this process begins nothing more.
ENDED = -1.0
#: Records of the topic that are read at the start: the last minutes of some dozens of workers.
REMEMBERED = 20_000
#: Microseconds since 1970 beyond which a start number is no time, and leaves no room for the next one.
LATEST_START = 1 << 62


class Observed:
    """What the beats say of others, counted in our own: record times are never compared."""

    def __init__(self, me: str) -> None:
        self.me = me
        self.mine = 0
        self._last_mine = -1e9
        self._seen: dict[str, int] = {}
        self._gone: set[str] = set()
        self._seats: dict[str, tuple[int, str]] = {}

    def beat(self, beat: WorkerBeat, at: float) -> None:
        """A beat came back or came in, at a time of the machine's own clock in seconds."""
        if beat.worker == self.me and at - self._last_mine >= 0.9 * INTERVAL:
            self.mine, self._last_mine = self.mine + 1, at
        self._seen[beat.worker] = self.mine
        start, holder = self._seats.get(beat.seat, (-1, ""))
        if beat.start > start:
            if holder and holder != beat.worker:
                self._gone.add(holder)
            self._seats[beat.seat] = (beat.start, beat.worker)
        elif beat.start < start:
            self._gone.add(beat.worker)

    def alive(self, worker: str) -> None:
        """Something came of a worker that can't be read."""
        self._seen[worker] = self.mine

    def goodbye(self, worker: str) -> None:
        """A worker left in order."""
        self._gone.add(worker)

    def silence(self, worker: str) -> int:
        """How many of our beats have passed since the last of this worker."""
        return LOST if worker in self._gone else self.mine - self._seen.get(worker, 0)

    def lost(self, worker: str) -> bool:
        """Whether nobody need wait for this worker any more."""
        return self.silence(worker) >= LOST

    def others(self) -> bool:
        """Whether any other worker is alive."""
        return any(worker != self.me and not self.lost(worker) for worker in self._seen)

    def newest_start(self, seat: str) -> int:
        """The highest start number seen on a seat, -1 if none."""
        return self._seats.get(seat, (-1, ""))[0]


class Beats:
    """Sends our beat each second, and reads everybody's."""

    def __init__(
        self,
        worker: str,
        seat: str,
        producer: Producer,
        settings: WorkerSettings,
        reader: Callable[..., CompactedReader] = CompactedReader,
        decoder: Decoder | None = None,
    ) -> None:
        self._decode = (decoder or Decoder()).decode
        self.worker, self.seat = worker, seat
        self._producer, self._topic = producer, settings.topic(WORKERS.name)
        self._reader = reader(settings.bootstrap, self._topic, self._read, auth=settings.auth, last=REMEMBERED)
        self.observed = Observed(worker)
        self.rooms = Rooms(self.observed.silence)
        self.start_number = 0
        self.status: Callable[[], dict[str, Any]] = dict
        self.on_superseded: Callable[[], None] = lambda: None
        self.on_lapsed: Callable[[], None] = lambda: None
        self._fresh_until = 0.0
        self._count = 0
        self._sent: dict[int, float] = {}

    def begin_by(self) -> float:
        """`uptime()` until which a step may begin."""
        return self._fresh_until

    async def start(self) -> None:
        """Read what stands, then beat until our first beat has come back."""
        await self._reader.start()
        await self._reader.read_to_end()
        self.start_number = max(clock.now(), self.observed.newest_start(self.seat) + 1)
        elapsed = asyncio.get_running_loop().time
        deadline = elapsed() + 30.0
        while not self._fresh_until:
            await self.beat()
            await asyncio.sleep(0.05)
            for _ in range(100):
                if self._fresh_until or elapsed() > deadline:
                    break
                await asyncio.sleep(0.01)
            if elapsed() > deadline:
                raise TimeoutError(
                    "our own beat did not come back within 30 s; does the broker serve workflow.workers?"
                )

    def _read(self, key: bytes | None, value: bytes | None, _offset: int) -> None:
        worker = (key or b"").decode(errors="replace")
        if value is None:
            self.observed.goodbye(worker)
            self.rooms.left(worker)
            return
        try:
            beat = self._decode(value)
        except UnknownSchema:
            return self.observed.alive(worker)  # of a later version, whose schema comes by another topic
        except Undecodable as error:
            logger.warning("an unreadable beat", worker=worker, why=str(error))
            return
        if not isinstance(beat, WorkerBeat) or not 0 <= beat.start < LATEST_START:
            return
        self.observed.beat(beat, uptime())
        if beat.queue:
            self.rooms.heard(beat)
        if beat.worker == self.worker:
            self._came_back(self._sent.pop(beat.beat, 0.0) + FRESH)
        elif beat.seat == self.seat and self.start_number and beat.start > self.start_number:
            self._fresh_until = ENDED
            self.on_superseded()

    def _came_back(self, fresh_until: float) -> None:
        """Counted from when it was sent: a process that was stopped finds old beats waiting."""
        if self._fresh_until == ENDED:
            return
        if 0.0 < self._fresh_until < uptime():
            self.on_lapsed()
        self._fresh_until = max(self._fresh_until, fresh_until)

    async def beat(self) -> None:
        """Say that we live, and what we do."""
        self._count += 1
        self._sent[self._count] = uptime()
        beat = WorkerBeat(
            worker=self.worker,
            seat=self.seat,
            start=self.start_number,
            beat=self._count,
            time=clock.now(),
            version=VERSION,
            host=socket.gethostname(),
            pid=os.getpid(),
            **self.status(),
        )
        await self._producer.send_and_wait(self._topic, encode(beat), self.worker.encode(), 0)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.beat()
            except Exception as error:
                logger.warning("no beat", why=f"{type(error).__name__}: {error}")

    async def goodbye(self) -> None:
        """Say that nothing is owed by us any more."""
        self._fresh_until = ENDED
        await self._producer.send_and_wait(self._topic, None, self.worker.encode(), 0)

    async def closed(self) -> None:
        """Wait for the end of the reading, and raise what ended it."""
        await self._reader.closed()

    async def stop(self) -> None:
        """Read no more."""
        await self._reader.stop()
