"""What tests of steps wait for and look at."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from steps.outcome import Outcome


def value(outcome: Outcome) -> object:
    assert outcome.status == "succeeded", outcome
    return orjson.loads(outcome.output or b"")


def is_gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came about"
        await asyncio.sleep(0.01)
