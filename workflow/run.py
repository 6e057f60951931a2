"""The state of a run: what its events fold into, and nothing that a later decision does not read."""

from dataclasses import dataclass, field

from schemas.events import RunAccepted
from schemas.message import ModelCall
from workflow.definition import Step, Steps, Workflow

#: How many ids of applied commands a run remembers.
COMMANDS_REMEMBERED = 1_000

#: The phases of a `workflow` step whose child run has not ended.
CHILD_OPEN = frozenset({"requested", "running"})


@dataclass(slots=True)
class Spent:
    """What a step's calls used so far, all attempts together; `cost` in nano-dollars."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0


@dataclass(slots=True)
class Approval:
    """What an `approve` step asks for: who may answer, and the value under review."""

    by: tuple[str, ...]
    value: bytes | None = None


@dataclass(slots=True)
class StepState:
    """One step at one path.

    `phase`: queued (until a worker of its queue has room), scheduled (an attempt is with `worker`), requested and
    running (its child run), resting (until `due`, then the next attempt), unsure (somebody is asked what became of the
    attempt), waiting, open (its inner lists run), succeeded, failed, skipped, cancelled.
    """

    step: str
    frame: str
    phase: str
    attempt: int = 0
    tries: int = 1
    chain: int = 0
    worker: str = ""
    due: int | None = None
    deadline: int | None = None
    output: bytes | None = None
    error_class: str = ""
    message: str = ""
    spent: Spent | None = None
    handled: bool = False
    """Its `on_error` list has begun; it does not begin twice."""
    pending: int = 0
    """Of an open step: how many of its inner lists have not ended."""
    inner: dict[str, None] = field(default_factory=dict)
    """Of an open step: the prefixes of its inner lists."""
    index: int = -1
    """Of an `each` the item, of a `loop` the round that began last."""
    items: list[bytes] = field(default_factory=list)
    """Of an `each`: the items as JSON; one that is done is empty, and its result stands in `results`."""
    results: list[bytes] = field(default_factory=list)
    carried: bytes | None = None
    """Of a `loop`: what the last round that ended gave, and before that what it began with."""
    signal: str = ""
    """Of a waiting step: the name of the signal that it waits for."""
    child: str = ""
    """Of a `workflow` step: the run that its newest attempt asked for."""
    approval: Approval | None = None
    queue: str = ""
    inbox: int = -1
    """Of an attempt that was sent to a worker of `queue`: the partition in which that worker reads."""

    def spend(self, calls: list[ModelCall]) -> None:
        """Count what calls used."""
        if not calls:
            return
        spent = self.spent = self.spent or Spent()
        for call in calls:
            spent.input_tokens += call.input_tokens
            spent.output_tokens += call.output_tokens
            spent.cost += call.cost or 0


@dataclass(slots=True)
class Frame:
    """One list of steps being run. `owner` is the path of the step around it, None for the workflow's own list."""

    prefix: str
    steps: Steps
    owner: str | None
    index: int = -1
    """Of the steps of an item or a round: its number."""
    ended: int = 0
    met: dict[str, int] = field(default_factory=dict)
    """Of each step that waits for several: how many of these have ended."""


@dataclass(slots=True)
class Run:
    """One run. The dictionaries without values are ordered sets: the frontier, so that nothing scans the steps."""

    id: str
    seq: int = 0
    phase: str = "new"
    """new, accepted, running, ended"""
    incarnation: int = 0
    accepted: RunAccepted | None = None
    workflow: Workflow | None = None
    name: str = ""
    version: int = 0
    inputs: bytes = b"{}"
    started: int = 0
    deadline: int | None = None
    frames: dict[str, Frame] = field(default_factory=dict)
    steps: dict[str, StepState] = field(default_factory=dict)
    ready: dict[str, str] = field(default_factory=dict)
    """Paths whose needs are met, with their frame's prefix."""
    live: dict[str, None] = field(default_factory=dict)
    """Paths that have begun and not ended."""
    closing: dict[str, None] = field(default_factory=dict)
    """Open paths whose inner lists have all ended, and waiting ones whose answer came."""
    advancing: dict[str, None] = field(default_factory=dict)
    """Paths of `each` and `loop` whose next item or round may begin, or whose last has ended."""
    failing: dict[str, None] = field(default_factory=dict)
    """Paths that failed for good and whose failure has not been dealt with."""
    complete: bool = False
    commands: dict[str, None] = field(default_factory=dict)
    error_class: str = ""
    message: str = ""
    parent: str = ""
    """Of a child run: the run, and `parent_step` the path of the step, that asked for it."""
    parent_step: str = ""
    depth: int = 0
    traceparent: str = ""
    children: int = 0
    """How many child runs were asked for so far."""
    ending: str = ""
    """Of a child run that is kept until its parent knows its end: how it ended, and `outputs` with what."""
    outputs: bytes | None = None
    signals: dict[str, list[bytes]] = field(default_factory=dict)
    """By name: the values of signals that came before a step waited for them."""
    kept: int = 0
    """How many signals are kept, and `kept_bytes`: how large they are together."""
    kept_bytes: int = 0
    expected: dict[str, dict[str, None]] = field(default_factory=dict)
    """By name of a signal: the paths that wait for it, the first come first."""

    def definition(self, path: str) -> Step:
        """The definition of the step at a path that has a state."""
        state = self.steps[path]
        return self.frames[state.frame].steps.by_id[state.step]

    def kind_of(self, path: str) -> str:
        """The kind of the step at a path that is ready or has a state."""
        prefix = self.ready[path] if path in self.ready else self.steps[path].frame
        return self.frames[prefix].steps.by_id[path[len(prefix) + 1 if prefix else 0 :]].kind

    def began(self, path: str, step: str) -> StepState:
        """The state of a step, made when the step leaves the frontier."""
        frame = self.ready.pop(path, None)
        state = self.steps.get(path)
        if state is None:
            if frame is None:
                raise KeyError(f"run {self.id}: step {path} was not ready")
            state = self.steps[path] = StepState(step, frame, "scheduled")
        return state

    def left(self, path: str, state: StepState) -> None:
        """A step waits for nothing more."""
        self.live.pop(path, None)
        self.closing.pop(path, None)
        self.advancing.pop(path, None)
        if state.items:
            state.items, state.results = [], []
        if state.signal:
            waiting = self.expected[state.signal]
            waiting.pop(path, None)
            if not waiting:
                del self.expected[state.signal]
            state.signal = ""

    def output_of(self, prefix: str) -> bytes | None:
        """The output of a list of steps is that of its last step; None where that is absent."""
        steps = self.frames[prefix].steps
        state = self.steps.get(child_path(prefix, steps.order[-1].id)) if steps.order else None
        return None if state is None else state.output

    def key(self, path: str) -> str:
        """The idempotency key of a step: the same in all its attempts (PROTOCOL.md, 14). A child's id is used once."""
        return f"{self.id}/{path}" if self.parent else f"{self.id}.{self.incarnation:x}/{path}"


def child_path(prefix: str, name: str) -> str:
    """The path of `name` inside a list of steps or a shape."""
    return f"{prefix}/{name}" if prefix else name
