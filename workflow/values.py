"""What an expression gives, as JSON that is the same every time: sorted keys, instants and durations as text."""

from datetime import datetime, timedelta
from typing import Any

from workflow.durations import format_duration, format_timestamp, to_microseconds

Json = Any

#: Levels of lists and objects inside each other, of what is put inside other values (inputs, signals, answers), and of
#: what may be written at all.
MAX_DEPTH, WRITABLE_DEPTH = 64, 254

_PLAIN = (str, int, bool, type(None))


def as_json(value: Any) -> Json:
    """The value as JSON; ValueError names what JSON has no word for."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(value[key]) for key in _sorted_keys(value)}
    if isinstance(value, datetime):
        return format_timestamp(to_microseconds(value))
    if isinstance(value, timedelta):
        return _duration(value)
    raise ValueError(f"the result holds {_name(value)}, which JSON has no word for")


def _finite(value: float) -> float:
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"the result holds {value}, which is no number of JSON")
    return value


def _sorted_keys(value: dict[Any, Any]) -> list[str]:
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"the result has the key {key!r}; the keys of a mapping are text")
    return sorted(value)


def _duration(value: timedelta) -> str:
    microseconds = value // timedelta(microseconds=1)
    return format_duration(microseconds) if microseconds >= 0 else "-" + format_duration(-microseconds)


def _name(value: Any) -> str:
    return "bytes (write base64 text)" if isinstance(value, (bytes, bytearray)) else f"a {type(value).__name__}"


def nests_within(value: Any, levels: int) -> bool:
    """Whether no list or object stands inside more than so many others."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return levels > 0 and all(nests_within(inner, levels - 1) for inner in value)
