"""One broker's connection for produce requests: an answer sets its batch's future in the turn in which it arrives."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError

from streams.produce_wire import answers, correlation_of, request

#: Requests on their way at once; batches that come meanwhile share the next one.
IN_FLIGHT = 2


@dataclass(slots=True, eq=False)
class Batch:
    """A record batch and who waits for (error code, offset of its first record)."""

    topic: bytes
    partition: int
    buffer: bytes
    answer: asyncio.Future[tuple[int, int]]


class ProduceConnection(asyncio.Protocol):
    """Made by `connect`. A batch whose connection is lost has an unknown fate: KafkaConnectionError."""

    def __init__(self, writer: Any, timeout_ms: int) -> None:
        self._writer = writer  # kept: it closes the transport when it goes
        self._transport, self._timeout_ms = writer.transport, timeout_ms
        self._queue: list[Batch] = []
        self._in_flight: dict[int, list[Batch]] = {}
        self._received = bytearray()
        self._correlation = 0
        self.lost = False

    def send(self, batch: Batch) -> None:
        """Send it now, or with others when an answer makes room."""
        self._queue.append(batch)
        if len(self._in_flight) < IN_FLIGHT:
            self._flush()

    def close(self) -> None:
        """Hang up; what is not answered fails."""
        self._transport.abort()

    def _flush(self) -> None:
        batches, self._queue = self._queue, []
        self._correlation = (self._correlation + 1) % (1 << 31)
        self._in_flight[self._correlation] = batches
        self._transport.write(request(self._correlation, batches, self._timeout_ms))

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while len(received) >= 4 and len(received) >= (end := 4 + int.from_bytes(received[:4], "big")):
            frame = bytes(received[4:end])
            del received[:end]
            self._answered(frame)

    def _answered(self, frame: bytes) -> None:
        batches = self._in_flight.pop(correlation_of(frame))
        waiting = {(batch.topic, batch.partition): batch.answer for batch in batches}
        for topic, partition, error, base in answers(frame):
            if not (answer := waiting[topic, partition]).done():
                answer.set_result((error, base))
        if self._queue:
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        for batch in [*(b for batches in self._in_flight.values() for b in batches), *self._queue]:
            if not batch.answer.done():
                batch.answer.set_exception(KafkaConnectionError(f"the connection to the broker broke: {exc}"))
        self._in_flight.clear()
        self._queue.clear()


async def connect(host: str, port: int, auth: dict[str, Any], timeout_ms: int) -> ProduceConnection:
    """Connect, encrypt and authenticate as aiokafka does, then speak alone on that line. Raises KafkaError, OSError."""
    line: Any = await create_conn(host, port, client_id="millrace", request_timeout_ms=timeout_ms, **auth)
    line._read_task.cancel()
    connection = ProduceConnection(line._writer, timeout_ms)
    line._writer.transport.set_protocol(connection)
    line._reader = line._writer = None  # aiokafka's object lets go, and warns of nothing
    return connection
