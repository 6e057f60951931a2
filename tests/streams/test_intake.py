"""Taking in: in order and total, whatever a door says and whenever a schema comes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.codec import MARKER, Decoder, decode, encode, fingerprint
from schemas.commands import StartRun
from schemas.partition import DeadLetter, Header
from schemas.record import avro_schema
from schemas.topics import MAX_INPUT
from streams import doors, insistence
from streams.intake import Intake
from workflow.messages import CommandTaken, CommandUnwanted, InputUnreadable


class Owner:
    """An owner that notes what it is to decide."""

    number, phase = 0, "live"

    def __init__(self) -> None:
        self.decided: list[Any] = []
        self.letters: list[tuple[DeadLetter, bytes | None]] = []
        self.failures = 0
        self.appender = SimpleNamespace(backlog=0, size=0)
        self.state = SimpleNamespace(log=7)
        self.tasks: set[asyncio.Task[None]] = set()
        self.parts: Any = SimpleNamespace(
            decoder=Decoder(),
            settings=SimpleNamespace(partitions=1, topic=lambda name: name),
            spawn=lambda work: self.tasks.add(asyncio.get_running_loop().create_task(work)),
            producer=self,
            read_schemas=self.read_schemas,
            consumer=self,
        )
        self.intake = Intake(self, "command", "c")  # type: ignore[arg-type]
        self.intake.reading = 1
        self.known, self.opened = 0, 0

        self.rests: list[tuple[int, bool]] = []

    async def read_schemas(self) -> None:
        await asyncio.sleep(0)

    async def rest(self, _topic: str, _partition: int, reading: int, resting: bool) -> None:
        self.rests.append((reading, resting))

    async def send_and_wait(self, _topic: str, value: bytes, key: bytes | None) -> tuple[int, int]:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no broker")
        self.letters.append((decode(value), key))
        return 0, len(self.letters) - 1

    def fetched(self, *_: Any) -> int:
        return self.known

    def open_intakes(self) -> None:
        self.opened += 1

    def handle(self, message: Any) -> None:
        self.decided.append(message)

    async def take(self, *values: bytes | None, **more: Any) -> list[Any]:
        """What was decided once all of these messages were taken in."""
        for at, value in enumerate(values):
            known = {"key": None, "headers": (), **more}
            place = {"topic": "c", "partition": 0, "offset": at, "reading": 1, "ordinal": at + 1}
            self.intake.hand_over(SimpleNamespace(value=value, **place, **known))
        async with asyncio.timeout(5):
            while len(self.decided) < len(values):
                await asyncio.sleep(0)
        return self.decided


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(insistence, "PAUSE", 0.001)


START = encode(StartRun("c", "r", workflow="hello"))


async def test_every_message_is_decided_in_order_and_a_dead_letter_comes_first():
    owner = Owner()
    owner.failures = 2
    decided = await owner.take(START, b"{", b'{"workflow": 1}', None, START)
    kinds = [type(message) for message in decided]
    assert kinds == [CommandTaken, InputUnreadable, CommandUnwanted, InputUnreadable, CommandTaken]
    assert [message.cause.offset for message in decided] == [0, 1, 2, 3, 4]
    assert [(letter.value, letter.reason) for letter, _ in owner.letters] == [(b"{", "undecodable"), (None, "empty")]
    assert (decided[1].deadletter, decided[3].deadletter) == (0, 1)


async def test_a_schema_that_comes_after_the_command_is_waited_for():
    owner = Owner()
    schema = avro_schema(StartRun)
    schema["fields"] = [*schema["fields"], {"name": "mood", "type": "string", "default": ""}]
    later = MARKER + fingerprint(schema) + START[10:] + b"\x08calm"

    async def learn() -> None:
        owner.parts.decoder.learn(fingerprint(schema), schema)

    owner.parts.read_schemas = learn
    decided = await owner.take(later, START)
    assert [type(message) for message in decided] == [CommandTaken] * 2
    assert decided[0].command == decided[1].command and not owner.letters


async def test_a_schema_that_nobody_published_makes_a_dead_letter_with_the_reason():
    owner = Owner()
    (rejected,) = await owner.take(MARKER + b"nobody's" + b"x")
    assert rejected.reason == "unknown_schema" and "workflow.schemas" in rejected.message
    assert owner.letters[0][0].value == MARKER + b"nobody's" + b"x"


async def test_what_a_door_did_not_think_of_is_a_dead_letter_too(monkeypatch):
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("unthought of")

    monkeypatch.setattr(doors, "command", broken)
    owner = Owner()
    (rejected,) = await owner.take(b"anything")
    assert (rejected.reason, rejected.message) == ("door_failed", "ZeroDivisionError: unthought of")


async def test_a_letter_keeps_key_and_headers_in_the_bytes_in_which_they_came():
    owner = Owner()
    headers = [("a", b"\xff\x00"), ("b", None), ("\udcff", b"x")]
    await owner.take(b"{", key=b"\xfe" * 2_000, headers=headers)
    letter, key = owner.letters[0]
    assert letter.original_headers == [Header(b"a", b"\xff\x00"), Header(b"b"), Header(b"\xff", b"x")]
    assert letter.key == b"\xfe" * 2_000 and key is None


async def test_what_no_topic_would_take_is_kept_in_part_and_says_so():
    owner = Owner()
    await owner.take(b"{" * (MAX_INPUT + 1))
    letter = owner.letters[0][0]
    assert letter.value == b"{" * (1 << 20) and "only the first 1048576 bytes" in letter.message


async def test_fetching_rests_while_enough_is_waiting_and_goes_on_at_half(monkeypatch):
    owner = Owner()
    owner.appender.backlog = 1 << 40  # nothing more is taken in
    monkeypatch.setattr("streams.intake.WAITING_SIZE", 10 * len(START))

    def waiting() -> int:
        return len(owner.intake._waiting)

    for at in range(12):
        owner.intake.hand_over(arriving(at + 1))
    await asyncio.sleep(0.01)
    assert owner.rests == [(1, True)] and waiting() == 12
    owner.appender.backlog = 0
    owner.intake.wake()
    async with asyncio.timeout(5):
        while waiting() or len(owner.rests) < 2:
            await asyncio.sleep(0)
    assert owner.rests == [(1, True), (1, False)] and len(owner.decided) == 12


def arriving(ordinal: int) -> Any:
    place = {"topic": "c", "partition": 0, "offset": 10 * ordinal, "reading": 1, "ordinal": ordinal}
    return SimpleNamespace(value=START, key=None, headers=(), **place)


async def test_nothing_is_taken_in_whose_predecessor_did_not_arrive():
    """A position would pass over it for good: a rebalance once made Faust drop what it had fetched meanwhile."""
    owner = Owner()
    owner.intake.hand_over(arriving(1))
    owner.intake.hand_over(arriving(3))
    owner.intake.hand_over(arriving(4))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert owner.opened == 1 and owner.intake.reading == -1
    assert [message.cause.offset for message in owner.decided] in ([], [10])


async def test_a_last_message_that_does_not_arrive_is_missed_too():
    owner = Owner()
    owner.known = 2
    owner.intake.hand_over(arriving(1))
    owner.intake.look()
    assert owner.opened == 0, "it may be on its way"
    owner.intake.look()
    assert owner.opened == 1 and owner.intake.reading == -1


async def test_while_all_arrives_nothing_is_read_again():
    owner = Owner()
    for ordinal in range(1, 5):
        owner.known = ordinal
        owner.intake.look()
        owner.intake.hand_over(arriving(ordinal))
        owner.intake.look()
    owner.intake.look()
    assert owner.opened == 0
