"""The wall clock of records; everything that decides gets the time from here, as a fact."""

import time


def now() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000
