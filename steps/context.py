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
    revoked: bool = False
    """Others may have given it up: they heard nothing from this process for a while."""
    #: Is told the text of a model's answer while it is written; without it nothing is streamed.
    deltas: Callable[[str], None] | None = None

    def begin(self) -> bool:
        """Whether the attempt begins: asked at the moment it would, because it may have waited for its turn."""
        self.begun = not self.revoked and clock.uptime() < self.begin_by()
        return self.begun
