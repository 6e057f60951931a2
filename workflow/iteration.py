"""`switch`, `each` and `loop`: which case, which item next, and whether there is another round."""

import orjson

from schemas import events as e
from schemas import shapes
from schemas.topics import MAX_VALUE
from workflow.definition import Step
from workflow.errors import ExpressionFailed
from workflow.lists import item_prefix
from workflow.run import Run
from workflow.transition import Transition


def begin_switch(t: Transition, _run: Run, step: Step, prefix: str, path: str) -> None:
    """The first case that fits; none: the step is skipped."""
    names = t.names(prefix, path)
    for number, case in enumerate(step.cases):
        if case.when is None or case.when.holds(names):
            t.emit(e.StepOpened, path=path, step=step.id, kind="switch", case=number)
            return
    t.emit(e.StepSkipped, path=path, step=step.id)


def begin_each(t: Transition, _run: Run, step: Step, prefix: str, path: str) -> None:
    """The list is read once, when the step begins."""
    given, _ = t.rendered(step, prefix, path)
    items = orjson.loads(given)["items"]
    if not isinstance(items, list):
        raise ExpressionFailed(
            f"`each` goes through a list, not through {type(items).__name__}", f"each of step {path}"
        )
    t.emit(e.StepOpened, path=path, step=step.id, kind="each", given=orjson.dumps(items))


def begin_loop(t: Transition, _run: Run, step: Step, prefix: str, path: str) -> None:
    """The first round begins without a question."""
    given, _ = t.rendered(step, prefix, path)
    t.emit(e.StepOpened, path=path, step=step.id, kind="loop", given=orjson.dumps(orjson.loads(given)["first"]))


def advance(t: Transition, run: Run, path: str) -> None:
    """The next item or round begins, or the shape is done. Raises ExpressionFailed."""
    state, step = run.steps[path], run.definition(path)
    if step.kind == "loop":
        _next_round(t, run, step, path)
    elif state.index + 1 < len(state.items):
        t.emit(shapes.ItemOpened, path=path, index=state.index + 1)
    else:
        _done(t, path, step, b"[" + b",".join(state.results) + b"]")


def _next_round(t: Transition, run: Run, step: Step, path: str) -> None:
    state = run.steps[path]
    assert step.condition is not None
    if not step.condition.holds(t.names(item_prefix(path, state.index), path)):
        return _done(t, path, step, state.carried or b"null")
    if state.index + 1 < step.settings["max"]:
        t.emit(shapes.RoundOpened, path=path, index=state.index + 1)
    elif step.settings["on_max"] == "fail":
        raise ExpressionFailed(f"after {step.settings['max']} rounds `while` still holds", f"loop of step {path}")
    else:
        _done(t, path, step, state.carried or b"null")


def _done(t: Transition, path: str, step: Step, output: bytes) -> None:
    if len(output) > MAX_VALUE:
        raise ExpressionFailed(
            f"the output is {len(output)} bytes; at most {MAX_VALUE} fit in an event", f"step {path}"
        )
    t.emit(e.StepSucceeded, path=path, attempt=0, output=output, kind=step.kind)


def keeps(step: Step, index: int) -> bool:
    """Whether an item that fails does not fail the step."""
    return step.kind == "each" and index >= 0 and step.settings.get("failed") == "keep"


def item_failed(t: Transition, path: str, index: int, error_class: str, message: str) -> None:
    """The error stands at the item's place, and the others go on."""
    t.emit(shapes.ItemFailed, path=path, index=index, error_class=error_class, message=message)
