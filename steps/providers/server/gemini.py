"""The words of Google's generateContent."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from steps.providers.server.exchange import Asked, Reply, Said, pieces_of

_ERRORS: dict[str, tuple[int, str, str]] = {
    "rate_limited": (429, "RESOURCE_EXHAUSTED", ""),
    "overloaded": (503, "UNAVAILABLE", ""),
    "unavailable": (500, "INTERNAL", ""),
    "timeout": (408, "DEADLINE_EXCEEDED", ""),
    "budget": (403, "PERMISSION_DENIED", "BILLING_DISABLED"),
    "auth": (401, "UNAUTHENTICATED", ""),
    "fatal": (400, "INVALID_ARGUMENT", ""),
    "payment": (403, "PERMISSION_DENIED", "BILLING_DISABLED"),
    "forbidden": (403, "PERMISSION_DENIED", ""),
    "bad_key": (400, "INVALID_ARGUMENT", "API_KEY_INVALID"),
    "not_found": (404, "NOT_FOUND", ""),
    "too_large": (413, "INVALID_ARGUMENT", ""),
    "away": (503, "UNAVAILABLE", ""),
    "gateway_timeout": (504, "DEADLINE_EXCEEDED", ""),
}
_STOPS = {
    "end_turn": "STOP",
    "tool_use": "STOP",
    "stop_sequence": "STOP",
    "max_tokens": "MAX_TOKENS",
    "refused": "SAFETY",
    "malformed": "MAX_TOKENS",
    "window": "OTHER",
    "bad_call": "MALFORMED_FUNCTION_CALL",
    "unfinished": "CONTINUATION",
}
_SILENT = {"refused", "malformed", "bad_call"}


class Gemini:
    provider = "google"

    def asked(self, model: str, body: dict[str, Any], streamed: bool) -> Asked:
        contents = body.get("contents") or []
        generation = body.get("generationConfig") or {}
        tools = {
            each["name"]: _of(each, "parametersJsonSchema") or {}
            for tool in body.get("tools") or []
            for each in _of(tool, "functionDeclarations") or []
        }
        calling = _of(body.get("toolConfig") or {}, "functionCallingConfig") or {}
        thinking = generation.get("thinkingConfig") or {}
        return Asked(
            model=model,
            text=_text(contents[-1]) if contents else "",
            prefix=[_text(body.get("systemInstruction") or {}) + _dumped(tools), *map(_text, contents)],
            schema=generation.get("responseJsonSchema"),
            tools=tools,
            forced=(_of(calling, "allowedFunctionNames") or [""])[0],
            streamed=streamed,
            thinks=bool(_of(thinking, "thinkingBudget") or _of(thinking, "thinkingLevel")),
            cache="implicit",
            stop=tuple(generation.get("stopSequences") or ()),
            max_tokens=generation.get("maxOutputTokens"),
        )

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        frame = _frame(asked, said)
        if said.fault == "blocked":
            return {**frame, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        if said.fault == "empty_candidates":
            return {**frame, "candidates": []}
        return {**frame, "candidates": [_candidate(_parts(said), _stop(said))]}

    def headers(self, said: Said) -> dict[str, str]:
        return {}

    def stream(self, asked: Asked, said: Said) -> Iterator[dict[str, Any]]:
        whole = self.answer(asked, said)
        frame = {name: value for name, value in whole.items() if name != "candidates"}
        if not whole.get("candidates"):
            yield whole
            return
        for part in _parts(said):
            for piece in _pieces(part):
                yield {**frame, "candidates": [_candidate([piece], None)]}
        yield {**frame, "candidates": [_candidate([], _stop(said))]}

    def event(self, value: Any) -> bytes:
        return b"data: " + orjson.dumps(value) + b"\r\n\r\n"

    def error(self, fault: str, message: str, retry_after: float | None, number: int) -> Reply:
        status, kind, reason = _ERRORS[fault]
        details = []
        if reason:
            details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason})
        if retry_after is not None:
            details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after:g}s"})
        error = {"code": status, "message": message, "status": kind, "details": details}
        return Reply.of_json({"error": error}, status)

    def stream_error(self) -> bytes:
        return self.event({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}})


def _of(mapping: dict[str, Any], name: str) -> Any:
    """The SDK writes some of its names in snake case; the service takes both."""
    return mapping.get(name, mapping.get(re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)))


def _frame(asked: Asked, said: Said) -> dict[str, Any]:
    usage = {
        "promptTokenCount": said.input_tokens,
        "cachedContentTokenCount": said.cache_read_tokens,
        "candidatesTokenCount": said.output_tokens - said.thinking_tokens,
        "thoughtsTokenCount": said.thinking_tokens,
        "totalTokenCount": said.input_tokens + said.output_tokens,
    }
    return {"usageMetadata": usage, "modelVersion": asked.model, "responseId": f"resp_{said.number}"}


def _candidate(parts: list[dict[str, Any]], stop: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    return candidate if stop is None else {**candidate, "finishReason": stop}


def _parts(said: Said) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if said.thinking:
        parts.append({"text": said.thinking, "thought": True})
    if said.fault == "novelty":
        parts.append({"hologram": {"what": 1}})
    if said.text and said.fault not in _SILENT:
        parts.append({"text": said.text})
    for index, call in enumerate(said.calls):
        called = {"id": f"call_{said.number}_{index}", "name": call["name"], "args": call.get("arguments") or {}}
        parts.append({"functionCall": called, "thoughtSignature": "c2ln+//+"})
    return parts


def _pieces(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**part, "text": piece} for piece in pieces_of(part["text"])] if "text" in part else [part]


def _stop(said: Said) -> str:
    return _STOPS.get(said.fault) or _STOPS.get(said.stop, said.stop)


def _text(content: dict[str, Any]) -> str:
    return "".join(_told(part) for part in content.get("parts") or [])


def _told(part: dict[str, Any]) -> str:
    if "text" in part:
        return str(part["text"])
    return _dumped((_of(part, "functionResponse") or {}).get("response") or part)


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode() if value else ""
