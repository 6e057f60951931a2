"""What commands make happen: each is applied once, or refused with its reason."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from schemas import events as e
from schemas import partition as p
from schemas.codec import decode, encode
from schemas.commands import AnswerApproval, CancelRun, Command, ForgetRun, ReleaseRun, ResolveStep, SignalRun, StartRun
from schemas.message import Cause
from schemas.topics import MAX_VALUE
from workflow import approvals, children, doubt, outcomes, signals
from workflow.children import earliest
from workflow.errors import DefinitionInvalid
from workflow.marks import snapshot
from workflow.messages import CommandTaken, DefinitionsRead, OutcomeTaken
from workflow.partition import Quarantine
from workflow.progress import cancel_live, progress
from workflow.run import Run
from workflow.transition import Transition


def take(t: Transition, message: CommandTaken) -> None:
    """Apply a command to its run."""
    command = message.command
    run = t.run
    if run is not None and command.command_id in run.commands:
        return t.refuse(command, "duplicate", "this command was applied already; its first answer stands")
    if isinstance(command, StartRun):
        _start(t, command)
    elif isinstance(command, ForgetRun):
        children.forget(t, command)
    elif isinstance(command, ReleaseRun):
        t.refuse(command, "not_quarantined", f"run {t.run_id} is not quarantined")
    elif (apply := _TO_OPEN_RUNS.get(command.__class__)) is None:
        t.refuse(command, "unknown_command", f"this version does not know {type(command).__name__}")
    elif run is None or run.phase == "ended":
        t.refuse(command, *_not_open(t))
    else:
        apply(t, run, command)


def _not_open(t: Transition) -> tuple[str, str]:
    known = t.run is not None or t.run_id in t.partition.ended
    reason, message = ("run_ended", "ended already") if known else ("unknown_run", "is not known here")
    return reason, f"run {t.run_id} {message}"


def _start(t: Transition, command: StartRun) -> None:
    if t.run is not None:
        return t.refuse(command, "run_exists", f"run {t.run_id} is under way; choose another run_id")
    if t.run_id in t.partition.ended:
        return t.refuse(command, "run_exists", f"run {t.run_id} ended minutes ago; choose another run_id")
    if len(command.inputs) > MAX_VALUE:
        message = f"the inputs are {len(command.inputs)} bytes; at most {MAX_VALUE} fit in an event"
        return t.refuse(command, "inputs_too_large", message)
    found = _found(t, command)
    if found is None:
        _accept(t, command)
    elif problem := _begin(t, command, found):
        if not command.parent_run:
            return t.refuse(command, *problem)
        _accept(t, command)  # a child's end is told to its parent, whatever it is
        t.emit(e.RunRefused, reason=problem[0], message=problem[1])


def _found(t: Transition, start: StartRun | e.RunAccepted) -> tuple[str, int, str] | None:
    """(name, version, hash) of what is to run: that which it names, or which its parent had found."""
    workflows = t.partition.workflows
    if not start.definition:
        return workflows.resolve(start.workflow)
    with suppress(DefinitionInvalid):  # what is wrong with it is told when it is to begin
        if workflows.get(start.definition) is None:
            return None
    return start.workflow.partition("@")[0], start.version, start.definition


def _accept(t: Transition, command: StartRun) -> None:
    """The name may have been published a moment ago: `workflow.definitions` is read to its end first."""
    t.emit(
        e.RunAccepted,
        command_id=command.command_id,
        workflow=command.workflow,
        inputs=command.inputs,
        incarnation=t.now,
        labels=command.labels,
        budget=command.budget,
        parent_run=command.parent_run,
        parent_step=command.parent_step,
        traceparent=command.traceparent,
        definition=command.definition,
        version=command.version,
        deadline=command.deadline,
        depth=command.depth,
    )


def definitions_read(t: Transition, message: DefinitionsRead) -> None:
    """Begin or refuse a run that waited for its definition."""
    run = t.run
    if run is None or run.accepted is None:
        return
    found = _found(t, run.accepted)
    if found is None:
        name = run.accepted.workflow
        remedy = "publish it (`millrace publish FILE`) and start again"
        t.emit(e.RunRefused, reason="unknown_workflow", message=f"no workflow {name!r} is published; {remedy}")
    elif problem := _begin(t, run.accepted, found):
        t.emit(e.RunRefused, reason=problem[0], message=problem[1])


def _begin(t: Transition, start: StartRun | e.RunAccepted, found: tuple[str, int, str]) -> tuple[str, str] | None:
    """Start the run, or say why not: (reason, message)."""
    name, version, definition = found
    try:
        workflow = t.partition.workflows.get(definition)
    except DefinitionInvalid as error:  # published by something else than `millrace publish`, or by a later version
        first = str(error.problems[0]).partition("\n")[0][:500]
        return "definition_invalid", f"{start.workflow!r} points to {definition}, which is no workflow here: {first}"
    if workflow is None:
        return "unknown_workflow", f"{start.workflow!r} points to {definition}, which is not in workflow.definitions"
    inputs, problem = children.checked_inputs(workflow, start.inputs)
    if problem:
        return "inputs_invalid", problem
    t.emit(
        e.RunStarted,
        command_id=start.command_id,
        workflow=name,
        version=version,
        definition=definition,
        inputs=inputs,
        incarnation=t.now if t.run is None else t.run.incarnation,
        labels={**workflow.labels, **start.labels},
        deadline=earliest(start.deadline, None if workflow.deadline is None else t.now + workflow.deadline),
        budget=start.budget,
        parent_run=start.parent_run,
        parent_step=start.parent_step,
        traceparent=start.traceparent,
        depth=start.depth,
    )
    progress(t)
    return None


def _cancel(t: Transition, _run: Run, command: CancelRun) -> None:
    cancel_live(t, "", "the run was cancelled")
    t.emit(e.RunCancelled, reason=command.reason)


def release(t: Transition, command: Command) -> None:
    """Take a quarantined run up again. Where its state is not at hand, the log says that it was asked for, and the
    run is read again first."""
    known = t.partition.quarantined[t.run_id]
    if known.run is None:
        t.note(p.Held, message_kind=type(command).__name__, value=encode(command))
    else:
        _take_up(t, known)


def released(t: Transition, found: Quarantine) -> None:
    """The run was read again: it goes on if this version could fold it cleanly; else whoever asked is told why not."""
    known = t.partition.quarantined[t.run_id]
    asked = known.asked()
    if found.run is None and found.damaged:
        still_failing(t, asked, found.reason)
    elif asked:
        t.cause = asked[0].cause
        held_since = {(held.epoch, held.n): held for held in [*found.held, *known.held]}
        known.run, known.place, known.held = found.run, found.place, list(held_since.values())
        _take_up(t, known)


def still_failing(t: Transition, asked: list[p.Held], reason: str) -> None:
    """Tell whoever asked for a release why the run stays where it is."""
    for held in asked:
        t.cause = held.cause
        remedy = "restart the worker with a version that does not raise, then release it again"
        t.refuse(decode(held.value), "still_failing", f"{reason}; {remedy}")


def _take_up(t: Transition, known: Quarantine) -> None:
    t.note(p.RunReleased)
    if t.run is not None:
        snapshot(t)
    for held in known.held:
        body = decode(held.value)
        t.cause = Cause("recovery", t.partition.log, -1, getattr(body, "command_id", ""))
        if isinstance(body, ReleaseRun):
            continue
        if isinstance(body, Command):
            take(t, CommandTaken(body, t.cause))
        else:
            outcomes.take(t, OutcomeTaken(body, t.cause))
    progress(t)


_TO_OPEN_RUNS: dict[type[Command], Callable[[Transition, Run, Any], None]] = {
    CancelRun: _cancel,
    SignalRun: signals.take,
    AnswerApproval: approvals.answer,
    ResolveStep: doubt.resolve,
}
