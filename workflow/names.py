"""What an expression sees: paths like `steps.judge.output.verdict`, read from the state of a run."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from workflow.binding import ABSENT
from workflow.definition import Step
from workflow.run import Frame, Run, StepState, child_path

_RUNNING = {"scheduled", "requested", "running", "resting", "waiting", "open"}


class Names:
    """The names that one step of one run may read; documents are parsed once a transition."""

    __slots__ = ("_parsed", "now", "path", "prefix", "run")

    def __init__(self, run: Run, prefix: str, now: int, path: str = "") -> None:
        self.run, self.prefix, self.now, self.path = run, prefix, now, path
        self._parsed: dict[str, Any] = {}

    def __call__(self, path: tuple[str, ...]) -> Any:
        """The JSON value at a path, or ABSENT."""
        return _ROOTS.get(path[0], _item)(self, path)

    def document(self, name: str, text: bytes) -> Any:
        """The parsed document, kept under its name."""
        if name not in self._parsed:
            self._parsed[name] = orjson.loads(text)
        return self._parsed[name]

    def step(self, name: str) -> tuple[str, StepState] | None:
        """The nearest step of that name: in the own list, then in the lists around it."""
        prefix: str | None = self.prefix
        while prefix is not None:
            path = child_path(prefix, name)
            if (state := self.run.steps.get(path)) is not None:
                return path, state
            owner = self.run.frames[prefix].owner
            prefix = None if owner is None else self.run.steps[owner].frame
        return None


def dig(value: Any, path: tuple[str, ...]) -> Any:
    """The value under the keys of a path, or ABSENT."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return ABSENT
        value = value[key]
    return value


def _inputs(names: Names, path: tuple[str, ...]) -> Any:
    return dig(names.document("inputs", names.run.inputs), path[1:])


def _steps(names: Names, path: tuple[str, ...]) -> Any:
    if len(path) < 3 or (found := names.step(path[1])) is None:
        return ABSENT
    at, state = found
    match path[2]:
        case "output":
            return ABSENT if state.output is None else dig(names.document(at, state.output), path[3:])
        case "status":
            return "running" if state.phase in _RUNNING else state.phase
        case "attempts":
            return state.attempt
        case "error":
            return dig(_error_of(state), path[3:]) if state.error_class else ABSENT
        case "usage":
            return dig(_usage_of(state), path[3:]) if state.spent else ABSENT
        case _:
            return ABSENT


def _error_of(state: StepState) -> dict[str, Any]:
    return {"class": state.error_class, "message": state.message}


def _usage_of(state: StepState) -> dict[str, Any]:
    spent = state.spent
    assert spent is not None
    return {
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "usd": spent.cost / 1_000_000_000,
    }


def _run(names: Names, path: tuple[str, ...]) -> Any:
    run = names.run
    error = {"class": run.error_class, "message": run.message} if run.error_class else ABSENT
    values = {
        "id": run.id,
        "name": run.name,
        "version": str(run.version),
        "started": run.started,
        "status": run.phase,
        "error": error,
    }
    return dig(values, path[1:])


def _error(names: Names, path: tuple[str, ...]) -> Any:
    """Inside an `on_error` list: the error of the step around it."""
    owner = names.run.frames[names.prefix].owner
    while owner is not None:
        state = names.run.steps[owner]
        if state.handled:
            return dig(_error_of(state), path[1:])
        owner = names.run.frames[state.frame].owner
    return ABSENT


def _around(names: Names, kind: str) -> Iterator[tuple[Frame, StepState, Step]]:
    """The frames of items or rounds that the step stands in, the nearest first."""
    frame = names.run.frames[names.prefix]
    while frame.owner is not None:
        state, step = names.run.steps[frame.owner], names.run.definition(frame.owner)
        if frame.index >= 0 and step.kind == kind:
            yield frame, state, step
        frame = names.run.frames[state.frame]


def _item(names: Names, path: tuple[str, ...]) -> Any:
    """Inside an `each`: the item by the name that `as` gives it, and its `index`."""
    for frame, state, step in _around(names, "each"):
        if path[0] == step.bind:
            return dig(names.document(frame.prefix, state.items[frame.index]), path[1:])
        if path[0] == "index":
            return frame.index
    return ABSENT


def _round(names: Names, path: tuple[str, ...]) -> Any:
    """Inside a `loop`: the number of the round, and what the one before gave; in `while` what this one gave."""
    for _, state, _ in _around(names, "loop"):
        if path[1:2] == ("index",):
            return state.index
        return dig(
            {"output": names.document(f"{state.frame}/{state.step} carried", state.carried or b"null")}, path[1:]
        )
    return ABSENT


_ROOTS: dict[str, Callable[[Names, tuple[str, ...]], Any]] = {
    "inputs": _inputs,
    "steps": _steps,
    "run": _run,
    "error": _error,
    "round": _round,
    "now": lambda names, _: names.now,
    "step": lambda names, path: dig({"key": names.run.key(names.path)}, path[1:]),
    "settings": lambda _, path: dig({}, path[1:]),
}
