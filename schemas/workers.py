"""What workers say of themselves on `workflow.workers`, and the items of named queues."""

from dataclasses import field

from schemas.events import StepScheduled
from schemas.record import Micros, record


@record
class Recovering:
    """A partition whose log a worker is reading before it claims it: so many of so many records."""

    partition: int
    read: int
    of: int


@record
class WorkerBeat:
    """I live. A newer `start` on a seat is its predecessor's goodbye (PROTOCOL.md, 10)."""

    worker: str
    seat: str
    start: int
    beat: int
    time: Micros
    version: str
    host: str = ""
    pid: int = 0
    running: int = 0
    partitions: list[int] = field(default_factory=list)
    queue: str = ""
    slots: int = 0
    inbox: int = -1
    recovering: list[Recovering] = field(default_factory=list)


@record
class WorkItem:
    """A step sent to a worker of a named queue, with the outbox id `epoch/n/index`."""

    id: str
    scheduled: StepScheduled


@record
class WorkCancelled:
    """An attempt that was sent to a worker of a queue is no longer wanted."""

    worker: str
    run_id: str
    path: str
    attempt: int
