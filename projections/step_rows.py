"""Events of steps → rows of steps, attempts and model calls."""

from collections.abc import Callable
from typing import Any

from projections.batch import Batch
from projections.body import document
from projections.place import Place
from projections.times import timestamp
from schemas import events as e
from schemas import pending
from schemas.message import Event, ModelCall


def _scheduled(batch: Batch, place: Place, event: e.StepScheduled) -> None:
    worker, target = event.worker or None, event.target or None
    batch.runs.merge(place.run, attempts=1)
    batch.steps.merge(
        (*place.run, event.path),
        step=event.step,
        kind=event.kind,
        status="scheduled",
        attempts=event.attempt,
        tries=event.tries,
        worker=worker,
        target=target,
        queue=event.queue or None,
        scheduled_at=place.when,
    )
    batch.attempts.merge(
        (*place.run, event.path, event.attempt),
        worker=worker,
        target=target,
        tries=event.tries,
        scheduled_at=place.when,
    )


def _succeeded(batch: Batch, place: Place, event: e.StepSucceeded) -> None:
    started, ended = timestamp(event.started), timestamp(event.ended)
    batch.steps.merge(
        (*place.run, event.path),
        step=_id_of(event.path),
        kind=event.kind or None,
        status="succeeded",
        worker=event.worker or None,
        scheduled_at=place.when,
        started_at=started or place.when,
        last_ended_at=ended or place.when,
        output=document(event.output),
        output_ref=event.output_ref or None,
    )
    if event.attempt:
        batch.attempts.merge(
            (*place.run, event.path, event.attempt),
            worker=event.worker or None,
            ending="succeeded",
            started_at=started,
            ended_at=ended or place.when,
        )
    called(batch, place, event, event.calls, ignored=False)


def _failed(batch: Batch, place: Place, event: e.StepFailed) -> None:
    started, ended = timestamp(event.started), timestamp(event.ended)
    batch.steps.merge(
        (*place.run, event.path),
        step=_id_of(event.path),
        status="failed" if event.retry_at is None else "retrying",
        worker=event.worker or None,
        scheduled_at=place.when,
        started_at=started,
        last_ended_at=ended or place.when,
        last_error_class=event.error_class,
        last_error_message=event.message,
    )
    if event.attempt:
        batch.attempts.merge(
            (*place.run, event.path, event.attempt),
            worker=event.worker or None,
            ending="failed",
            started_at=started,
            ended_at=ended or place.when,
            retry_at=timestamp(event.retry_at),
            error_class=event.error_class,
            error_message=event.message,
            error_detail=document(event.detail),
        )
    called(batch, place, event, event.calls, ignored=False)


def _released(batch: Batch, place: Place, event: e.StepReleased) -> None:
    batch.steps.merge((*place.run, event.path), status="retrying", scheduled_at=place.when)
    batch.attempts.merge(
        (*place.run, event.path, event.attempt),
        worker=event.worker or None,
        ending="released",
        ended_at=place.when,
        retry_at=timestamp(event.retry_at),
        error_message=event.reason or None,
    )


def _opened(batch: Batch, place: Place, event: e.StepOpened) -> None:
    batch.steps.merge(
        (*place.run, event.path),
        step=event.step,
        kind=None if event.kind == "on_error" else event.kind,
        status="running",
        scheduled_at=place.when,
        started_at=place.when,
    )


def _child_requested(batch: Batch, place: Place, event: e.ChildRequested) -> None:
    batch.runs.merge(place.run, attempts=1)
    batch.steps.merge(
        (*place.run, event.path),
        step=event.step,
        kind="workflow",
        status="scheduled",
        attempts=event.attempt,
        tries=event.tries,
        target=event.workflow,
        child_run=event.child,
        scheduled_at=place.when,
    )
    batch.attempts.merge(
        (*place.run, event.path, event.attempt),
        worker=event.child,
        target=event.workflow,
        tries=event.tries,
        scheduled_at=place.when,
    )


def _child_started(batch: Batch, place: Place, event: e.ChildStarted) -> None:
    batch.steps.merge((*place.run, event.path), status="running", started_at=place.when)
    batch.attempts.merge((*place.run, event.path, event.attempt), started_at=place.when)


def _skipped(batch: Batch, place: Place, event: e.StepSkipped) -> None:
    batch.steps.merge(
        (*place.run, event.path), step=event.step, status="skipped", scheduled_at=place.when, last_ended_at=place.when
    )


def _cancelled(batch: Batch, place: Place, event: e.StepCancelled) -> None:
    batch.steps.merge(
        (*place.run, event.path),
        step=_id_of(event.path),
        status="cancelled",
        scheduled_at=place.when,
        last_ended_at=place.when,
    )
    if event.attempt:
        batch.attempts.merge(
            (*place.run, event.path, event.attempt),
            ending="cancelled",
            ended_at=place.when,
            error_message=event.reason or None,
        )


def _ignored(batch: Batch, place: Place, event: e.OutcomeIgnored) -> None:
    """The run does not change, but what was spent was spent."""
    called(batch, place, event, event.calls, ignored=True)


def called(
    batch: Batch,
    place: Place,
    event: e.StepSucceeded | e.StepFailed | pending.StepUnsure | e.OutcomeIgnored,
    calls: list[ModelCall],
    ignored: bool,
) -> None:
    """Rows of the calls that an attempt made."""
    for number, call in enumerate(calls, 1):
        batch.model_calls.merge(
            (*place.run, event.path, event.attempt, event.worker, number),
            provider=call.provider,
            model=call.model,
            response_model=call.response_model or None,
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cache_read_tokens=call.cache_read_tokens,
            cache_write_tokens=call.cache_write_tokens,
            thinking_tokens=call.thinking_tokens,
            cost_nanousd=call.cost,
            happened_at=place.when,
            started_at=timestamp(call.started),
            first_token_at=timestamp(call.first_token),
            ended_at=timestamp(call.ended),
            stop=call.stop or None,
            request_id=call.request_id or None,
            error_class=call.error_class,
            ignored=ignored,
            raw=document(call.raw),
        )


def _id_of(path: str) -> str:
    """The id of the step at a path: `refine[3]/draft` → `draft`."""
    return path.rpartition("/")[2].partition("[")[0]


CHANGES: dict[type[Event], Callable[[Batch, Place, Any], None]] = {
    e.StepScheduled: _scheduled,
    e.StepSucceeded: _succeeded,
    e.StepFailed: _failed,
    e.StepReleased: _released,
    e.StepOpened: _opened,
    e.ChildRequested: _child_requested,
    e.ChildStarted: _child_started,
    e.StepSkipped: _skipped,
    e.StepCancelled: _cancelled,
    e.OutcomeIgnored: _ignored,
}
