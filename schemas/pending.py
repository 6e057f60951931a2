"""What happened to steps that cannot go on by themselves: no room, or nobody knows what became of an attempt."""

from dataclasses import field

from schemas.message import Event, ModelCall
from schemas.record import Micros, record


@record
class StepQueued(Event):
    """The step waits for a worker of its queue that has room."""

    path: str
    step: str
    queue: str
    priority: int = 0
    deadline: Micros | None = None


@record
class StepUnsure(Event):
    """Whether an attempt did its work, or was billed, is not known: somebody is asked (`on_unknown: ask`)."""

    path: str
    attempt: int
    error_class: str
    message: str
    worker: str = ""
    target: str = ""
    started: Micros = 0
    ended: Micros = 0
    calls: list[ModelCall] = field(default_factory=list)


@record
class StepResolved(Event):
    """The answer: `retry`, `fail`, or `succeed` with the output that the attempt had."""

    path: str
    attempt: int
    decision: str
    by: str = ""
    reason: str = ""
