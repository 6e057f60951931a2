"""`evolve(run, event)`: state is the fold of events. O(1) a record; a released arm never changes its meaning."""

from collections.abc import Callable
from typing import Any, Protocol

from schemas import events as e
from schemas.message import Event
from workflow import lists, waits
from workflow.definition import Workflow
from workflow.run import COMMANDS_REMEMBERED, Run


class Workflows(Protocol):
    """Published workflows by their hash, and by NAME, NAME@VERSION or NAME@ALIAS."""

    def get(self, definition: str) -> Workflow | None:
        """The workflow with this hash."""

    def resolve(self, reference: str) -> tuple[str, int, str] | None:
        """(name, version, hash) that a reference stands for now."""


class SequenceBroken(Exception):
    """A valid record is not the next of its run: the log and this fold disagree (PROTOCOL.md, 2 and 20)."""


def evolve(run: Run, event: Event, workflows: Workflows) -> None:
    """Fold one event into its run, in place. Raises SequenceBroken, or KeyError for a step that never was."""
    if event.seq != run.seq + 1:
        raise SequenceBroken(f"run {run.id}: event {event.seq} follows {run.seq}")
    run.seq = event.seq
    cause = event.cause
    if cause.kind in ("command", "recovery") and cause.id and cause.id not in run.commands:
        _remember(run, cause.id)
    if event.__class__ is e.RunStarted:
        _run_started(run, event, workflows)
    else:
        _FOLDS[event.__class__](run, event)


def _remember(run: Run, command_id: str) -> None:
    run.commands[command_id] = None
    if len(run.commands) > COMMANDS_REMEMBERED:
        del run.commands[next(iter(run.commands))]


def _run_accepted(run: Run, event: e.RunAccepted) -> None:
    run.phase, run.accepted, run.incarnation = "accepted", event, event.incarnation
    run.parent, run.parent_step = event.parent_run, event.parent_step


def _run_started(run: Run, event: e.RunStarted, workflows: Workflows) -> None:
    workflow = workflows.get(event.definition)
    if workflow is None:
        raise KeyError(f"the definition {event.definition} of run {run.id} is not in workflow.definitions")
    run.phase, run.accepted, run.workflow = "running", None, workflow
    run.name, run.version, run.incarnation = event.workflow, event.version, event.incarnation
    run.inputs, run.started, run.deadline = event.inputs, event.time, event.deadline
    run.parent, run.parent_step, run.depth = event.parent_run, event.parent_step, event.depth
    run.traceparent = event.traceparent
    lists.open_list(run, "", workflow.steps, None)


def _run_ended(run: Run, event: Event) -> None:
    run.phase, run.complete, run.accepted, run.deadline = "ended", True, None, None
    run.ending = event.__class__.__name__.removeprefix("Run").lower()
    run.frames.clear()
    run.steps.clear()
    for frontier in (run.ready, run.live, run.closing, run.advancing, run.failing, run.signals, run.expected):
        frontier.clear()


def _run_succeeded(run: Run, event: e.RunSucceeded) -> None:
    run.outputs = event.outputs
    _run_ended(run, event)


def _run_refused(run: Run, event: e.RunRefused) -> None:
    run.error_class, run.message = "fatal", f"{event.reason}: {event.message}"
    _run_ended(run, event)


def _run_cancelled(run: Run, event: e.RunCancelled) -> None:
    run.error_class, run.message = "fatal", event.reason
    _run_ended(run, event)


def _run_failed(run: Run, event: e.RunFailed) -> None:
    run.error_class, run.message = event.error_class, event.message
    _run_ended(run, event)


def _scheduled(run: Run, event: e.StepScheduled) -> None:
    state = run.began(event.path, event.step)
    state.phase, state.attempt, state.tries, state.worker = "scheduled", event.attempt, event.tries, event.worker
    state.due, state.deadline, state.queue, state.inbox = None, event.deadline, event.queue, event.inbox
    run.live[event.path] = None


def _child_requested(run: Run, event: e.ChildRequested) -> None:
    state = run.began(event.path, event.step)
    state.phase, state.attempt, state.tries, state.child = "requested", event.attempt, event.tries, event.child
    state.due, state.deadline = None, event.deadline
    run.live[event.path] = None
    run.children += 1


def _child_started(run: Run, event: e.ChildStarted) -> None:
    run.steps[event.path].phase = "running"


def _succeeded(run: Run, event: e.StepSucceeded) -> None:
    path = event.path
    state = run.steps.get(path) or run.began(path, path.rpartition("/")[2])
    state.phase, state.output, state.due = "succeeded", event.output, None
    state.error_class = state.message = ""
    state.spend(event.calls)
    lists.close_inner(run, state)
    run.left(path, state)
    lists.step_ended(run, state)


def _skipped(run: Run, event: e.StepSkipped) -> None:
    state = run.began(event.path, event.step)
    state.phase, state.due = "skipped", None
    run.left(event.path, state)
    lists.step_ended(run, state)


def _failed(run: Run, event: e.StepFailed) -> None:
    path = event.path
    state = run.steps.get(path) or run.began(path, path.rpartition("/")[2])
    state.error_class, state.message = event.error_class, event.message
    state.spend(event.calls)
    state.tries, state.chain, state.due = event.tries, event.chain, event.retry_at
    if event.retry_at is not None:
        state.phase = "resting"
        run.live[path] = None
        return
    state.phase = "failed"
    lists.close_inner(run, state)
    run.left(path, state)
    if run.definition(path).on_error == "continue":
        lists.step_ended(run, state)
    else:
        run.failing[path] = None


def _released(run: Run, event: e.StepReleased) -> None:
    state = run.steps[event.path]
    state.phase, state.due = "resting", event.retry_at


def _cancelled(run: Run, event: e.StepCancelled) -> None:
    state = run.steps[event.path]
    state.phase, state.due = "cancelled", None
    run.left(event.path, state)


_FOLDS: dict[type[Event], Callable[[Run, Any], None]] = {
    e.RunAccepted: _run_accepted,
    e.RunRefused: _run_refused,
    e.RunSucceeded: _run_succeeded,
    e.RunFailed: _run_failed,
    e.RunCancelled: _run_cancelled,
    e.StepScheduled: _scheduled,
    e.StepSucceeded: _succeeded,
    e.StepSkipped: _skipped,
    e.StepFailed: _failed,
    e.StepReleased: _released,
    e.StepCancelled: _cancelled,
    e.ChildRequested: _child_requested,
    e.ChildStarted: _child_started,
    **waits.FOLDS,
    **lists.FOLDS,
}
