"""Any service that speaks OpenAI's chat completions, a server on this machine too; models are named `openai/NAME`."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson

from steps import clock
from steps.failure import ErrorClass, StepFailed
from steps.providers.answer import broken_off, count, read_object, strange_shape, unreachable
from steps.providers.content import Attachment, Message, Text, ToolCall, ToolResult
from steps.providers.keys import api_key
from steps.providers.provider import Completion, Prompt, ProviderFailed, Sink, Usage
from steps.providers.transport import http_client
from steps.providers.underway import Underway
from steps.redact import Redactor
from steps.retry_after import retry_after
from steps.settings import StepSettings
from steps.status import class_of

NAME = "openai"
PREFIX = "openai/"
HOME = "https://api.openai.com/v1"
_BY_CODE = {
    "insufficient_quota": ErrorClass.BUDGET,
    "billing_hard_limit_reached": ErrorClass.BUDGET,
    "invalid_api_key": ErrorClass.AUTH,
    "content_policy_violation": ErrorClass.REFUSED,
    "content_filter": ErrorClass.REFUSED,
}
_DONE: dict[str, Any] = {}
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_WITHOUT_SCHEMA = ("gpt-3.5", "gpt-4-", "gpt-4o-2024-05")


class OpenAIProvider:
    """Without an SDK: the protocol is two requests, and its servers differ more than any SDK allows."""

    def __init__(self, settings: StepSettings, redactor: Redactor) -> None:
        self._settings = settings
        self._redactor = redactor
        self._base = (settings.openai_base_url or HOME).rstrip("/")
        self._http = http_client(settings)

    async def complete(self, prompt: Prompt, timeout: float, sink: Sink | None = None) -> Completion:
        call = Underway(prompt.model)
        request = self._http.build_request(
            "POST",
            f"{self._base}/chat/completions",
            content=orjson.dumps(request_of(prompt, sink is not None)),
            headers={"content-type": "application/json", **self._authorization()},
            timeout=timeout,
        )
        try:
            response = await self._http.send(request, stream=True)
            try:
                return await self._read(prompt.model, response, sink, call)
            finally:
                await response.aclose()
        except httpx2.TransportError as error:
            raise call.told(unreachable(prompt.model, error)) from error

    async def _read(self, model: str, response: httpx2.Response, sink: Sink | None, call: Underway) -> Completion:
        call.request_id = response.headers.get("x-request-id", "")
        kind = response.headers.get("content-type", "")
        if response.status_code != 200:
            await response.aread()
            raise self._by_status(model, response)
        if sink is not None and "event-stream" in kind:
            return await _streamed(model, response, sink, call)
        answer = read_object(model, response.status_code, kind, await response.aread(), call.request_id)
        return completion_of(model, answer, call.request_id)

    async def count(self, prompt: Prompt, timeout: float) -> int:
        raise StepFailed(ErrorClass.FATAL, f"{prompt.model}: the protocol of chat completions counts no tokens ahead")

    def takes_schema(self, model: str) -> bool:
        return not model.removeprefix(PREFIX).startswith(_WITHOUT_SCHEMA)

    def batches(self) -> None:
        return None

    async def close(self) -> None:
        await self._http.aclose()

    def _authorization(self) -> dict[str, str]:
        key = api_key(self._settings, ("OPENAI_API_KEY",), self._redactor, needed=self._base == HOME)
        return {"authorization": f"Bearer {key}"} if key else {}

    def _by_status(self, model: str, response: httpx2.Response) -> ProviderFailed:
        error = _error_in(response.content)
        code = str(error.get("code") or "")
        return ProviderFailed(
            _BY_CODE.get(code) or class_of(response.status_code),
            f"{model}: {response.status_code} {code or error.get('type') or ''}: {error.get('message') or ''}",
            detail={"status": response.status_code, "type": error.get("type"), "code": code, "body": error},
            retry_after=retry_after(response.headers, self._settings.longest_retry_after, time.time()),
            request_id=response.headers.get("x-request-id", ""),
        )


def request_of(prompt: Prompt, streamed: bool) -> dict[str, Any]:
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    schema = {"name": "output", "schema": prompt.schema, "strict": False}
    asked = {
        "model": prompt.model.removeprefix(PREFIX),
        "messages": system + [sent for message in prompt.messages for sent in _messages(message)],
        "max_completion_tokens": prompt.max_tokens,
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "stop": list(prompt.stop) or None,
        "reasoning_effort": "none" if prompt.thinking is False else prompt.effort or None,
        "response_format": {"type": "json_schema", "json_schema": schema} if prompt.schema is not None else None,
        "tools": [_tool(tool.name, tool.description, tool.schema) for tool in prompt.tools] or None,
        "tool_choice": _tool_choice(prompt.tool_choice) if prompt.tools else None,
        "stream": streamed or None,
        "stream_options": {"include_usage": True} if streamed else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def completion_of(model: str, answer: dict[str, Any], request_id: str, first_token: int | None = None) -> Completion:
    choices, usage = answer.get("choices"), answer.get("usage")
    if not isinstance(choices, list) or not isinstance(usage, dict):
        raise strange_shape(model, "`choices` and `usage`", request_id)
    choice = choices[0] if choices else {}
    message = choice.get("message") or {}
    text, stop = message.get("content") or "", choice.get("finish_reason") or ""
    calls = tuple(_call(call) for call in message.get("tool_calls") or ())
    error_class, why = _judge(model, stop, bool(text or calls), message.get("refusal"))
    return Completion(
        text=text,
        usage=usage_of(usage),
        model=answer.get("model") or "",
        stop=stop,
        request_id=request_id or answer.get("id") or "",
        error_class=error_class,
        message=why,
        calls=calls,
        turn=Message("assistant", (*([Text(text)] if text else []), *calls), NAME, message),
        first_token=first_token,
    )


def usage_of(usage: dict[str, Any]) -> Usage:
    """Cached input is in the input, reasoning in the output."""
    return Usage(
        input_tokens=count(usage, "prompt_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        cache_read_tokens=count(usage.get("prompt_tokens_details") or {}, "cached_tokens"),
        thinking_tokens=count(usage.get("completion_tokens_details") or {}, "reasoning_tokens"),
        raw=orjson.dumps(usage),
    )


def _judge(model: str, stop: str, helps: bool, refusal: str | None) -> tuple[ErrorClass, str]:
    if refusal or stop == "content_filter":
        return ErrorClass.REFUSED, f"{model} refused to answer ({refusal or stop})"
    if not helps:
        return ErrorClass.MALFORMED, f"{model} sent no text (it stopped for: {stop}); is `max_tokens` large enough?"
    return ErrorClass.OK, ""


def _messages(message: Message) -> list[dict[str, Any]]:
    """The results of tools are messages of their own here."""
    if message.provider == NAME:
        return [message.raw]
    results = [part for part in message.content if isinstance(part, ToolResult)]
    sent: list[dict[str, Any]] = [{"role": "tool", "tool_call_id": r.id, "content": r.output} for r in results]
    calls = [part for part in message.content if isinstance(part, ToolCall)]
    content = [_content(part) for part in message.content if isinstance(part, Text | Attachment)]
    if content or calls:
        plain = content[0]["text"] if len(content) == 1 and content[0]["type"] == "text" else content or None
        own: dict[str, Any] = {"role": message.role, "content": plain}
        sent.append(own | ({"tool_calls": [_called(call) for call in calls]} if calls else {}))
    return sent


def _content(part: Text | Attachment) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    address = part.url or f"data:{part.media_type};base64,{part.data}"
    if part.is_image:
        return {"type": "image_url", "image_url": {"url": address}}
    if part.url:
        raise StepFailed(ErrorClass.FATAL, "chat completions take documents by their bytes alone, not from an address")
    return {"type": "file", "file": {"filename": "attached", "file_data": address}}


def _tool(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _tool_choice(choice: str) -> Any:
    return _CHOICES.get(choice) or {"type": "function", "function": {"name": choice}}


def _called(call: ToolCall) -> dict[str, Any]:
    arguments = orjson.dumps(call.arguments).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _call(written: dict[str, Any]) -> ToolCall:
    function = written.get("function") or {}
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except orjson.JSONDecodeError:
        arguments = {"unreadable": function.get("arguments")}
    return ToolCall(written.get("id") or "", function.get("name") or "", arguments)


def _error_in(body: bytes) -> dict[str, Any]:
    try:
        error = orjson.loads(body)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {"message": str(error)}


async def _streamed(model: str, response: httpx2.Response, sink: Sink, call: Underway) -> Completion:
    answer: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": ""}}]}
    first: int | None = None
    ended = False
    async for piece in _pieces(model, response, call):
        answer |= {name: piece[name] for name in ("id", "model", "usage") if piece.get(name)}
        for choice in piece.get("choices") or ():
            first = first or clock.now()
            ended = _join(answer["choices"][0], choice, sink) or ended
        ended = ended or piece is _DONE
        call.usage = usage_of(answer["usage"]) if "usage" in answer else None
    if not ended:
        raise broken_off(model, "the stream has no end", call.request_id, call.usage)
    return completion_of(model, {"usage": {}, **answer}, call.request_id, first)


async def _pieces(model: str, response: httpx2.Response, call: Underway) -> AsyncIterator[dict[str, Any]]:
    async for line in response.aiter_lines():
        if line.strip() == "data: [DONE]":
            yield _DONE
        if not line.startswith("data: {"):
            continue
        try:
            piece = orjson.loads(line[5:])
        except orjson.JSONDecodeError as error:
            raise broken_off(model, error, call.request_id, call.usage) from error
        if told := piece.get("error"):
            code = str(told.get("code") or "")
            message = f"{model}: {code}: {told.get('message')}"
            raise call.told(ProviderFailed(_BY_CODE.get(code, ErrorClass.UNAVAILABLE), message))
        yield piece


def _join(known: dict[str, Any], choice: dict[str, Any], sink: Sink) -> bool:
    """Add a piece; whether it says how the answer ended."""
    delta, message = choice.get("delta") or {}, known["message"]
    if text := delta.get("content"):
        message["content"] += text
        sink(text)
    if refusal := delta.get("refusal"):
        message["refusal"] = message.get("refusal", "") + refusal
    for call in delta.get("tool_calls") or ():
        _join_call(message.setdefault("tool_calls", []), call)
    known["finish_reason"] = choice.get("finish_reason") or known.get("finish_reason")
    return bool(choice.get("finish_reason"))


def _join_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    while len(calls) <= piece.get("index", 0):
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call, function = calls[piece.get("index", 0)], piece.get("function") or {}
    call["id"] = piece.get("id") or call["id"]
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""
