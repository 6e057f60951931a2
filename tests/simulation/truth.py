"""Who sees everything: each record as it lands, by rules of its own; what must never happen is told at once."""

from collections import defaultdict
from dataclasses import fields
from typing import Any

from schemas import events as e
from schemas import partition as p
from schemas.events import StepScheduled
from schemas.message import Event
from schemas.outcomes import StepReported
from tests.simulation.workflows import Shelf
from workflow.ended import DEDUPE_WINDOW
from workflow.partition import Partition
from workflow.run import Run

Attempt = tuple[str, int, str, int]


class Violation(Exception):
    """What must never happen has happened."""


class Reader:
    """A reader of one partition's log; which records count is said here a second time (PROTOCOL.md, 2)."""

    def __init__(self, number: int, shelf: Shelf) -> None:
        self.partition = Partition(number, shelf)  # type: ignore[arg-type]
        self.epoch, self.owner, self.n = 0, "", 0
        self.taken = {"command": -1, "outcome": -1}
        self.last: Event | None = None
        self.void = 0
        self.live_since: tuple[int, float] | None = None
        """Of the standing claim: its epoch, and since when its owner was seen to be live."""

    def admits(self, event: Event) -> bool:
        if isinstance(event, p.PartitionClaimed):
            if event.epoch != self.epoch + 1:
                return False
            self.epoch, self.owner, self.n = event.epoch, event.owner, 0
            return True
        if (event.epoch, event.owner, event.n) != (self.epoch, self.owner, self.n + 1):
            return False
        self.n += 1
        return True


class Truth:
    """The facts of one world, and the rules over them."""

    def __init__(self, partitions: int, shelf: Shelf) -> None:
        self.readers = [Reader(number, shelf) for number in range(partitions)]
        self.scheduled: dict[Attempt, Any] = {}
        self.starts: dict[str, int] = {}
        """When each command started its run; after the window it may do so again."""
        self.begun: dict[Attempt, str] = {}
        self.ended: set[Attempt] = set()
        self.newest: dict[tuple[str, int, str], int] = {}
        self.succeeded: set[tuple[str, int, str]] = set()
        self.reported: dict[Attempt, float] = {}
        """When the success of an attempt landed in `workflow.outcomes`."""
        self.declared: dict[tuple[str, int, str], float] = {}
        """When an owner (worker, partition) found a worker lost, before it looked at what that one had reported."""
        self.answered_at_home: set[str] = set()
        self.expected: dict[tuple[int, int, str, int], str] = {}
        self.violations: list[str] = []
        self.counts: dict[str, int] = defaultdict(int)
        self.incarnation: dict[str, int] = {}
        self._at = 0

    def wrong(self, what: str) -> None:
        self.violations.append(what)

    def lands(self, number: int, offset: int, event: Event) -> bool:
        """A record lands in `workflow.events`; whether it counts."""
        reader = self.readers[number]
        if not reader.admits(event):
            reader.void += 1
            return False
        self._in_order(reader, offset, event)
        partition = reader.partition
        if not partition.read(event, offset):
            self.wrong(f"{number}@{offset}: readers hold a valid {type(event).__name__} for void")
        if partition.quarantined or partition.warnings:
            self.wrong(f"{number}@{offset}: {type(event).__name__} {partition.quarantined} {partition.warnings}")
        reader.last, self._at = event, number
        self._as_live(number, event)
        if (rule := _RULES.get(event.__class__)) is not None:
            rule(self, event)
        self.counts[event.__class__.__name__] += 1
        return True

    def _in_order(self, reader: Reader, offset: int, event: Event) -> None:
        """Every command and outcome is decided once, in its order (PROTOCOL.md, 11)."""
        kind, at = event.cause.kind, event.cause.offset
        if isinstance(event, p.PartitionClaimed):
            held = {"command": event.positions.commands - 1, "outcome": event.positions.outcomes - 1}
            if any(held[kind] > taken for kind, taken in reader.taken.items()):  # less: somebody wrote meanwhile
                self.wrong(f"{reader.partition.number}@{offset}: a claim has positions {held}, not {reader.taken}")
        elif kind in reader.taken and at >= 0:
            again = reader.last is not None and (reader.last.cause.kind, reader.last.cause.offset) == (kind, at)
            if at != reader.taken[kind] + 1 and not again:
                number = reader.partition.number
                self.wrong(f"{number}@{offset}: {kind} {at} is decided after {reader.taken[kind]}: {event.run_id}")
            reader.taken[kind] = max(at, reader.taken[kind])
        if kind == "command" and not isinstance(event, p.CommandForwarded):
            self.answered_at_home.add(event.cause.id)

    def _as_live(self, number: int, event: Event) -> None:
        """Replay equals live: what the owner's state was when it decided this event."""
        if not self.expected:
            return
        live = self.expected.pop((number, event.epoch, event.owner, event.n), None)
        if live is not None:
            self.counts["prefixes compared"] += 1
            replayed = digest(self.readers[number].partition, event.run_id)
            if live != replayed:
                self.wrong(f"{number}: after {event.owner} {event.epoch}/{event.n} live is {live}, replayed {replayed}")

    def _started(self, event: e.RunStarted | e.RunAccepted) -> None:
        self.incarnation[event.run_id] = event.incarnation
        if isinstance(event, e.RunStarted):
            if event.time - self.starts.get(event.command_id, -DEDUPE_WINDOW) < DEDUPE_WINDOW:
                self.wrong(f"{event.command_id} starts run {event.run_id} a second time")
            self.starts[event.command_id] = event.time

    def _key(self, event: Any) -> Attempt:
        return event.run_id, self.incarnation.get(event.run_id, 0), event.path, event.attempt

    def _scheduled(self, event: StepScheduled | e.ChildRequested) -> None:
        key = self._key(event)
        if key in self.scheduled:
            self.wrong(f"{_named(key)} is scheduled twice")
        if key[:3] in self.succeeded:
            self.wrong(f"{_named(key)} is scheduled after its step has succeeded")
        self.scheduled[key] = event
        self.newest[key[:3]] = event.attempt

    def _ended(self, event: Any) -> None:
        key = self._key(event)
        if event.attempt == 0:
            return
        if key in self.ended:
            self.wrong(f"an outcome of {_named(key)} is applied twice")
        if key not in self.scheduled:
            self.wrong(f"an outcome of {_named(key)} is applied, which was never scheduled")
        self.ended.add(key)

    def _succeeded(self, event: e.StepSucceeded) -> None:
        self._ended(event)
        if event.attempt:
            self.succeeded.add(self._key(event)[:3])

    def _failed(self, event: e.StepFailed) -> None:
        self._ended(event)
        key = self._key(event)
        if event.cause.kind == "lost" and key in self.reported:
            since = self.declared.get((event.owner, self._at, event.cause.id), 1e18)
            if self.reported[key] < since:
                self.wrong(f"{_named(key)} is declared lost although its success was acked in workflow.outcomes")

    def _released(self, event: e.StepReleased) -> None:
        self._ended(event)
        if (key := self._key(event)) in self.begun:
            self.wrong(f"{_named(key)} is released although it was begun by {self.begun[key]}")

    def _run_ended(self, event: Event) -> None:
        if self.incarnation.pop(event.run_id, None) is None:
            self.wrong(f"run {event.run_id} ends, and is not open")

    def reports(self, report: StepReported, now: float) -> None:
        """An outcome lands in `workflow.outcomes`."""
        if report.status == "succeeded":
            self.reported.setdefault((report.run_id, report.incarnation, report.path, report.attempt), now)

    def begins(self, worker: str, step: StepScheduled) -> None:
        """A step begins, outside of everything."""
        key = (step.run_id, step.incarnation, step.path, step.attempt)
        self.counts["begun"] += 1
        scheduled = self.scheduled.get(key)
        if scheduled is None or scheduled.worker != worker:
            self.wrong(f"{worker} begins {_named(key)} by a schedule that is not valid")
        elif key in self.begun:
            self.wrong(f"{worker} begins {_named(key)}, which {self.begun[key]} has begun")
        elif key[:3] in self.succeeded:
            self.wrong(f"{worker} begins {_named(key)} although its step has succeeded")
        elif self.newest[key[:3]] > step.attempt:
            self.wrong(f"{worker} begins {_named(key)} although attempt {self.newest[key[:3]]} is under way")
        self.begun[key] = worker


def _named(key: Attempt) -> str:
    return f"{key[0]}:{key[2]}#{key[3]}"


_OF_RUN = [field.name for field in fields(Run) if field.name not in ("workflow", "frames")]


def digest(partition: Partition, run_id: str) -> str:
    """All that a decision about this run reads; what the definition says is left out."""
    claim, run = partition.claim, partition.runs.get(run_id)
    told = None if run is None else {name: getattr(run, name) for name in _OF_RUN}
    frames = {} if run is None else {at: (frame.owner, frame.ended, frame.met) for at, frame in run.frames.items()}
    return f"{told} {frames} {partition.positions} {claim.epoch} {claim.owner} {claim.n}"


_RULES: dict[type[Event], Any] = {
    e.RunAccepted: Truth._started,
    e.RunStarted: Truth._started,
    e.RunRefused: Truth._run_ended,
    e.RunSucceeded: Truth._run_ended,
    e.RunFailed: Truth._run_ended,
    e.RunCancelled: Truth._run_ended,
    e.StepScheduled: Truth._scheduled,
    e.ChildRequested: Truth._scheduled,
    e.StepSucceeded: Truth._succeeded,
    e.StepFailed: Truth._failed,
    e.StepReleased: Truth._released,
}
