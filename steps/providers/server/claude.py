"""The words of Anthropic's messages API."""

from collections.abc import Iterator
from typing import Any

import orjson

from steps.providers.server.exchange import Asked, Reply, Said, pieces_of

#: Status, type and, where the API has one, the error's code.
_ERRORS: dict[str, tuple[int, str, str | None]] = {
    "rate_limited": (429, "rate_limit_error", None),
    "overloaded": (529, "overloaded_error", None),
    "unavailable": (500, "api_error", None),
    "timeout": (408, "timeout_error", None),
    "budget": (429, "rate_limit_error", "enforced_spend_limit_reached"),
    "auth": (401, "authentication_error", None),
    "fatal": (400, "invalid_request_error", None),
    "payment": (402, "billing_error", None),
    "forbidden": (403, "permission_error", None),
    "bad_key": (401, "authentication_error", None),
    "not_found": (404, "not_found_error", None),
    "too_large": (413, "request_too_large", None),
    "away": (503, "api_error", None),
    "gateway_timeout": (504, "timeout_error", None),
}
_STOPS = {
    "refused": "refusal",
    "blocked": "refusal",
    "window": "model_context_window_exceeded",
    "unfinished": "pause_turn",
    "malformed": "max_tokens",
    "empty_candidates": "end_turn",
    "bad_call": "end_turn",
}
_SILENT = {"refused", "blocked", "malformed", "empty_candidates", "bad_call"}


class Claude:
    provider = "anthropic"

    def asked(self, model: str, body: dict[str, Any], streamed: bool) -> Asked:
        messages = body.get("messages") or []
        tools = {tool["name"]: tool.get("input_schema") or {} for tool in body.get("tools") or []}
        output = (body.get("output_config") or {}).get("format") or {}
        cache = body.get("cache_control")
        return Asked(
            model=body.get("model") or model,
            text=_text(messages[-1]["content"]) if messages else "",
            prefix=[_text(body.get("system") or "") + _dumped(tools), *(_text(each["content"]) for each in messages)],
            schema=output.get("schema"),
            tools=tools,
            forced=(body.get("tool_choice") or {}).get("name", ""),
            streamed=streamed or bool(body.get("stream")),
            thinks=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
            cache="" if cache is None else cache.get("ttl", "5m"),
            stop=tuple(body.get("stop_sequences") or ()),
            max_tokens=body.get("max_tokens"),
        )

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        return {
            **_begun(asked, said),
            "content": _blocks(said),
            "stop_reason": _stop(said),
            "stop_details": {"category": "cyber"} if _stop(said) == "refusal" else None,
            "usage": _usage(asked, said),
        }

    def headers(self, said: Said) -> dict[str, str]:
        return {"request-id": f"req_{said.number}"}

    def stream(self, asked: Asked, said: Said) -> Iterator[dict[str, Any]]:
        usage = _usage(asked, said)
        yield {"type": "message_start", "message": {**_begun(asked, said), "usage": usage | {"output_tokens": 1}}}
        for index, block in enumerate(_blocks(said)):
            yield from _streamed(index, block)
        stop = {"stop_reason": _stop(said), "stop_sequence": None}
        yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": said.output_tokens}}
        yield {"type": "message_stop"}

    def event(self, value: Any) -> bytes:
        return f"event: {value['type']}\ndata: ".encode() + orjson.dumps(value) + b"\n\n"

    def error(self, fault: str, message: str, retry_after: float | None, number: int) -> Reply:
        status, kind, code = _ERRORS[fault]
        error: dict[str, Any] = {"type": kind, "message": message}
        if code:
            error["details"] = {"error_code": code}
        headers = {"request-id": f"req_{number}"}
        if retry_after is not None:
            headers["retry-after"] = f"{retry_after:g}"
        return Reply.of_json({"type": "error", "error": error}, status, headers)

    def stream_error(self) -> bytes:
        return self.event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


def _begun(asked: Asked, said: Said) -> dict[str, Any]:
    return {
        "id": f"msg_{said.number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.thinking:
        blocks.append({"type": "thinking", "thinking": said.thinking, "signature": f"sig{said.number}+/=="})
    if said.fault == "novelty":
        blocks.append({"type": "novelty", "what": 1})
    if said.text and said.fault not in _SILENT:
        blocks.append({"type": "text", "text": said.text})
    for index, call in enumerate(said.calls):
        use = {"id": f"toolu_{said.number}_{index}", "name": call["name"], "input": call.get("arguments") or {}}
        blocks.append({"type": "tool_use", **use})
    return blocks


def _stop(said: Said) -> str:
    return _STOPS.get(said.fault) or said.stop


def _usage(asked: Asked, said: Said) -> dict[str, Any]:
    """Cached input is counted apart here."""
    hour = asked.cache == "1h"
    written = said.cache_write_tokens
    return {
        "input_tokens": said.input_tokens - said.cache_read_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": said.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 0 if hour else written,
            "ephemeral_1h_input_tokens": written if hour else 0,
        },
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"thinking_tokens": said.thinking_tokens},
        "service_tier": "standard",
    }


def _streamed(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind, empty, deltas = block["type"], block, list[dict[str, Any]]()
    if kind == "text":
        empty = {**block, "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces_of(block["text"])]
    elif kind == "thinking":
        empty = {**block, "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces_of(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif kind == "tool_use":
        empty = {**block, "input": {}}
        written = orjson.dumps(block["input"]).decode()
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces_of(written)]
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(_told(block) for block in content)


def _told(block: dict[str, Any]) -> str:
    if block.get("type") == "tool_result":
        return _text(block.get("content") or "")
    return block["text"] if block.get("type") == "text" else _dumped(block)


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode() if value else ""
