"""A workflow as `decide` sees it: frozen, resolved, defaults merged in, durations in microseconds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow.errors import Place, Problem
from workflow.expressions import Expression
from workflow.schema import Schema
from workflow.template import Template

Json = Any
OnTimeout = Literal["fail", "deny", "continue"]
OnUnknown = Literal["retry", "fail", "ask"]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried and how long it waits in between."""

    attempts: int = 3
    backoff: int = 1_000_000
    factor: float = 2.0
    max: int = 60_000_000
    on: frozenset[str] | None = None


NO_RETRY = Retry(attempts=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One arm of a `switch`; without a condition it is the `else`."""

    when: Expression | None
    steps: "Steps"


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes the effect of a step back."""

    kind: str
    target: str | None
    config: Template
    place: Place


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `config` renders to the arguments of its kind.

    The value of `config`, by kind: `tool` the arguments of the function (`target` is its name); `model` and `agent`
    {prompt, system, max_tokens … output: JSON Schema}; `http` {url, method, headers, query, body}; `transform` the
    value; `wait` {for} or {until} or {signal} as text; `each` {items}; `loop` {first}; other kinds what was written.
    """

    id: str
    kind: str
    place: Place
    config: Template
    needs: tuple[str, ...] = ()
    when: Expression | None = None
    target: str | None = None
    models: tuple[str, ...] = ()
    timeout: int | None = None
    deadline: int | None = None
    retry: Retry = NO_RETRY
    on_error: "Literal['fail', 'continue'] | Steps" = "fail"
    on_timeout: OnTimeout = "fail"
    output: Schema | None = None
    idempotent: bool = False
    on_unknown: OnUnknown | None = None
    queue: str | None = None
    priority: int = 0
    undo: Undo | None = None
    branches: Mapping[str, "Steps"] = field(default_factory=dict)
    body: "Steps | None" = None
    cases: tuple[Case, ...] = ()
    condition: Expression | None = None
    bind: str = "item"
    at_most: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    settings: Mapping[str, Json] = field(default_factory=dict)
    keys: Mapping[str, Place] = field(default_factory=dict)

    @property
    def lists(self) -> "Iterator[Steps]":
        """The lists of steps inside it."""
        yield from self.branches.values()
        yield from (case.steps for case in self.cases)
        if self.body is not None:
            yield self.body
        if isinstance(self.on_error, Steps):
            yield self.on_error


@dataclass(frozen=True, slots=True)
class Steps:
    """One list of steps with its order worked out: who starts first, and who waits for whom."""

    order: tuple[Step, ...]
    by_id: Mapping[str, Step]
    dependents: Mapping[str, tuple[str, ...]]
    roots: tuple[str, ...]

    @property
    def last(self) -> Step:
        return self.order[-1]

    @property
    def every(self) -> Iterator[Step]:
        """Its steps, and those inside them."""
        for step in self.order:
            yield step
            for inner in step.lists:
                yield from inner.every


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a run by itself: a schedule or a topic."""

    kind: str
    target: str
    config: Mapping[str, Json]
    filter: Expression | None
    inputs: Template
    place: Place


@dataclass(frozen=True, slots=True)
class Workflow:
    """One published version of one workflow file."""

    name: str
    version_hash: str
    inputs: Schema
    steps: Steps
    description: str = ""
    outputs: Template | None = None
    secrets: tuple[str, ...] = ()
    deadline: int | None = None
    defaults: Mapping[str, Json] = field(default_factory=dict)
    budget: Mapping[str, Json] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    on_failure: Steps | None = None
    finally_: Steps | None = None
    triggers: tuple[Trigger, ...] = ()
    settings: Mapping[str, Json] = field(default_factory=dict)
    keys: Mapping[str, Place] = field(default_factory=dict)
    document: Mapping[str, Json] = field(default_factory=dict)
    source: str = ""
    file: str = "<workflow>"
    warnings: tuple[Problem, ...] = ()

    @property
    def every_step(self) -> Iterator[Step]:
        """Every step of the file."""
        for steps in (self.steps, self.on_failure, self.finally_):
            if steps is not None:
                yield from steps.every
