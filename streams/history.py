"""The valid events of one partition, from its first record on and then as they come (PROTOCOL.md, 2)."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.codec import Decoder, UnknownSchema
from schemas.envelope import UnknownEvent, event_in
from schemas.message import Event
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
        """The event, if it counts and this version knows what it says."""
        event = await self._read(offset, value)
        return event if event and self._claim.admits(event) and not isinstance(event, UnknownEvent) else None

    async def _read(self, offset: int, value: bytes | None) -> Event | None:
        with suppress(UnknownSchema):
            return event_in(value, self._decoder)
        await self._vocabulary.read_to_end()
        try:
            return event_in(value, self._decoder)
        except UnknownSchema as error:
            place = f"{self._partition.topic}, partition {self._partition.partition}, offset {offset}"
            raise EventUnreadable(f"{place}: {error}") from error
