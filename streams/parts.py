"""What a worker's pieces share: one of each, wired in `streams/worker.py`."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from schemas.codec import Decoder
from streams.archive import EventArchive
from streams.beats import Beats
from streams.definitions import Definitions
from streams.log import LogReader
from streams.marks import Marks
from streams.pool import Pool
from streams.producer import Producer
from streams.settings import WorkerSettings
from streams.timers import Timers

logger = structlog.get_logger("millrace.worker")


class Opener(Protocol):
    """The group's consumer, as an intake sees it."""

    async def open(self, topic: str, partition: int, offset: int) -> int:
        """Read on from an offset; each message of this reading has its number, and its own ordinal in it."""

    async def reached(self, topic: str, partition: int, reading: int) -> tuple[int, int]:
        """(the offset read up to, how many messages of this reading were fetched)."""

    def fetched(self, topic: str, partition: int, reading: int) -> int:
        """How many messages of a reading were fetched; they arrive soon."""

    async def rest(self, topic: str, partition: int, reading: int, resting: bool) -> None:
        """Fetch nothing of this reading, or go on with it; what was handed over before still comes."""


async def _all_known() -> None:
    """No schema is published anywhere."""


@dataclass(slots=True)
class Parts:
    """The pieces, and the tasks that belong to nobody else."""

    id: str
    settings: WorkerSettings
    producer: Producer
    log: LogReader
    marks: Marks
    definitions: Definitions
    decoder: Decoder
    beats: Beats
    timers: Timers
    pool: Pool
    consumer: Opener
    archive: EventArchive | None = None
    #: Lets the decoder know every schema that is published now.
    read_schemas: Callable[[], Awaitable[None]] = _all_known
    tasks: dict[asyncio.Task[None], None] = field(default_factory=dict)

    @staticmethod
    def new_log_id() -> int:
        """A name for a log that begins: 31 random bits."""
        return secrets.randbelow((1 << 31) - 1) + 1

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run in the background; what goes wrong is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("background work failed", exc_info=error)
