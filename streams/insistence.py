"""What must be done before anything goes on is tried until it succeeds."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

T = TypeVar("T")

logger = structlog.get_logger("millrace.worker")

#: Seconds until the next try, growing to the second figure.
PAUSE, LONGEST_PAUSE = 0.1, 5.0


async def insist(work: Callable[[], Awaitable[T]], what: str) -> T:
    """What the work returns, once it does not raise; each failure is logged as `what` that is done again."""
    pause = PAUSE
    while True:
        try:
            return await work()
        except Exception as error:
            logger.warning(f"{what} again", why=f"{type(error).__name__}: {error}", pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
