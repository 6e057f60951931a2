"""The real SDKs, pointed at the provider server: what their calls bring, and what the server's ledger says of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from steps.context import Context
from steps.executor import Executor
from steps.outcome import Outcome
from steps.providers.server.ledger import Entry
from steps.providers.server.script import rules_of
from steps.providers.server.server import ProviderServer
from steps.settings import StepSettings
from tests.steps.scheduled import scheduled

CLAUDE, GEMINI, OPENAI = "claude-haiku-4-5", "gemini-2.5-flash", "openai/gpt-5"
MODELS = (CLAUDE, GEMINI, OPENAI)
SCORE = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]}


@dataclass
class Provided:
    """A server and an executor that asks it."""

    server: ProviderServer
    executor: Executor

    async def ask(
        self, model: str, prompt: str | None = "Hi", *, timeout: int = 10_000_000, deltas: Any = None, **given: Any
    ) -> Outcome:
        arguments = given if prompt is None else {"prompt": prompt, **given}
        return await self.executor.run(scheduled("model", model, arguments, timeout=timeout), Context(deltas=deltas))

    @property
    def last(self) -> Entry:
        return self.server.ledger.entries[-1]

    @property
    def requests(self) -> int:
        return self.server.ledger.requests


@asynccontextmanager
async def providing(rules: list[dict[str, Any]] | None = None, polls: int = 1, **more: Any) -> AsyncIterator[Provided]:
    server = ProviderServer(rules_of(rules or [], "the test"), polls=polls)
    address = await server.start()
    places = {"anthropic_base_url": address, "gemini_base_url": address, "openai_base_url": f"{address}/v1"}
    executor = Executor(StepSettings(**{**places, **more}))
    try:
        yield Provided(server, executor)
    finally:
        await executor.close()
        await server.stop()


def set_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, f"key-of-{name}")
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)


def pieces() -> tuple[list[str], Callable[[str], None]]:
    """A list, and what fills it with the deltas of an answer."""
    heard: list[str] = []
    return heard, heard.append
