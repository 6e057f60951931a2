"""What a worker touches of the world, in memory: producer, log reader, followed topics, definitions."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from schemas.topics import EVENTS
from streams.home import partition_of
from streams.log import OnRecords
from streams.producer import PRODUCE_TIMEOUT
from tests.simulation.broker import Broker, Record
from tests.simulation.loop import Loop
from tests.simulation.workflows import Shelf
from workflow.definition import Workflow


class Producer:
    """`streams.producer.Producer`, as far as anything of it can be told from outside."""

    def __init__(self, broker: Broker, loop: Loop, partitions: int) -> None:
        self._broker, self._loop, self._partitions = broker, loop, partitions

    async def send_batch(self, topic: str, partition: int, records: list[tuple[bytes, bytes]]) -> int:
        return await self._send(topic, partition, [Record(key, value) for key, value in records])

    async def send_and_wait(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> tuple[int, int]:
        if partition is None:
            partition = partition_of((key or b"").decode(), self._partitions)
        return partition, await self._send(topic, partition, [Record(key, value, headers)])

    async def _send(self, topic: str, partition: int, records: list[Record]) -> int:
        loop = self._loop
        acked = loop.create_future()
        self._broker.send(topic, partition, records, _Ack(self._broker, loop, acked))
        return int(await acked)


class _Ack:
    """The answer to a produce; one that a frozen process finds waiting may have timed out as well."""

    __slots__ = ("_acked", "_broker", "_loop", "_sent")

    def __init__(self, broker: Broker, loop: Loop, acked: asyncio.Future[int]) -> None:
        self._broker, self._loop, self._acked, self._sent = broker, loop, acked, loop.agenda.now

    def __call__(self, answer: int | Exception) -> None:
        self._loop.call_soon(self._arrive, answer)

    def _arrive(self, answer: int | Exception) -> None:
        late = self._loop.agenda.now - self._sent > PRODUCE_TIMEOUT
        if late and self._broker.random.random() < 0.5:
            answer = TimeoutError()
        if self._acked.done():
            return
        if isinstance(answer, Exception):
            self._acked.set_exception(answer)
        else:
            self._acked.set_result(answer)


async def hop(broker: Broker, loop: Loop) -> None:
    """To the broker and back. Raises what a client raises when the broker is away for too long."""
    delay = broker.delay() + broker.lag()
    if delay > 40.0 or (broker.trouble.refused and broker.random.random() < broker.trouble.refused):
        await asyncio.sleep(min(delay, 40.0))
        raise KafkaConnectionError("no answer")
    await asyncio.sleep(delay)


class Logged(NamedTuple):
    """A record as it stands in the log."""

    offset: int
    key: bytes | None
    value: bytes | None


class LogReader:
    """`streams.log.LogReader`: any partition to its end, one at a time."""

    def __init__(self, broker: Broker, loop: Loop) -> None:
        self._broker, self._loop = broker, loop
        self._turn = asyncio.Lock()

    async def read(self, partition: int, on_records: OnRecords, start: int = 0) -> int:
        async with self._turn:
            await hop(self._broker, self._loop)
            log = self._broker.logs[EVENTS.name, partition]
            end, offset = len(log), start
            while offset < end:
                stop = min(end, offset + self._broker.random.randint(50, 500))
                if stop == end and self._broker.random.random() < 0.3:
                    stop = end = len(log)  # a batch that was fetched is read whole
                on_records([Logged(at, log[at].key, log[at].value) for at in range(offset, stop)], end)
                offset = stop
                if offset < end:
                    await hop(self._broker, self._loop)
            return end

    async def record_at(self, partition: int, offset: int) -> bytes | None:
        async with self._turn:
            await hop(self._broker, self._loop)
            log = self._broker.logs[EVENTS.name, partition]
            return log[offset].value if offset < len(log) else None

    async def must_hold(self, _topic: str, _partition: int, _position: int) -> None:
        await hop(self._broker, self._loop)

    async def end(self, topic: str, partition: int) -> int:
        await hop(self._broker, self._loop)
        return self._broker.end(topic, partition)


class Follower:
    """`streams.compacted.CompactedReader` of one topic, of partition 0."""

    def __init__(
        self,
        broker: Broker,
        loop: Loop,
        topic: str,
        on_record: Callable[[bytes | None, bytes | None, int], None],
    ) -> None:
        self._broker, self._loop, self._on_record = broker, loop, on_record
        self._source = (topic, 0)
        self._coming = False
        self.position = 0

    async def start(self) -> None:
        self._broker.readers[self._source].append(self._told)

    async def stop(self) -> None:
        self._broker.readers[self._source].remove(self._told)

    def _told(self) -> None:
        if not (self._coming or self._loop.dead):
            self._coming = True
            self._broker.agenda.after(self._broker.delay(), self._read, loop=self._loop)

    def _read(self) -> None:
        self._coming = False
        log = self._broker.logs[self._source]
        while self.position < len(log):
            record = log[self.position]
            self._on_record(record.key, record.value, self.position)
            self.position += 1

    async def closed(self) -> None:
        await self._loop.create_future()

    async def read_to_end(self) -> int:
        await hop(self._broker, self._loop)
        self._read()
        return self.position


class RecoveryGroup:
    """As much of a consumer as commits the offsets of marks, and asks for what is committed."""

    def __init__(self, broker: Broker, loop: Loop) -> None:
        self._broker, self._loop = broker, loop

    async def committed(self, place: TopicPartition) -> int | None:
        await hop(self._broker, self._loop)
        return self._broker.committed.get(place.partition)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        await hop(self._broker, self._loop)
        self._broker.committed.update({place.partition: offset for place, offset in offsets.items()})


class Definitions:
    """The published workflows as one process knows them: it learns late, unless it reads to the end."""

    def __init__(self, shelf: Shelf, broker: Broker, loop: Loop) -> None:
        self._shelf, self._broker, self._loop = shelf, broker, loop
        self._known = -1.0

    async def read_to_end(self) -> None:
        asked = self._loop.agenda.now
        await hop(self._broker, self._loop)
        self._known = max(self._known, asked)

    def _knows(self, published: float) -> bool:
        return published <= max(self._known, self._loop.agenda.now - 1.0)

    def get(self, definition: str) -> Workflow | None:
        found = self._shelf.published.get(definition)
        return found[1] if found and self._knows(found[0]) else None

    def resolve(self, reference: str) -> tuple[str, int, str] | None:
        definition = self._shelf.names.get(reference)
        return (reference, 1, definition) if definition and self.get(definition) else None
