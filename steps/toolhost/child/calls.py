"""One call, from its frame to its answer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import millrace

if TYPE_CHECKING:
    import asyncio

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Call:
    """What the parent asked; the parent's `frames.py` says how its body is written."""

    __slots__ = ("arguments", "begin_by", "begun", "cancelled", "context", "holds_thread", "number", "target", "task")

    def __init__(self, number: int, body: bytes) -> None:
        head, _, self.arguments = body.partition(b"\n")
        self.target, run_id, step, attempt, key, deadline, self.begin_by = json.loads(head)
        self.context = millrace.Context(run_id, step, attempt, key, deadline)
        self.number = number
        self.cancelled = False
        self.begun = False
        self.holds_thread = False
        self.task: asyncio.Task[None] | None = None

    def may_begin(self) -> bool:
        late = self.begin_by is not None and time.clock_gettime(CLOCK) >= self.begin_by
        return not (late or self.cancelled)


class Refused(Exception):
    """A call that would fail the same way in every attempt; its message says why."""


def within(context: millrace.Context, function: Any, arguments: dict[str, Any]) -> Any:
    """Call a tool so that `millrace.context()` answers in it."""
    millrace._current.set(context)
    return function(**arguments)
