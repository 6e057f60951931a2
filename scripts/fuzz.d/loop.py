"""The pure path at full speed: door → decide → encode → decode → fold → rows, with every message accounted for."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from choices import Choices
from documents import LATER, Message, command_message, fingerprint_of, report_message

from projections.intake import Intake, Raw
from projections.store import Store
from schemas import events as e
from schemas import partition as p
from schemas.codec import Decoder, encode
from schemas.commands import ForgetRun
from schemas.message import Cause, Event
from schemas.outcomes import StepReported
from schemas.topics import MAX_RECORD
from streams import doors
from tests.story import LOG, Shelf, claim, same
from workflow.decide import decide
from workflow.messages import CommandTaken, DefinitionsRead, InputUnreadable, MarkDue, TimerDue
from workflow.messages import Message as Decidable
from workflow.partition import Partition

PARTITIONS = 2
#: Messages after which what is open is ended, what was written is folded again and projected.
ROUND = 1_000
DEDUPE = 11 * 60 * 1_000_000

HELLO = (
    "name: hello\ninputs: {name: string, n?: integer}\nsteps: [{id: a, tool: t.x}, {id: b, transform: '{{ steps.a }}'}]"
)
SHAPES = """
name: shapes
inputs: {n?: integer}
steps:
  - {id: a, tool: t.x, retry: {attempts: 3, backoff: 1s}, deadline: 1m}
  - id: p
    parallel:
      x: [{id: y, model: [claude-haiku-4-5, gemini-2.5-flash], prompt: "{{ steps.a.output }}", max_tokens: 10}]
      z: [{id: b, tool: t.y, when: steps.a.attempts > 1, on_error: [{id: fix, tool: t.fix}]}]
outputs: {v: "{{ steps.a.output }}", n: "{{ inputs.n }}"}
"""
ASKS = """
name: asks
steps:
  - {id: w, wait: {signal: paid}, timeout: 1h}
  - {id: ok, approve: {by: [ada], prompt: "{{ steps.w.output }}", value: "{{ steps.w.output }}"}, timeout: 1h}
outputs: "{{ steps.ok.output.value }}"
"""


class Violation(Exception):
    """Something was not as it must be; the message says what."""


def must(holds: bool, what: str) -> None:
    """Raises Violation unless it holds."""
    if not holds:
        raise Violation(what)


class Loop:
    """Two partitions with their owners, a reader that folds what they write, and a projector."""

    def __init__(self, kind: str, shelf: Any = None) -> None:
        self.kind, self.shelf = kind, shelf or Shelf(HELLO, SHAPES, ASKS)
        self.decoder = Decoder()
        self.decoder.learn(fingerprint_of(LATER), LATER)
        self.now, self.letters, self.left = 1_000_000_000, 0, 0
        self.owners = [Partition(number, self.shelf) for number in range(PARTITIONS)]
        self.readers = [Partition(number, self.shelf) for number in range(PARTITIONS)]
        self.offsets: Counter[tuple[str, int]] = Counter()
        self.written: list[Raw] = []
        self.ends = [0] * PARTITIONS
        self.answers: Counter[str] = Counter()
        self.shown = ""
        self.folder = tempfile.TemporaryDirectory(prefix="millrace-fuzz-")
        self.store = Store(Path(self.folder.name) / "fuzz.duckdb", "workflow.events")
        self.projector = Intake(self.store.positions(), self.store.open_runs(), self.store.incarnations)
        for number, owner in enumerate(self.owners):
            owner.read(claim())
            self._write(number, [claim()])

    def close(self) -> None:
        """Remove what was written."""
        self.store.close()
        self.folder.cleanup()

    def case(self, c: Choices) -> None:
        """One message through the door."""
        self.now += c.of((0, 1, 1_000, 1_000_000, 60_000_000, -3_600_000_000))  # the clock may run backwards
        partition = c.below(PARTITIONS)
        offset = self.offsets[self.kind, partition]
        if self.kind == "command":
            message = command_message(c, partition, offset)
        else:
            self._keep_busy(partition)
            message = report_message(c, partition, offset, self._waiting_for(c, partition))
        self.shown = str(message)
        self.answers[self.offer(self.kind, message)] += 1

    def offer(self, kind: str, message: Message) -> str:
        """What became of a message: the name of the first event that answers it."""
        partition, offset = message.partition, self.offsets[kind, message.partition]
        self.offsets[kind, partition] += 1
        cause = Cause(kind, LOG, offset)
        door = doors.command if kind == "command" else doors.outcome
        try:
            decided: Decidable = door(message, cause, self.decoder, PARTITIONS)
        except doors.Unreadable as why:
            self.letters += 1
            size = len(message.value or b"")
            decided = InputUnreadable(message.topic, why.reason, why.message, size, self.letters, cause)
        events = self.decide(partition, decided)
        answer = next((x for x in events if (x.cause.kind, x.cause.offset) == (kind, offset)), None)
        must(answer is not None, f"nothing answers the message; the door made {str(decided)[:300]} of it")
        must(self.owners[partition].positions[kind] == offset + 1, "the position did not move past the message")
        for event in events:
            if isinstance(event, p.CommandForwarded):
                self._at_home(event)
        return type(answer).__name__

    def _at_home(self, event: p.CommandForwarded) -> None:
        """What is sent home is taken there, and sent nowhere else."""
        home = Message("workflow.commands", event.home, 0, None, event.value, [])
        home.offset = self.offsets["command", event.home]
        must(self.offer("command", home) != "CommandForwarded", "a forwarded command was forwarded again")

    def decide(self, partition: int, message: Decidable) -> list[Event]:
        """The events of a message and what follows from it at once."""
        owner = self.owners[partition]
        before = owner.time
        events = decide(owner, message, self.now)
        for event in events:
            must(not isinstance(event, p.RunQuarantined), f"a run was set aside: {getattr(event, 'traceback', '')}")
            must(event.time >= before, "time runs backwards")
        self._write(partition, events)
        for event in events:
            if isinstance(event, e.RunAccepted):
                self.decide(partition, DefinitionsRead(event.run_id))
        return events

    def _write(self, partition: int, events: list[Event]) -> None:
        for event in events:
            value = encode(event)
            must(len(value) <= MAX_RECORD, f"a {type(event).__name__} of {len(value)} bytes fits in no record")
            read = self.decoder.decode(value)
            must(self.readers[partition].read(read), f"a {type(event).__name__} of the owner is void to a reader")
            self.written.append(Raw(partition, self.ends[partition], value))
            self.ends[partition] += 1

    def _keep_busy(self, partition: int) -> None:
        """Some runs whose steps are waited for."""
        if len(self.owners[partition].runs) < 3:
            self.left += 1
            name = ("hello", "shapes")[self.left % 2]
            value = b'{"workflow":"%s","inputs":{%s}}' % (name.encode(), b'"name":"x"' if name == "hello" else b"")
            message = Message("workflow.commands", partition, self.offsets["command", partition], None, value, [])
            must(self.offer("command", message) == "RunStarted", "a right command starts no run")

    def _waiting_for(self, c: Choices, partition: int) -> StepReported | None:
        """The report that one of the open runs waits for."""
        runs = list(self.owners[partition].runs.values())
        if not runs:
            return None
        run = c.of(runs)
        for path in [path for path in run.live if run.steps[path].phase == "resting"]:
            due = run.steps[path].due or 0
            self.now = max(self.now, due)
            self.decide(partition, TimerDue(run.id, path, due))
        paths = [path for path in run.live if run.steps[path].phase == "scheduled"]
        if not paths:
            return None
        path = c.of(paths)
        return StepReported(run.id, path, run.steps[path].attempt, "w1", "succeeded", run.incarnation)

    def settle(self) -> None:
        """End what is open, let the ids be forgotten, compare the folds, and project what was written."""
        for number, owner in enumerate(self.owners):
            for run_id in list(owner.runs):
                value = b'{"type":"CancelRun","run_id":"%s"}' % run_id.encode()
                at = self.offsets["command", number]
                self.offer("command", Message("workflow.commands", number, at, None, value, []))
            for run in list(owner.runs.values()):  # a child that ended is kept until its parent knows
                must(run.phase == "ended", "a run is still open after it was cancelled")
                self.decide(number, CommandTaken(ForgetRun("forget", run.id), Cause("command", LOG, -1, "forget")))
            must(not owner.runs, "a run is kept that its parent has forgotten")
            self._write(number, decide(owner, MarkDue(owner.claim.epoch, owner.claim.n + 1), self.now))
            self.readers[number].forget_before(owner.time)  # as whoever takes over does before anything is decided
            owner.forget_before(owner.time)
            must(same(self.readers[number], owner), "the fold of what was written is not the owner's state")
        self.now = max(self.now, *(owner.time for owner in self.owners)) + DEDUPE
        self.store.apply(self.projector.take(self.written))
        self.written = []
