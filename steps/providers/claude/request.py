"""A prompt in the words of the messages API."""

from typing import Any

import orjson

from steps.failure import ErrorClass, StepFailed
from steps.providers.claude.schema import held
from steps.providers.content import Attachment, Message, Part, Text, ToolCall
from steps.providers.provider import Prompt

NAME = "anthropic"
#: The API wants a limit; this one is every current model's to give.
DEFAULT_MAX_TOKENS = 4096


def request_of(prompt: Prompt) -> dict[str, Any]:
    """The arguments of `messages.create`; what the SDK has no argument for any more stands in `extra_body`."""
    budget = prompt.thinking if _is_budget(prompt.thinking) else 0
    sampling = {"temperature": prompt.temperature, "top_p": prompt.top_p}
    return _given(
        **counted(prompt),
        max_tokens=prompt.max_tokens or DEFAULT_MAX_TOKENS + int(budget or 0),
        stop_sequences=list(prompt.stop),
        extra_body=_given(**sampling),
    )


def counted(prompt: Prompt) -> dict[str, Any]:
    """What `messages.count_tokens` takes of them."""
    output = _given(
        format=None if prompt.schema is None else {"type": "json_schema", "schema": held(prompt.schema)},
        effort=prompt.effort,
    )
    return _given(
        model=prompt.model,
        messages=[_message(message) for message in prompt.messages],
        system=prompt.system,
        thinking=_thinking(prompt.thinking),
        cache_control={"type": "ephemeral", "ttl": prompt.cache} if prompt.cache else None,
        output_config=output,
        tools=[{"name": t.name, "description": t.description, "input_schema": t.schema} for t in prompt.tools],
        tool_choice=_tool_choice(prompt.tool_choice) if prompt.tools else None,
    )


def batched(prompt: Prompt) -> dict[str, Any]:
    """The same as the parameters of one request of a batch."""
    request = request_of(prompt)
    return {**request.pop("extra_body", {}), **request}


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {})}


def _is_budget(thinking: bool | int | None) -> bool:
    return thinking is not None and not isinstance(thinking, bool) and thinking > 0


def _thinking(thinking: bool | int | None) -> dict[str, Any] | None:
    if thinking is None:
        return None
    if _is_budget(thinking):
        return {"type": "enabled", "budget_tokens": thinking}
    return {"type": "adaptive" if thinking else "disabled"}


def _tool_choice(choice: str) -> dict[str, Any]:
    return {"type": choice} if choice in ("auto", "any", "none") else {"type": "tool", "name": choice}


def _message(message: Message) -> dict[str, Any]:
    if message.provider == NAME:
        return {"role": message.role, "content": message.raw}
    only = message.content[0] if len(message.content) == 1 else None
    content = only.text if isinstance(only, Text) else [_block(part) for part in message.content]
    return {"role": message.role, "content": content}


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Attachment):
        return _attachment(part)
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments}
    block = {"type": "tool_result", "tool_use_id": part.id, "content": part.output}
    return block | ({"is_error": True} if part.failed else {})


def _attachment(part: Attachment) -> dict[str, Any]:
    source: dict[str, Any] = {"type": "base64", "media_type": part.media_type, "data": part.data}
    if part.url:
        source = {"type": "url", "url": part.url}
    if part.is_image:
        return {"type": "image", "source": source}
    if part.media_type == "application/pdf":
        return {"type": "document", "source": source}
    raise StepFailed(ErrorClass.FATAL, f"Claude reads images and PDFs, and can't be sent {part.media_type}")


def arguments_of(written: str) -> dict[str, Any]:
    """The arguments of a tool call that was streamed; no text is no arguments."""
    value = orjson.loads(written or "{}")
    return value if isinstance(value, dict) else {"value": value}
