"""Claude, by Anthropic's SDK: one plain call of the messages API."""

import time
from typing import Any

import anthropic
import httpx2
import orjson

from steps.failure import ErrorClass
from steps.providers.answer import count, read_object, strange_shape, unreachable
from steps.providers.keys import api_key
from steps.providers.provider import Completion, Prompt, ProviderFailed, Usage
from steps.redact import Redactor
from steps.retry_after import retry_after
from steps.settings import StepSettings
from steps.status import class_of

#: The API wants a limit; this one is every current model's to give.
DEFAULT_MAX_TOKENS = 4096

_SPEND_LIMITS = {
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached",
}
_BY_TYPE = {
    "overloaded_error": ErrorClass.OVERLOADED,
    "rate_limit_error": ErrorClass.RATE_LIMITED,
    "authentication_error": ErrorClass.AUTH,
    "permission_error": ErrorClass.AUTH,
    "billing_error": ErrorClass.BUDGET,
    "timeout_error": ErrorClass.TIMEOUT,
}


class AnthropicProvider:
    """The SDK's retries and tracing are off: both are the engine's."""

    def __init__(self, settings: StepSettings, redactor: Redactor) -> None:
        self._settings = settings
        self._redactor = redactor
        self._client: anthropic.AsyncAnthropic | None = None

    async def complete(self, prompt: Prompt, timeout: float) -> Completion:
        try:
            raw = await self._connect().messages.with_raw_response.create(
                model=prompt.model,
                max_tokens=prompt.max_tokens or DEFAULT_MAX_TOKENS,
                messages=_messages(prompt),
                system=prompt.system or anthropic.omit,
                stop_sequences=list(prompt.stop) or anthropic.omit,
                output_config=_output_config(prompt) or anthropic.omit,
                extra_body=_sampling(prompt),
                timeout=timeout,
            )
        except anthropic.APIStatusError as error:
            raise self._refused_by_status(prompt.model, error) from error
        except anthropic.APIConnectionError as error:
            cause = error.__cause__
            raise unreachable(prompt.model, cause if isinstance(cause, Exception) else error) from error
        except httpx2.TransportError as error:
            raise unreachable(prompt.model, error) from error
        return _completion(prompt.model, raw.http_response)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _connect(self) -> anthropic.AsyncAnthropic:
        key = api_key(("ANTHROPIC_API_KEY",), self._redactor)
        if self._client is None:
            self._client = anthropic.AsyncAnthropic(
                api_key=key,
                base_url=self._settings.anthropic_base_url,
                max_retries=0,
                open_telemetry=False,
                http_client=httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None)),
            )
        self._client.api_key = key
        return self._client

    def _refused_by_status(self, model: str, error: anthropic.APIStatusError) -> ProviderFailed:
        return ProviderFailed(
            _class_of(error),
            f"{model}: {error.status_code} {error.type or ''}: {error.api_message or error.message}",
            detail={"status": error.status_code, "type": error.type, "code": error.error_code, "body": error.body},
            retry_after=retry_after(error.response.headers, self._settings.longest_retry_after, time.time()),
            request_id=error.request_id or "",
        )


def _class_of(error: anthropic.APIStatusError) -> ErrorClass:
    if error.error_code in _SPEND_LIMITS or error.status_code == 402:
        return ErrorClass.BUDGET
    return _BY_TYPE.get(error.type or "") or class_of(error.status_code)


def _messages(prompt: Prompt) -> Any:
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def _sampling(prompt: Prompt) -> dict[str, Any]:
    """The SDK has no arguments for these any more, the API still has."""
    chosen = {"temperature": prompt.temperature, "top_p": prompt.top_p}
    return {name: value for name, value in chosen.items() if value is not None}


def _output_config(prompt: Prompt) -> Any:
    return {"format": {"type": "json_schema", "schema": prompt.schema}} if prompt.schema is not None else None


def _completion(model: str, response: httpx2.Response) -> Completion:
    request_id = response.headers.get("request-id", "")
    content_type = response.headers.get("content-type", "")
    answer = read_object(model, response.status_code, content_type, response.content, request_id)
    blocks, usage, stop = answer.get("content"), answer.get("usage"), answer.get("stop_reason")
    if answer.get("type") != "message" or not isinstance(blocks, list) or not isinstance(usage, dict):
        raise strange_shape(model, "type `message`, `content` and `usage`", request_id)
    # By the block's own type: the SDK reads unknown blocks as text.
    texts = [block["text"] for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str)]
    error_class, message = _judge(model, stop, "".join(texts), answer)
    return Completion(
        text="".join(texts),
        usage=_usage(usage),
        model=answer.get("model") or "",
        stop=stop or "",
        request_id=request_id,
        error_class=error_class,
        message=message,
    )


def _judge(model: str, stop: str | None, text: str, answer: dict[str, Any]) -> tuple[ErrorClass, str]:
    if stop == "refusal":
        category = (answer.get("stop_details") or {}).get("category")
        return ErrorClass.REFUSED, f"{model} refused to answer" + (f" ({category})" if category else "")
    if stop == "model_context_window_exceeded":
        return ErrorClass.MALFORMED, f"the answer of {model} filled its context window; ask for less, or with less"
    if not text:
        return ErrorClass.MALFORMED, f"{model} sent no text (it stopped for: {stop}); is `max_tokens` large enough?"
    return ErrorClass.OK, ""


def _usage(usage: dict[str, Any]) -> Usage:
    """Anthropic counts cached input apart; thinking is in the output already."""
    read, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=count(usage, "input_tokens") + read + written,
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        thinking_tokens=count(usage.get("output_tokens_details") or {}, "thinking_tokens"),
        raw=orjson.dumps(usage),
    )
