"""Events of waiting, signals and approvals → rows."""

from collections.abc import Callable
from typing import Any

import orjson

from projections.batch import Batch
from projections.body import document
from projections.place import Place
from projections.times import timestamp
from schemas import events as e
from schemas.message import Event


def _waiting(batch: Batch, place: Place, event: e.StepWaiting) -> None:
    _wait(batch, place, event, "wait")


def _wait(batch: Batch, place: Place, event: e.StepWaiting | e.ApprovalRequested, kind: str) -> None:
    batch.steps.merge(
        (*place.run, event.path),
        step=event.step,
        kind=kind,
        status="waiting",
        scheduled_at=place.when,
        started_at=place.when,
        waits_until=timestamp(event.until),
    )


def _signalled(batch: Batch, place: Place, event: e.SignalReceived) -> None:
    batch.signals.append((
        place.partition, place.offset, *place.run, event.name, document(event.value), event.sent_by or None, place.when,
    ))  # fmt: skip


def _requested(batch: Batch, place: Place, event: e.ApprovalRequested) -> None:
    _wait(batch, place, event, "approve")
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


CHANGES: dict[type[Event], Callable[[Batch, Place, Any], None]] = {
    e.StepWaiting: _waiting,
    e.SignalReceived: _signalled,
    e.ApprovalRequested: _requested,
    e.ApprovalAnswered: _answered,
}
