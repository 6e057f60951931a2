"""The state of a partition: the fold of its valid records. Owners, recoveries and projections read it the same way."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schemas import partition as p
from schemas.envelope import UnknownEvent
from schemas.message import Event
from workflow.departures import Departure, departures
from workflow.ended import EndedIds
from workflow.evolve import Workflows, evolve
from workflow.run import Run
from workflow.snapshot import STATE_VERSION, freeze, thaw
from workflow.validity import Claim
from workflow.watermark import BEGINNING, Place, Watermark

#: The reason of a run that a mark tells to be set aside.
ASIDE = "set aside before the low watermark; its record on the log says why"


class UnknownKind(Exception):
    """A valid record of a later version: what it does to its run is not known here (PROTOCOL.md, 20)."""


@dataclass(slots=True)
class Quarantine:
    """A run set aside; `run` is None where its state was damaged or not read, so that only reading again can mend it.

    `place` is where reading the run again begins; `recorded` says whether the log tells of the quarantine, `damaged`
    whether folding or deciding raised in this process: in a reading where neither did, no run is one that never began.
    """

    run: Run | None
    reason: str
    traceback: str
    place: Place = BEGINNING
    recorded: bool = False
    held: list[p.Held] = field(default_factory=list)
    damaged: bool = True

    def asked(self, command_id: str | None = None) -> list[p.Held]:
        """The commands that ask for its release, or the one of that id, and wait until it is read again."""
        found = [held for held in self.held if held.message_kind == "ReleaseRun"]
        return [held for held in found if command_id in (None, held.cause.id)]


class Partition:
    """One partition. `read` folds what the log holds; what an owner decides is folded before it is appended."""

    def __init__(self, number: int, workflows: Workflows) -> None:
        self.number, self.workflows = number, workflows
        self.claim = Claim()
        self.log = 0
        self.positions = {"command": 0, "outcome": 0}
        self.time = 0
        self.end = 0
        """The offset of the record that is being folded, then of the next one. What an owner decides is counted at
        the offset that it will have: if it gets another one, this state is dropped (PROTOCOL.md, 4)."""
        self.runs: dict[str, Run] = {}
        self.ended = EndedIds()
        self.quarantined: dict[str, Quarantine] = {}
        self.outbox: dict[tuple[int, int], tuple[Departure, ...]] = {}
        """What left because of the event epoch/n and is not known to have arrived, in the order of the log."""
        self.watermark = Watermark()
        self.seen_from = 0
        """Records before this offset may belong to runs that began before reading did."""
        self.unread: dict[str, int] = {}
        """Open runs whose snapshot this version cannot read, with their first offsets."""
        self.warnings: list[str] = []
        """What somebody should look at although it changes nothing: a snapshot that is not what the events fold to."""

    def begin_at(self, mark: p.PartitionMarked) -> None:
        """What a mark carries: reading goes on at its low watermark, and comes by the mark with its positions."""
        self.claim = Claim(mark.epoch_at_low, mark.owner_at_low, mark.n_at_low)
        self.log, self.end, self.seen_from = mark.log, mark.low, mark.at
        self.ended.unpack(mark.ended_ids, mark.ended)
        for aside in mark.set_aside:
            place = BEGINNING._replace(offset=aside.first_offset, first=aside.first_offset)
            self.quarantined[aside.run_id] = Quarantine(None, ASIDE, "", place, recorded=True)

    def read(self, event: Event, offset: int | None = None) -> bool:
        """Fold a record if it is valid, and say whether it was; a run that cannot be folded is set aside."""
        if offset is not None:
            self.end = offset
        valid = self.claim.admits(event)
        if valid:
            try:
                if event.__class__ is p.RunSnapshotted:
                    self._compare(event)
                self.fold(event)
            except Exception as error:  # whatever a fold raises concerns its run alone
                self.set_aside(event.run_id, f"folding {type(error).__name__}: {error}", traceback.format_exc())
        self.end += 1
        return valid

    def fold(self, event: Event) -> None:
        """Fold a valid event. Raises what `evolve` raises."""
        self.time = max(self.time, event.time)
        cause = event.cause
        if cause.offset >= self.positions.get(cause.kind, 1 << 62) and cause.log == self.log:
            self.positions[cause.kind] = cause.offset + 1
        unseen = self.end < self.seen_from and event.seq != 1 and event.run_id not in self.runs
        if isinstance(event, UnknownEvent):
            if unseen:
                return
            raise UnknownKind(f"this version does not know {event.kind}")
        run = self.runs.get(event.run_id)
        if event.seq == 0:
            self._depart(event, run)
            if (fold := _FACTS.get(event.__class__)) is not None:
                fold(self, event)
            return
        if run is None:
            if unseen or event.run_id in self.quarantined:
                return
            run = self.runs[event.run_id] = Run(event.run_id)
            self.watermark.runs[run.id] = Place.of(event, self.end)
        self._depart(event, run)
        evolve(run, event, self.workflows)
        if run.phase == "ended" and not run.parent:
            self._finish(run.id, event.time)

    def _depart(self, event: Event, run: Run | None) -> None:
        if leaving := departures(event, run):
            key = (event.epoch, event.n)
            self.outbox[key] = leaving
            # what leaves may follow from the run's state, so that its beginning must be read again too
            self.watermark.fixed[key] = self.watermark.place_of(event.run_id) or Place.of(event, self.end)

    def take_back(self, n: int) -> None:
        """What was numbered beyond n in this claim is not appended, and makes nothing leave."""
        self.end -= self.claim.n - n
        self.claim.n = n
        while self.outbox and next(reversed(self.outbox)) > (self.claim.epoch, n):
            self.watermark.let_go(self.outbox.popitem()[0])

    def set_aside(self, run_id: str, reason: str, trace: str) -> None:
        """Quarantine a run whose state is damaged. Its messages wait for its release, the watermark doesn't."""
        place = self.watermark.let_go(run_id) or BEGINNING
        known = self.quarantined.setdefault(run_id, Quarantine(None, reason, trace, place))
        known.run = None
        self.runs.pop(run_id, None)
        self.ended.discard(run_id)

    def forget_before(self, now: int) -> None:
        """Let go of the ids of runs that ended before the dedupe window."""
        self.ended.forget_before(now)

    def _finish(self, run_id: str, time: int) -> None:
        del self.runs[run_id]
        self.watermark.let_go(run_id)
        self.ended.add(run_id, time)

    def _compare(self, event: Any) -> None:
        """Full readers check a snapshot, and change nothing (PROTOCOL.md, 19)."""
        run = self.runs.get(event.run_id)
        if run is not None and event.state_version == STATE_VERSION and freeze(run) != event.state:
            self.warnings.append(f"run {run.id}: the snapshot at offset {self.end} is not what its events fold to")

    def _snapshotted(self, event: p.RunSnapshotted) -> None:
        """A run that began before reading did is taken from its snapshot; any other stays as it is."""
        run_id = event.run_id
        if event.state_version != STATE_VERSION:
            if run_id not in self.runs and run_id not in self.quarantined:
                self.unread[run_id] = event.first_offset
            return
        if run_id not in self.runs:
            if run_id in self.quarantined:
                return
            self.runs[run_id] = thaw(event.state, self.workflows)
        self.watermark.carried(run_id, Place.of(event, self.end, event.first_offset))

    def _forgotten(self, event: p.RunForgotten) -> None:
        """A child run is kept until its parent knows its end: nobody could tell it again."""
        if event.run_id in self.runs:
            self._finish(event.run_id, event.time)

    def _claimed(self, event: p.PartitionClaimed) -> None:
        self.log = event.log
        self._move_positions(event)

    def _move_positions(self, event: p.PartitionClaimed | p.PartitionMarked) -> None:
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
        if event.log == self.log:
            self._move_positions(event)
        low = (event.outbox_epoch or event.epoch, event.outbox_low)
        for key in [key for key in self.outbox if key < low]:
            del self.outbox[key]
            self.watermark.let_go(key)

    def _quarantined(self, event: p.RunQuarantined) -> None:
        run, place = self.runs.pop(event.run_id, None), self.watermark.let_go(event.run_id) or BEGINNING
        read = Quarantine(run, event.reason, event.traceback, place, damaged=False)
        known = self.quarantined.setdefault(event.run_id, read)
        known.recorded = True

    def _held(self, event: p.Held) -> None:
        if (known := self.quarantined.get(event.run_id)) is not None:
            known.held.append(event)
            if event.message_kind == "ReleaseRun":
                self.watermark.fixed[event.epoch, event.n] = Place.of(event, self.end)

    def _refused(self, event: p.CommandRefused) -> None:
        """A release that was waited for is answered."""
        if (known := self.quarantined.get(event.run_id)) is not None:
            for held in known.asked(event.command_id):
                known.held.remove(held)
                self.watermark.let_go((held.epoch, held.n))

    def _released(self, event: p.RunReleased) -> None:
        known = self.quarantined.pop(event.run_id, None)
        if known is None:
            return
        for held in known.held:
            self.watermark.let_go((held.epoch, held.n))
        if known.run is not None:
            self.runs[event.run_id] = known.run
            self.watermark.fixed[event.run_id] = known.place


_FACTS: dict[type[Event], Callable[[Partition, Any], None]] = {
    p.PartitionClaimed: Partition._claimed,
    p.PartitionRestored: Partition._restored,
    p.PartitionMarked: Partition._marked,
    p.RunSnapshotted: Partition._snapshotted,
    p.CommandRefused: Partition._refused,
    p.RunForgotten: Partition._forgotten,
    p.RunQuarantined: Partition._quarantined,
    p.Held: Partition._held,
    p.RunReleased: Partition._released,
}
