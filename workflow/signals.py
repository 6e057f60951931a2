"""Signals: what a run is told, by name; a step waits for one, and what comes before its wait is kept."""

import orjson

from schemas import events as e
from schemas.commands import SignalRun
from schemas.topics import MAX_VALUE
from workflow.progress import SIGNAL_NAME, progress
from workflow.run import Run
from workflow.transition import Transition

#: How many signals a run keeps that no step has waited for yet, and how many bytes of them.
KEPT, KEPT_BYTES = 1_000, 512 * 1024


def take(t: Transition, run: Run, command: SignalRun) -> None:
    """Give a signal to the step that waits for it, or keep it."""
    if problem := _problem(run, command):
        return t.refuse(command, *problem)
    t.emit(e.SignalReceived, name=command.name, value=command.value, sent_by=command.sent_by)
    progress(t)


def _problem(run: Run, command: SignalRun) -> tuple[str, str] | None:
    size = len(command.value)
    if not 0 < len(command.name) <= SIGNAL_NAME:
        return "name_invalid", f"a signal has a name of 1 to {SIGNAL_NAME} characters"
    if size > MAX_VALUE:
        return "value_too_large", f"the value is {size} bytes; at most {MAX_VALUE} fit in an event"
    if problem := not_json(command.value):
        return "value_invalid", problem
    if command.name in run.expected:
        return None
    if run.kept >= KEPT or run.kept_bytes + size > KEPT_BYTES:
        kept = f"{run.kept} signals ({run.kept_bytes} bytes) wait for a step that takes them"
        return "too_many_signals", f"{kept}; a run keeps at most {KEPT} and {KEPT_BYTES} bytes"
    return None


def not_json(value: bytes) -> str | None:
    """Why bytes are no JSON document, or None."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return f"the value is no JSON: {error}"
    return None
