"""A completion of what the messages API answered."""

from typing import Any

import orjson

from steps.failure import ErrorClass
from steps.providers.answer import count, strange_shape
from steps.providers.claude.request import NAME
from steps.providers.content import Message, Part, Text, ToolCall
from steps.providers.provider import Completion, Usage


def completion_of(model: str, answer: dict[str, Any], request_id: str, first_token: int | None = None) -> Completion:
    blocks, usage, stop = answer.get("content"), answer.get("usage"), answer.get("stop_reason")
    if answer.get("type") != "message" or not isinstance(blocks, list) or not isinstance(usage, dict):
        raise strange_shape(model, "type `message`, `content` and `usage`", request_id)
    parts = tuple(part for block in blocks if (part := _part(block)) is not None)
    text = "".join(part.text for part in parts if isinstance(part, Text))
    calls = tuple(part for part in parts if isinstance(part, ToolCall))
    error_class, message = _judge(model, stop, bool(text or calls), answer)
    return Completion(
        text=text,
        usage=usage_of(usage),
        model=answer.get("model") or "",
        stop=stop or "",
        request_id=request_id,
        error_class=error_class,
        message=message,
        calls=calls,
        turn=Message("assistant", parts, NAME, blocks),
        first_token=first_token,
    )


def usage_of(usage: dict[str, Any]) -> Usage:
    """Anthropic counts cached input apart; thinking is in the output already."""
    read, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=count(usage, "input_tokens") + read + written,
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=count(usage.get("cache_creation") or {}, "ephemeral_1h_input_tokens"),
        thinking_tokens=count(usage.get("output_tokens_details") or {}, "thinking_tokens"),
        raw=orjson.dumps(usage),
    )


def _part(block: dict[str, Any]) -> Part | None:
    """By the block's own type: the SDK reads unknown blocks as text."""
    if block.get("type") == "text" and isinstance(block.get("text"), str):
        return Text(block["text"])
    if block.get("type") == "tool_use":
        return ToolCall(str(block.get("id")), str(block.get("name")), block.get("input") or {})
    return None


def _judge(model: str, stop: str | None, helps: bool, answer: dict[str, Any]) -> tuple[ErrorClass, str]:
    if stop == "refusal":
        category = (answer.get("stop_details") or {}).get("category")
        return ErrorClass.REFUSED, f"{model} refused to answer" + (f" ({category})" if category else "")
    if stop == "model_context_window_exceeded":
        return ErrorClass.MALFORMED, f"the answer of {model} filled its context window; ask for less, or with less"
    if stop == "pause_turn":
        return ErrorClass.MALFORMED, f"{model} paused its turn, which nothing here goes on with"
    if not helps:
        return ErrorClass.MALFORMED, f"{model} sent no text (it stopped for: {stop}); is `max_tokens` large enough?"
    return ErrorClass.OK, ""
