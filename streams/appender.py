"""Group commit: one batch of a partition is in flight, what queues meanwhile is the next (PROTOCOL.md, 3 and 4)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from schemas.codec import encode
from schemas.message import Event
from workflow.messages import Message

#: Bytes of one batch; the broker's limit is about a mebibyte.
MAX_BATCH = 900_000


class BatchSender(Protocol):
    """Sends the records as one batch and says at which offset its ack puts the first. Raises on failure or time-out."""

    async def __call__(self, records: list[tuple[bytes, bytes]]) -> int: ...


@dataclass(slots=True)
class Entry:
    """One event on its way to the log, with the message that made it."""

    event: Event
    message: Message | None
    key: bytes
    value: bytes


class Surprise(Exception):
    """The log is not what this owner thinks: it must read again."""


class Appender:
    """One partition's writer. `on_ack` gets the entries of each batch and their first offset, in order."""

    def __init__(
        self,
        send: BatchSender,
        expected: int,
        on_ack: Callable[[list[Entry], int], None],
        on_surprise: Callable[[Exception], None],
    ) -> None:
        self._send, self.expected = send, expected
        self._on_ack, self._on_surprise = on_ack, on_surprise
        self._queue: list[Entry] = []
        self._in_flight: list[Entry] = []
        self._pump: asyncio.Task[None] | None = None
        self._closed = False
        self.batches = 0
        self.size = 0
        """Bytes of the records that are not acked."""

    def append(self, events: list[Event], message: Message | None) -> None:
        """Queue events; they are sent in this order."""
        entries = [Entry(e, message, e.run_id.encode(), encode(e)) for e in events]
        self.size += sum(len(entry.value) for entry in entries)
        self._queue += entries
        if self._pump is None and self._queue and not self._closed:
            self._pump = asyncio.get_running_loop().create_task(self._run())

    @property
    def backlog(self) -> int:
        """Records that are not acked."""
        return len(self._queue) + len(self._in_flight)

    def close(self) -> list[Entry]:
        """Send nothing more. Returns what is not acked: its fate is unknown, or it was never sent."""
        self._closed = True
        left, self._queue, self._in_flight = self._in_flight + self._queue, [], []
        return left

    async def _run(self) -> None:
        try:
            while self._queue and not self._closed:
                await self._send_next()
        except Exception as error:
            if not self._closed:
                self._on_surprise(error)
        finally:
            self._pump = None

    async def _send_next(self) -> None:
        count, size = 0, 0
        for entry in self._queue:
            size += len(entry.value) + len(entry.key) + 64
            if count and size > MAX_BATCH:
                break
            count += 1
        batch = self._in_flight = self._queue[:count]
        del self._queue[:count]
        base = await self._send([(entry.key, entry.value) for entry in batch])
        if self._closed:
            return
        if base != self.expected:
            raise Surprise(f"the ack has offset {base} where {self.expected} was expected: somebody else wrote")
        self.batches += 1
        self.expected = base + count
        self._in_flight = []
        self.size -= sum(len(entry.value) for entry in batch)
        self._on_ack(batch, base)
