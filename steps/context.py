"""What the worker tells a step beyond its record."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from steps import clock


def _always() -> float:
    return math.inf


@dataclass(frozen=True, slots=True)
class Context:
    """`begin_by` gives the `clock.uptime()` until which a step may still begin (PROTOCOL.md, 8); it is asked late."""

    begin_by: Callable[[], float] = _always

    def may_begin(self) -> bool:
        return clock.uptime() < self.begin_by()
