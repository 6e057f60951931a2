"""One connection to one tool host: calls out, answers in, and what became of each when it breaks."""

import asyncio
import logging
import mmap
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from steps.toolhost.frames import CALLS, Kind, Reader, frame

log = logging.getLogger("millrace.tools")

SLACK = 64 * 1024  # a failure's traceback may be longer than a small output limit


@dataclass(frozen=True, slots=True)
class Answer:
    """`kind` is RETURNED, FAILED or RELEASED."""

    kind: int
    body: bytes


class LinkBroken(Exception):
    """The tool host died; `begun` says whether the call had."""

    def __init__(self, begun: bool) -> None:
        super().__init__()
        self.begun = begun


class Link(asyncio.Protocol):
    """A call's number is free again when it was answered, so a cancelled one can't be taken for its successor."""

    def __init__(self, begun: mmap.mmap, limit: int, broken: Callable[["Link"], None]) -> None:
        self.ready: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._begun = begun
        self._broken = broken
        self._reader = Reader(limit + SLACK)
        self._waiters: dict[int, asyncio.Future[Answer] | None] = {}
        self._free: list[int] = []
        self._used = 0
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self.abandoned = 0  # cancelled calls that the tool host is still busy with

    @classmethod
    async def over(
        cls, connection: socket.socket, begun: mmap.mmap, limit: int, broken: Callable[["Link"], None]
    ) -> "Link":
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(lambda: cls(begun, limit, broken), sock=connection)
        return link

    @property
    def under_way(self) -> int:
        return len(self._waiters) - self.abandoned

    def call(self, body: bytes) -> tuple[int, asyncio.Future[Answer]]:
        """Send a call; its number, and its answer to be."""
        number = self._number()
        self._begun[number] = 0
        waiter = self._waiters[number] = self._loop.create_future()
        self._send(frame(Kind.CALL, number, body))
        return number, waiter

    def full(self) -> bool:
        return self._used == CALLS and not self._free

    def cancel(self, number: int, waiter: "asyncio.Future[Answer]") -> bool:
        """Stop waiting for a call; whether it had begun."""
        if self._waiters.get(number) is not waiter:
            return True  # answered meanwhile, and the number may be another call's by now
        begun = bool(self._begun[number])
        self._waiters[number] = None
        self.abandoned += 1
        self._send(frame(Kind.CANCEL, number))
        return begun

    def close(self) -> None:
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def fail(self) -> None:
        """Tell all who still wait that nothing will come."""
        for number, waiter in self._waiters.items():
            if waiter is not None and not waiter.done():
                waiter.set_exception(LinkBroken(bool(self._begun[number])))
        self._waiters.clear()

    def release(self) -> None:
        """Give back what is shared with the tool host, which is gone."""
        self.fail()
        self._begun.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        try:
            for kind, number, body in self._reader.feed(data):
                self._take(kind, number, body)
        except (ValueError, KeyError):
            log.exception("the tool host sent something that is no frame, and is replaced")
            self._abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.ready.done():
            self.ready.cancel()
        self._broken(self)

    def _number(self) -> int:
        if self._free:
            return self._free.pop()
        self._used += 1
        return self._used - 1

    def _send(self, sent: bytes) -> None:
        """Frames of one turn of the loop go out together; the only call under way need not wait for the turn's end."""
        self._out.append(sent)
        if len(self._waiters) == 1:
            self._flush()
        elif len(self._out) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _take(self, kind: int, number: int, body: bytes) -> None:
        if kind == Kind.READY:
            self.ready.set_result(body)
            return
        waiter = self._waiters.pop(number)
        self._free.append(number)
        if waiter is None:
            self.abandoned -= 1
        elif not waiter.done():
            waiter.set_result(Answer(kind, body))

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
