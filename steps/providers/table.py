"""Which provider serves a model, by the model's name; each is made when it is first needed."""

import asyncio
from collections.abc import Callable
from fnmatch import fnmatchcase

from steps.failure import ErrorClass, StepFailed
from steps.providers.provider import Provider
from steps.providers.scripted import ScriptedProvider
from steps.redact import Redactor
from steps.settings import StepSettings


def _anthropic(settings: StepSettings, redactor: Redactor) -> Provider:
    from steps.providers.anthropic import AnthropicProvider

    return AnthropicProvider(settings, redactor)


def _google(settings: StepSettings, redactor: Redactor) -> Provider:
    from steps.providers.gemini import GeminiProvider

    return GeminiProvider(settings, redactor)


#: Pattern of the model's name, provider as the price list calls it, and how it is made.
PROVIDERS: tuple[tuple[str, str, Callable[[StepSettings, Redactor], Provider]], ...] = (
    ("claude-*", "anthropic", _anthropic),
    ("gemini-*", "google", _google),
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
        self._scripted = ScriptedProvider(settings.replies) if settings.models == SCRIPTED else None

    def name(self, model: str) -> str:
        """A scripted model keeps its real provider's name, so that it is priced like the real one."""
        known = provider_of(model)
        if known is None and self._scripted is None:
            patterns = ", ".join(pattern for pattern, _, _ in PROVIDERS)
            raise StepFailed(ErrorClass.FATAL, f"no provider serves the model {model!r}; the models are {patterns}")
        return known or SCRIPTED

    async def provider(self, model: str) -> Provider:
        if self._scripted is not None:
            return self._scripted
        name = self.name(model)
        if name not in self._made:
            async with self._making:
                if name not in self._made:
                    self._made[name] = await self._make(name)
        return self._made[name]

    async def _make(self, name: str) -> Provider:
        make = next(make for _, provider, make in PROVIDERS if provider == name)
        # The SDKs take a second to import: not in the event loop.
        return await asyncio.to_thread(make, self._settings, self._redactor)

    def slot(self, model: str) -> asyncio.Semaphore:
        name = self.name(model)
        if name not in self._slots:
            self._slots[name] = asyncio.Semaphore(self._settings.calls_per_provider)
        return self._slots[name]

    async def close(self) -> None:
        for provider in self._made.values():
            await provider.close()
