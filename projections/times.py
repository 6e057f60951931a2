"""Microseconds of the records ⇄ UTC timestamps of the tables."""

from datetime import datetime, timedelta

EPOCH = datetime(1970, 1, 1)


def timestamp(micros: int | None) -> datetime | None:
    """A naive UTC time. None for what was not set (None, 0) and for what no calendar holds; the event's body has it."""
    if not micros:
        return None
    try:
        return EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
