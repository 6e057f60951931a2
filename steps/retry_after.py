"""Reads how long a server asks to be left alone."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str], longest: float, now: float) -> float | None:
    """Seconds, at most `longest`; None where the server says nothing that can be understood."""
    wait = _millis(headers.get("retry-after-ms")) or _wait(headers.get("retry-after"), now)
    return None if wait is None else max(0.0, min(wait, longest))


def _millis(written: str | None) -> float | None:
    seconds = _number(written)
    return None if seconds is None else seconds / 1000


def _wait(written: str | None, now: float) -> float | None:
    if written is None:
        return None
    seconds = _number(written)
    return seconds if seconds is not None else _until(written, now)


def _number(written: str | None) -> float | None:
    try:
        number = float(written or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(written: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(written)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.fromtimestamp(now, UTC)).total_seconds()
