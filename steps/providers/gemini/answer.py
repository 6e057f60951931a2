"""A completion of what generateContent answered."""

from typing import Any

import orjson
from google.genai import types

from steps.failure import ErrorClass
from steps.providers.answer import count, strange_shape
from steps.providers.content import Message, Part, Text, ToolCall
from steps.providers.gemini.request import NAME
from steps.providers.provider import Completion, Usage

_ANSWERED = {"STOP", "MAX_TOKENS"}
_REFUSED = {
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
}


def completion_of(model: str, answer: dict[str, Any], first_token: int | None = None) -> Completion:
    request_id = str(answer.get("responseId") or "")
    usage, candidates = answer.get("usageMetadata"), answer.get("candidates") or []
    blocked = (answer.get("promptFeedback") or {}).get("blockReason")
    if not isinstance(candidates, list) or not (isinstance(usage, dict) or blocked):
        raise strange_shape(model, "`candidates` and `usageMetadata`", request_id)
    candidate = candidates[0] if candidates else {}
    content = candidate.get("content") or {}
    parts = _parts(content)
    text = "".join(part.text for part in parts if isinstance(part, Text))
    calls = tuple(part for part in parts if isinstance(part, ToolCall))
    stop = str(candidate.get("finishReason") or "")
    error_class, message = _judge(model, stop, bool(text or calls), blocked)
    return Completion(
        text=text,
        usage=usage_of(usage or {}),
        model=answer.get("modelVersion") or "",
        stop=stop or str(blocked or ""),
        request_id=request_id,
        error_class=error_class,
        message=message,
        calls=calls,
        turn=Message("assistant", parts, NAME, content),
        first_token=first_token,
    )


def as_written(answer: types.GenerateContentResponse) -> dict[str, Any]:
    exclude = {"sdk_http_response", "parsed", "automatic_function_calling_history"}
    return answer.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=exclude)


def usage_of(usage: dict[str, Any]) -> Usage:
    """Google counts thinking apart; cached input is in the input already."""
    thinking = count(usage, "thoughtsTokenCount")
    return Usage(
        input_tokens=count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount"),
        output_tokens=count(usage, "candidatesTokenCount") + thinking,
        cache_read_tokens=count(usage, "cachedContentTokenCount"),
        thinking_tokens=thinking,
        raw=orjson.dumps(usage),
    )


def _parts(content: dict[str, Any]) -> tuple[Part, ...]:
    found: list[Part] = []
    for number, part in enumerate(content.get("parts") or []):
        if call := part.get("functionCall"):
            found.append(ToolCall(call.get("id") or f"call_{number}", call.get("name", ""), call.get("args") or {}))
        elif part.get("text") and not part.get("thought"):
            found.append(Text(part["text"]))
    return tuple(found)


def _judge(model: str, stop: str, helps: bool, blocked: str | None) -> tuple[ErrorClass, str]:
    if blocked:
        return ErrorClass.REFUSED, f"the prompt to {model} was blocked ({blocked})"
    if stop in _REFUSED:
        return ErrorClass.REFUSED, f"{model} refused to answer ({stop})"
    if stop not in _ANSWERED:
        return ErrorClass.MALFORMED, f"{model} ended without a usable answer ({stop or 'no finish reason'})"
    if not helps:
        return ErrorClass.MALFORMED, f"{model} sent no text (it stopped for: {stop}); is `max_tokens` large enough?"
    return ErrorClass.OK, ""
