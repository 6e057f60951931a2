"""Attempts of which nobody knows whether they did their work, or were billed (PROTOCOL.md, 17)."""

from schemas import pending
from schemas.commands import ResolveStep
from schemas.outcomes import StepReported
from schemas.topics import MAX_VALUE
from workflow.definition import Step
from workflow.progress import fail, progress, schedule, succeed
from workflow.retry import UNCERTAIN, repeatable, tried_again
from workflow.run import Run, StepState
from workflow.signals import not_json
from workflow.transition import Transition

DECISIONS = ("retry", "fail", "succeed")


def asks(step: Step, error_class: str) -> bool:
    """Whether somebody is to be asked what became of an attempt. A model's time-out is an answer that came too late."""
    if step.on_unknown != "ask" or error_class not in UNCERTAIN:
        return False
    return error_class != "timeout" or not repeatable(step)


def ask(t: Transition, outcome: StepReported) -> None:
    """The step goes on when somebody has said what became of the attempt."""
    assert t.run is not None
    t.emit(
        pending.StepUnsure,
        path=outcome.path,
        attempt=outcome.attempt,
        error_class=outcome.error_class,
        message=outcome.message,
        worker=outcome.worker,
        started=outcome.started,
        ended=outcome.ended,
        calls=outcome.calls,
    )


def unrepeatable(step: Step, error_class: str) -> str:
    """Why a step is not done again although that might help; empty if it may be."""
    if tried_again(step, error_class):
        return ""
    return "the step says `on_unknown: fail`" if step.on_unknown == "fail" else "the step is not `idempotent: true`"


def resolve(t: Transition, run: Run, command: ResolveStep) -> None:
    """Somebody says what became of the attempt, or what is to be done about it."""
    state = run.steps.get(command.path)
    if problem := _unresolvable(command, state) or _invalid(command):
        return t.refuse(command, *problem)
    t.emit(
        pending.StepResolved,
        path=command.path,
        attempt=command.attempt,
        decision=command.decision,
        by=command.by or command.sent_by,
        reason=command.reason,
    )
    if command.decision == "retry":
        schedule(t, command.path)
    elif command.decision == "succeed":
        succeed(t, command.path, b"null" if command.output is None else command.output)
    else:
        assert state is not None
        fail(t, command.path, "unknown", f"{state.message} ({command.reason or 'somebody decided that it failed'})")
    progress(t)


def _unresolvable(command: ResolveStep, state: StepState | None) -> tuple[str, str] | None:
    if state is None or state.phase != "unsure":
        now = "there is no such step yet" if state is None else f"it is {state.phase}"
        return "not_unsure", f"nobody asks what became of {command.path!r}: {now}"
    if state.attempt != command.attempt:
        return "not_unsure", f"attempt {state.attempt} of {command.path} is the one in doubt, not {command.attempt}"
    return None


def _invalid(command: ResolveStep) -> tuple[str, str] | None:
    if command.decision not in DECISIONS:
        return "decision_invalid", f"a decision is one of {', '.join(DECISIONS)}, not {command.decision!r}"
    if command.output is None:
        return None
    if len(command.output) > MAX_VALUE:
        return "value_too_large", f"the output is {len(command.output)} bytes; at most {MAX_VALUE} fit in an event"
    problem = not_json(command.output)
    return ("value_invalid", problem) if problem else None
