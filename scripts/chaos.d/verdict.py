"""The counts: what the log says happened beside what the ledger says was done."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from logs import ENDS, Line, valid

from schemas import events as e
from schemas import partition as p
from schemas.message import Event
from schemas.outcomes import StepReported
from schemas.workers import WorkerBeat

#: A run, a step's path, an attempt.
Call = tuple[str, str, int]
_OUTCOMES = (e.StepSucceeded, e.StepFailed, e.StepReleased)


@dataclass(slots=True)
class Evidence:
    """All that is left when everybody is gone."""

    accepted: set[str]
    doubtful: set[str]
    """Runs that may end otherwise than well: doomed, cancelled, with a step that is not repeatable."""
    events: list[Line]
    outcomes: list[Line]
    """Of `workflow.outcomes`, stamped by the broker."""
    commands: list[Line]
    beats: list[Line]
    ledger: list[str]
    struck: list[tuple[int, int]] = field(default_factory=list)
    """Of each worker that was killed: its pid, and when in µs."""
    away: list[tuple[int, int]] = field(default_factory=list)
    """From when to when a broker was in trouble, in µs."""


@dataclass(slots=True)
class Verdict:
    """Each list names its cases, so that they can be looked up in the log."""

    accepted: int = 0
    completed: int = 0
    failed_by_policy: int = 0
    lost: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    begun_though_released: list[str] = field(default_factory=list)
    told_without_effect: list[str] = field(default_factory=list)
    in_flight: int = 0
    late: int = 0
    calls: int = 0
    events: int = 0
    void: int = 0
    recoveries: list[float] = field(default_factory=list)
    recoveries_in_trouble: list[float] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether what must always hold did (DESIGN, 10)."""
        wrong = self.lost or self.twice or self.again or self.begun_though_released or self.told_without_effect
        return not wrong and self.completed + self.failed_by_policy >= 0.999 * self.accepted


def judge(evidence: Evidence) -> Verdict:
    """Count."""
    counted = valid(evidence.events)
    verdict = Verdict(accepted=len(evidence.accepted), events=len(counted), void=len(evidence.events) - len(counted))
    _ends(verdict, evidence, counted)
    _once(verdict, counted)
    _effects(verdict, evidence, counted)
    for began, ended in recoveries(evidence, counted):
        trouble = any(begin < ended and began < end for begin, end in evidence.away)
        (verdict.recoveries_in_trouble if trouble else verdict.recoveries).append((ended - began) / 1e6)
    return verdict


def _ends(verdict: Verdict, evidence: Evidence, counted: list[Line]) -> None:
    ends = {line.record.run_id: line.record for line in counted if isinstance(line.record, ENDS)}
    for run_id in sorted(evidence.accepted):
        end = ends.get(run_id)
        if end is None:
            verdict.lost.append(run_id)
        elif isinstance(end, e.RunSucceeded):
            verdict.completed += 1
        elif run_id in evidence.doubtful:
            verdict.failed_by_policy += 1
        else:
            verdict.failed.append(f"{run_id}: {type(end).__name__} {getattr(end, 'message', '')}")


def _once(verdict: Verdict, counted: list[Line]) -> None:
    """A run begins and ends once, a step succeeds once, an attempt has one outcome, and none after it was cancelled."""
    happened: Counter[tuple[object, ...]] = Counter()
    for line in counted:
        record = line.record
        if isinstance(record, e.RunStarted):
            happened[record.run_id, "began"] += 1
        elif isinstance(record, ENDS):
            happened[record.run_id, "ended"] += 1
        elif isinstance(record, e.StepCancelled):
            call = (record.run_id, record.path, record.attempt)
            happened[call] = max(happened[call], 1)  # it may rest after a failure
        elif isinstance(record, _OUTCOMES) and record.attempt:
            if isinstance(record, e.StepSucceeded):
                happened[record.run_id, record.path, "succeeded"] += 1
            happened[record.run_id, record.path, record.attempt] += 1
    verdict.twice = [" ".join(map(str, what)) for what, times in happened.items() if times > 1]


def _effects(verdict: Verdict, evidence: Evidence, counted: list[Line]) -> None:
    begun, done = _calls(evidence.ledger, "begun"), _calls(evidence.ledger, "done")
    verdict.calls = sum(begun.values())
    tools = {call for call, record in _scheduled(counted).items() if record.kind == "tool"}
    endings = _endings(counted)
    told = {call for call, record in endings.items() if isinstance(record, e.StepSucceeded)} & tools
    released = {call for call, record in endings.items() if isinstance(record, e.StepReleased)}
    verdict.begun_though_released = _named(released & set(begun))
    verdict.told_without_effect = _named(call for call in told if done[call] != 1)
    verdict.again = _named(call for call, times in begun.items() if times > 1) + _repeated(evidence, counted, begun)
    meant = ("fatal", "unavailable")  # what the tools raise by themselves
    verdict.in_flight = sum(
        call not in told and getattr(endings.get(call), "error_class", "") not in meant for call in begun
    )
    verdict.late = sum(isinstance(line.record, e.OutcomeIgnored) for line in counted)


def _repeated(evidence: Evidence, counted: list[Line], begun: Mapping[Call, int]) -> list[str]:
    """Calls begun for steps whose success stood already: in the log, or acked in `workflow.outcomes`."""
    reported = {
        (line.record.run_id, line.record.path, line.record.attempt): line.time
        for line in reversed(evidence.outcomes)
        if isinstance(line.record, StepReported) and line.record.status == "succeeded"
    }
    complete: set[tuple[str, str]] = set()
    again = []
    for line in counted:
        record = line.record
        if isinstance(record, e.StepSucceeded):
            complete.add((record.run_id, record.path))
        elif isinstance(record, e.StepFailed | e.StepReleased):
            call = (record.run_id, record.path, record.attempt)
            if reported.get(call, record.time) < record.time // 1_000 * 1_000:
                complete.add(call[:2])  # decided after its success was acked: what begins now begins again
        elif isinstance(record, e.StepScheduled):
            call = (record.run_id, record.path, record.attempt)
            if call[:2] in complete and call in begun:
                again.append(call)
    return _named(again)


def _calls(ledger: Iterable[str], word: str) -> Counter[Call]:
    lines = (line.split() for line in ledger)
    return Counter((run, step, int(attempt)) for said, run, step, attempt, *_ in lines if said == word)


def _scheduled(counted: list[Line]) -> dict[Call, e.StepScheduled]:
    records = (line.record for line in counted)
    return {(r.run_id, r.path, r.attempt): r for r in records if isinstance(r, e.StepScheduled)}


def _endings(counted: list[Line]) -> dict[Call, object]:
    records = (line.record for line in counted)
    return {(r.run_id, r.path, r.attempt): r for r in records if isinstance(r, _OUTCOMES)}


def _named(calls: Iterable[Call]) -> list[str]:
    return sorted(f"{run} {path}#{attempt}" for run, path, attempt in calls)


def recoveries(evidence: Evidence, counted: list[Line]) -> list[tuple[int, int]]:
    """Of each partition that a killed worker owned: when it was killed, and when the first transition after came."""
    workers = {line.record.pid: line.record.worker for line in evidence.beats if isinstance(line.record, WorkerBeat)}
    by_partition: dict[int, list[Event]] = defaultdict(list)
    for line in counted:
        by_partition[line.partition].append(line.record)
    took = []
    for pid, at in evidence.struck:
        for records in by_partition.values():
            standing = [r for r in records if isinstance(r, p.PartitionClaimed) and r.time <= at]
            if not standing or standing[-1].owner != workers.get(pid):
                continue
            later = (r.time for r in records if r.epoch > standing[-1].epoch and not isinstance(r, p.PartitionClaimed))
            if (first := next(later, None)) is not None:
                took.append((at, first))
    return took
