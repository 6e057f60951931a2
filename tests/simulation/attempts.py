"""Steps that do nothing but take time and note that they began: the ledger outside."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from schemas.events import StepScheduled
from steps.context import Context
from steps.executor import Executor
from steps.failure import ErrorClass, StepFailed
from steps.outcome import Outcome
from steps.settings import StepSettings

if TYPE_CHECKING:
    from tests.simulation.world import World

FAILURES = (
    ErrorClass.UNAVAILABLE,
    ErrorClass.UNAVAILABLE,
    ErrorClass.RATE_LIMITED,
    ErrorClass.TIMEOUT,
    ErrorClass.FATAL,
    ErrorClass.UNKNOWN,
)


class Attempts:
    """Every kind of step: it tells the world that it begins, takes a while, and ends some way."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def slot(self, _step: StepScheduled) -> AbstractAsyncContextManager[object] | None:
        return None

    async def run(self, step: StepScheduled, _arguments: bytes, _context: Context, _started: int) -> Outcome:
        world = self._world
        world.truth.begins(asyncio.get_running_loop().name, step)  # type: ignore[attr-defined]
        random = world.random.random
        share, longest = world.long_attempts
        await asyncio.sleep(random() * (longest if random() < share else 0.02))
        if random() < 0.12:
            raise StepFailed(world.random.choice(FAILURES), "as it was drawn")
        return Outcome("succeeded", output=b'{"n":1}')


class WorldExecutor(Executor):
    """The executor with these steps alone."""

    def __init__(self, world: "World") -> None:
        super().__init__(StepSettings())
        attempts = Attempts(world)
        self._kinds = dict.fromkeys(self._kinds, attempts)  # type: ignore[arg-type]
