"""Every door of a running worker, one table: what is sent there, and what the log says of it."""

import json
import struct
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from schemas import events as e
from schemas import partition as p
from schemas.codec import MARKER, encode, fingerprint
from schemas.commands import CancelRun, Command, StartRun
from schemas.definitions import AliasMoved, WorkflowPublished
from schemas.outcomes import StepReported
from schemas.record import avro_schema
from schemas.topics import COMMANDS, DEADLETTERS, DEFINITIONS, OUTCOMES, SCHEMAS, SETTINGS, WORKERS
from schemas.workers import WorkerBeat
from streams import clock
from streams.home import partition_of
from tests.running import PARTITIONS, Running, running

HELLO = "name: hello\ninputs: {name: string}\nsteps: [{id: a, tool: t.noop}]"
PATIENT = "name: patient\nsteps: [{id: a, wait: {for: 1h}}]"


def home(stem: str) -> str:
    """A run id whose home is partition 0."""
    return next(name for name in (f"{stem}{n}" for n in range(99)) if partition_of(name, PARTITIONS) == 0)


ENDED, OPEN = home("ended"), home("open")
START = {"workflow": "hello", "inputs": {"name": "Ada"}}


def later(schema: dict[str, Any], name: str = "") -> dict[str, Any]:
    """The schema as a version to come has it."""
    return {**schema, "name": name or schema["name"], "fields": [*schema["fields"], {"name": "mood", "type": "string"}]}


LATER, UNHEARD, LEVITATE = (
    later(avro_schema(cls), name) for cls, name in ((StartRun, ""), (CancelRun, ""), (StartRun, "Levitate"))
)
NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}


def under(schema: dict[str, Any], record: Any) -> bytes:
    """A record as the version to come writes it."""
    return MARKER + fingerprint(schema) + encode(record)[10:] + b"\x08calm"


@dataclass(frozen=True)
class Row:
    """What is sent to partition 0 of a topic; the event that answers, and its reason (or a word of its message)."""

    name: str
    value: Any
    answer: type[Any]
    reason: str = ""
    topic: str = COMMANDS.name
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    codec: str = ""
    odd_name: bool = False

    @property
    def bytes(self) -> bytes | None:
        return self.value if isinstance(self.value, bytes | None) else json.dumps(self.value).encode()


class OddName(str):
    """A header's name that is no UTF-8 on the wire."""

    def encode(self, *_: Any) -> bytes:  # type: ignore[override]
        return b"\xff\xfe"


def deep(levels: int) -> Any:
    return json.loads("[" * levels + "]" * levels)


def report(status: str = "failed", run_id: str = OPEN, **fields: Any) -> bytes:
    return encode(StepReported(run_id, "a", 1, "w", status, **fields))


def start(**fields: Any) -> bytes:
    return encode(StartRun(workflow="hello", **fields))


OUT = OUTCOMES.name
DEAD, REFUSED, IGNORED = p.InputRejected, p.CommandRefused, e.OutcomeIgnored
ROWS = [
    Row("bytes of nothing known", b"\xff\x00garbage", DEAD, "undecodable"),
    Row("JSON cut off", b'{"workflow": "hel', DEAD, "undecodable"),
    Row("JSON that nests a hundred thousand levels", b"[" * 100_000, DEAD, "undecodable"),
    Row("JSON that is no object", [1], DEAD, "not_a_command"),
    Row("a command that is none", {"type": "Levitate"}, DEAD, "not_a_command"),
    Row("no value", None, DEAD, "empty", key=b"k"),
    Row("the framing of a schema registry", b"\x00" + struct.pack(">i", 7) + b"body", DEAD, "undecodable"),
    Row("a schema that nobody published", under(UNHEARD, CancelRun("c", OPEN)), DEAD, "unknown_schema"),
    Row("a kind of a later version", under(LEVITATE, StartRun("c", OPEN)), DEAD, "not_a_command"),
    Row("the marker alone", MARKER, DEAD, "undecodable"),
    Row("a record cut off", encode(CancelRun("c", OPEN))[:-3], DEAD, "undecodable"),
    Row("a record that is no command", report(), DEAD, "not_a_command"),
    Row("a command of no kind", encode(Command("c", OPEN)), DEAD, "not_a_command"),
    Row("seven megabytes of nothing", b"\xfe" * 7_000_000, DEAD, "undecodable"),
    Row("a record that contains itself", MARKER + fingerprint(NODE) + b"\x02" * 500_000, DEAD, "unknown_schema"),
    Row("a CloudEvent without its attributes", START, DEAD, "not_a_command", headers=(("ce_specversion", b"1.0"),)),
    Row("headers of odd bytes", b"{", DEAD, "undecodable", headers=(("a", b"\xff\x00"), ("content-type", b"\xff"))),
    Row("a header whose name is no UTF-8", b"}", DEAD, "undecodable", odd_name=True),
    Row("a later version's start", under(LATER, StartRun(workflow="hello", inputs=b'{"name":"x"}')), e.RunStarted),
    Row("a field that is none", {**START, "input": 1}, REFUSED, "unknown_field"),
    Row("a field of another type", {**START, "workflow": 5}, REFUSED, "field_invalid"),
    Row("a budget beyond a long", {**START, "budget": 1 << 63}, REFUSED, "field_invalid"),
    Row("a run id that is none", {**START, "run_id": "a/b"}, REFUSED, "run_id_invalid"),
    Row("an id of a thousand characters", {**START, "command_id": "x" * 1_000}, REFUSED, "command_id_invalid"),
    Row("inputs of 300 levels", {**START, "inputs": deep(300)}, REFUSED, "field_invalid"),
    Row("inputs of 100 levels", {**START, "inputs": deep(100)}, REFUSED, "inputs_invalid"),
    Row("inputs that do not fit", {**START, "inputs": {"name": 5}}, REFUSED, "inputs_invalid"),
    Row("inputs that are no JSON", start(inputs=b"\xff"), REFUSED, "inputs_invalid"),
    Row("inputs of 70 KB", {**START, "inputs": {"name": "x" * 70_000}}, REFUSED, "inputs_too_large"),
    Row("inputs of seven megabytes", {**START, "inputs": {"name": "x" * 7_000_000}}, REFUSED, "command_too_large"),
    Row("labels of a megabyte", {**START, "labels": {"a": "x" * 1_000_000}}, REFUSED, "command_too_large"),
    Row("a text that is no workflow", {"workflow": "broken", "inputs": {}}, REFUSED, "definition_invalid"),
    Row("a start for nobody's workflow", {"workflow": "unheard-of"}, e.RunAccepted),
    Row("a cancel for an unknown run", {"type": "CancelRun", "run_id": home("nobody")}, REFUSED, "unknown_run"),
    Row("a cancel for an ended run", {"type": "CancelRun", "run_id": ENDED}, REFUSED, "run_ended"),
    Row("a release of what is not set aside", {"type": "ReleaseRun", "run_id": OPEN}, REFUSED, "not_quarantined"),
    Row("a start of an ended run", {**START, "run_id": ENDED}, REFUSED, "run_exists"),
    Row("a start of an open run with other inputs", {**START, "run_id": OPEN}, REFUSED, "run_exists"),
    Row("the same command again", {"workflow": "patient", "run_id": OPEN, "command_id": "mine"}, REFUSED, "duplicate"),
    Row("its id on another command", {"type": "CancelRun", "run_id": OPEN, "command_id": "mine"}, REFUSED, "duplicate"),
    Row("a start by zstd", START, e.RunStarted, codec="zstd"),
    Row("a start by lz4", START, e.RunStarted, codec="lz4"),
    Row("a start by snappy", START, e.RunStarted, codec="snappy"),
    Row("a report of nothing known", b"\x01\x02", DEAD, "undecodable", OUT),
    Row("a report without a value", None, DEAD, "empty", OUT, b"k"),
    Row("a report that is a command", encode(CancelRun("c", OPEN)), DEAD, "not_an_outcome", OUT),
    Row("a report of an unknown end", report("?"), DEAD, "not_an_outcome", OUT),
    Row("a report of no JSON", report(output=b"{"), DEAD, "not_an_outcome", OUT),
    Row("a report of 850 KB", report(message="x" * 850_000), DEAD, "too_large", OUT),
    Row("a report for an unknown run", report(run_id=home("who")), IGNORED, "the run is not open", OUT),
    Row("a report for an ended run", report(run_id=ENDED), IGNORED, "the run is not open", OUT),
    Row("a report of what was not given out", report(), IGNORED, "earlier run", OUT),
    Row("a start after all of this", START, e.RunStarted),
]  # fmt: skip

BROKEN = "name: broken\nsteps: [{id: a, tool: t, no: 1}]"
ENDLESS = WorkerBeat("x", "s", (1 << 63) - 1, 1, 0, "0")
#: What workers read beside the doors; nothing of it may end one.
ASIDE: list[tuple[str, list[tuple[bytes, bytes | None]]]] = [
    (WORKERS.name, [(b"w", b"garbage"), (b"\xff", None), (b"w2", encode(CancelRun())), (b"x", encode(ENDLESS))]),
    (DEFINITIONS.name, [(b"k", b"garbage"), (b"k", MARKER + b"nobody'sbody"), (b"\xff@\xff", None)]),
    (DEFINITIONS.name, [(b"k", encode(CancelRun())), (b"n", encode(AliasMoved("n", "²", 1, "h1")))]),
    (DEFINITIONS.name, [(b"h1", encode(WorkflowPublished("broken", 1, "h1", BROKEN)))]),
    (DEFINITIONS.name, [(b"broken@latest", encode(AliasMoved("broken", "latest", 1, "h1")))]),
    (SCHEMAS.name, [(b"12345678", b"{}"), (b"12345678", b"\xff"), (b"1", b"[" * 100_000), (b"1", None)]),
    (SCHEMAS.name, [(fingerprint(schema), json.dumps(schema).encode()) for schema in (NODE, LATER, LEVITATE)]),
    (SETTINGS.name, [(b"k", b"garbage"), (b"\xff", None)]),
]


@pytest.mark.core
async def test_every_door_answers_with_a_reason_and_keeps_what_it_could_not_read(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await prepared(world)
        places = {row.name: await sent(world, row) for row in ROWS}
        answers = await answered(world, set(places.values()))
        wrong = [(row.name, answers[places[row.name]]) for row in ROWS if not fits(row, answers[places[row.name]])]
        assert wrong == []
        letters = {(r.topic, r.record_offset): r for r in await world.records(DEADLETTERS.name)}
        for row in ROWS:
            topic, offset = places[row.name]
            letter = letters.pop((world.settings.topic(topic), offset), None)
            assert (letter is not None) == (row.answer is DEAD), row.name
            if letter is not None:
                assert (letter.value, letter.key, letter.reason) == (row.bytes, row.key, row.reason), row.name
                assert [(h.name, h.value) for h in letter.original_headers] == expected_headers(row), row.name
        assert letters == {}
        assert isinstance(await world.run("hello", name="Ada"), e.RunSucceeded)


def expected_headers(row: Row) -> list[tuple[bytes, bytes | None]]:
    return [(b"\\xff\\xfe", b"v")] if row.odd_name else [(name.encode(), value) for name, value in row.headers]


async def prepared(world: Running) -> None:
    """An ended run, an open one, and garbage in every topic that workers follow."""
    await world.publish(HELLO)
    await world.publish(PATIENT)
    await world.client.start("hello", {"name": "Ada"}, run_id=ENDED)
    await world.client.start("patient", run_id=OPEN, command_id="mine")
    await world.until(e.RunSucceeded)
    await world.until(e.StepWaiting)
    assert world.worker is not None
    for topic, records in ASIDE:
        for key, value in records:
            await world.worker.parts.producer.send_and_wait(world.settings.topic(topic), value, key, 0)


async def sent(world: Running, row: Row) -> tuple[str, int]:
    """Where the row stands: (topic, offset)."""
    topic, settings = (
        world.settings.topic(row.topic),
        {"compression_type": row.codec or None, "max_request_size": 9_000_000},
    )
    async with AIOKafkaProducer(bootstrap_servers=world.settings.bootstrap, **settings) as producer:
        if row.odd_name:
            batch = producer.create_batch()
            batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 20)
            batch.append(key=row.key, value=row.bytes, timestamp=None, headers=[(OddName("x"), b"v")])
            acked = await (await producer.send_batch(batch, topic, partition=0))
        else:
            acked = await producer.send_and_wait(topic, row.bytes, row.key, partition=0, headers=[*row.headers])
        return row.topic, acked.offset


async def answered(world: Running, places: set[tuple[str, int]]) -> dict[tuple[str, int], Any]:
    """The first event that each message brought about."""
    topics = {"command": COMMANDS.name, "outcome": OUTCOMES.name}
    assert world.worker is not None
    await world.worker.owners[0].caught_up()
    await world.until(e.RunSucceeded, 6)
    first: dict[tuple[str, int], Any] = {}
    for event in await world.records_of(0):
        if event.cause.kind in topics:
            first.setdefault((topics[event.cause.kind], event.cause.offset), event)
    assert places <= first.keys(), "something has no answer"
    return first


def fits(row: Row, event: Any) -> bool:
    """Whether this is the answer."""
    return type(event) is row.answer and row.reason in getattr(event, "reason", "")


@pytest.mark.brokers("embedded")
async def test_a_clock_that_runs_backwards_neither_turns_time_back_nor_stops_it(broker, topic_prefix, monkeypatch):
    text = "name: naps\nsteps: [{id: a, tool: t.noop}, {id: w, wait: {for: 100ms}}, {id: b, tool: t.noop}]"
    async with running(broker, topic_prefix) as world:
        await world.publish(text)
        assert isinstance(await world.run("naps"), e.RunSucceeded)
        true, behind = clock.wall, 3_600_000_000
        monkeypatch.setattr(clock, "wall", lambda: true() - behind)
        assert isinstance(await world.run("naps"), e.RunSucceeded)
        await world.end()
        monkeypatch.setattr(clock, "_steady", clock._Steady())
        await world.begin()  # a new owner, whose clock is an hour behind what stands in the log
        for _ in range(2):
            assert isinstance(await world.run("naps"), e.RunSucceeded)
        for number in range(PARTITIONS):
            times = [event.time for event in await world.records_of(number)]
            assert times == sorted(times)
