"""What happened to a run, in the past tense. The only truth; appended by the partition's owner alone."""

from dataclasses import field

from schemas.message import Event, ModelCall
from schemas.record import Json, Micros, NanoUsd, record


@record
class RunAccepted(Event):
    """A start was taken in but waits for something outside: the definitions were not read to their end."""

    command_id: str
    workflow: str
    inputs: Json
    incarnation: int = 1
    labels: dict[str, str] = field(default_factory=dict)
    budget: NanoUsd | None = None
    parent_run: str = ""
    parent_step: str = ""
    traceparent: str = ""
    definition: str = ""
    version: int = 0
    deadline: Micros | None = None
    depth: int = 0


@record
class RunStarted(Event):
    """The run begins, pinned to one definition by its hash."""

    command_id: str
    workflow: str
    version: int
    definition: str
    inputs: Json
    settings: Json = b"{}"
    incarnation: int = 1
    labels: dict[str, str] = field(default_factory=dict)
    deadline: Micros | None = None
    budget: NanoUsd | None = None
    parent_run: str = ""
    parent_step: str = ""
    traceparent: str = ""
    depth: int = 0


@record
class RunRefused(Event):
    """An accepted run cannot begin."""

    reason: str
    message: str


@record
class RunSucceeded(Event):
    """Every step ended; `outputs` is what the workflow declares, or its last step's output."""

    outputs: Json
    outputs_ref: str = ""


@record
class RunFailed(Event):
    """A step failed for good, or the run's deadline passed."""

    error_class: str
    message: str
    path: str = ""


@record
class RunCancelled(Event):
    """Somebody asked for the end."""

    reason: str = ""


@record
class StepScheduled(Event):
    """One attempt is given to one worker. `input` holds the resolved arguments, never a secret.

    `secrets` maps a JSON pointer into `input` to the parts of its text: strings, and {"secret": NAME}.
    """

    path: str
    step: str
    attempt: int
    kind: str
    worker: str
    target: str = ""
    input: Json = b"{}"
    input_ref: str = ""
    secrets: Json | None = None
    key: str = ""
    tries: int = 1
    timeout: int | None = None
    deadline: Micros | None = None
    incarnation: int = 1
    queue: str = ""
    priority: int = 0
    reserved: NanoUsd | None = None
    inbox: int = -1


@record
class StepSucceeded(Event):
    """The step has its output. An attempt of 0 was decided, not executed."""

    path: str
    attempt: int
    output: Json
    output_ref: str = ""
    kind: str = ""
    worker: str = ""
    started: Micros = 0
    ended: Micros = 0
    calls: list[ModelCall] = field(default_factory=list)


@record
class StepFailed(Event):
    """An attempt failed. With `retry_at` another follows then; without it this was the last.

    `tries` and `chain` say where the next attempt goes on: passes through the model chain, and the place in it.
    """

    path: str
    attempt: int
    error_class: str
    message: str
    detail: Json | None = None
    retry_at: Micros | None = None
    tries: int = 1
    chain: int = 0
    worker: str = ""
    started: Micros = 0
    ended: Micros = 0
    calls: list[ModelCall] = field(default_factory=list)


@record
class StepReleased(Event):
    """An attempt was given back, not begun; the next follows at `retry_at` and does not count as a try."""

    path: str
    attempt: int
    reason: str = ""
    worker: str = ""
    retry_at: Micros = 0


@record
class StepWaiting(Event):
    """A `wait` began: until a time, or for a signal."""

    path: str
    step: str
    until: Micros | None = None
    signal: str = ""


@record
class StepOpened(Event):
    """A shape (`parallel` …) or an `on_error` list began; its lists of steps run inside it."""

    path: str
    step: str
    kind: str
    case: int = -1
    given: Json | None = None


@record
class StepSkipped(Event):
    """`when` was false."""

    path: str
    step: str


@record
class StepCancelled(Event):
    """No longer wanted: the run or the shape around it ended. A late outcome of it is `OutcomeIgnored`."""

    path: str
    attempt: int
    reason: str = ""


@record
class OutcomeIgnored(Event):
    """An outcome that changes nothing (late, unknown, a second one); its cost still counts."""

    path: str
    attempt: int
    status: str
    reason: str
    worker: str = ""
    calls: list[ModelCall] = field(default_factory=list)


@record
class SignalReceived(Event):
    """Somebody told the run something: the first step that waits for `name` has it, or the next one that will."""

    name: str
    value: Json
    sent_by: str = ""


@record
class ApprovalRequested(Event):
    """An `approve` began: one of `by` is asked `prompt` about `value`, and waited for until `until`."""

    path: str
    step: str
    by: list[str]
    prompt: str
    value: Json | None = None
    until: Micros | None = None


@record
class ApprovalAnswered(Event):
    """The answer. Without `by` nobody gave it in time. `value` is what was under review, or what it was edited to."""

    path: str
    approved: bool
    by: str = ""
    role: str = ""
    reason: str = ""
    value: Json | None = None


@record
class ChildRequested(Event):
    """A `workflow` step asks for the run `child`, pinned to `definition` where that was found; it is to end by `until`.

    `source` is the text of a definition that was made by the run itself.
    """

    path: str
    step: str
    attempt: int
    child: str
    workflow: str
    version: int = 0
    definition: str = ""
    inputs: Json = b"{}"
    source: str = ""
    until: Micros | None = None
    deadline: Micros | None = None
    tries: int = 1
    depth: int = 1


@record
class ChildStarted(Event):
    """The child run of a step began; it is never asked for again."""

    path: str
    attempt: int
    child: str


@record
class ChildIgnored(Event):
    """What a child run told that changes nothing: its step has ended, or knew it already."""

    path: str
    child: str
    status: str
    reason: str
