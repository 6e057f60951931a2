"""Claude, by Anthropic's SDK: one call of the messages API, plain or streamed."""

from typing import Any

import anthropic
import httpx2

from steps.providers.answer import broken_off, read_object, strange_shape
from steps.providers.claude.answer import completion_of, usage_of
from steps.providers.claude.batches import ClaudeBatches
from steps.providers.claude.failures import classified
from steps.providers.claude.places import connect, key_of
from steps.providers.claude.request import counted, request_of
from steps.providers.claude.stream import Streamed
from steps.providers.provider import Completion, Prompt, Sink
from steps.providers.underway import Underway
from steps.redact import Redactor
from steps.settings import StepSettings

#: Models from before structured output.
_WITHOUT_SCHEMA = (
    "claude-2",
    "claude-3",
    "claude-sonnet-4-0",
    "claude-sonnet-4-2",
    "claude-opus-4-0",
    "claude-opus-4-2",
)


class AnthropicProvider:
    """The SDK's retries and tracing are off: both are the engine's. Its tool runner and threads are not used: a call
    that it made, or a conversation that it kept, would stand on nobody's log."""

    def __init__(self, settings: StepSettings, redactor: Redactor) -> None:
        self._settings = settings
        self._redactor = redactor
        self._client: Any = None
        self.longest_wait = settings.longest_retry_after

    async def complete(self, prompt: Prompt, timeout: float, sink: Sink | None = None) -> Completion:
        client = self.client()
        with classified(Underway(prompt.model), self.longest_wait) as call:
            if sink is not None:
                return await _streamed(client, prompt, timeout, sink, call)
            raw = await client.messages.with_raw_response.create(**request_of(prompt), timeout=timeout)
        response: httpx2.Response = raw.http_response
        call.request_id = _request_id(response)
        kind = response.headers.get("content-type", "")
        answer = read_object(prompt.model, response.status_code, kind, response.content, call.request_id)
        return completion_of(prompt.model, answer, call.request_id)

    async def count(self, prompt: Prompt, timeout: float) -> int:
        with classified(Underway(prompt.model), self.longest_wait):
            found = await self.client().messages.count_tokens(**counted(prompt), timeout=timeout)
        if not isinstance(found, anthropic.types.MessageTokensCount) or not isinstance(found.input_tokens, int):
            raise strange_shape(prompt.model, "`input_tokens`", "")
        return found.input_tokens

    def takes_schema(self, model: str) -> bool:
        return not model.startswith(_WITHOUT_SCHEMA)

    def batches(self) -> ClaudeBatches | None:
        return ClaudeBatches(self) if self._settings.claude_by == "anthropic" else None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def client(self) -> Any:
        """The SDK's client, with the key as it is now."""
        key = key_of(self._settings, self._redactor)
        if self._client is None:
            self._client = connect(self._settings, key)
        if key:
            self._client.api_key = key
        return self._client


async def _streamed(client: Any, prompt: Prompt, timeout: float, sink: Sink, call: Underway) -> Completion:
    raw = await client.messages.with_raw_response.create(**request_of(prompt), timeout=timeout, stream=True)
    response: httpx2.Response = raw.http_response
    call.request_id = _request_id(response)
    if "event-stream" not in response.headers.get("content-type", ""):
        await response.aclose()
        raise strange_shape(prompt.model, "a stream of events", call.request_id)
    streamed = Streamed(sink)
    async for event in await raw.parse():
        streamed.take(event.model_dump(exclude_unset=True, warnings=False))
        call.usage = usage_of(streamed.message.get("usage") or {})
    if not streamed.ended:
        raise broken_off(prompt.model, "the stream has no end", call.request_id, call.usage)
    return completion_of(prompt.model, streamed.message, call.request_id, streamed.first_token)


def _request_id(response: httpx2.Response) -> str:
    return str(response.headers.get("request-id", ""))
