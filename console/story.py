"""A run as people look at it: its steps in the order they began, with times, attempts, tokens, cost and errors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schemas import events as e
from schemas import partition as p
from schemas import pending
from schemas.message import Event, ModelCall

#: What a run can be at last.
ENDED = ("succeeded", "failed", "cancelled", "refused")


@dataclass(slots=True)
class StepLine:
    """One step. Times in microseconds since 1970, cost in billionths of a dollar."""

    path: str
    kind: str = ""
    target: str = ""
    status: str = ""
    attempts: int = 0
    started: int | None = None
    ended: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    cost: int = 0
    unpriced: int = 0
    error: str = ""
    _billed: dict[tuple[int, str], int] = field(default_factory=dict)
    """Of each attempt and worker: how many calls were counted."""

    def bill(self, attempt: int, worker: str, calls: list[ModelCall]) -> None:
        """Add what the calls of an attempt used; an outcome that is reported twice was paid for once."""
        known = self._billed.get((attempt, worker), 0)
        self._billed[attempt, worker] = max(known, len(calls))
        for call in calls[known:]:
            self.calls += 1
            self.input_tokens += call.input_tokens
            self.output_tokens += call.output_tokens
            self.cost += call.cost or 0
            self.unpriced += call.cost is None


@dataclass(slots=True)
class RunStory:
    """One run, as far as its events were taken."""

    run_id: str
    workflow: str = ""
    version: int = 0
    state: str = ""
    set_aside: bool = False
    started: int | None = None
    ended: int | None = None
    inputs: bytes = b"{}"
    outputs: bytes | None = None
    error_class: str = ""
    error: str = ""
    error_path: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    steps: dict[str, StepLine] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Refused commands, quarantine: what happened beside the steps."""

    def take(self, event: Event) -> None:
        """Fold one event of the run."""
        if (fold := _FOLDS.get(type(event))) is not None:
            fold(self, event)

    @property
    def status(self) -> str:
        """What the run is: accepted, running, succeeded … or quarantined, whatever it was before."""
        return "quarantined" if self.set_aside else self.state

    @property
    def over(self) -> bool:
        return self.status in ENDED

    def _line(self, path: str) -> StepLine:
        return self.steps.setdefault(path, StepLine(path))

    def _accepted(self, event: e.RunAccepted) -> None:
        self.workflow, self.state, self.inputs = event.workflow, "accepted", event.inputs
        self.started, self.labels = event.time, event.labels

    def _started(self, event: e.RunStarted) -> None:
        self.workflow, self.version, self.state = event.workflow, event.version, "running"
        self.started, self.inputs, self.labels = event.time, event.inputs, event.labels

    def _end(self, event: Event, status: str) -> None:
        self.state, self.ended = status, event.time
        for step in self.steps.values():
            if step.ended is None:
                step.ended = event.time

    def _succeeded(self, event: e.RunSucceeded) -> None:
        self._end(event, "succeeded")
        self.outputs = event.outputs

    def _failed(self, event: e.RunFailed) -> None:
        self._end(event, "failed")
        self.error_class, self.error, self.error_path = event.error_class, event.message, event.path

    def _cancelled(self, event: e.RunCancelled) -> None:
        self._end(event, "cancelled")
        self.error = event.reason

    def _refused(self, event: e.RunRefused) -> None:
        self._end(event, "refused")
        self.error_class, self.error = event.reason, event.message

    def _step_scheduled(self, event: e.StepScheduled) -> None:
        line = self._line(event.path)
        line.kind, line.target, line.status, line.attempts = event.kind, event.target, "running", event.attempt
        line.started = line.started or event.time
        line.ended = None

    def _step_ended(self, event: e.StepSucceeded) -> None:
        line = self._line(event.path)
        line.kind, line.status, line.error = event.kind or line.kind, "succeeded", ""
        line.started = min(line.started or event.time, event.started or event.time)
        line.ended = event.ended or event.time
        line.bill(event.attempt, event.worker, event.calls)

    def _step_failed(self, event: e.StepFailed) -> None:
        line = self._line(event.path)
        line.error = f"{event.error_class}: {event.message}"
        line.status = "failed" if event.retry_at is None else "retrying"
        line.started = line.started or event.started or event.time
        line.ended = event.time if event.retry_at is None else None
        line.bill(event.attempt, event.worker, event.calls)

    def _step_queued(self, event: pending.StepQueued) -> None:
        line = self._line(event.path)
        line.status, line.ended = "queued", None
        line.started = line.started or event.time

    def _step_unsure(self, event: pending.StepUnsure) -> None:
        line = self._line(event.path)
        line.status, line.error = "unsure", f"{event.error_class}: {event.message}"
        line.bill(event.attempt, event.worker, event.calls)

    def _resolved(self, event: pending.StepResolved) -> None:
        why = f": {event.reason}" if event.reason else ""
        self.notes.append(f"{event.by or 'somebody'} decided {event.decision} for {event.path}#{event.attempt}{why}")

    def _step_released(self, event: e.StepReleased) -> None:
        self._line(event.path).status = "waiting"

    def _step_opened(self, event: e.StepOpened) -> None:
        self._began(event, event.kind, "running")

    def _step_waits(self, event: e.StepWaiting | e.ApprovalRequested) -> None:
        asks = isinstance(event, e.ApprovalRequested)
        self._began(event, "approve" if asks else "wait", "waiting")
        self._line(event.path).target = ", ".join(event.by) if asks else event.signal  # type: ignore[union-attr]

    def _began(self, event: e.StepOpened | e.StepWaiting | e.ApprovalRequested, kind: str, status: str) -> None:
        line = self._line(event.path)
        line.kind, line.status = kind, status
        line.started = line.started or event.time

    def _signalled(self, event: e.SignalReceived) -> None:
        self.notes.append(f"signal {event.name} came" + (f" from {event.sent_by}" if event.sent_by else ""))

    def _answered(self, event: e.ApprovalAnswered) -> None:
        who = event.by + (f" as {event.role}" if event.role else "") if event.by else "the timeout"
        why = f": {event.reason}" if event.reason else ""
        self.notes.append(f"{who} {'approved' if event.approved else 'denied'} {event.path}{why}")

    def _child_requested(self, event: e.ChildRequested) -> None:
        line = self._line(event.path)
        line.kind, line.target, line.status = "workflow", f"{event.workflow} {event.child}", "running"
        line.attempts, line.started, line.ended = event.attempt, line.started or event.time, None

    def _step_left(self, event: e.StepSkipped | e.StepCancelled) -> None:
        line = self._line(event.path)
        line.status = "skipped" if isinstance(event, e.StepSkipped) else "cancelled"
        line.started, line.ended = line.started or event.time, event.time

    def _ignored(self, event: e.OutcomeIgnored) -> None:
        """A late outcome changes nothing, but its calls were paid for."""
        self._line(event.path).bill(event.attempt, event.worker, event.calls)

    def _command_refused(self, event: p.CommandRefused) -> None:
        self.notes.append(f"{event.command} was refused ({event.reason}): {event.message}")

    def _quarantined(self, event: p.RunQuarantined) -> None:
        self.set_aside = True
        self.notes.append(f"set aside: {event.reason}")

    def _released(self, _event: p.RunReleased) -> None:
        self.set_aside = False
        self.notes.append("released")


_FOLDS: dict[type[Event], Callable[[RunStory, Any], None]] = {
    e.RunAccepted: RunStory._accepted,
    e.RunStarted: RunStory._started,
    e.RunSucceeded: RunStory._succeeded,
    e.RunFailed: RunStory._failed,
    e.RunCancelled: RunStory._cancelled,
    e.RunRefused: RunStory._refused,
    e.StepScheduled: RunStory._step_scheduled,
    e.StepSucceeded: RunStory._step_ended,
    e.StepFailed: RunStory._step_failed,
    e.StepReleased: RunStory._step_released,
    pending.StepQueued: RunStory._step_queued,
    pending.StepUnsure: RunStory._step_unsure,
    pending.StepResolved: RunStory._resolved,
    e.StepWaiting: RunStory._step_waits,
    e.ApprovalRequested: RunStory._step_waits,
    e.SignalReceived: RunStory._signalled,
    e.ApprovalAnswered: RunStory._answered,
    e.StepOpened: RunStory._step_opened,
    e.ChildRequested: RunStory._child_requested,
    e.StepSkipped: RunStory._step_left,
    e.StepCancelled: RunStory._step_left,
    e.OutcomeIgnored: RunStory._ignored,
    p.CommandRefused: RunStory._command_refused,
    p.RunQuarantined: RunStory._quarantined,
    p.RunReleased: RunStory._released,
}
