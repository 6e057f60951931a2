"""Events of waiting: for a time, a signal, an answer, room, or word of what became of an attempt → rows."""

from collections.abc import Callable
from typing import Any

import orjson

from projections.batch import Batch
from projections.body import document
from projections.place import Place
from projections.step_rows import called
from projections.times import timestamp
from schemas import events as e
from schemas import pending
from schemas.message import Event


def _waiting(batch: Batch, place: Place, event: e.StepWaiting) -> None:
    _wait(batch, place, event, "wait", event.signal or None)


def _wait(
    batch: Batch, place: Place, event: e.StepWaiting | e.ApprovalRequested, kind: str, target: str | None
) -> None:
    batch.steps.merge(
        (*place.run, event.path),
        step=event.step,
        kind=kind,
        status="waiting",
        target=target,
        scheduled_at=place.when,
        started_at=place.when,
        waits_until=timestamp(event.until),
    )


def _signalled(batch: Batch, place: Place, event: e.SignalReceived) -> None:
    batch.signals.append((
        place.partition, place.offset, *place.run, event.name, document(event.value), event.sent_by or None, place.when,
    ))  # fmt: skip


def _requested(batch: Batch, place: Place, event: e.ApprovalRequested) -> None:
    _wait(batch, place, event, "approve", ", ".join(event.by))
    batch.approvals.merge(
        (*place.run, event.path),
        asked=orjson.dumps(event.by).decode(),
        prompt=event.prompt,
        asked_value=document(event.value),
        asked_at=place.when,
        waits_until=timestamp(event.until),
    )


def _answered(batch: Batch, place: Place, event: e.ApprovalAnswered) -> None:
    batch.approvals.merge(
        (*place.run, event.path),
        answered_at=place.when,
        approved=event.approved,
        answered_by=event.by or None,
        answered_as=event.role or None,
        reason=event.reason or None,
        answer_value=document(event.value),
    )


def _queued(batch: Batch, place: Place, event: pending.StepQueued) -> None:
    batch.steps.merge(
        (*place.run, event.path), step=event.step, status="queued", queue=event.queue, scheduled_at=place.when
    )


def _unsure(batch: Batch, place: Place, event: pending.StepUnsure) -> None:
    failure = {"error_class": event.error_class, "error_message": event.message}
    batch.steps.merge(
        (*place.run, event.path),
        status="unsure",
        last_ended_at=place.when,
        **{f"last_{name}": value for name, value in failure.items()},
    )
    batch.attempts.merge((*place.run, event.path, event.attempt), ending="unsure", ended_at=place.when, **failure)
    called(batch, place, event, event.calls, ignored=False)


def _resolved(batch: Batch, place: Place, event: pending.StepResolved) -> None:
    batch.attempts.merge(
        (*place.run, event.path, event.attempt), resolution=event.decision, resolved_by=event.by or None
    )


CHANGES: dict[type[Event], Callable[[Batch, Place, Any], None]] = {
    e.StepWaiting: _waiting,
    e.SignalReceived: _signalled,
    e.ApprovalRequested: _requested,
    e.ApprovalAnswered: _answered,
    pending.StepQueued: _queued,
    pending.StepUnsure: _unsure,
    pending.StepResolved: _resolved,
}
