"""The dead letters for those who look into them: read, and sent again to where they came from."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from schemas.codec import Decoder, Undecodable, encode
from schemas.partition import DeadLetter, LetterReplayed
from schemas.topics import DEADLETTERS
from streams.compacted import CompactedReader
from streams.connect import Auth, opened
from streams.doors import REPLAYED
from streams.producer import MAX_REQUEST
from streams.topics import partition_counts
from streams.vocabulary import Vocabulary


@dataclass(slots=True)
class Letter:
    """A dead letter, its offset in `workflow.deadletters`, and when it was sent again, newest last."""

    offset: int
    said: DeadLetter
    replays: list[LetterReplayed] = field(default_factory=list)


class Letters:
    """`async with Letters("127.0.0.1:9092") as letters: …`. Raises BrokerUnreachable and TopicsMissing on entering."""

    def __init__(self, bootstrap: str, prefix: str = "", auth: Auth | None = None) -> None:
        self._bootstrap, self._auth, self._topic = bootstrap, dict(auth or {}), prefix + DEADLETTERS.name
        self._decoder = Decoder()
        self._vocabulary = Vocabulary(bootstrap, prefix, self._decoder, auth=self._auth)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await partition_counts(self._bootstrap, [self._topic], self._auth)
        await self._open.enter_async_context(self._vocabulary)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def read(self, wanted: Callable[[Letter], bool] = lambda _: True) -> list[Letter]:
        """The letters that are wanted, in order; of the others nothing is kept.

        `wanted` is asked before it is known whether a letter was replayed: the note stands after it.
        """
        letters: dict[int, Letter] = {}

        def take(_key: bytes | None, value: bytes | None, offset: int) -> None:
            said = self._decoded(value)
            if isinstance(said, DeadLetter) and wanted(letter := Letter(offset, said)):
                letters[offset] = letter
            elif isinstance(said, LetterReplayed) and said.letter in letters:
                letters[said.letter].replays.append(said)

        await self._vocabulary.read_to_end()
        async with CompactedReader(self._bootstrap, self._topic, take, auth=self._auth) as reader:
            await reader.read_to_end()
        return list(letters.values())

    def _decoded(self, value: bytes | None) -> Any:
        """What stands there; what others wrote into the topic is no letter."""
        try:
            return self._decoder.decode(value or b"")
        except Undecodable:
            return None

    async def replay(self, letter: Letter, by: str) -> LetterReplayed:
        """Send the original bytes again to the partition that they came from, and note it. Raises NotReplayable,
        KafkaError. Sent twice, it is the same command: the header names the letter."""
        said, headers = letter.said, _headers(letter)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", max_request_size=MAX_REQUEST, **self._auth
        )
        async with opened(producer, self._bootstrap):
            await self._vocabulary.publish((LetterReplayed,), producer)
            acked = await producer.send_and_wait(
                said.topic, value=said.value, key=said.key, partition=said.partition, headers=headers
            )
            note = LetterReplayed(letter.offset, said.topic, said.partition, acked.offset, time.time_ns() // 1_000, by)
            await producer.send_and_wait(self._topic, value=encode(note), partition=0)
        return note


class NotReplayable(ValueError):
    """A letter whose original can't be sent from here."""


def _headers(letter: Letter) -> list[tuple[str, bytes | None]]:
    """Those of the original, and which letter it was. Raises NotReplayable."""
    if not letter.said.whole:
        raise NotReplayable(f"letter {letter.offset} holds only the beginning of its original: {letter.said.message}")
    if letter.said.key is None and letter.said.value is None:
        raise NotReplayable(f"letter {letter.offset} has neither a key nor a value: there is nothing to send")
    try:
        kept = [(h.name.decode(), h.value) for h in letter.said.original_headers if h.name != REPLAYED.encode()]
    except UnicodeDecodeError as error:
        raise NotReplayable(f"letter {letter.offset} has a header whose name is no UTF-8: {error}") from error
    return [*kept, (REPLAYED, str(letter.offset).encode())]
