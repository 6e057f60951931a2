"""Taking in: every message of a partition, in order, becomes a decision, whatever it is (PROTOCOL.md, 11)."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from schemas.message import Cause
from streams import doors
from streams.deadletters import bury
from streams.insistence import insist
from workflow.messages import InputUnreadable, Message

if TYPE_CHECKING:
    from streams.owner import Owner

logger = structlog.get_logger("millrace.intake")

#: Records not acked, and their bytes, beyond which nothing more is taken in.
BACKLOG, BACKLOG_SIZE = 20_000, 32 << 20
#: Messages waiting, and their bytes, beyond which nothing more is fetched until half of them are taken in.
WAITING, WAITING_SIZE = 5_000, 8 << 20
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
    ordinal: int


class Intake:
    """One topic of one partition. Messages of an earlier reading are dropped: they will come again.

    A position passes over what comes before it for good. So none is taken in whose predecessor did not arrive, whatever
    lies between the fetch and here: the partition is read again from where the log says.
    """

    def __init__(self, owner: "Owner", kind: str, topic: str) -> None:
        self.owner, self.kind, self.topic = owner, kind, topic
        self.reading = -1
        self._openings = 0
        self.arrived = self.taken = 0
        self._looked = (-1, 0, 0)
        self._waiting: deque[Incoming] = deque()
        self._size = 0
        self._resting = False
        self._busy = False
        self._scheduled = False

    async def open(self, offset: int) -> None:
        """Read on from an offset."""
        self.close()
        opening = self._openings
        reading = await self.owner.parts.consumer.open(self.topic, self.owner.number, offset)
        if opening == self._openings:  # else it was closed or opened again meanwhile
            self.reading = reading

    def close(self) -> None:
        """Take in nothing until opened again."""
        self._openings += 1
        self.reading, self.arrived, self.taken, self._busy = -1, 0, 0, False
        self._size, self._resting = 0, False
        self._waiting.clear()

    def hand_over(self, message: Incoming) -> None:
        """Queue a message of the present reading."""
        if message.reading != self.reading:
            return
        if message.ordinal != self.arrived + 1:
            return self._read_again()
        self.arrived += 1
        self._waiting.append(message)
        self._size += _size(message)
        self._pace()
        self.wake()

    def look(self) -> None:
        """Once a second: what was fetched before the last look and has not arrived got lost."""
        reading, arrived, fetched = self._looked
        if self.reading < 0 or self.owner.phase != "live":
            return
        if (reading, arrived) == (self.reading, self.arrived) and fetched > arrived:
            return self._read_again()
        known = self.owner.parts.consumer.fetched(self.topic, self.owner.number, self.reading)
        self._looked = (self.reading, self.arrived, known)

    def _read_again(self) -> None:
        logger.warning("messages got lost after the fetch; reading on from the log's position", topic=self.topic)
        self.close()
        self.owner.open_intakes()

    def _pace(self) -> None:
        """Fetching rests while enough is waiting: a flood stays at the broker."""
        count, size = len(self._waiting), self._size
        if not self._resting and (count > WAITING or size > WAITING_SIZE):
            self._rest(True)
        elif self._resting and count <= WAITING // 2 and size <= WAITING_SIZE // 2:
            self._rest(False)

    def _rest(self, resting: bool) -> None:
        self._resting = resting
        consumer = self.owner.parts.consumer
        self.owner.parts.spawn(consumer.rest(self.topic, self.owner.number, self.reading, resting))

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
            if appender is None or appender.backlog > BACKLOG or appender.size > BACKLOG_SIZE:
                return
            self._take(self._next())
            if clock() > until:
                return self.wake()

    def _next(self) -> Incoming:
        message = self._waiting.popleft()
        self._size -= _size(message)
        self._pace()
        return message

    def _take(self, message: Incoming) -> None:
        read = self._through_door(message)
        if isinstance(read, doors.Unreadable):
            self._busy = True
            self.owner.parts.spawn(self._hold_up(message, read, self.reading))
            return
        self.taken += 1
        self.owner.handle(read)

    def _through_door(self, message: Incoming) -> Message | doors.Unreadable:
        parts = self.owner.parts
        door = doors.command if self.kind == "command" else doors.outcome
        try:
            return door(message, self._cause(message), parts.decoder, parts.settings.partitions)
        except doors.Unreadable as unreadable:
            return unreadable
        except Exception as error:  # whatever a door did not think of is kept whole, and the partition goes on
            logger.exception("a door failed", topic=message.topic, partition=message.partition, offset=message.offset)
            return doors.Unreadable("door_failed", f"{type(error).__name__}: {error}")

    def _cause(self, message: Incoming) -> Cause:
        return Cause(self.kind, self.owner.state.log, message.offset)

    async def _hold_up(self, message: Incoming, why: doors.Unreadable, reading: int) -> None:
        """A schema may be on its way; else the dead letter's ack comes first, then the record that says so."""
        read: Message | doors.Unreadable = why
        if why.reason == doors.UNKNOWN_SCHEMA:
            await insist(self.owner.parts.read_schemas, "reading the schemas")
            read = self._through_door(message)
        if isinstance(read, doors.Unreadable):
            offset = await bury(message, read, self.owner.parts)
            size, cause = len(message.value or b""), self._cause(message)
            read = InputUnreadable(message.topic, read.reason, read.message, size, offset, cause)
        if self.reading == reading:
            self.taken += 1
            self._busy = False
            self.owner.handle(read)
            self.wake()


def _size(message: Incoming) -> int:
    return len(message.value or b"") + len(message.key or b"")
