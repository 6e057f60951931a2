"""Durations, instants and sizes as people write them, as microseconds and bytes."""

import re
from datetime import UTC, datetime, timedelta

MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
LONGEST = 100 * 366 * MICROSECONDS["d"]

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)", re.ASCII)
_SHORT = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d|w))+", re.ASCII)
_ISO = re.compile(
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?", re.ASCII
)
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|kB|MB|GB)?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = sorted(((size, unit) for unit, size in MICROSECONDS.items() if unit != "w"), reverse=True)


def parse_duration(text: object) -> int:
    """`90s`, `1h30m`, `2d` or ISO 8601 (`PT90S`) as microseconds; ValueError says what is wrong."""
    if not isinstance(text, str):
        raise ValueError(f"a duration is text with a unit like 30s, not {text!r}")
    microseconds = _short(text) if _SHORT.fullmatch(text) else _iso(text)
    if microseconds > LONGEST:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return microseconds


def _short(text: str) -> int:
    return round(sum(float(number) * MICROSECONDS[unit] for number, unit in _PARTS.findall(text)))


def _iso(text: str) -> int:
    match = _ISO.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(
            f"{text!r} is no duration: write a number and a unit (ms s m h d w), or ISO 8601 such as PT90S"
        )
    return round(sum(float(number) * MICROSECONDS[unit] for unit, number in match.groupdict().items() if number))


def format_duration(microseconds: int) -> str:
    """The shortest text in whole units: 5_400_000_000 is `90m`."""
    for size, unit in _UNITS:
        if microseconds % size == 0 and microseconds:
            return f"{microseconds // size}{unit}"
    return "0s"


def parse_timestamp(text: object) -> int:
    """An RFC 3339 instant as microseconds since 1970; ValueError says what is wrong."""
    if not isinstance(text, str) or _INSTANT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no instant: write RFC 3339 with its zone, such as 2026-03-01T09:00:00Z")
    return to_microseconds(datetime.fromisoformat(text.upper()))


def format_timestamp(microseconds: int) -> str:
    """RFC 3339 in UTC, with as few digits after the second as are needed."""
    text = (_EPOCH + timedelta(microseconds=microseconds)).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def to_microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def to_datetime(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def parse_size(text: object) -> int:
    """`64KiB` or a number of bytes; ValueError says what is wrong."""
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is no size: write bytes or a number and a unit, such as 64KiB")
    return int(match[1]) * BYTES[match[2] or ""]
