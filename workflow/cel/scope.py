"""What an expression may see: names, their types, and what may be absent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from workflow.types import (
    DOUBLE,
    DYN,
    INT,
    MAP,
    STRING,
    TIMESTAMP,
    Type,
    object_of,
)

Path = tuple[str, ...]

ERROR = object_of({"class": STRING, "message": STRING})
USAGE = object_of({"input_tokens": INT, "output_tokens": INT, "usd": DOUBLE})
STEP = object_of({"key": STRING})
RUN = object_of(
    {"id": STRING, "name": STRING, "version": STRING, "started": TIMESTAMP, "status": STRING, "error": ERROR},
    missing=frozenset({"error"}),
)
EVENT = object_of({"topic": STRING, "key": DYN, "data": DYN, "headers": MAP, "time": TIMESTAMP}, closed=False)
FIRE = object_of({"time": TIMESTAMP}, closed=False)
NAMES = frozenset(
    {
        "inputs",
        "steps",
        "run",
        "settings",
        "secrets",
        "event",
        "fire",
        "now",
        "template",
        "round",
        "index",
        "error",
        "step",
    }
)


def step_type(output: Type, may_be_absent: bool) -> Type:
    """What `steps.ID` holds."""
    fields = {"output": output, "status": STRING, "error": ERROR, "usage": USAGE, "attempts": INT}
    missing = {"error", "usage"} | ({"output"} if may_be_absent else set())
    return object_of(fields, frozenset(missing))


@dataclass(frozen=True, slots=True)
class Scope:
    """The names in scope; `unseen` explains steps that exist but can't be read here."""

    roots: Mapping[str, Type]
    unseen: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[Path] = frozenset()
    secrets: frozenset[str] = frozenset()

    def with_roots(self, roots: Mapping[str, Type]) -> "Scope":
        return replace(self, roots={**self.roots, **roots})

    def with_steps(self, steps: Mapping[str, Type], unseen: Mapping[str, str]) -> "Scope":
        return replace(self, roots={**self.roots, "steps": Type("map", fields=steps, closed=True)}, unseen=unseen)

    def knowing(self, paths: Iterable[Path]) -> "Scope":
        return replace(self, known=self.known | frozenset(paths))


def root_scope(inputs: Type, secrets: Iterable[str] = (), template: Type | None = None) -> Scope:
    """What every expression of a workflow sees."""
    roots = {"inputs": inputs, "run": RUN, "settings": MAP, "now": TIMESTAMP, "steps": object_of({})}
    if template is not None:
        roots["template"] = template
    return Scope(roots, secrets=frozenset(secrets))
