"""The state of a partition: the fold of its valid records. Owners, recoveries and projections read it the same way."""

import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schemas import partition as p
from schemas.envelope import UnknownEvent
from schemas.message import Event
from workflow.departures import Departure, departures
from workflow.evolve import Workflows, evolve
from workflow.run import Run
from workflow.validity import Claim

#: How long the id of an ended run is remembered, and how many of them (PROTOCOL.md, 18).
DEDUPE_WINDOW = 10 * 60 * 1_000_000
DEDUPE_LIMIT = 100_000


class UnknownKind(Exception):
    """A valid record of a later version: what it does to its run is not known here (PROTOCOL.md, 20)."""


@dataclass(slots=True)
class Quarantine:
    """A run set aside; `run` is None where its state was damaged, so that only reading again can mend it."""

    run: Run | None
    reason: str
    traceback: str
    held: list[p.Held] = field(default_factory=list)


class Partition:
    """One partition. `read` folds what the log holds; what an owner decides is folded before it is appended."""

    def __init__(self, number: int, workflows: Workflows) -> None:
        self.number, self.workflows = number, workflows
        self.claim = Claim()
        self.log = 0
        self.positions = {"command": 0, "outcome": 0}
        self.time = 0
        self.runs: dict[str, Run] = {}
        self.finished: dict[str, int] = {}
        self.quarantined: dict[str, Quarantine] = {}
        self.outbox: dict[tuple[int, int], tuple[Departure, ...]] = {}
        """What left because of the event epoch/n and is not known to have arrived, in the order of the log."""
        self._leaving: deque[tuple[int, str]] = deque()

    def read(self, event: Event) -> bool:
        """Fold a record if it is valid, and say whether it was; a run that cannot be folded is set aside."""
        if not self.claim.admits(event):
            return False
        try:
            self.fold(event)
        except Exception as error:  # whatever a fold raises concerns its run alone
            self.set_aside(event.run_id, f"folding {type(error).__name__}: {error}", traceback.format_exc())
        return True

    def fold(self, event: Event) -> None:
        """Fold a valid event. Raises what `evolve` raises."""
        self.time = max(self.time, event.time)
        cause = event.cause
        if cause.offset >= self.positions.get(cause.kind, 1 << 62) and cause.log == self.log:
            self.positions[cause.kind] = cause.offset + 1
        if isinstance(event, UnknownEvent):
            raise UnknownKind(f"this version does not know {event.kind}")
        if event.seq == 0:
            if (fold := _FACTS.get(event.__class__)) is not None:
                fold(self, event)
            return self._depart(event, self.runs.get(event.run_id))
        run = self.runs.get(event.run_id)
        if run is None:
            if event.run_id in self.quarantined:
                return
            run = self.runs[event.run_id] = Run(event.run_id)
        evolve(run, event, self.workflows)
        self._depart(event, run)
        if run.phase == "ended":
            self._finish(run.id, event.time)

    def _depart(self, event: Event, run: Run | None) -> None:
        if leaving := departures(event, run):
            self.outbox[event.epoch, event.n] = leaving

    def take_back(self, n: int) -> None:
        """What was numbered beyond n in this claim is not appended, and makes nothing leave."""
        self.claim.n = n
        while self.outbox and next(reversed(self.outbox)) > (self.claim.epoch, n):
            self.outbox.popitem()

    def set_aside(self, run_id: str, reason: str, trace: str) -> None:
        """Quarantine a run whose state is damaged."""
        if run_id not in self.quarantined:
            self.quarantined[run_id] = Quarantine(None, reason, trace)
        else:
            self.quarantined[run_id].run = None
        self.runs.pop(run_id, None)
        self.finished.pop(run_id, None)

    def forget_before(self, now: int) -> None:
        """Let go of the ids of runs that ended before the dedupe window."""
        while self._leaving and (self._leaving[0][0] < now - DEDUPE_WINDOW or len(self.finished) > DEDUPE_LIMIT):
            ended, run_id = self._leaving.popleft()
            if self.finished.get(run_id) == ended:
                del self.finished[run_id]

    def _finish(self, run_id: str, time: int) -> None:
        del self.runs[run_id]
        self.finished[run_id] = time
        self._leaving.append((time, run_id))

    def _claimed(self, event: p.PartitionClaimed) -> None:
        self.log = event.log
        held = event.positions
        self.positions = {
            "command": max(self.positions["command"], held.commands),
            "outcome": max(self.positions["outcome"], held.outcomes),
        }

    def _restored(self, event: p.PartitionRestored) -> None:
        self.log = event.log
        self.positions = {"command": event.positions.commands, "outcome": event.positions.outcomes}

    def _marked(self, event: p.PartitionMarked) -> None:
        """Everything that left before the mark's outbox position has arrived."""
        low = (event.outbox_epoch or event.epoch, event.outbox_low)
        for key in [key for key in self.outbox if key < low]:
            del self.outbox[key]

    def _quarantined(self, event: p.RunQuarantined) -> None:
        known = self.quarantined.get(event.run_id)
        run = self.runs.pop(event.run_id, None)
        if known is None:
            self.quarantined[event.run_id] = Quarantine(run, event.reason, event.traceback)

    def _held(self, event: p.Held) -> None:
        if (known := self.quarantined.get(event.run_id)) is not None:
            known.held.append(event)

    def _released(self, event: p.RunReleased) -> None:
        known = self.quarantined.get(event.run_id)
        if known is not None and known.run is not None:
            del self.quarantined[event.run_id]
            self.runs[event.run_id] = known.run


_FACTS: dict[type[Event], Callable[[Partition, Any], None]] = {
    p.PartitionClaimed: Partition._claimed,
    p.PartitionRestored: Partition._restored,
    p.PartitionMarked: Partition._marked,
    p.RunQuarantined: Partition._quarantined,
    p.Held: Partition._held,
    p.RunReleased: Partition._released,
}
