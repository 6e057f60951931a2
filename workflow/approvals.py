"""Approvals: a person is asked, and answers once: who, why, and perhaps with another value than that under review."""

import orjson

from schemas import events as e
from schemas.commands import AnswerApproval
from schemas.topics import MAX_VALUE
from workflow.progress import progress
from workflow.run import Run, StepState
from workflow.signals import not_json
from workflow.transition import Transition


def answer(t: Transition, run: Run, command: AnswerApproval) -> None:
    """Record the first answer of one who may give it; the run goes on with it."""
    state = run.steps.get(command.path)
    if problem := _unanswerable(command, state) or _invalid(command, state):
        return t.refuse(command, *problem)
    assert state is not None and state.approval is not None
    t.emit(
        e.ApprovalAnswered,
        path=command.path,
        approved=command.approved,
        by=_by(command),
        role=command.role,
        reason=command.reason,
        value=state.approval.value if command.value is None else command.value,
    )
    progress(t)


def _by(command: AnswerApproval) -> str:
    return command.by or command.sent_by


def _unanswerable(command: AnswerApproval, state: StepState | None) -> tuple[str, str] | None:
    path = command.path
    if state is None or state.approval is None:
        return "unknown_approval", f"no step {path!r} has asked for an approval; `millrace approvals` lists what waits"
    if state.output is not None:
        first = orjson.loads(state.output)
        said = "approved" if first["approved"] else "denied"
        reason = f": {first['reason']}" if first["reason"] else ""
        return "answered_already", f"{first['by'] or 'the timeout'} {said} {path} at {first['time']}{reason}"
    if state.phase != "waiting":
        return "not_waiting", f"{path} waits for no answer: it is {state.phase}"
    return None


def _invalid(command: AnswerApproval, state: StepState | None) -> tuple[str, str] | None:
    assert state is not None and state.approval is not None
    allowed = state.approval.by
    if not {_by(command), command.role} & set(allowed):
        who = f"{_by(command) or 'nobody'}" + (f" as {command.role}" if command.role else "")
        return "not_allowed", f"{command.path} is answered by {', '.join(allowed)}; this answer is by {who}"
    if len(command.value or b"") > MAX_VALUE:
        return "value_too_large", f"the value is {len(command.value or b'')} bytes; at most {MAX_VALUE} fit in an event"
    if command.value is not None and (problem := not_json(command.value)):
        return "value_invalid", problem
    return None
