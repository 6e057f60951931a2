"""Blocking work beside the loop is never left behind."""

import asyncio
import time

import pytest

from projections.threads import in_thread


async def test_what_was_begun_ends_before_the_cancellation_is_felt() -> None:
    ended = []

    def work() -> None:
        time.sleep(0.1)
        ended.append(True)

    task = asyncio.create_task(in_thread(work))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
