"""What is reported on `workflow.outcomes` by those who do not own the run's partition."""

from dataclasses import field

from schemas.message import ModelCall
from schemas.record import Json, Micros, record


@record
class StepReported:
    """How one attempt ended: `succeeded`, `failed` or `released` (not begun). `attempt_id` is `run:path#attempt`."""

    run_id: str
    path: str
    attempt: int
    worker: str
    status: str
    incarnation: int = 1
    output: Json | None = None
    output_ref: str = ""
    error_class: str = "ok"
    message: str = ""
    detail: Json | None = None
    retry_after: int | None = None
    started: Micros = 0
    ended: Micros = 0
    calls: list[ModelCall] = field(default_factory=list)


@record
class ChildReported:
    """What a child run tells its parent: `started`, or its end: `succeeded`, `failed`, `cancelled`, `refused`.

    `run_id` is the parent, `path` the step that asked for the child.
    """

    run_id: str
    path: str
    child: str
    status: str
    output: Json | None = None
    output_ref: str = ""
    error_class: str = "ok"
    message: str = ""


OUTCOMES: tuple[type[StepReported | ChildReported], ...] = (StepReported, ChildReported)
