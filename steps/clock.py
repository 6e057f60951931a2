"""The two clocks of a step: the calendar's, for records, and the machine's uptime, for the right to begin."""

import time

#: CLOCK_BOOTTIME goes on while the machine sleeps, so a worker that slept can't believe its beats are fresh.
_UPTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def uptime() -> float:
    """Seconds on the clock that every process of this machine shares."""
    return time.clock_gettime(_UPTIME)
