"""Batches of messages: half the price, within a day."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from steps.failure import ErrorClass
from steps.providers.claude.answer import completion_of
from steps.providers.claude.failures import classified, error_class_of
from steps.providers.claude.request import batched
from steps.providers.provider import BatchState, Completion, Prompt, ProviderFailed
from steps.providers.underway import Underway


class _Asks(Protocol):
    longest_wait: float

    def client(self) -> Any: ...


class ClaudeBatches:
    def __init__(self, provider: _Asks) -> None:
        self._provider = provider

    async def submit(self, prompts: Mapping[str, Prompt], timeout: float) -> str:
        requests = [{"custom_id": _name(key), "params": batched(prompt)} for key, prompt in prompts.items()]
        with self._classified("the batch"):
            batch = await self._batches().create(requests=requests, timeout=timeout)
        return str(batch.id)

    async def poll(self, batch: str, timeout: float) -> BatchState:
        with self._classified(batch):
            found = await self._batches().retrieve(batch, timeout=timeout)
        counts = {name: count for name, count in found.request_counts.model_dump().items() if isinstance(count, int)}
        return BatchState(found.processing_status == "ended", found.processing_status, counts)

    async def fetch(self, batch: str, keys: Collection[str], timeout: float) -> dict[str, Completion | ProviderFailed]:
        """By key, because they come in any order."""
        names, answers = {_name(key): key for key in keys}, dict[str, Completion | ProviderFailed]()
        with self._classified(batch):
            async for entry in await self._batches().results(batch, timeout=timeout):
                if (key := names.get(entry.custom_id)) is not None:
                    answers[key] = _answer(key, entry.result.model_dump(exclude_unset=True, warnings=False))
        return answers

    async def cancel(self, batch: str, timeout: float) -> None:
        with self._classified(batch):
            await self._batches().cancel(batch, timeout=timeout)

    def _batches(self) -> Any:
        return self._provider.client().messages.batches

    def _classified(self, what: str) -> Any:
        return classified(Underway(what), self._provider.longest_wait)


def _name(key: str) -> str:
    """A key may hold what a `custom_id` may not."""
    return hashlib.sha256(key.encode()).hexdigest()


def _answer(key: str, result: dict[str, Any]) -> Completion | ProviderFailed:
    if result["type"] == "succeeded":
        return completion_of(key, result["message"], "")
    if result["type"] != "errored":
        return ProviderFailed(
            ErrorClass.UNAVAILABLE, f"{key}: the batch ended before it was answered: {result['type']}"
        )
    error = result["error"].get("error") or {}
    return ProviderFailed(
        error_class_of(error.get("type") or ""),
        f"{key}: {error.get('type')}: {error.get('message')}",
        detail=result["error"],
        request_id=str(result["error"].get("request_id") or ""),
    )
