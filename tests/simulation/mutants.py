"""Each rule of PROTOCOL.md broken on purpose, in the real code: what the simulator must find."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from aiokafka.errors import KafkaError

from schemas import partition as p
from schemas.message import Event
from steps.context import Context
from streams import acts, unsettled
from streams import owner as owners
from streams.appender import Appender
from streams.beats import LOST, Beats, Observed
from streams.elsewhere import Elsewhere
from streams.intake import Intake
from streams.outbox import Outbox
from streams.owner import Owner
from streams.pool import Pool
from tests.simulation import harness
from workflow import decide, outcomes
from workflow import partition as partitions
from workflow.ended import EndedIds
from workflow.messages import AttemptLost, OutcomeTaken
from workflow.partition import Partition
from workflow.validity import Claim
from workflow.watermark import Place, Watermark


@dataclass(frozen=True, slots=True)
class Mutant:
    """One rule, broken in one way."""

    rule: int
    what: str
    changes: tuple[tuple[Any, str, Any], ...]


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The real code, with this rule broken."""
    with ExitStack() as stack:
        for target, name, value in mutant.changes:
            stack.enter_context(patch.object(target, name, value, create=name == "expected"))
        yield


def _any_n(self: Claim, event: Event) -> bool:
    """Rule 2 without `n`."""
    if event.__class__ is p.PartitionClaimed:
        return self._claims(event)
    self.n = event.n
    return event.epoch == self.epoch and event.owner == self.owner


def _any_epoch(self: Claim, event: Event) -> bool:
    """Rule 2 without first come, first served: the last claim wins."""
    if event.epoch < self.epoch or event.n != 0:
        return False
    self.epoch, self.owner, self.n = event.epoch, event.owner, 0
    return True


_append = Appender.append


def _act_at_once(self: Appender, events: list[Event], message: Any) -> None:
    _append(self, events, message)
    owner: Owner = self._on_ack.__self__  # type: ignore[attr-defined]
    for event in events:
        if event.__class__ is not p.PartitionClaimed:
            acts.act(owner, event)


_acked = Owner._acked


def _claims_alone(self: Owner, entries: list[Any], base: int) -> None:
    _acked(self, [entry for entry in entries if isinstance(entry.event, p.PartitionClaimed)], base)


class _Whatever(int):
    def __ne__(self, _other: object) -> bool:
        return False


_any_offset = property(lambda _: _Whatever(), lambda _self, _value: None)


async def _send_again(self: Appender) -> None:
    """Rule 5: a produce that failed is not looked into."""
    try:
        while self._queue and not self._closed:
            try:
                await self._send_next()
            except Exception:
                self._queue = self._in_flight + self._queue
                await asyncio.sleep(0.1)
    finally:
        self._pump = None


async def _never(*_: Any) -> None:
    """Nothing is done, and nobody is told."""


async def _settled_at_once(number: int, entries: list[Any], start: int, parts: Any) -> None:
    """Rule 6: no newer claim is waited for."""
    while True:
        try:
            standing, _ = await unsettled._standing(number, entries, start, parts)
            break
        except KafkaError:
            await asyncio.sleep(1.0)
    for report in unsettled._reports(entries, standing):
        await parts.pool.report(report)


def _begin_anyhow(self: Context) -> bool:
    self.begun = True
    return True


_beat_read = Beats._read


def _no_supersession(self: Beats, key: bytes | None, value: bytes | None, offset: int) -> None:
    start, self.start_number = self.start_number, 0
    _beat_read(self, key, value, offset)
    self.start_number = start


def _seats_ignored(self: Observed, worker: str) -> bool:
    return self.mine - self._seen.get(worker, 0) >= LOST


def _impatient(self: Observed, worker: str) -> bool:
    return worker in self._gone or self.mine - self._seen.get(worker, 0) >= 2


_observe = Observed.beat


def _note_time(self: Observed, beat: Any, at: float) -> None:
    _observe(self, beat, at)
    self._seen[beat.worker] = at  # type: ignore[assignment]


def _lost_by_the_clock(self: Observed, worker: str) -> bool:
    """Rule 9 by seconds, not by the observer's own beats: a broker that is away makes everybody lost."""
    return worker in self._gone or harness._uptime() - self._seen.get(worker, 0.0) >= 10.0


def _lost_at_once(self: Elsewhere, worker: str) -> None:
    for run_id, path, attempt in self.attempts.pop(worker, {}):
        self._owner.handle(AttemptLost(run_id, path, attempt, worker))


async def _live_at_once(self: Owner) -> None:
    await self._open_intakes()
    await self._resume()
    for worker in list(self.elsewhere.attempts):
        _lost_at_once(self.elsewhere, worker)


async def _buried_silently(self: Intake, _message: Any, _why: Any, reading: int) -> None:
    if self.reading == reading:
        self.taken += 1
        self._busy = False
        self.wake()


async def _open_at_the_end(self: Intake, _offset: int) -> None:
    self.close()
    end = await self.owner.parts.log.end(self.topic, self.owner.number)
    self.reading = await self.owner.parts.consumer.open(self.topic, self.owner.number, end)


async def _overtaken(self: Intake, offset: int) -> None:
    self.close()
    self.reading = await self.owner.parts.consumer.open(self.topic, self.owner.number, offset)


def _unwatched(self: Owner, work: Callable[[], Any]) -> None:
    """Rule 5: what is done for a claim may fail without anybody noticing."""

    async def alone() -> None:
        with suppress(KafkaError):
            await work()

    self.parts.spawn(alone())


def _any_reading(self: Intake, message: Any) -> None:
    self._waiting.append(message)
    self.wake()


def _released(t: Any, message: Any) -> None:
    """Rule 17: a success that was reported to `workflow.outcomes` does not count as completed."""
    if message.cause.kind == "outcome" and message.outcome.status == "succeeded":
        message.outcome.status = "released"
    _take(t, message)


_take = outcomes.take


def _all_sent(self: Outbox) -> tuple[int, int]:
    claim = self._owner.state.claim
    return claim.epoch, claim.n + 1


def _newest(self: Watermark) -> Place | None:
    """Rule 18: reading begins at the newest of the records that must be read again, not at the oldest."""
    places = [*self.runs.values(), *self.fixed.values()]
    return max(places) if places else None


_begin_at = Partition.begin_at


def _positions_forgotten(self: Partition, mark: p.PartitionMarked) -> None:
    _begin_at(self, mark)
    self.positions = {"command": 0, "outcome": 0}


def _snapshot_passed_over(self: Partition, event: p.RunSnapshotted) -> None:
    """Rule 19: the watermark moves, and the run is not taken from its snapshot."""
    self.watermark.carried(event.run_id, Place.of(event, self.end, event.first_offset))


def _facts(kind: type[Any], fold: Callable[..., None]) -> dict[Any, Any]:
    return {**partitions._FACTS, kind: fold}


def _decisions(kind: type[Any], take: Callable[..., None]) -> dict[Any, Any]:
    return {**decide._DECISIONS, kind: take}


MUTANTS = (
    Mutant(2, "records count whatever their n", ((Claim, "admits", _any_n),)),
    Mutant(2, "the last claim wins, not the first", ((Claim, "_claims", _any_epoch),)),
    Mutant(3, "effects before the ack", ((Appender, "append", _act_at_once), (Owner, "_acked", _claims_alone))),
    Mutant(4, "an ack at any offset will do", ((Appender, "expected", _any_offset),)),
    Mutant(5, "a failed produce is sent again, not read about", ((Appender, "_run", _send_again),)),
    Mutant(5, "what fails beside deciding is forgotten", ((Owner, "beside", _unwatched),)),
    Mutant(6, "batches of unknown fate are forgotten", ((owners, "settle", _never),)),
    Mutant(6, "batches are settled before a newer claim stands", ((owners, "settle", _settled_at_once),)),
    Mutant(7, "who lost a partition reports nothing", ((Pool, "report", _never),)),
    Mutant(8, "steps begin without a fresh beat", ((Context, "begin", _begin_anyhow),)),
    Mutant(8, "what waited begins after a lapse", ((Pool, "lapsed", lambda _: None),)),
    Mutant(9, "two beats make a worker lost", ((Observed, "lost", _impatient),)),
    Mutant(9, "lost by the clock", ((Observed, "beat", _note_time), (Observed, "lost", _lost_by_the_clock))),
    Mutant(9, "lost before its reports are taken in", ((Elsewhere, "declare_lost", _lost_at_once),)),
    Mutant(9, "what others have is lost as soon as a claim stands", ((Owner, "_go_live", _live_at_once),)),
    Mutant(10, "a newer start is not its predecessor's goodbye", ((Observed, "lost", _seats_ignored),)),
    Mutant(10, "who reads a newer start of its seat goes on", ((Beats, "_read", _no_supersession),)),
    Mutant(11, "what no door can read makes no record", ((Intake, "_hold_up", _buried_silently),)),
    Mutant(11, "intake begins at the end", ((Intake, "open", _open_at_the_end),)),
    Mutant(11, "an opening that was overtaken counts", ((Intake, "open", _overtaken),)),
    Mutant(11, "messages of earlier readings count", ((Intake, "hand_over", _any_reading),)),
    Mutant(15, "what left is not sent again after a recovery", ((Outbox, "take_over", lambda _: None),)),
    Mutant(15, "a mark lets go of what was never sent", ((Outbox, "low", _all_sent),)),
    Mutant(17, "reported successes do not complete", ((decide, "_DECISIONS", _decisions(OutcomeTaken, _released)),)),
    Mutant(18, "reading begins too late", ((Watermark, "low", _newest),)),
    Mutant(18, "a mark carries no ids of ended runs", ((EndedIds, "packed", lambda *_: (b"", [])),)),
    Mutant(18, "a mark carries no positions", ((Partition, "begin_at", _positions_forgotten),)),
    Mutant(19, "a snapshot is passed over", ((partitions, "_FACTS", _facts(p.RunSnapshotted, _snapshot_passed_over)),)),
)
