"""The clock of records, which never runs backwards; everything that decides gets the time from here, as a fact."""

import time

#: Microseconds that the wall clock may be slowed or moved by, as NTP does all the time, without having been set back.
SLEWED = 500_000


def wall() -> int:
    """Microseconds since 1970-01-01 UTC by the machine."""
    return time.time_ns() // 1_000


def elapsed() -> int:
    """Microseconds of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000


class _Steady:
    """The wall clock; when it is set back, time goes on as it elapses until the wall clock has caught up."""

    def __init__(self) -> None:
        self._last, self._at = 0, 0

    def now(self) -> int:
        here, at = wall(), elapsed()
        expected = self._last + at - self._at
        self._last = expected if here < expected - SLEWED else max(here, self._last)
        self._at = at
        return self._last


_steady = _Steady()


def now() -> int:
    """Microseconds since 1970-01-01 UTC, never fewer than before."""
    return _steady.now()
