"""An executor with a tool host, ready to be asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from steps.context import Context
from steps.executor import Executor
from steps.outcome import Outcome
from steps.settings import StepSettings
from tests.steps.scheduled import scheduled

TOOLBOX = Path(__file__).with_name("toolbox")

Make = Callable[..., Awaitable[Executor]]
Run = Callable[..., Awaitable[Outcome]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes started executors and closes them after the test."""
    made: list[Executor] = []

    async def start(**settings: Any) -> Executor:
        executor = Executor(StepSettings(**{"tools_path": (str(TOOLBOX),), "models": "scripted", **settings}))
        made.append(executor)
        await executor.start()
        return executor

    yield start
    for executor in made:
        await executor.close()


def calling(executor: Executor) -> Run:
    async def run(target: str, arguments: Any = None, *, context: Context | None = None, **more: Any) -> Outcome:
        step = scheduled("tool", f"sample_tools.{target}", arguments, **more)
        return await executor.run(step, context or Context())

    return run


Scripted = Callable[..., Executor]


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Scripted]:
    """Makes executors whose models answer from a script, given as its text, and closes them after the test."""
    made: list[Executor] = []

    def make(replies: str | None = None, **settings: Any) -> Executor:
        path = None
        if replies is not None:
            path = tmp_path / f"replies{len(made)}.yaml"
            path.write_text(replies, encoding="utf-8")
        made.append(Executor(StepSettings(**{"models": "scripted", "replies": path, **settings})))
        return made[-1]

    yield make
    for executor in made:
        await executor.close()
