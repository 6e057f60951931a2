"""The functions that expressions have beside those of CEL: deterministic, and bounded by what they make."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workflow.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    LIST,
    MAP,
    NULL,
    STRING,
    TIMESTAMP,
    Type,
    list_of,
    object_of,
)
from workflow.values import as_json

Json = Any

MAX_ITEMS = 1_000
SCALARS = (STRING, INT, DOUBLE, BOOL, NULL, TIMESTAMP, DURATION)
ANY = (LIST, MAP, *SCALARS)
ORDERED = (STRING, INT, DOUBLE, TIMESTAMP, DURATION)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: what it takes (each way to call it), what it gives, and the Python behind it."""

    name: str
    takes: tuple[tuple[Type, ...], ...]
    gives: Callable[[Sequence[Type]], Type]
    call: Callable[..., Json]
    use: str


def _numbers(values: list[Json], name: str) -> list[Json]:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{name} takes numbers, but an item is {_kind(value)}")
    return values


def _kind(value: Json) -> str:
    kinds = {bool: "a boolean", str: "text", list: "a list", dict: "a mapping", type(None): "null"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _sum(values: list[Json]) -> Json:
    return sum(_numbers(values, "sum"))


def _avg(values: list[Json]) -> Json:
    if not values:
        raise ValueError("avg of an empty list")
    return float(sum(_numbers(values, "avg")) / len(values))


def _min(first: Json, *second: Json) -> Json:
    return _least("min", first, second, False)


def _max(first: Json, *second: Json) -> Json:
    return _least("max", first, second, True)


def _least(name: str, first: Json, second: tuple[Json, ...], greatest: bool) -> Json:
    values = [first, *second] if second else first
    if not values:
        raise ValueError(f"{name} of an empty list")
    return as_json(sorted(values, key=_order(values, name))[-1 if greatest else 0])


def _order(values: list[Json], name: str) -> Callable[[Json], Json]:
    """A sort key, after checking that all values can be compared with each other."""
    kinds = {_comparable(value) for value in values}
    if len(kinds) > 1 or None in kinds:
        found = ", ".join(sorted({_kind(value) for value in values}))
        raise ValueError(f"{name} takes numbers only or texts only, not {found}")
    return lambda value: value


def _comparable(value: Json) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return type(value).__name__ if isinstance(value, (str, datetime, timedelta)) else None


def _sort(values: list[Json], *field: str) -> Json:
    keys = [_field(value, field[0]) for value in values] if field else values
    order = _order(keys, "sort")
    return as_json([value for _, value in sorted(zip(keys, values, strict=True), key=lambda pair: order(pair[0]))])


def _field(value: Json, field: str) -> Json:
    if not isinstance(value, dict) or field not in value:
        raise ValueError(f"sort by {field!r}: an item has no such field")
    return value[field]


def _distinct(values: list[Json]) -> Json:
    seen: set[str] = set()
    kept = []
    for value in as_json(values):
        mark = _json(value)
        if mark not in seen:
            seen.add(mark)
            kept.append(value)
    return kept


def _flatten(values: list[Json]) -> Json:
    flat: list[Json] = []
    for value in as_json(values):
        flat.extend(value if isinstance(value, list) else [value])
    return flat


def _range(first: int, *last: int) -> Json:
    numbers = range(first, last[0]) if last else range(first)
    if len(numbers) > MAX_ITEMS:
        raise ValueError(f"range may give {MAX_ITEMS:,} numbers, not {len(numbers):,}")
    return list(numbers)


def _keys(mapping: dict[str, Json]) -> Json:
    return sorted(as_json(mapping))


def _items(mapping: dict[str, Json]) -> Json:
    return [{"key": key, "value": value} for key, value in sorted(as_json(mapping).items())]


def _merge(first: dict[str, Json], second: dict[str, Json]) -> Json:
    return {**as_json(first), **as_json(second)}


def _json(value: Json) -> str:
    return json.dumps(as_json(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _parse_json(text: str) -> Json:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("parse_json: nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"parse_json: {error}") from None


def _no_constant(name: str) -> Json:
    raise ValueError(f"parse_json: {name} is no JSON")


def _default_text(value: Json, default: str) -> str:
    if value is None or value == "":
        return default
    return value if isinstance(value, str) else _json(value)


def _sha256(value: Json) -> str:
    return hashlib.sha256((value if isinstance(value, str) else _json(value)).encode()).hexdigest()


def _elements(value: Json) -> Json:
    """Lets a macro run over a list only: the order of a mapping is chance."""
    if not isinstance(value, list):
        raise ValueError(f"{_kind(value)} can't be gone through; for a mapping write keys(…) or items(…)")
    return as_json(value)


def _always(given: Type) -> Callable[[Sequence[Type]], Type]:
    return lambda _: given


def _element(arguments: Sequence[Type]) -> Type:
    """The type of an item, or of the two arguments if they agree."""
    if len(arguments) == 1:
        return arguments[0].element or DYN
    return arguments[0] if arguments[0] == arguments[1] else DYN


def _same(arguments: Sequence[Type]) -> Type:
    return arguments[0] if arguments[0].kind == "list" else LIST


def _flat(arguments: Sequence[Type]) -> Type:
    inner = arguments[0].element or DYN
    return inner if inner.kind == "list" else LIST


def _pairs(arguments: Sequence[Type]) -> Type:
    return list_of(object_of({"key": STRING, "value": arguments[0].element or DYN}))


_EACH_TWO = (*((kind, kind) for kind in ORDERED), (INT, DOUBLE), (DOUBLE, INT))
_EVERY = tuple((kind,) for kind in ANY)

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function("sum", ((LIST,),), _element, _sum, "sum(list of numbers)"),
        Function("min", ((LIST,), *_EACH_TWO), _element, _min, "min(list) or min(a, b)"),
        Function("max", ((LIST,), *_EACH_TWO), _element, _max, "max(list) or max(a, b)"),
        Function("avg", ((LIST,),), _always(DOUBLE), _avg, "avg(list of numbers)"),
        Function("sort", ((LIST,), (LIST, STRING)), _same, _sort, 'sort(list) or sort(list of objects, "field")'),
        Function("distinct", ((LIST,),), _same, _distinct, "distinct(list)"),
        Function("flatten", ((LIST,),), _flat, _flatten, "flatten(list of lists)"),
        Function("range", ((INT,), (INT, INT)), _always(list_of(INT)), _range, "range(end) or range(start, end)"),
        Function("keys", ((MAP,),), _always(list_of(STRING)), _keys, "keys(mapping)"),
        Function("items", ((MAP,),), _pairs, _items, "items(mapping)"),
        Function("merge", ((MAP, MAP),), _always(MAP), _merge, "merge(mapping, mapping)"),
        Function("json", _EVERY, _always(STRING), _json, "json(value)"),
        Function("parse_json", ((STRING,),), _always(DYN), _parse_json, "parse_json(text)"),
        Function(
            "default_text",
            tuple((kind, STRING) for kind in ANY),
            _always(STRING),
            _default_text,
            'default_text(value, "text")',
        ),
        Function("sha256", _EVERY, _always(STRING), _sha256, "sha256(value)"),
        Function("_elements", _EVERY, _same, _elements, ""),
    )
}
