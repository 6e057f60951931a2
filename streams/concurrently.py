"""Several at once, so many at a time; the first that fails ends the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def each(items: Iterable[T], at_once: int, work: Callable[[T], Awaitable[None]]) -> None:
    """Do the work for each item. Raises what the first failure raised."""
    slots = asyncio.Semaphore(at_once)

    async def do(item: T) -> None:
        async with slots:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(do(item))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
