"""Child runs: a `workflow` step asks for a run of its own, pinned to one definition, with inputs that were checked."""

from contextlib import suppress
from typing import Any

import orjson

from schemas import events as e
from schemas import partition as p
from schemas.commands import ForgetRun
from schemas.outcomes import ChildReported, StepReported
from workflow.definition import Step, Workflow
from workflow.errors import DefinitionInvalid, ExpressionFailed
from workflow.made import made
from workflow.run import Run
from workflow.transition import Transition
from workflow.values import MAX_DEPTH, nests_within

#: How deep child runs may be nested, how many a run may ask for, and how long their ids may become.
DEPTH, CHILDREN, ID_LENGTH = 8, 10_000, 1_000


def request(t: Transition, run: Run, step: Step, prefix: str, path: str) -> None:
    """Ask for the run of a `workflow` step. Raises ExpressionFailed."""
    state = run.steps.get(path)
    attempt = state.attempt + 1 if state else 1
    child = f"{run.key(path)}#{attempt}"
    if problem := _too_many(run, child):
        raise ExpressionFailed(problem, f"workflow of step {path}")
    deadline = state.deadline if state else None if step.deadline is None else t.now + step.deadline
    t.emit(
        e.ChildRequested,
        path=path,
        step=step.id,
        attempt=attempt,
        child=child,
        until=earliest(run.deadline, deadline, None if step.timeout is None else t.now + step.timeout),
        deadline=deadline,
        tries=state.tries if state else 1,
        depth=run.depth + 1,
        **_pinned(t, step, prefix, path),
    )


def _too_many(run: Run, child: str) -> str | None:
    if run.depth >= DEPTH:
        return f"child runs are nested {DEPTH} deep at most, and this run is the {DEPTH}th below the first"
    if run.children >= CHILDREN:
        return f"a run may ask for {CHILDREN} child runs, and this one has"
    if len(child) > ID_LENGTH:
        return f"the id of the child would have {len(child)} characters; at most {ID_LENGTH} are allowed"
    return None


def earliest(*times: int | None) -> int | None:
    """The first of the times that are known."""
    return min((time for time in times if time is not None), default=None)


def _pinned(t: Transition, step: Step, prefix: str, path: str) -> dict[str, Any]:
    """What the child is: its definition, unless that is not known here yet, and inputs that fit it."""
    arguments, _ = t.rendered(step, prefix, path)
    if not nests_within(orjson.loads(arguments), MAX_DEPTH):
        raise ExpressionFailed(f"the inputs nest more than {MAX_DEPTH} levels deep", f"with of step {path}")
    if "define" in step.settings:
        return _made(arguments, path)
    reference = step.target or ""
    found = t.partition.workflows.resolve(reference)
    workflow = None
    with suppress(DefinitionInvalid):  # its owner refuses it
        workflow = None if found is None else t.partition.workflows.get(found[2])
    if found is None or workflow is None:
        return {"workflow": reference, "inputs": arguments}
    name, version, definition = found
    filled = _fitting(workflow, arguments, path)
    return {"workflow": f"{name}@{version}", "version": version, "definition": definition, "inputs": filled}


def _made(arguments: bytes, path: str) -> dict[str, Any]:
    """A definition that the run itself made; its text goes on the log, and to its child under its hash."""
    asked = orjson.loads(arguments)
    source, workflow = made(asked["define"], path)
    inputs = _fitting(workflow, orjson.dumps(asked["with"]), path)
    return {"workflow": workflow.name, "definition": workflow.version_hash, "source": source, "inputs": inputs}


def _fitting(workflow: Workflow, inputs: bytes, path: str) -> bytes:
    filled, problem = checked_inputs(workflow, inputs)
    if problem:
        raise ExpressionFailed(f"the inputs of {workflow.name} do not fit: {problem}", f"with of step {path}")
    return filled


def checked_inputs(workflow: Workflow, given: bytes) -> tuple[bytes, str]:
    """The inputs with defaults filled in; and what is wrong with them, or ''."""
    try:
        value: Any = orjson.loads(given)
    except orjson.JSONDecodeError as error:
        return b"", f"the inputs are no JSON: {error}"
    filled = workflow.inputs.fill(value)
    if problems := workflow.inputs.check(filled):
        return b"", "; ".join(problems)
    return orjson.dumps(filled), ""


def outcome_of(run: Run, told: ChildReported) -> StepReported:
    """The end of a child as the outcome of the attempt that asked for it."""
    step, state = run.definition(told.path), run.steps[told.path]
    status, error_class, message = "succeeded", "ok", ""
    if told.status != "succeeded":
        status, error_class, message = "failed", told.error_class, f"child run {told.child} {_how(told)}"
    elif step.output is not None and (problems := step.output.check(orjson.loads(told.output or b"null"))):
        status, error_class = "failed", "malformed"
        message = f"the outputs of child run {told.child} are not as declared: {'; '.join(problems)}"
    return StepReported(
        run.id,
        told.path,
        state.attempt,
        told.child,
        status,
        run.incarnation,
        output=told.output,
        output_ref=told.output_ref,
        error_class=error_class,
        message=message,
    )


def _how(told: ChildReported) -> str:
    how = {"cancelled": "was cancelled", "refused": "was refused"}.get(told.status, "failed")
    return f"{how}: {told.message}" if told.message else how


def forget(t: Transition, command: ForgetRun) -> None:
    """The parent knows how this run ended."""
    run = t.run
    if run is None:
        t.refuse(command, "unknown_run", f"run {t.run_id} is not known here")
    elif run.phase != "ended":
        t.refuse(command, "not_ended", f"run {t.run_id} is under way")
    else:
        t.note(p.RunForgotten)
