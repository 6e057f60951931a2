"""The valid events of one partition, from its first record on and then as they come (PROTOCOL.md, 2)."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.codec import Decoder, Undecodable, UnknownRecord, UnknownSchema
from schemas.message import Cause, Event
from streams.connect import Auth, opened
from streams.vocabulary import Vocabulary
from workflow.validity import Claim

#: Milliseconds: the embedded broker looks for new records only when a fetch begins.
FETCH_WAIT = 50
_FETCH_BYTES = 8 * 1024 * 1024


class EventUnreadable(Exception):
    """A record of the log that this version can't read: whatever follows in it can't be judged."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Valid events. `live` are those that came after reading began; the first such piece may be empty."""

    events: list[Event]
    live: bool


class History:
    """One partition of `workflow.events`, read by itself: no group, nothing committed."""

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        partition: int,
        decoder: Decoder,
        vocabulary: Vocabulary,
        auth: Auth | None = None,
    ) -> None:
        self._bootstrap, self._partition, self._auth = bootstrap, TopicPartition(topic, partition), dict(auth or {})
        self._decoder, self._vocabulary = decoder, vocabulary
        self._claim = Claim()

    async def pieces(self) -> AsyncGenerator[Piece]:
        """The log, piece by piece, without end. Raises BrokerUnreachable, EventUnreadable."""
        async with opened(self._new_consumer(), self._bootstrap) as consumer:
            consumer.assign([self._partition])
            end = (await consumer.end_offsets([self._partition]))[self._partition]
            reached = 0
            while reached < end:
                records = await self._fetched(consumer)
                yield Piece(await self._valid(r for r in records if r.offset < end), live=False)
                reached = await consumer.position(self._partition)
                if reached >= end:
                    yield Piece(await self._valid(r for r in records if r.offset >= end), live=True)
            yield Piece([], live=True)
            while True:
                yield Piece(await self._valid(await self._fetched(consumer)), live=True)

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=FETCH_WAIT,
            max_partition_fetch_bytes=_FETCH_BYTES,
            **self._auth,
        )

    async def _fetched(self, consumer: AIOKafkaConsumer) -> list[Any]:
        return list((await consumer.getmany(self._partition, timeout_ms=1000)).get(self._partition, []))

    async def _valid(self, records: Iterable[Any]) -> list[Event]:
        """The events that count, in order."""
        return [event for r in records if (event := await self._event(r.offset, r.value))]

    async def _event(self, offset: int, value: bytes | None) -> Event | None:
        """The event, if it counts."""
        record = await self._decoded(offset, value)
        if isinstance(record, UnknownRecord):
            self._claim.admits(_envelope(record.values))
            return None
        return record if isinstance(record, Event) and self._claim.admits(record) else None

    async def _decoded(self, offset: int, value: bytes | None) -> Any:
        """The record; None for bytes that are no record, which are as void as any that no owner wrote."""
        try:
            return self._decoder.decode(value or b"")
        except UnknownSchema:
            await self._vocabulary.read_to_end()
        except Undecodable:
            return None
        try:
            return self._decoder.decode(value or b"")
        except Undecodable as error:
            place = f"{self._partition.topic}, partition {self._partition.partition}, offset {offset}"
            raise EventUnreadable(f"{place}: {error}") from error


def _envelope(values: dict[str, Any]) -> Event:
    """What counts of an event of a kind that this version does not know."""
    return Event(
        run_id=str(values.get("run_id", "")),
        seq=int(values.get("seq", 0)),
        epoch=int(values.get("epoch", -1)),
        owner=str(values.get("owner", "")),
        n=int(values.get("n", -1)),
        time=int(values.get("time", 0)),
        cause=Cause("unknown"),
    )
