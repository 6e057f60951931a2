"""What the worker tells a step beyond its record."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from steps import clock


def _always() -> float:
    return math.inf


@dataclass(slots=True)
class Context:
    """Of one attempt. `begin_by` gives the `clock.uptime()` until which it may still begin (PROTOCOL.md, 8)."""

    begin_by: Callable[[], float] = _always
    begun: bool = False

    def begin(self) -> bool:
        """Whether the attempt begins: asked at the moment it would, because it may have waited for its turn."""
        self.begun = clock.uptime() < self.begin_by()
        return self.begun
