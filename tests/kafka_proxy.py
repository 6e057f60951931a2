"""Stands between clients and a broker, passes requests on, and does harm when told to."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO

from aiokafka.protocol import produce

PRODUCE, FETCH = 0, 1

#: Of a request (its API key, version and body): the response in place of the broker's, or None to ask the broker.
Answer = Callable[[int, int, bytes], bytes | None]


class Proxy:
    """On a port of its own, which the broker advertises as its address."""

    def __init__(self) -> None:
        self.port = self.target = 0
        self.mute: frozenset[int] = frozenset()
        """API keys whose responses are lost on their way back."""
        self.hangs = False
        """Nothing passes in either direction; connections stay open."""
        self.answer: Answer = lambda _key, _version, _body: None
        self.seen: dict[int, int] = {}
        """How many requests of each API key came."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut every connection, and refuse new ones until opened again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Cut every connection; new ones are taken."""
        for writer in list(self._writers):
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.get_running_loop().create_task(self._pass_on(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._over(done, writer))

    def _over(self, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        self._tasks.discard(task)
        self._writers.discard(writer)
        writer.transport.abort()
        if not task.cancelled() and not isinstance(error := task.exception(), OSError | None):
            raise error

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self.target)
        asked: dict[int, int] = {}
        ways = [
            asyncio.ensure_future(self._requests(reader, writer, broker_writer, asked)),
            asyncio.ensure_future(self._responses(broker_reader, writer, asked)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)  # how a connection ended tells nothing
            broker_writer.transport.abort()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        broker: asyncio.StreamWriter,
        asked: dict[int, int],
    ) -> None:
        while True:
            frame = await self._frame(reader)
            key, version, number, named = struct.unpack_from(">hhih", frame)
            self.seen[key] = self.seen.get(key, 0) + 1
            if (body := self.answer(key, version, frame[10 + max(0, named) :])) is not None:
                writer.write(struct.pack(">ii", len(body) + 4, number) + body)
            else:
                asked[number] = key
                broker.write(struct.pack(">i", len(frame)) + frame)
            await writer.drain()

    async def _responses(
        self, broker: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, int]
    ) -> None:
        while True:
            frame = await self._frame(broker)
            if asked.pop(struct.unpack_from(">i", frame)[0], -1) not in self.mute:
                writer.write(struct.pack(">i", len(frame)) + frame)
                await writer.drain()

    async def _frame(self, reader: asyncio.StreamReader) -> bytes:
        frame = await reader.readexactly(struct.unpack(">i", await reader.readexactly(4))[0])
        while self.hangs:
            await asyncio.sleep(0.02)
        return frame


def refusing(code: int, topic: str) -> Answer:
    """Produce requests for a topic are answered with an error code; the broker never sees them."""

    def answer(key: int, version: int, body: bytes) -> bytes | None:
        if key != PRODUCE:
            return None
        request = getattr(produce, f"ProduceRequest_v{version}").decode(BytesIO(body))
        if topic not in [name for name, _ in request.topics]:
            return None
        response = getattr(produce, f"ProduceResponse_v{version}")
        tail = {8: (-1, -1, [], None), **dict.fromkeys((5, 6, 7), (-1, -1)), **dict.fromkeys((2, 3, 4), (-1,))}[version]
        topics = [(name, [(number, code, -1, *tail) for number, _ in parts]) for name, parts in request.topics]
        return bytes(response(topics=topics, throttle_time_ms=0).encode())

    return answer


@asynccontextmanager
async def proxied(start: Callable[[int], int]) -> AsyncIterator[Proxy]:
    """A proxy before the broker that `start` brings up: it gets the port to advertise, and returns its own."""
    proxy = Proxy()
    await proxy.open()
    try:
        proxy.target = await asyncio.to_thread(start, proxy.port)
        yield proxy
    finally:
        await proxy.close()
