"""How a run goes on: whatever its frontier allows is decided now, until nothing more can be."""

from collections.abc import Callable
from typing import Any

import orjson

from schemas import events as e
from schemas import pending
from schemas.topics import MAX_VALUE
from workflow import children, iteration
from workflow.definition import Step, Steps
from workflow.departures import LEAVES, NOBODY
from workflow.durations import parse_duration, parse_timestamp
from workflow.errors import ExpressionFailed
from workflow.messages import RoomFound
from workflow.run import Run
from workflow.transition import Transition

#: The longest name of a signal.
SIGNAL_NAME = 128


def progress(t: Transition) -> None:
    """Decide everything that follows: failures first, then shapes that are done, then steps that are ready."""
    while (run := t.run) is not None and run.phase == "running":
        if run.failing:
            _deal_with_failure(t, run, next(iter(run.failing)))
        elif run.closing:
            _close(t, run, next(iter(run.closing)))
        elif run.advancing:
            _advance(t, run, next(iter(run.advancing)))
        elif run.complete:
            _complete(t, run)
        elif run.ready:
            path, prefix = next(iter(run.ready.items()))
            _begin(t, run, path, prefix)
        else:
            return


def _begin(t: Transition, run: Run, path: str, prefix: str) -> None:
    step = run.frames[prefix].steps.by_id[path[len(prefix) + 1 if prefix else 0 :]]
    try:
        if step.when is not None and not step.when.holds(t.names(prefix, path)):
            t.emit(e.StepSkipped, path=path, step=step.id)
        else:
            _BEGIN.get(step.kind, _schedule_attempt)(t, run, step, prefix, path)
    except ExpressionFailed as error:
        fail(t, path, error.kind, str(error))


def _advance(t: Transition, run: Run, path: str) -> None:
    try:
        iteration.advance(t, run, path)
    except ExpressionFailed as error:
        fail(t, path, error.kind, str(error))


def _open_branches(t: Transition, _run: Run, step: Step, _prefix: str, path: str) -> None:
    t.emit(e.StepOpened, path=path, step=step.id, kind="parallel")


def _transform(t: Transition, _run: Run, step: Step, prefix: str, path: str) -> None:
    succeed(t, path, t.rendered(step, prefix, path)[0])


def _wait(t: Transition, _run: Run, step: Step, prefix: str, path: str) -> None:
    asked, _ = step.config.render(t.names(prefix, path))
    if "signal" in asked:
        t.emit(e.StepWaiting, path=path, step=step.id, until=_timeout(t, step), signal=_signal(asked, path))
    else:
        t.emit(e.StepWaiting, path=path, step=step.id, until=_until(t, asked, path))


def _approve(t: Transition, _run: Run, step: Step, prefix: str, path: str) -> None:
    text, _ = t.rendered(step, prefix, path)
    asked = orjson.loads(text)
    by = [asked["by"]] if isinstance(asked["by"], str) else [str(name) for name in asked["by"]]
    t.emit(
        e.ApprovalRequested,
        path=path,
        step=step.id,
        by=by,
        prompt=str(asked["prompt"]),
        value=orjson.dumps(asked["value"]) if "value" in asked else None,
        until=_timeout(t, step),
    )


def _timeout(t: Transition, step: Step) -> int | None:
    return None if step.timeout is None else t.now + step.timeout


def _signal(asked: dict[str, Any], path: str) -> str:
    name = asked["signal"]
    if not isinstance(name, str) or not 0 < len(name) <= SIGNAL_NAME:
        raise ExpressionFailed(f"a signal has a name of 1 to {SIGNAL_NAME} characters", f"wait of step {path}")
    return name


def _until(t: Transition, asked: dict[str, Any], path: str) -> int:
    try:
        if "for" in asked:
            return t.now + parse_duration(asked["for"])
        return parse_timestamp(asked["until"])
    except ValueError as error:
        raise ExpressionFailed(str(error), f"wait of step {path}") from error


def schedule(t: Transition, path: str, room: RoomFound | None = None) -> None:
    """The next attempt of a step that rested, or waited for room."""
    run = t.run
    assert run is not None
    prefix, step = run.steps[path].frame, run.definition(path)
    try:
        if room is None:
            _BEGIN.get(step.kind, _schedule_attempt)(t, run, step, prefix, path)
        else:
            _schedule_attempt(t, run, step, prefix, path, room)
    except ExpressionFailed as error:
        fail(t, path, error.kind, str(error))


def _schedule_attempt(
    t: Transition, run: Run, step: Step, prefix: str, path: str, room: RoomFound | None = None
) -> None:
    state = run.steps.get(path)
    deadline = state.deadline if state else None if step.deadline is None else t.now + step.deadline
    if step.queue is not None and room is None and step.kind not in LEAVES:
        t.emit(pending.StepQueued, path=path, step=step.id, queue=step.queue, priority=step.priority, deadline=deadline)
        return
    arguments, secrets = t.rendered(step, prefix, path)
    t.emit(
        e.StepScheduled,
        path=path,
        step=step.id,
        attempt=state.attempt + 1 if state else 1,
        kind=step.kind,
        worker=NOBODY if step.kind in LEAVES else t.worker if room is None else room.worker,
        target=step.models[state.chain if state else 0] if step.models else step.target or "",
        input=arguments,
        secrets=orjson.dumps(secrets) if secrets else None,
        key=run.key(path),
        tries=state.tries if state else 1,
        timeout=step.timeout,
        deadline=deadline,
        incarnation=run.incarnation,
        queue=step.queue or "",
        priority=step.priority,
        inbox=-1 if room is None else room.inbox,
    )


def succeed(t: Transition, path: str, output: bytes) -> None:
    """A step that needed no executor has its output."""
    assert t.run is not None
    t.emit(e.StepSucceeded, path=path, attempt=0, output=output, kind=t.run.kind_of(path))


def fail(t: Transition, path: str, error_class: str, message: str) -> None:
    """A step fails for good without an attempt's outcome."""
    t.emit(e.StepFailed, path=path, attempt=0, error_class=error_class, message=message)


def _deal_with_failure(t: Transition, run: Run, path: str) -> None:
    """`on_error` of the step; else the shape around it fails; else the run."""
    state = run.steps[path]
    if isinstance(run.definition(path).on_error, Steps) and not state.handled:
        t.emit(e.StepOpened, path=path, step=state.step, kind="on_error")
        return
    frame = run.frames[state.frame]
    owner, error_class, message = frame.owner, state.error_class, state.message
    if owner is None:
        cancel_live(t, "", "the run failed")
        t.emit(e.RunFailed, error_class=error_class, message=message, path=path)
    elif iteration.keeps(run.definition(owner), frame.index):
        cancel_live(t, frame.prefix, "its item failed")
        iteration.item_failed(t, owner, frame.index, error_class, f"{path}: {message}")
    else:
        cancel_live(t, owner, "the step around it failed")
        fail(t, owner, error_class, f"{path}: {message}")


def cancel_live(t: Transition, around: str, reason: str) -> None:
    """Nothing inside a path is wanted any more; with "" nothing of the run."""
    run = t.run
    assert run is not None
    inside = (f"{around}/", f"{around}[") if around else ""
    for path in [path for path in run.live if path.startswith(inside)]:
        t.emit(e.StepCancelled, path=path, attempt=run.steps[path].attempt, reason=reason)


def _close(t: Transition, run: Run, path: str) -> None:
    """A shape is done: its output is that of its lists. What waited has been answered."""
    state = run.steps[path]
    if state.output is not None:
        return succeed(t, path, state.output)
    if path in state.inner:
        return succeed(t, path, run.output_of(path) or b"null")
    outputs = {prefix.rpartition("/")[2]: run.output_of(prefix) for prefix in state.inner}
    value = outputs.get("on_error") if state.handled else b"{" + b",".join(_members(outputs)) + b"}"
    if value is not None and len(value) > MAX_VALUE:
        return fail(t, path, "fatal", f"the output is {len(value)} bytes; at most {MAX_VALUE} fit in an event")
    succeed(t, path, value if value is not None else b"null")


def _members(outputs: dict[str, bytes | None]) -> list[bytes]:
    return [orjson.dumps(name) + b":" + output for name, output in outputs.items() if output is not None]


def _complete(t: Transition, run: Run) -> None:
    assert run.workflow is not None
    if run.workflow.outputs is None:
        return _end(t, run.output_of("") or b"null")
    try:
        value, _ = run.workflow.outputs.render(t.names(""))
    except ExpressionFailed as error:
        t.emit(e.RunFailed, error_class=error.kind, message=f"outputs: {error}")
        return
    _end(t, orjson.dumps(value))


def _end(t: Transition, outputs: bytes) -> None:
    if len(outputs) > MAX_VALUE:
        message = f"the outputs are {len(outputs)} bytes; at most {MAX_VALUE} fit in an event"
        t.emit(e.RunFailed, error_class="fatal", message=message)
    else:
        t.emit(e.RunSucceeded, outputs=outputs)


_BEGIN: dict[str, Callable[[Transition, Run, Step, str, str], None]] = {
    "parallel": _open_branches,
    "transform": _transform,
    "wait": _wait,
    "approve": _approve,
    "workflow": children.request,
    "switch": iteration.begin_switch,
    "each": iteration.begin_each,
    "loop": iteration.begin_loop,
}
