"""The smallest sequence of cases that still fails."""

import time
from collections.abc import Callable, Sequence

#: Seconds after which what was found by then is good enough.
WITHIN = 60.0


def smaller(cases: list[bytes], fails: Callable[[Sequence[bytes]], bool]) -> list[bytes]:
    """Fewer cases and then simpler ones; the last one is the one that failed."""
    until = time.monotonic() + WITHIN
    cases = _fewer(cases, fails, until)
    for at in range(len(cases)):
        cases = _simpler(cases, at, fails, until)
    return cases


def _fewer(cases: list[bytes], fails: Callable[[Sequence[bytes]], bool], until: float) -> list[bytes]:
    chunk = len(cases) - 1
    while chunk >= 1 and time.monotonic() < until:
        for start in range(0, len(cases) - 1, chunk):
            without = cases[:start] + cases[min(start + chunk, len(cases) - 1) :]
            if len(without) < len(cases) and fails(without):
                cases = without
                break
        else:
            chunk //= 2
    return cases


def _simpler(cases: list[bytes], at: int, fails: Callable[[Sequence[bytes]], bool], until: float) -> list[bytes]:
    """Cut off the end of a case, then set its bytes to zero, as long as it still fails."""
    for length in (0, 2, 4, 8, 16, 32, 64, 128):
        shorter = [*cases[:at], cases[at][:length], *cases[at + 1 :]]
        if time.monotonic() < until and length < len(cases[at]) and fails(shorter):
            cases = shorter
            break
    for place in range(0, len(cases[at]), 2):
        plainer = cases[at][:place] + bytes(2) + cases[at][place + 2 :]
        tried = [*cases[:at], plainer[: len(cases[at])], *cases[at + 1 :]]
        if time.monotonic() < until and tried != cases and fails(tried):
            cases = tried
    return cases
