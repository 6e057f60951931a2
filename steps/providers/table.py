"""Which provider serves a model, by the model's name; each is made when it is first needed."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from steps.failure import ErrorClass, StepFailed
from steps.providers.provider import Provider
from steps.providers.server.script import load_rules
from steps.redact import Redactor
from steps.settings import StepSettings

if TYPE_CHECKING:
    from steps.providers.server.ledger import Ledger


def _anthropic(settings: StepSettings, redactor: Redactor) -> Provider:
    from steps.providers.claude.client import AnthropicProvider

    return AnthropicProvider(settings, redactor)


def _google(settings: StepSettings, redactor: Redactor) -> Provider:
    from steps.providers.gemini.client import GeminiProvider

    return GeminiProvider(settings, redactor)


def _openai(settings: StepSettings, redactor: Redactor) -> Provider:
    from steps.providers.openai import OpenAIProvider

    return OpenAIProvider(settings, redactor)


#: Pattern of the model's name, provider as the price list calls it, and how it is made.
PROVIDERS: tuple[tuple[str, str, Callable[[StepSettings, Redactor], Provider]], ...] = (
    ("claude-*", "anthropic", _anthropic),
    ("*anthropic.claude-*", "aws", _anthropic),  # as Bedrock names them
    ("gemini-*", "google", _google),
    ("openai/*", "openai", _openai),
)
SCRIPTED = "scripted"


def provider_of(model: str) -> str | None:
    return next((name for pattern, name, _ in PROVIDERS if fnmatchcase(model, pattern)), None)


class Providers:
    """A call holds one of its provider's slots while it is made."""

    def __init__(self, settings: StepSettings, redactor: Redactor) -> None:
        self._settings = settings
        self._redactor = redactor
        self._made: dict[str, Provider] = {}
        self._making = asyncio.Lock()
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._open = AsyncExitStack()
        self._scripted = settings.models == SCRIPTED
        self._rules = load_rules(settings.replies) if self._scripted else []
        self.ledger: Ledger | None = None
        """Of the server in this process, once it has been asked."""

    def name(self, model: str) -> str:
        """With scripted models every name is served, and keeps its provider's name, so that it is priced the same."""
        known = provider_of(model)
        if known is None and not self._scripted:
            patterns = ", ".join(pattern for pattern, _, _ in PROVIDERS)
            raise StepFailed(ErrorClass.FATAL, f"no provider serves the model {model!r}; the models are {patterns}")
        return known or SCRIPTED

    async def provider(self, model: str) -> Provider:
        name = self.name(model)
        if name not in self._made:
            async with self._making:
                if name not in self._made:
                    self._made[name] = await self._make(name)
        return self._made[name]

    async def _make(self, name: str) -> Provider:
        if self._scripted and self.ledger is None:
            await self._start_server()
        make = next((make for _, provider, make in PROVIDERS if provider == name), _openai)
        # The SDKs take a second to import: not in the event loop.
        provider = await asyncio.to_thread(make, self._settings, self._redactor)
        self._open.push_async_callback(provider.close)
        return provider

    async def _start_server(self) -> None:
        """The providers' own SDKs ask a server in this process."""
        from steps.providers.server.server import ProviderServer

        server = ProviderServer(self._rules)
        address = await server.start()
        self._open.push_async_callback(server.stop)
        self.ledger = server.ledger
        self._settings = replace(
            self._settings,
            claude_by="anthropic",
            gemini_by="google",
            anthropic_base_url=address,
            gemini_base_url=address,
            openai_base_url=f"{address}/v1",
        )

    def slot(self, model: str) -> asyncio.Semaphore:
        name = self.name(model)
        if name not in self._slots:
            self._slots[name] = asyncio.Semaphore(self._settings.calls_per_provider)
        return self._slots[name]

    async def close(self) -> None:
        await self._open.aclose()
