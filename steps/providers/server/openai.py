"""The words of OpenAI's chat completions."""

from collections.abc import Iterator
from typing import Any

import orjson

from steps.providers.server.exchange import Asked, Reply, Said, pieces_of

_ERRORS: dict[str, tuple[int, str, str]] = {
    "rate_limited": (429, "requests", "rate_limit_exceeded"),
    "overloaded": (529, "server_error", "overloaded"),
    "unavailable": (500, "server_error", "server_error"),
    "timeout": (408, "timeout", "timeout"),
    "budget": (429, "insufficient_quota", "insufficient_quota"),
    "auth": (401, "invalid_request_error", "invalid_api_key"),
    "fatal": (400, "invalid_request_error", "invalid_value"),
    "payment": (402, "invalid_request_error", "billing_hard_limit_reached"),
    "forbidden": (403, "invalid_request_error", "model_not_allowed"),
    "bad_key": (401, "invalid_request_error", "invalid_api_key"),
    "not_found": (404, "invalid_request_error", "model_not_found"),
    "too_large": (413, "invalid_request_error", "request_too_large"),
    "away": (503, "server_error", "unavailable"),
    "gateway_timeout": (504, "server_error", "timeout"),
}
_STOPS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refused": "content_filter",
    "blocked": "content_filter",
    "malformed": "length",
    "window": "length",
    "unfinished": "length",
    "bad_call": "stop",
}
_SILENT = {"refused", "blocked", "malformed", "window", "unfinished", "bad_call", "empty_candidates"}


class OpenAI:
    provider = "openai"

    def asked(self, model: str, body: dict[str, Any], streamed: bool) -> Asked:
        messages = body.get("messages") or []
        tools = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in body.get("tools") or []}
        choice = body.get("tool_choice")
        output = (body.get("response_format") or {}).get("json_schema") or {}
        return Asked(
            model=body.get("model") or model,
            text=_text(messages[-1]) if messages else "",
            prefix=[_dumped(tools), *map(_text, messages)],
            schema=output.get("schema"),
            tools=tools,
            forced=choice["function"]["name"] if isinstance(choice, dict) else "",
            streamed=bool(body.get("stream")),
            thinks=body.get("reasoning_effort") not in (None, "none"),
            cache="implicit",
            stop=tuple(body.get("stop") or ()),
            max_tokens=body.get("max_completion_tokens"),
        )

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": _content(said)}
        if calls := _calls(said):
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "finish_reason": _stop(said)}
        choices = [] if said.fault == "empty_candidates" else [choice]
        return {**_frame(asked, said), "object": "chat.completion", "choices": choices, "usage": _usage(said)}

    def headers(self, said: Said) -> dict[str, str]:
        return {"x-request-id": f"req_{said.number}"}

    def stream(self, asked: Asked, said: Said) -> Iterator[Any]:
        frame = {**_frame(asked, said), "object": "chat.completion.chunk"}
        deltas: list[dict[str, Any]] = [{"content": piece} for piece in pieces_of(_content(said) or "") if piece]
        for index, call in enumerate(_calls(said)):
            for number, piece in enumerate(pieces_of(call["function"]["arguments"])):
                head = {"id": call["id"], "function": {"name": call["function"]["name"], "arguments": piece}}
                later = {"function": {"arguments": piece}}
                deltas.append({"tool_calls": [{"index": index, **(later if number else head)}]})
        for delta in deltas:
            yield {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        ending = {"index": 0, "delta": {}, "finish_reason": _stop(said)}
        yield {**frame, "choices": [] if said.fault == "empty_candidates" else [ending]}
        yield {**frame, "choices": [], "usage": _usage(said)}
        yield "[DONE]"

    def event(self, value: Any) -> bytes:
        return b"data: " + (value.encode() if isinstance(value, str) else orjson.dumps(value)) + b"\n\n"

    def error(self, fault: str, message: str, retry_after: float | None, number: int) -> Reply:
        status, kind, code = _ERRORS[fault]
        headers = {"x-request-id": f"req_{number}"}
        if retry_after is not None:
            headers["retry-after"] = f"{retry_after:g}"
        return Reply.of_json({"error": {"message": message, "type": kind, "code": code}}, status, headers)

    def stream_error(self) -> bytes:
        return self.event({"error": {"message": "Overloaded", "type": "server_error", "code": "overloaded"}})


def _frame(asked: Asked, said: Said) -> dict[str, Any]:
    return {"id": f"chatcmpl_{said.number}", "created": 0, "model": asked.model}


def _content(said: Said) -> str | None:
    return None if said.fault in _SILENT or not said.text else said.text


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{said.number}_{index}",
            "type": "function",
            "function": {"name": call["name"], "arguments": orjson.dumps(call.get("arguments") or {}).decode()},
        }
        for index, call in enumerate(said.calls)
    ]


def _stop(said: Said) -> str:
    return _STOPS.get(said.fault) or _STOPS.get(said.stop, said.stop)


def _usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": said.cache_read_tokens},
        "completion_tokens_details": {"reasoning_tokens": said.thinking_tokens},
    }


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content + _dumped(message.get("tool_calls"))
    return "".join(part["text"] if part.get("type") == "text" else _dumped(part) for part in content)


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode() if value else ""
