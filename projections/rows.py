"""Event → rows: what a record of `workflow.events` changes in the tables. Pure; neither Kafka nor DuckDB."""

from collections.abc import Callable
from typing import Any

import orjson

from projections import step_rows, wait_rows
from projections.batch import Batch
from projections.body import body, document
from projections.place import Place
from projections.times import timestamp
from schemas import events as e
from schemas import partition as p
from schemas.message import Event

Change = Callable[[Batch, Place, Any], None]

#: The kind of a record that is none of ours.
UNREADABLE = "unreadable"


def record_event(batch: Batch, place: Place, event: Event, kind: str, valid: bool) -> None:
    """Every record is a row of `events`, the void ones too."""
    cause = event.cause
    batch.events.append((
        place.partition, place.offset, event.run_id, event.seq, event.epoch, event.owner, event.n, kind,
        place.when, cause.kind, cause.log, cause.offset, cause.id or None, valid, body(event),
    ))  # fmt: skip


def record_unreadable(batch: Batch, partition: int, offset: int, text: str) -> None:
    """What no owner can have written is void; it is kept as it came."""
    batch.events.append((partition, offset, *[None] * 5, UNREADABLE, *[None] * 5, False, text))


def apply(batch: Batch, place: Place, event: Event) -> None:
    """What a valid event changes beside its own row."""
    if event.seq > 0:
        batch.runs.merge(place.run, partition=place.partition, last_event_at=place.when, events=1)
    change = _CHANGES.get(event.__class__)
    if change is not None:
        change(batch, place, event)


def _run_accepted(batch: Batch, place: Place, event: e.RunAccepted) -> None:
    batch.runs.merge(place.run, state="accepted", accepted_at=place.when, **_asked(event))


def _run_started(batch: Batch, place: Place, event: e.RunStarted) -> None:
    batch.runs.merge(
        place.run,
        state="running",
        version=event.version,
        definition=event.definition,
        settings=document(event.settings),
        started_at=place.when,
        deadline_at=timestamp(event.deadline),
        **_asked(event),
    )


def _asked(event: e.RunAccepted | e.RunStarted) -> dict[str, Any]:
    return {
        "workflow": event.workflow,
        "command_id": event.command_id or None,
        "inputs": document(event.inputs),
        "labels": orjson.dumps(event.labels, option=orjson.OPT_SORT_KEYS).decode(),
        "budget_nanousd": event.budget,
        "parent_run": event.parent_run or None,
        "parent_step": event.parent_step or None,
        "traceparent": event.traceparent or None,
    }


def _run_refused(batch: Batch, place: Place, event: e.RunRefused) -> None:
    batch.runs.merge(
        place.run,
        state="refused",
        ended_at=place.when,
        error_class=event.reason,
        error_message=event.message,
    )
    _refuse(batch, place, event, reason=event.reason, message=event.message)


def _run_succeeded(batch: Batch, place: Place, event: e.RunSucceeded) -> None:
    batch.runs.merge(
        place.run,
        state="succeeded",
        ended_at=place.when,
        outputs=document(event.outputs),
        outputs_ref=event.outputs_ref or None,
    )


def _run_failed(batch: Batch, place: Place, event: e.RunFailed) -> None:
    batch.runs.merge(
        place.run,
        state="failed",
        ended_at=place.when,
        error_class=event.error_class,
        error_message=event.message,
        error_path=event.path or None,
    )


def _run_cancelled(batch: Batch, place: Place, event: e.RunCancelled) -> None:
    batch.runs.merge(place.run, state="cancelled", ended_at=place.when, error_message=event.reason or None)


def _run_quarantined(batch: Batch, place: Place, event: p.RunQuarantined) -> None:
    batch.runs.merge(place.run, partition=place.partition, quarantined=True)
    batch.quarantine.merge(
        place.run,
        reason=event.reason,
        traceback=event.traceback,
        first_offset=event.first_offset if event.first_offset >= 0 else None,
        quarantined_at=place.when,
        still_set_aside=True,
        times=1,
    )


def _held(batch: Batch, place: Place, event: p.Held) -> None:
    batch.quarantine.merge(place.run, held=1)


def _run_released(batch: Batch, place: Place, event: p.RunReleased) -> None:
    batch.runs.merge(place.run, quarantined=False)
    batch.quarantine.merge(place.run, released_at=place.when, still_set_aside=False)


def _command_refused(batch: Batch, place: Place, event: p.CommandRefused) -> None:
    _refuse(
        batch,
        place,
        event,
        command=event.command,
        command_id=event.command_id,
        reason=event.reason,
        message=event.message,
    )


def _input_rejected(batch: Batch, place: Place, event: p.InputRejected) -> None:
    _refuse(
        batch,
        place,
        event,
        reason=event.reason,
        message=event.message,
        topic=event.topic,
        size=event.size,
        deadletter=event.deadletter,
    )


def _refuse(
    batch: Batch,
    place: Place,
    event: Event,
    *,
    reason: str,
    message: str,
    command: str | None = None,
    command_id: str | None = None,
    topic: str | None = None,
    size: int | None = None,
    deadletter: int | None = None,
) -> None:
    batch.refusals.append((
        place.partition, place.offset, event.__class__.__name__, place.when, event.run_id or None, command,
        command_id or None, reason, message, topic, size, deadletter,
    ))  # fmt: skip


_CHANGES: dict[type[Event], Change] = {
    e.RunAccepted: _run_accepted,
    e.RunStarted: _run_started,
    e.RunRefused: _run_refused,
    e.RunSucceeded: _run_succeeded,
    e.RunFailed: _run_failed,
    e.RunCancelled: _run_cancelled,
    p.RunQuarantined: _run_quarantined,
    p.Held: _held,
    p.RunReleased: _run_released,
    p.CommandRefused: _command_refused,
    p.InputRejected: _input_rejected,
    **step_rows.CHANGES,
    **wait_rows.CHANGES,
}
