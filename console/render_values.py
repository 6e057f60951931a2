"""Durations, dollars, tokens and instants as they are shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from schemas.message import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANO = 1_000_000_000


def duration(microseconds: int) -> str:
    """`340 µs`, `12.3 ms`, `4.56 s`, `3 m 05 s`, `2 h 03 m`."""
    if microseconds < 1_000:
        return f"{microseconds} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.3g} ms" if microseconds < 999_500 else "1.00 s"
    seconds = microseconds / 1_000_000
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} m"


def dollars(nano: int) -> str:
    """Whole digits: a billionth is not rounded away."""
    whole, rest = divmod(nano, _NANO)
    digits = f"{rest:09}".rstrip("0")
    return f"${whole:,}.{digits.ljust(2, '0')}"


def tokens(read: int, written: int) -> str:
    """What went in, and what came out."""
    return f"{read:,} → {written:,}" if read or written else ""


def instant(microseconds: int) -> str:
    """A time, to the second, in UTC."""
    return f"{_EPOCH + timedelta(microseconds=microseconds):%Y-%m-%d %H:%M:%S} UTC"


def rfc3339(microseconds: int | None) -> str | None:
    """A time as programs read it."""
    if microseconds is None:
        return None
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")


def microseconds(time: datetime | None) -> int | None:
    """A time of the database, which is UTC, as the log counts it."""
    if time is None:
        return None
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def event_json(event: Event) -> dict[str, Any]:
    """An event as JSON values: what happened comes first as `event`; documents inside it are what they say."""
    return {"event": type(event).__name__, **_plain(event)}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value.decode(errors="replace")
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
