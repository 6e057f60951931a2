"""Taking in: every message of a partition, in order, becomes a decision, whatever it is (PROTOCOL.md, 11)."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from schemas.message import Cause
from streams import doors
from streams.deadletters import bury
from workflow.messages import InputUnreadable, Message

if TYPE_CHECKING:
    from streams.owner import Owner

#: Records not acked, beyond which nothing more is taken in.
BACKLOG = 20_000
#: Seconds that taking in may hold the event loop at a time.
SLICE = 0.002


class Incoming(Protocol):
    """A message as the consumer hands it over."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any
    reading: int


class Intake:
    """One topic of one partition. Messages of an earlier reading are dropped: they will come again."""

    def __init__(self, owner: "Owner", kind: str, topic: str) -> None:
        self.owner, self.kind, self.topic = owner, kind, topic
        self.reading = -1
        self.taken = 0
        self._waiting: deque[Incoming] = deque()
        self._busy = False
        self._scheduled = False

    async def open(self, offset: int) -> None:
        """Read on from an offset."""
        self.close()
        self.reading = await self.owner.parts.consumer.open(self.topic, self.owner.number, offset)

    def close(self) -> None:
        """Take in nothing until opened again."""
        self.reading, self.taken, self._busy = -1, 0, False
        self._waiting.clear()

    def hand_over(self, message: Incoming) -> None:
        """Queue a message of the present reading."""
        if message.reading == self.reading:
            self._waiting.append(message)
            self.wake()

    async def reached(self, end: int) -> bool:
        """Whether everything before an offset was decided."""
        reading = self.reading
        if reading < 0:
            return False
        position, handed = await self.owner.parts.consumer.reached(self.topic, self.owner.number, reading)
        return reading == self.reading and position >= end and handed == self.taken

    def wake(self) -> None:
        """Go on, soon."""
        if self._waiting and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        clock = asyncio.get_running_loop().time
        until = clock() + SLICE
        while self._waiting and not self._busy and self.owner.phase == "live":
            appender = self.owner.appender
            if appender is None or appender.backlog > BACKLOG:
                return
            self._take(self._waiting.popleft())
            if clock() > until:
                return self.wake()

    def _take(self, message: Incoming) -> None:
        owner = self.owner
        cause = Cause(self.kind, owner.state.log, message.offset)
        try:
            door = doors.command if self.kind == "command" else doors.outcome
            decided: Message = door(message, cause, owner.parts.decoder, owner.parts.settings.partitions)
        except doors.Unreadable as unreadable:
            self._busy = True
            owner.parts.spawn(self._bury(message, cause, unreadable, self.reading))
            return
        self.taken += 1
        owner.handle(decided)

    async def _bury(self, message: Incoming, cause: Cause, why: doors.Unreadable, reading: int) -> None:
        """The dead letter's ack comes first; then the record that says so."""
        offset = await bury(message, why, self.owner.parts)
        if self.reading != reading:
            return
        size = len(message.value or b"")
        self.taken += 1
        self._busy = False
        self.owner.handle(InputUnreadable(message.topic, why.reason, why.message, size, offset, cause))
        self.wake()
