"""The type of what each kind of step gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from workflow.parse.absence import ends_absent
from workflow.parse.drafts import Draft
from workflow.schema import Schema
from workflow.types import (
    BOOL,
    DYN,
    INT,
    MAP,
    NULL,
    STRING,
    TIMESTAMP,
    Type,
    join,
    list_of,
    object_of,
)


@dataclass
class Made:
    """What is known about a step once its parts are compiled."""

    output: Schema | None = None
    config: Type = DYN
    lists: Mapping[str, Type] = field(default_factory=dict)
    cases: list[Type] = field(default_factory=list)
    handled: Type | None = None


def output_type(draft: Draft, made: Made) -> Type:
    given = _BY_KIND[draft.kind](draft, made)
    return given if made.handled is None else join(given, made.handled)


def _declared(made: Made, otherwise: Type) -> Type:
    return made.output.type if made.output is not None else otherwise


def _http(_: Draft, made: Made) -> Type:
    return object_of({"status": INT, "headers": replace(MAP, element=STRING), "body": _declared(made, DYN)})


def _sql(_: Draft, made: Made) -> Type:
    return list_of(_declared(made, DYN)) if made.output is not None else DYN


def _approve(_: Draft, made: Made) -> Type:
    return object_of({"approved": BOOL, "by": STRING, "reason": STRING, "time": TIMESTAMP, "value": DYN})


def _parallel(draft: Draft, made: Made) -> Type:
    missing = frozenset(name for name, drafts in draft.branches.items() if ends_absent(drafts))
    return object_of(made.lists, missing)


def _each(draft: Draft, made: Made) -> Type:
    if draft.fields.value("failed") == "keep" or ends_absent(draft.body):
        return list_of(DYN)
    return list_of(made.lists.get("body", DYN))


def _switch(_: Draft, made: Made) -> Type:
    joined: Type | None = None
    for case in made.cases:
        joined = join(joined, case)
    return joined or DYN


def _wait(draft: Draft, _: Made) -> Type:
    node = draft.fields.value("wait")
    return DYN if isinstance(node, dict) and "signal" in node else NULL


_BY_KIND: dict[str, Callable[[Draft, Made], Type]] = {
    "model": lambda _, made: _declared(made, STRING),
    "agent": lambda _, made: _declared(made, STRING),
    "tool": lambda _, made: _declared(made, DYN),
    "transform": lambda _, made: made.config,
    "http": _http,
    "sql": _sql,
    "object": lambda *_: DYN,
    "publish": lambda *_: object_of({"partition": INT, "position": INT}),
    "workflow": lambda _, made: _declared(made, DYN),
    "approve": _approve,
    "wait": _wait,
    "parallel": _parallel,
    "each": _each,
    "loop": lambda _, made: made.lists.get("body", DYN),
    "switch": _switch,
    "include": lambda *_: DYN,
}
