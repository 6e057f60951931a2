"""Records as Kafka has them → one batch of changes: decoded, judged by the claim that stands, turned into rows."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from projections.batch import Batch
from projections.body import encoded
from projections.place import Place
from projections.rows import UNREADABLE, apply, record_event, record_unreadable
from projections.times import timestamp
from schemas import events as e
from schemas.codec import Decoder
from schemas.envelope import UnknownEvent, event_in
from schemas.message import Event
from schemas.partition import Held, PartitionClaimed, PartitionRestored, RunQuarantined, RunReleased
from workflow.validity import Claim


class Raw(NamedTuple):
    """One record of `workflow.events`."""

    partition: int
    offset: int
    value: bytes | None


@dataclass(slots=True)
class Position:
    """How far a partition is read: the next offset, the claim that stands there, the name of the log."""

    next_offset: int = 0
    claim: Claim = field(default_factory=Claim)
    log: int | None = None


class Unreadable(Exception):
    """A record that an owner may have written and that cannot be read: nothing behind it could be judged."""


class RecordsMissing(Exception):
    """The log has lost records that were not read yet: no table made from the rest would be true."""

    def __init__(self, partition: int, wanted: int, found: int) -> None:
        super().__init__(
            f"partition {partition} goes on at offset {found}, but {wanted} is the next to read: records of "
            "workflow.events are gone. The topic must keep everything (retention.ms=-1, cleanup.policy=delete). "
            "Restore it from an archive, then remove the database file: it is built anew."
        )


#: (run ids) → the newest incarnation of each that is in the database.
Lookup = Callable[[Collection[str]], dict[str, int]]

_STARTS = (e.RunAccepted, e.RunStarted)
_ENDINGS = (e.RunSucceeded, e.RunFailed, e.RunCancelled, e.RunRefused)
_FACTS = (e.OutcomeIgnored, RunQuarantined, Held, RunReleased)


class Intake:
    """Where each partition stands, and which run each id means now."""

    def __init__(self, positions: dict[int, Position], open_runs: dict[str, int], lookup: Lookup) -> None:
        self.positions = positions
        self.decoder = Decoder()
        self._open = open_runs
        self._past: dict[str, int] = {}
        self._lookup = lookup

    def offset(self, partition: int) -> int:
        """The next offset to read."""
        position = self.positions.get(partition)
        return 0 if position is None else position.next_offset

    def take(self, records: Collection[Raw]) -> Batch:
        """The batch that these records make. Raises UnknownSchema before anything has changed."""
        decoded = [(raw, event_in(raw.value, self.decoder)) for raw in records]
        self._look_up_past(event for _, event in decoded)
        batch = Batch()
        for raw, event in decoded:
            if self._is_next(raw):
                batch.records += 1
                self._record(batch, raw, event)
        self._write_positions(batch, {raw.partition for raw in records})
        return batch

    def identity(self, raw: Raw) -> tuple[Any, ...]:
        """(kind, epoch, owner, n): what tells a record from every other that could stand at its place."""
        event = event_in(raw.value, self.decoder)
        return (UNREADABLE, None, None, None) if event is None else (_kind(event), event.epoch, event.owner, event.n)

    def _look_up_past(self, events: Iterable[Event | None]) -> None:
        """Ask at once for what is said of runs that are not open; what a start stands before needs no asking."""
        unknown, starting = set[str](), set[str]()
        for event in events:
            if event is None:
                continue
            if isinstance(event, _STARTS):
                starting.add(event.run_id)
            elif _is_about_a_run(event) and event.run_id not in self._open and event.run_id not in starting:
                unknown.add(event.run_id)
        self._past = dict.fromkeys(unknown, 0) | self._lookup(unknown) if unknown else {}

    def _is_next(self, raw: Raw) -> bool:
        position = self.positions.setdefault(raw.partition, Position())
        if raw.offset > position.next_offset:
            raise RecordsMissing(raw.partition, position.next_offset, raw.offset)
        if raw.offset < position.next_offset:
            return False
        position.next_offset += 1
        return True

    def _record(self, batch: Batch, raw: Raw, event: Event | None) -> None:
        if event is None:
            return record_unreadable(batch, raw.partition, raw.offset, _kept(raw.value))
        valid = self.positions[raw.partition].claim.admits(event)
        if valid:
            self._follow(raw.partition, event)
        incarnation = self._incarnation(event) if valid else 0
        place = Place(raw.partition, raw.offset, event.run_id, incarnation, timestamp(event.time))
        record_event(batch, place, event, _kind(event), valid)
        if valid:
            apply(batch, place, event)

    def _follow(self, partition: int, event: Event) -> None:
        """Remember which run an id means from here on, and whose log this is."""
        if isinstance(event, _STARTS):
            self._open[event.run_id] = event.incarnation
        elif isinstance(event, _ENDINGS):
            self._past[event.run_id] = self._open.pop(event.run_id, self._past.get(event.run_id, 0))
        elif isinstance(event, PartitionClaimed | PartitionRestored):
            self.positions[partition].log = event.log

    def _incarnation(self, event: Event) -> int:
        """Of the run that the id means now: the newest that had it; 0 where none ever started."""
        if not _is_about_a_run(event):
            return 0
        run_id = event.run_id
        found = self._open.get(run_id)
        if found is None:
            found = self._past.get(run_id)
        if found is None:  # the start that stood before it was void
            found = self._past[run_id] = self._lookup([run_id]).get(run_id, 0)
        return found

    def _write_positions(self, batch: Batch, partitions: Iterable[int]) -> None:
        for number in partitions:
            position = self.positions[number]
            claim = position.claim
            batch.positions.merge(
                (number,),
                next_offset=position.next_offset,
                log=position.log,
                epoch=claim.epoch,
                owner=claim.owner,
                n=claim.n,
            )


def _is_about_a_run(event: Event) -> bool:
    """Whether an event changes the rows of a run: a part of its state, or one of the facts about it."""
    return not isinstance(event, UnknownEvent) and (event.seq > 0 or isinstance(event, _FACTS))


def _kind(event: Event) -> str:
    return event.kind.rpartition(".")[2] if isinstance(event, UnknownEvent) else event.__class__.__name__


def _kept(value: bytes | None) -> str:
    return orjson.dumps(None if value is None else encoded(value)).decode()
