"""The state of a run as bytes and back: an Avro schema derived from the dataclasses, so that every field is carried."""

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from io import BytesIO
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.codec import fingerprint, without_logical_types
from schemas.record import avro_schema
from schemas.topics import MAX_RECORD
from workflow.definition import Steps, Workflow
from workflow.evolve import Workflows
from workflow.run import Run

#: Raised when a field of the same shape means something else: snapshots of before are then read by nobody.
MEANING = 1
#: Bytes of the largest snapshot; the rest of a record is its envelope.
MOST_BYTES = MAX_RECORD - 4_096

#: Definitions are not copied: a workflow stands under its hash, a list of steps under its place in the workflow.
_SPELLED = {Workflow: "string", Steps: "string"}
_SCHEMA = avro_schema(Run, _SPELLED)
_PARSED = parse_schema(without_logical_types(_SCHEMA), named_schemas={})

#: Follows from the shape, so that another shape is another version; 63 bits, as a long has no more above zero.
STATE_VERSION = (int.from_bytes(fingerprint(_SCHEMA), "little") >> 1) ^ MEANING


class Lists:
    """The lists of steps of one workflow under their places (`steps/facts/branches/crm`), and the other way round."""

    def __init__(self, workflow: Workflow | None) -> None:
        self.workflow = workflow
        self.by_place: dict[str, Steps] = dict(_lists("", workflow)) if workflow is not None else {}
        self.place_of = {id(steps): place for place, steps in self.by_place.items()}


def _lists(place: str, value: Any) -> Iterator[tuple[str, Steps]]:
    if isinstance(value, Steps):
        yield place, value
        members: Any = [(step.id, step) for step in value.order]
    elif is_dataclass(value):
        members = [(f.name, getattr(value, f.name)) for f in fields(value)]
    elif isinstance(value, Mapping):
        members = value.items()
    elif isinstance(value, tuple):
        members = enumerate(value)
    else:
        return
    for name, member in members:
        yield from _lists(f"{place}/{name}" if place else str(name), member)


_KNOWN: dict[int, Lists] = {}
_MOST_KNOWN = 256


def _lists_of(workflow: Workflow | None) -> Lists:
    """Walking a definition takes as long as it is large: the last ones are kept."""
    if (known := _KNOWN.get(id(workflow))) is None:
        if len(_KNOWN) >= _MOST_KNOWN:
            del _KNOWN[next(iter(_KNOWN))]
        known = _KNOWN[id(workflow)] = Lists(workflow)
    return known


def freeze(run: Run) -> bytes | None:
    """The state of a run; None if it does not fit into a record: then the run itself holds the low watermark."""
    size = 0
    for state in run.steps.values():
        size += len(state.output or b"") + len(state.step)
        if size > MOST_BYTES:
            return None
    out = BytesIO()
    schemaless_writer(out, _PARSED, _apart(Run)(run, _lists_of(run.workflow)))
    return out.getvalue() if out.tell() <= MOST_BYTES else None


def thaw(state: bytes, workflows: Workflows) -> Run:
    """The run, its definition taken from the shelf. Raises KeyError where that is missing."""
    values: Any = schemaless_reader(BytesIO(state), _PARSED, None)
    definition = values["workflow"]
    workflow = None if definition is None else workflows.get(definition)
    if definition is not None and workflow is None:
        raise KeyError(f"the definition {definition} of run {values['id']} is not in workflow.definitions")
    run: Run = _together(Run)(values, _lists_of(workflow))
    return run


Convert = Callable[[Any, Lists], Any]


def _as_is(value: Any, _: Lists) -> Any:
    return value


@cache
def _apart(hint: Any) -> Convert:
    """How a value of this type becomes what Avro's writer takes."""
    if hint is Workflow:
        return lambda value, _: value.version_hash
    if hint is Steps:
        return lambda value, lists: lists.place_of[id(value)]
    if is_dataclass(hint):
        parts = _parts(hint, _apart)
        return lambda value, lists: {name: part(getattr(value, name), lists) for name, part in parts}
    return _inside(hint, _apart, list)


@cache
def _together(hint: Any) -> Convert:
    """How it comes back."""
    if hint is Workflow:
        return lambda _, lists: lists.workflow
    if hint is Steps:
        return lambda value, lists: lists.by_place[value]
    if is_dataclass(hint):
        parts = _parts(hint, _together)
        return lambda value, lists: hint(*[part(value[name], lists) for name, part in parts])  # type: ignore[operator]
    return _inside(hint, _together, get_origin(hint))


def _parts(cls: Any, convert: Callable[[Any], Convert]) -> list[tuple[str, Convert]]:
    hints = get_type_hints(cls, include_extras=True)
    return [(f.name, convert(hints[f.name])) for f in fields(cls)]


def _inside(hint: Any, convert: Callable[[Any], Convert], sequence: Any) -> Convert:
    """Containers and optional values; what is none of these stays as it is."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return convert(arguments[0])
    if origin in (Union, types.UnionType):
        inner = convert(next(a for a in arguments if a is not type(None)))
        return _as_is if inner is _as_is else lambda value, lists: None if value is None else inner(value, lists)
    if origin is dict:
        inner = convert(arguments[1])
        return _as_is if inner is _as_is else lambda value, lists: {k: inner(v, lists) for k, v in value.items()}
    if origin in (list, tuple):
        inner = convert(arguments[0])
        return lambda value, lists: sequence([inner(v, lists) for v in value])
    return _as_is
