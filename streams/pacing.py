"""Rests for aiokafka's clients, which ask again at once for as long as a broker is away or leads nothing yet.

Its producer asks for metadata without a pause while a leader is unknown, and its consumer fetches again without one
from a broker that has just stopped leading (aiokafka issue 1155): a processor is busy with nothing, here and there.
"""

import asyncio
import time
from typing import Any, TypeVar

K = TypeVar("K")

#: Seconds between two requests for metadata, and how many may come at once before that holds.
INTERVAL, AT_ONCE = 0.1, 5


def paced(kafka: K) -> K:
    """The same producer or consumer, whose client rests between requests that only ask again."""
    client = getattr(kafka, "_client", None) or kafka.client  # type: ignore[attr-defined]
    _rest_between_updates(client)
    _wait_for_updates(client)
    return kafka


def _rest_between_updates(client: Any) -> None:
    update, due = client._metadata_update, 0.0

    async def rested(*args: Any) -> Any:
        nonlocal due
        due = max(due, time.monotonic() - AT_ONCE * INTERVAL) + INTERVAL
        await asyncio.sleep(due - time.monotonic())
        return await update(*args)

    client._metadata_update = rested


def _wait_for_updates(client: Any) -> None:
    """Who has asked for metadata sends nothing before it has come, or so much time has passed."""
    send = client.send

    async def patient(*args: Any, **kwargs: Any) -> Any:
        if client._md_update_fut is not None:
            await asyncio.wait([client._md_update_fut], timeout=INTERVAL)
        return await send(*args, **kwargs)

    client.send = patient
