"""What the ack of an event makes an owner do; the same is done for a run that was read (PROTOCOL.md, 3)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from schemas import events as e
from schemas import partition as p
from schemas import pending
from schemas.message import Event
from streams import recovery
from streams.timers import Timer
from workflow.departures import NOBODY
from workflow.messages import DefinitionsRead, Reread
from workflow.run import Run

if TYPE_CHECKING:
    from streams.owner import Owner

logger = structlog.get_logger("millrace.owner")


def act(owner: "Owner", event: Event) -> None:
    """The event stands in the log."""
    if (does := _ACTS.get(event.__class__)) is not None:
        does(owner, event)


def take_up(owner: "Owner", run: Run) -> None:
    """Arm the timers of a run that was read, and note who has its attempts."""
    if run.phase == "accepted":
        _read_definitions(owner, run.id)
    _arm(owner, run.id, "", run.deadline)
    for path in run.live:
        state = run.steps[path]
        _arm(owner, run.id, path, state.due)
        _arm(owner, run.id, path, state.deadline)
        if state.phase == "scheduled" and state.worker not in (owner.parts.id, NOBODY):
            owner.elsewhere.scheduled(run.id, path, state.attempt, state.worker)
        elif state.phase == "queued":
            owner.elsewhere.queued(run.id, path, state.queue, run.definition(path).priority)


def read_again(owner: "Owner", run_id: str) -> None:
    """A quarantined run is to be released: read it from its first record on."""

    async def read() -> None:
        if (known := owner.state.quarantined.get(run_id)) is not None:
            reread = await recovery.read_again(owner.number, run_id, known.place.first, owner.parts)
            owner.handle(Reread(run_id, reread))

    owner.beside(read)


def _arm(owner: "Owner", run_id: str, path: str, due: int | None) -> None:
    if due is not None:
        owner.parts.timers.arm(Timer(due - owner.ahead, owner.number, run_id, path))


def _read_definitions(owner: "Owner", run_id: str) -> None:
    async def read() -> None:
        await owner.parts.definitions.read_to_end()
        owner.handle(DefinitionsRead(run_id))

    owner.beside(read)


def _scheduled(owner: "Owner", event: e.StepScheduled) -> None:
    if event.worker == owner.parts.id:
        owner.parts.pool.submit(owner.number, event)
    elif event.worker != NOBODY:
        owner.elsewhere.scheduled(event.run_id, event.path, event.attempt, event.worker)
    _arm(owner, event.run_id, event.path, event.deadline)


def _queued(owner: "Owner", event: pending.StepQueued) -> None:
    _arm(owner, event.run_id, event.path, event.deadline)
    owner.elsewhere.queued(event.run_id, event.path, event.queue, event.priority)
    owner.elsewhere.place()


def _failed(owner: "Owner", event: e.StepFailed) -> None:
    owner.elsewhere.ended(event)
    _arm(owner, event.run_id, event.path, event.retry_at)
    if event.attempt == 0:
        owner.parts.pool.cancel_path(event.run_id, event.path)


def _released(owner: "Owner", event: e.StepReleased) -> None:
    owner.elsewhere.ended(event)
    _arm(owner, event.run_id, event.path, event.retry_at)


def _cancelled(owner: "Owner", event: e.StepCancelled) -> None:
    owner.elsewhere.ended(event)
    owner.parts.pool.cancel_path(event.run_id, event.path)


def _quarantined(owner: "Owner", event: p.RunQuarantined) -> None:
    logger.error(
        "run quarantined",
        partition=owner.number,
        run_id=event.run_id,
        reason=event.reason,
        traceback=event.traceback,
    )


def _held(owner: "Owner", event: p.Held) -> None:
    if event.message_kind == "ReleaseRun":
        read_again(owner, event.run_id)


def _run_released(owner: "Owner", event: p.RunReleased) -> None:
    if (run := owner.state.runs.get(event.run_id)) is not None:
        take_up(owner, run)


_ACTS: dict[type[Event], Callable[["Owner", Any], None]] = {
    p.PartitionClaimed: lambda owner, event: owner.live(event),
    p.PartitionMarked: lambda owner, event: owner.marking.marked(event.at),
    p.RunQuarantined: _quarantined,
    p.Held: _held,
    p.RunReleased: _run_released,
    e.RunAccepted: lambda owner, event: _read_definitions(owner, event.run_id),
    e.RunStarted: lambda owner, event: _arm(owner, event.run_id, "", event.deadline),
    e.StepScheduled: _scheduled,
    pending.StepQueued: _queued,
    e.StepSucceeded: lambda owner, event: owner.elsewhere.ended(event),
    pending.StepUnsure: lambda owner, event: owner.elsewhere.ended(event),
    e.StepWaiting: lambda owner, event: _arm(owner, event.run_id, event.path, event.until),
    e.ApprovalRequested: lambda owner, event: _arm(owner, event.run_id, event.path, event.until),
    e.ChildRequested: lambda owner, event: _arm(owner, event.run_id, event.path, event.deadline),
    e.StepFailed: _failed,
    e.StepReleased: _released,
    e.StepCancelled: _cancelled,
}
