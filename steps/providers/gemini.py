"""Gemini, by Google's SDK: one plain call of generateContent."""

import time
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
from google import genai
from google.genai import errors, types

from steps.failure import ErrorClass
from steps.providers.answer import count, read_object, strange_shape, unreachable
from steps.providers.keys import api_key
from steps.providers.provider import Completion, Prompt, ProviderFailed, Usage
from steps.redact import Redactor
from steps.retry_after import retry_after
from steps.settings import StepSettings
from steps.status import class_of

_ROLES = {"user": "user", "assistant": "model"}
_ANSWERED = {"STOP", "MAX_TOKENS"}
_REFUSED = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION"}
_KEY_REASONS = {"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED", "CONSUMER_INVALID"}
_MONEY_REASONS = {"BILLING_DISABLED"}


class GeminiProvider:
    """The SDK's retries, function calling and continuation are off: each would be a call that nobody recorded."""

    def __init__(self, settings: StepSettings, redactor: Redactor) -> None:
        self._settings = settings
        self._redactor = redactor
        # Ours, because the SDK would take aiohttp where that is installed, whose errors are others.
        self._http = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None))
        self._client: genai.Client | None = None
        self._key = ""

    async def complete(self, prompt: Prompt, timeout: float) -> Completion:
        client = self._connect()
        try:
            response = await client.aio.models.generate_content(
                model=prompt.model,
                contents=[
                    types.Content(role=_ROLES[message.role], parts=[types.Part(text=message.content)])
                    for message in prompt.messages
                ],
                config=_config(prompt, timeout),
            )
        except errors.APIError as error:
            raise self._refused_by_status(prompt.model, error) from error
        except httpx2.TransportError as error:
            raise unreachable(prompt.model, error) from error
        return _completion(prompt.model, response)

    async def close(self) -> None:
        await self._http.aclose()

    def _connect(self) -> genai.Client:
        key = api_key(("GEMINI_API_KEY", "GOOGLE_API_KEY"), self._redactor)
        if self._client is None or key != self._key:
            self._key = key
            self._client = genai.Client(
                api_key=key,
                http_options=types.HttpOptions(
                    base_url=self._settings.gemini_base_url,
                    httpx_async_client=self._http,
                    retry_options=types.HttpRetryOptions(attempts=1),
                ),
            )
        return self._client

    def _refused_by_status(self, model: str, error: errors.APIError) -> ProviderFailed:
        facts = Facts.of(error)
        headers = getattr(error.response, "headers", None) or {}
        wait = retry_after(headers, self._settings.longest_retry_after, time.time())
        if wait is None and facts.delay is not None:
            wait = min(facts.delay, self._settings.longest_retry_after)
        return ProviderFailed(
            _class_of(error.code, facts.reason),
            f"{model}: {error.code} {error.status or ''}: {error.message or ''}",
            detail={"status": error.code, "type": error.status, "code": facts.reason, "body": error.details},
            retry_after=wait,
        )


@dataclass(slots=True)
class Facts:
    """What Google's error details say in codes: the reason, and how long to wait."""

    reason: str = ""
    delay: float | None = None

    @classmethod
    def of(cls, error: errors.APIError) -> "Facts":
        facts = cls()
        body = error.details if isinstance(error.details, dict) else {}
        inner = body.get("error")
        details = inner.get("details") if isinstance(inner, dict) else None
        for detail in details if isinstance(details, list) else ():
            facts._learn(detail)
        return facts

    def _learn(self, detail: dict[str, Any]) -> None:
        kind = str(detail.get("@type", "")).rpartition(".")[2]
        if kind == "ErrorInfo":
            self.reason = str(detail.get("reason", ""))
        elif kind == "RetryInfo":
            self.delay = _seconds(str(detail.get("retryDelay", "")))


def _seconds(written: str) -> float | None:
    """A protobuf duration: `17s`, `3.5s`."""
    try:
        return float(written.removesuffix("s"))
    except ValueError:
        return None


def _class_of(status: int, reason: str) -> ErrorClass:
    if reason in _MONEY_REASONS:
        return ErrorClass.BUDGET
    if reason in _KEY_REASONS:  # sent with a 400
        return ErrorClass.AUTH
    return class_of(status)


def _config(prompt: Prompt, timeout: float) -> types.GenerateContentConfig:
    structured = prompt.schema is not None
    return types.GenerateContentConfig(
        system_instruction=prompt.system or None,
        temperature=prompt.temperature,
        top_p=prompt.top_p,
        max_output_tokens=prompt.max_tokens,
        stop_sequences=list(prompt.stop) or None,
        response_mime_type="application/json" if structured else None,
        response_json_schema=prompt.schema,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
        should_return_http_response=True,  # its shape is looked at here; the SDK takes any
        http_options=types.HttpOptions(timeout=max(1, round(timeout * 1000))),
    )


def _completion(model: str, response: types.GenerateContentResponse) -> Completion:
    http = response.sdk_http_response
    headers = (http.headers if http else None) or {}
    body = ((http.body if http else None) or "").encode()
    answer = read_object(model, 200, headers.get("content-type", ""), body, "")
    request_id = str(answer.get("responseId") or "")
    usage, candidates = answer.get("usageMetadata"), answer.get("candidates") or [{}]
    if not isinstance(usage, dict) or not isinstance(candidates, list) or not isinstance(candidates[0], dict):
        raise strange_shape(model, "`candidates` and `usageMetadata`", request_id)
    text, stop = _text(candidates[0]), str(candidates[0].get("finishReason") or "")
    blocked = (answer.get("promptFeedback") or {}).get("blockReason")
    error_class, message = _judge(model, stop, text, blocked)
    return Completion(
        text=text,
        usage=_usage(usage),
        model=answer.get("modelVersion") or "",
        stop=stop or str(blocked or ""),
        request_id=request_id,
        error_class=error_class,
        message=message,
    )


def _text(candidate: dict[str, Any]) -> str:
    parts = (candidate.get("content") or {}).get("parts") or []
    return "".join(part.get("text") or "" for part in parts if not part.get("thought"))


def _judge(model: str, stop: str, text: str, blocked: str | None) -> tuple[ErrorClass, str]:
    if blocked:
        return ErrorClass.REFUSED, f"the prompt to {model} was blocked ({blocked})"
    if stop in _REFUSED:
        return ErrorClass.REFUSED, f"{model} refused to answer ({stop})"
    if stop not in _ANSWERED:
        return ErrorClass.MALFORMED, f"{model} ended without a usable answer ({stop or 'no finish reason'})"
    if not text:
        return ErrorClass.MALFORMED, f"{model} sent no text (it stopped for: {stop}); is `max_tokens` large enough?"
    return ErrorClass.OK, ""


def _usage(usage: dict[str, Any]) -> Usage:
    """Google counts thinking apart; cached input is in the input already."""
    thinking = count(usage, "thoughtsTokenCount")
    return Usage(
        input_tokens=count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount"),
        output_tokens=count(usage, "candidatesTokenCount") + thinking,
        cache_read_tokens=count(usage, "cachedContentTokenCount"),
        thinking_tokens=thinking,
        raw=orjson.dumps(usage),
    )
