"""How lists of steps fold: opened inside a shape, ended one step after the other, forgotten when the shape is done."""

from collections.abc import Callable
from typing import Any

import orjson

from schemas import events as e
from schemas import shapes
from schemas.message import Event
from workflow.definition import Step, Steps
from workflow.run import Frame, Run, StepState, child_path


def open_list(run: Run, prefix: str, steps: Steps, owner: str | None, index: int = -1) -> None:
    """The first steps of a list are ready."""
    run.frames[prefix] = Frame(prefix, steps, owner, index=index)
    if owner is not None:
        run.steps[owner].inner[prefix] = None
    for step in steps.roots:
        run.ready[child_path(prefix, step)] = prefix
    if not steps.order:
        _list_ended(run, run.frames[prefix])


def opened(run: Run, event: e.StepOpened) -> None:
    """A shape began: its lists, its first item or round."""
    run.failing.pop(event.path, None)
    state = run.began(event.path, event.step)
    state.phase, state.handled = "open", event.kind == "on_error"
    run.live[event.path] = None
    _OPENED[event.kind](run, state, event, run.definition(event.path))


def _branches(run: Run, state: StepState, event: e.StepOpened, step: Step) -> None:
    state.pending = len(step.branches)
    for name, steps in step.branches.items():
        open_list(run, child_path(event.path, name), steps, event.path)


def _handlers(run: Run, state: StepState, event: e.StepOpened, step: Step) -> None:
    assert isinstance(step.on_error, Steps)
    state.pending = 1
    open_list(run, child_path(event.path, "on_error"), step.on_error, event.path)


def _case(run: Run, state: StepState, event: e.StepOpened, step: Step) -> None:
    state.pending = 1
    open_list(run, event.path, step.cases[event.case].steps, event.path)


def _items(run: Run, state: StepState, event: e.StepOpened, step: Step) -> None:
    state.items = [orjson.dumps(item) for item in orjson.loads(event.given or b"[]")]
    state.results = [b"null"] * len(state.items)
    _look(run, event.path, state, step)


def _first_round(run: Run, state: StepState, event: e.StepOpened, step: Step) -> None:
    state.carried = event.given
    _round(run, state, event.path, 0, step)


def _round(run: Run, state: StepState, path: str, index: int, step: Step) -> None:
    assert step.body is not None
    state.index, state.pending = index, 1
    open_list(run, item_prefix(path, index), step.body, path, index)


def item_opened(run: Run, event: shapes.ItemOpened) -> None:
    """The steps of one more item are ready."""
    state, step = run.steps[event.path], run.definition(event.path)
    assert step.body is not None
    state.index, state.pending = event.index, state.pending + 1
    open_list(run, item_prefix(event.path, event.index), step.body, event.path, event.index)
    _look(run, event.path, state, step)


def item_failed(run: Run, event: shapes.ItemFailed) -> None:
    """An item failed alone: its error stands at its place."""
    state = run.steps[event.path]
    error = {"error": {"class": event.error_class, "message": event.message}}
    _item_done(run, event.path, state, event.index, orjson.dumps(error))


def round_opened(run: Run, event: shapes.RoundOpened) -> None:
    """The steps of the next round are ready; those of the last are forgotten."""
    state = run.steps[event.path]
    run.advancing.pop(event.path, None)
    close_inner(run, state)
    _round(run, state, event.path, event.index, run.definition(event.path))


def item_prefix(path: str, index: int) -> str:
    """Where the steps of an item or a round stand: `review[17]`."""
    return f"{path}[{index}]"


def close_inner(run: Run, state: StepState) -> None:
    """Forget what ran inside a step: from outside only its output is visible."""
    for prefix in list(state.inner):
        _close_list(run, state, prefix)
    state.pending = 0


def _close_list(run: Run, state: StepState, prefix: str) -> None:
    del state.inner[prefix]
    frame = run.frames.pop(prefix)
    for step in frame.steps.order:
        path = child_path(prefix, step.id)
        inner = run.steps.pop(path, None)
        run.ready.pop(path, None)
        run.failing.pop(path, None)
        if inner is not None:
            close_inner(run, inner)
            run.left(path, inner)


def step_ended(run: Run, state: StepState) -> None:
    """Who waited for a step may begin; the last one ends its list."""
    frame = run.frames[state.frame]
    frame.ended += 1
    for waiting in frame.steps.dependents.get(state.step, ()):
        needs = len(frame.steps.by_id[waiting].needs)
        met = frame.met[waiting] = frame.met.get(waiting, 0) + 1
        if met == needs:
            frame.met.pop(waiting)
            run.ready[child_path(frame.prefix, waiting)] = frame.prefix
    if frame.ended == len(frame.steps.order):
        _list_ended(run, frame)


def _list_ended(run: Run, frame: Frame) -> None:
    if frame.owner is None:
        run.complete = True
        return
    owner = run.steps[frame.owner]
    if frame.index < 0:
        owner.pending -= 1
        if owner.pending == 0:
            run.closing[frame.owner] = None
        return
    output = run.output_of(frame.prefix) or b"null"
    if run.definition(frame.owner).kind == "loop":
        owner.carried = output
        run.advancing[frame.owner] = None
    else:
        _item_done(run, frame.owner, owner, frame.index, output)


def _item_done(run: Run, path: str, state: StepState, index: int, result: bytes) -> None:
    """Of an item that is done only its result is kept."""
    state.results[index], state.items[index] = result, b""
    _close_list(run, state, item_prefix(path, index))
    state.pending -= 1
    _look(run, path, state, run.definition(path))


def _look(run: Run, path: str, state: StepState, step: Step) -> None:
    """Whether the next item may begin, or all are done: then the `each` is to be advanced."""
    more = state.index + 1 < len(state.items)
    if (more and state.pending < (step.at_most or 1)) or (not more and state.pending == 0):
        run.advancing[path] = None
    else:
        run.advancing.pop(path, None)


_OPENED: dict[str, Callable[[Run, StepState, e.StepOpened, Step], None]] = {
    "parallel": _branches,
    "on_error": _handlers,
    "switch": _case,
    "each": _items,
    "loop": _first_round,
}

FOLDS: dict[type[Event], Callable[[Run, Any], None]] = {
    e.StepOpened: opened,
    shapes.ItemOpened: item_opened,
    shapes.ItemFailed: item_failed,
    shapes.RoundOpened: round_opened,
}
