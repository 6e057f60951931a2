"""Gemini, by Google's SDK: one call of generateContent, plain or streamed."""

import httpx2
from google import genai
from google.genai import types

from steps.providers.answer import broken_off, read_object, strange_shape
from steps.providers.gemini.answer import as_written, completion_of, usage_of
from steps.providers.gemini.batches import GeminiBatches
from steps.providers.gemini.failures import classified
from steps.providers.gemini.places import connect, key_of
from steps.providers.gemini.request import config, contents, within
from steps.providers.gemini.stream import Streamed
from steps.providers.provider import Completion, Prompt, Sink
from steps.providers.transport import http_client
from steps.providers.underway import Underway
from steps.redact import Redactor
from steps.settings import StepSettings


class GeminiProvider:
    """The SDK's retries, function calling and continuation are off: each would be a call that nobody recorded."""

    def __init__(self, settings: StepSettings, redactor: Redactor) -> None:
        self._settings = settings
        self._redactor = redactor
        self._http = http_client(settings, event_hooks={"response": [_streams_events]})
        self._client: genai.Client | None = None
        self.longest_wait = settings.longest_retry_after
        self._key = ""

    async def complete(self, prompt: Prompt, timeout: float, sink: Sink | None = None) -> Completion:
        client = self.client()
        with classified(Underway(prompt.model), self.longest_wait) as call:
            if sink is not None:
                return await _streamed(client, prompt, timeout, sink, call)
            response = await client.aio.models.generate_content(
                model=prompt.model,
                contents=contents(prompt),
                # Its shape is looked at here; the SDK takes any.
                config=config(prompt, http_options=within(timeout), should_return_http_response=True),
            )
        http = response.sdk_http_response
        kind = ((http.headers if http else None) or {}).get("content-type", "")
        body = ((http.body if http else None) or "").encode()
        return completion_of(prompt.model, read_object(prompt.model, 200, kind, body, ""))

    async def count(self, prompt: Prompt, timeout: float) -> int:
        """With the system's words as part of the conversation: the API for keys takes them no other way."""
        counted = [types.Content(role="user", parts=[types.Part(text=prompt.system)])] if prompt.system else []
        with classified(Underway(prompt.model), self.longest_wait):
            found = await self.client().aio.models.count_tokens(
                model=prompt.model,
                contents=[*counted, *contents(prompt)],
                config=types.CountTokensConfig(http_options=within(timeout)),
            )
        if found.total_tokens is None:
            raise strange_shape(prompt.model, "`totalTokens`", "")
        return found.total_tokens

    def takes_schema(self, model: str) -> bool:
        return True

    def batches(self) -> GeminiBatches | None:
        return GeminiBatches(self) if self._settings.gemini_by == "google" else None

    async def close(self) -> None:
        await self._http.aclose()

    def client(self) -> genai.Client:
        """The SDK's client, with the key as it is now."""
        key = key_of(self._settings, self._redactor)
        if self._client is None or key != self._key:
            self._key = key
            self._client = connect(self._settings, key, self._http)
        return self._client


async def _streams_events(response: httpx2.Response) -> None:
    """The SDK takes a web page for a stream, and says of it that it broke off."""
    if "alt=sse" not in str(response.request.url) or response.status_code != 200:
        return
    if "event-stream" not in response.headers.get("content-type", ""):
        model = response.request.url.path.rpartition("/")[2].partition(":")[0]
        raise strange_shape(model, "a stream of events", "")


async def _streamed(client: genai.Client, prompt: Prompt, timeout: float, sink: Sink, call: Underway) -> Completion:
    streamed = Streamed(sink)
    pieces = await client.aio.models.generate_content_stream(
        model=prompt.model,
        contents=contents(prompt),
        config=config(prompt, http_options=within(timeout)),
    )
    async for piece in pieces:
        streamed.take(as_written(piece))
        call.request_id = str(streamed.answer.get("responseId") or "")
        call.usage = usage_of(streamed.answer.get("usageMetadata") or {})
    if not streamed.ended:
        raise broken_off(prompt.model, "the stream has no end", call.request_id, call.usage)
    return completion_of(prompt.model, streamed.answer, streamed.first_token)
