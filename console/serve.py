"""Runs what serves until it is told to stop: signals, the event loop, the exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from console.connect import run
from console.failure import OK
from console.logs import configure
from console.settings import Settings

#: 128 + SIGINT, as shells have it.
_IMPATIENT = 130


def serve(settings: Settings, work: Callable[[asyncio.Event], Awaitable[Any]]) -> int:
    """Run `work` until it ends or a signal comes: the first asks it to stop, a second one ends the process at once."""
    configure(settings.log_level, settings.log_format)

    async def until_told() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _told, stop)
        await work(stop)

    run(until_told(), _loop_factory())
    return OK


def _told(stop: asyncio.Event) -> None:
    if stop.is_set():
        print("ended at once: what was running is taken up by the next worker", file=sys.stderr, flush=True)
        os._exit(_IMPATIENT)
    stop.set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is; the standard loop does the same more slowly."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
