"""What others may write into `workflow.workers` and `workflow.events`."""

from collections import Counter
from io import BytesIO
from typing import Any

from choices import Choices
from documents import LATER, fingerprint_of
from fastavro import parse_schema, schemaless_writer
from loop import must
from values import damaged, made_odd, odd_text

from projections.intake import Intake, Raw
from projections.intake import Unreadable as CannotJudge
from schemas.codec import MARKER, Decoder, UnknownSchema, encode, fingerprint, without_logical_types
from schemas.record import RECORDS, avro_schema
from schemas.workers import WorkerBeat
from streams.beats import Beats
from streams.recovery import Unreadable, read_record
from streams.settings import WorkerSettings
from tests.story import Shelf, Story
from workflow.partition import Partition


class BeatTopic:
    """Records of `workflow.workers`."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.settle()

    def settle(self) -> None:
        """A worker that has just started."""
        self.beats = Beats("me", "seat", None, WorkerSettings())  # type: ignore[arg-type]
        self.beats.start_number = 5
        self.superseded = 0
        self.beats.on_superseded = self._superseded

    def close(self) -> None:
        """There is nothing to remove."""

    def _superseded(self) -> None:
        self.superseded += 1

    def case(self, c: Choices) -> None:
        """One beat."""
        worker = c.of(("me", "other", "third", odd_text(c)))
        beat = WorkerBeat(worker, c.of(("seat", "else", odd_text(c))), c.below(9), c.below(4), c.number(), "0")
        value = encode(made_odd(c, beat, 2))
        if c.one_in(6):
            value = damaged(c, value)
        key = c.of((worker.encode(), None, c.take(5)))
        self.shown, before = f"{key!r}: {value!r}", self.superseded
        self.beats._read(key, None if c.one_in(10) else value, 0)
        start = max(5, self.beats.observed.newest_start("seat") + 1)
        encode(WorkerBeat("me", "seat", start, 1, 0, "0"))  # whoever takes the seat next can say so
        self.beats.observed.lost(worker)
        self.answers["a newer start took the seat" if self.superseded > before else "noted or passed over"] += 1


class EventTopic:
    """Records of `workflow.events`, as an owner that takes over and a projector read them: they must agree."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.story = Story(shelf=Shelf("name: one\nsteps: [{id: a, tool: t.x}]"))
        for number in range(40):
            self.story.start(f"r{number}").succeed("a", {"v": 1}, run_id=f"r{number}")
        self.kinds = [
            cls for name, cls in RECORDS.items() if name not in ("Cause", "Positions", "ModelCall", "Finished")
        ]
        self.settle()

    def settle(self) -> None:
        """A log that begins."""
        self.decoder = Decoder()
        later = avro_schema(type(self.story.history[1]))
        later["name"] = "RunTwisted"
        self.decoder.learn(fingerprint(later), later)
        self.later = MARKER + fingerprint(later), parse_schema(without_logical_types(later), named_schemas={})
        self.decoder.learn(fingerprint_of(LATER), LATER)
        self.state = Partition(0, self.story.shelf)
        self.projector = Intake({}, {}, lambda run_ids: {})
        self.projector.decoder = self.decoder
        self.at = self.next = 0

    def close(self) -> None:
        """There is nothing to remove."""

    def case(self, c: Choices) -> None:
        """One record: the next of a true history, or something that somebody put between."""
        history = self.story.history
        if c.one_in(3) and self.next < len(history):
            value: bytes | None = encode(history[self.next])
            self.next += 1
        else:
            value = self._foreign(c)
        self.shown = repr(value)
        try:
            read_record(self.state, self.at, value or b"", self)
        except Unreadable:
            self.answers["stops the owner with the reason"] += 1
            return self.settle()
        try:
            self.projector.take([Raw(0, self.at, value)])
        except (UnknownSchema, CannotJudge) as error:
            must(False, f"the projector stops where the owner does not: {error}")
        self.at += 1
        theirs, ours = self.projector.positions[0].claim, self.state.claim
        same = (theirs.epoch, theirs.owner, theirs.n) == (ours.epoch, ours.owner, ours.n)
        must(same, f"claims differ: {(ours.epoch, ours.owner, ours.n)} and {(theirs.epoch, theirs.owner, theirs.n)}")
        self.answers["read by both alike"] += 1

    def _foreign(self, c: Choices) -> bytes | None:
        kind = c.below(6)
        if kind == 0:
            return c.of((None, b"", c.take(30), b"{}"))
        if kind == 1:
            header, schema = self.later
            event = c.of(self.story.history[1:])
            values = {
                "run_id": c.of((event.run_id, "")),
                "epoch": c.below(3),
                "owner": "w1",
                "n": self.state.claim.n + 1,
            }
            return header + _body(schema, {"seq": c.below(4), "time": 0, **values})
        event = c.of(self.story.history)
        value = encode(made_odd(c, Decoder().decode(encode(event)), 2))
        return damaged(c, value) if c.one_in(2) else value


def _body(schema: Any, values: dict[str, Any]) -> bytes:
    out = BytesIO()
    cause = {"kind": "step", "log": 0, "offset": -1, "id": ""}
    rest = {field["name"]: field.get("default", "") for field in schema["fields"]}
    numbers = {name: 0 for name in rest if name in ("version", "incarnation")}
    texts = {name: b"" if name in ("inputs", "settings") else value for name, value in rest.items()}
    schemaless_writer(out, schema, {**texts, **numbers, "cause": cause, **values})
    return out.getvalue()
