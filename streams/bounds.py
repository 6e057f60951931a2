"""What a command or a report may hold, so that whatever follows from it can be written and read."""

from typing import Any

import orjson

from schemas.codec import encode
from schemas.commands import Command, StartRun
from schemas.outcomes import ChildReported, StepReported
from schemas.topics import MAX_COMMAND, MAX_REPORT, MAX_VALUE
from streams.run_ids import COMMAND_ID, is_run_id, may_be_meant
from workflow.children import DEPTH
from workflow.values import MAX_DEPTH, WRITABLE_DEPTH, nests_within

#: A message of fewer bytes makes no command that is too large: JSON grows less than fivefold when it is read.
SURELY_SMALL = MAX_COMMAND // 5
#: Half of what a long holds: sums of two still fit.
MOST = 1 << 62

Problem = tuple[str, str]


def command_problem(read: Command, size: int) -> Problem | None:
    """Why a command of a message of so many bytes can't be meant: (reason, message), or None."""
    if not may_be_meant(read):
        return "run_id_invalid", f"run_id {read.run_id[:140]!r} is not 1 to 128 of the characters A-Z a-z 0-9 . _ : -"
    if read.command_id and not COMMAND_ID.fullmatch(read.command_id):
        said = f"{read.command_id[:40]!r}… ({len(read.command_id)} characters)"
        return "command_id_invalid", f"a command_id has at most 256 characters on one line, this is {said}"
    value = getattr(read, "value", None)
    if value is not None and len(value) <= MAX_VALUE and (problem := document_problem(value, MAX_DEPTH)):
        return "value_invalid", f"the value {problem}"
    if isinstance(read, StartRun) and (found := _start_problem(read)):
        return found
    if size > SURELY_SMALL and (encoded := len(encode(read))) > MAX_COMMAND:
        return "command_too_large", f"the command is {encoded} bytes; at most {MAX_COMMAND} fit in an event"
    return None


def _start_problem(start: StartRun) -> Problem | None:
    if not start.workflow:
        return "field_missing", 'StartRun needs "workflow": the name of a published workflow'
    for name, most in (("budget", MOST), ("version", MOST), ("deadline", MOST), ("depth", DEPTH)):
        value = getattr(start, name)
        if value is not None and not 0 <= value <= most:
            return "field_invalid", f"{name} is a number from 0 to {most}, this is {value}"
    if len(start.inputs) > MAX_VALUE:
        return None  # the run's home says so, as for a value
    problem = document_problem(start.inputs, MAX_DEPTH)
    return ("inputs_invalid", f"the inputs {problem}") if problem else None


#: What a report says of a step, and what of a child run.
_STATUSES: dict[type[Any], tuple[str, ...]] = {
    StepReported: ("succeeded", "failed", "released"),
    ChildReported: ("started", "succeeded", "failed", "cancelled", "refused"),
}


def report_problem(read: StepReported | ChildReported, size: int) -> Problem | None:
    """Why a report of so many bytes is none."""
    if size > MAX_REPORT:
        return "too_large", f"the report is {size} bytes; at most {MAX_REPORT} fit in an event"
    if not is_run_id(read.run_id):
        return "not_an_outcome", f"run_id {read.run_id[:140]!r} can be no run's"
    if read.status not in (known := _STATUSES[type(read)]):
        return "not_an_outcome", f"status is {', '.join(known[:-1])} or {known[-1]}, this is {read.status[:80]!r}"
    for name in ("output", "detail"):
        value = getattr(read, name, None)
        if value is not None and (problem := document_problem(value, WRITABLE_DEPTH)):
            return "not_an_outcome", f"its {name} {problem}"
    return None


def document_problem(text: bytes, levels: int) -> str | None:
    """What is wrong with a JSON document, or None."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return f"can't be read as JSON: {error}"
    return None if nests_within(value, levels) else f"can't be kept: more than {levels} levels of lists and objects"
