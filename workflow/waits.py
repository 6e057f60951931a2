"""How waiting folds: a signal or an answer is matched with the step that waits for it, whichever came first."""

from collections.abc import Callable
from typing import Any

import orjson

from schemas import events as e
from schemas import pending
from schemas.message import Event
from workflow.durations import format_timestamp
from workflow.run import Approval, Run


def _waiting(run: Run, event: e.StepWaiting) -> None:
    state = run.began(event.path, event.step)
    state.phase, state.due, state.signal = "waiting", event.until, event.signal
    run.live[event.path] = None
    if not event.signal:
        return
    run.expected.setdefault(event.signal, {})[event.path] = None
    if kept := run.signals.get(event.signal):
        value = kept.pop(0)
        run.kept, run.kept_bytes = run.kept - 1, run.kept_bytes - len(value)
        if not kept:
            del run.signals[event.signal]
        _answered(run, event.path, value)


def _signalled(run: Run, event: e.SignalReceived) -> None:
    if waiting := run.expected.get(event.name):
        return _answered(run, next(iter(waiting)), event.value)
    run.signals.setdefault(event.name, []).append(event.value)
    run.kept, run.kept_bytes = run.kept + 1, run.kept_bytes + len(event.value)


def _answered(run: Run, path: str, output: bytes) -> None:
    """The step has its output and waits for no other."""
    state = run.steps[path]
    run.left(path, state)
    state.output = output
    run.live[path] = run.closing[path] = None


def _requested(run: Run, event: e.ApprovalRequested) -> None:
    state = run.began(event.path, event.step)
    state.phase, state.due, state.approval = "waiting", event.until, Approval(tuple(event.by), event.value)
    run.live[event.path] = None


def _decided(run: Run, event: e.ApprovalAnswered) -> None:
    value = b"null" if event.value is None else event.value
    said = {"approved": event.approved, "by": event.by, "reason": event.reason, "time": format_timestamp(event.time)}
    _answered(run, event.path, orjson.dumps({**said, "value": orjson.Fragment(value)}))


def _queued(run: Run, event: pending.StepQueued) -> None:
    state = run.began(event.path, event.step)
    state.phase, state.queue, state.inbox = "queued", event.queue, -1
    state.due, state.deadline = None, event.deadline
    run.live[event.path] = None


def _unsure(run: Run, event: pending.StepUnsure) -> None:
    state = run.steps[event.path]
    state.phase, state.error_class, state.message = "unsure", event.error_class, event.message
    state.spend(event.calls)


def _resolved(run: Run, event: pending.StepResolved) -> None:
    run.steps[event.path].phase = "resting"  # what the answer brings stands in the same batch


FOLDS: dict[type[Event], Callable[[Run, Any], None]] = {
    e.StepWaiting: _waiting,
    e.SignalReceived: _signalled,
    e.ApprovalRequested: _requested,
    e.ApprovalAnswered: _decided,
    pending.StepQueued: _queued,
    pending.StepUnsure: _unsure,
    pending.StepResolved: _resolved,
}
