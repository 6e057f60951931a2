"""Brings the values that an expression names into it: typed, measured, and only those."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from workflow.cel.inference import Read
from workflow.cel.scope import Path
from workflow.durations import parse_timestamp, to_datetime
from workflow.errors import ExpressionFailed, ExpressionTooLarge
from workflow.types import Coerce, coercion

Json = Any

MAX_BYTES = 64 * 1024
MAX_ITEMS = 1_000


class _Absent:
    """The only value of its kind: what a path leads to when nothing is there."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()

Lookup = Callable[[Path], Json]

NO_VALUES: Lookup = dict[Path, Json]().get  # for what reads nothing


def spelled(path: Path) -> str:
    return ".".join(path)


def _instant(value: Json) -> Json:
    return to_datetime(value if isinstance(value, int) else parse_timestamp(value))


class Bindings:
    """All that one expression reads; `values` makes the variables for one evaluation."""

    __slots__ = ("_iterated", "_reads", "paths", "source")

    def __init__(self, reads: Sequence[tuple[Read, str]], iterated: set[str], source: str) -> None:
        self.source = source
        self.paths: tuple[Path, ...] = tuple(dict.fromkeys(read.path for read, _ in reads))
        self._reads = [(name, read.path, _bring(read)) for read, name in reads]
        self._iterated = frozenset(iterated)

    def values(self, lookup: Lookup) -> dict[str, Json]:
        values: dict[str, Json] = {}
        large: list[Json] = []
        for name, path, bring in self._reads:
            value = bring(lookup(path))
            if value is ABSENT:
                continue
            if type(value) in _LARGE:
                large.append(value)
            values[name] = value
        if large:
            measure(large, self.source)
        for name in self._iterated & values.keys():
            self._must_be_list(name, values[name])
        return values

    def _must_be_list(self, name: str, value: Json) -> None:
        if not isinstance(value, list):
            path = next(spelled(path) for variable, path, _ in self._reads if variable == name)
            hint = f"; write keys({path}) or items({path})" if isinstance(value, dict) else ""
            raise ExpressionFailed(f"`{path}` is no list to go through{hint}", self.source)

    def in_words(self, message: str) -> str:
        """The message with the paths in place of the names of variables."""
        for name, path, _ in self._reads:
            if f'No value with name "{name}"' in message:
                return f"`{spelled(path)}` is absent"
            message = re.sub(rf"'{name}([^']*)'", rf"`{spelled(path)}\1`", message)
        return message


_LARGE = frozenset({str, list, dict})


def _bring(read: Read) -> Coerce:
    """What is done to a value before it is bound, by how the expression uses it."""
    if read.use == "has":
        return lambda value: value is not ABSENT
    if read.use == "or_null":
        return lambda value: None if value is ABSENT else value
    if read.use == "tail":
        return _tail(read.path[read.prefix :], coercion(read.type))
    if read.type.kind == "timestamp":
        return lambda value: value if value is ABSENT or value is None else _instant(value)
    return coercion(read.type) or (lambda value: value)


def _tail(names: Path, coerce: Coerce | None) -> Coerce:
    """Wraps the value into the mappings of an optional chain; absent, the chain ends in nothing."""

    def wrap(value: Json) -> Json:
        if value is ABSENT:
            return {}
        value = value if coerce is None else coerce(value)
        for name in reversed(names):
            value = {name: value}
        return value

    return wrap


def measure(values: list[Json], source: str) -> None:
    """Refuses what is larger than an expression may touch, and text that CEL would cut short."""
    size = items = 0
    waiting = values
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is str:
            size += len(value)
            if "\0" in value:
                raise ExpressionFailed("text with a NUL character can't go into an expression", source)
        elif kind is dict:
            waiting += value
            waiting += value.values()
        elif kind is list:
            items += len(value)
            waiting += value
        else:
            size += 8
        if size > MAX_BYTES or items > MAX_ITEMS:
            raise ExpressionTooLarge(_too_large(items), source)


def _too_large(items: int) -> str:
    if items > MAX_ITEMS:
        return f"it touches more than {MAX_ITEMS:,} list items"
    return f"it touches more than {MAX_BYTES // 1024} KiB"
