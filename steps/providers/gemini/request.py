"""A prompt in the words of generateContent."""

import base64
from typing import Any

import orjson
from google.genai import types

from steps.providers.content import Attachment, Message, Part, Text, ToolCall, ToolResult
from steps.providers.provider import Prompt

NAME = "google"
_ROLES = {"user": "user", "assistant": "model"}
_CHOICES = {"auto": "AUTO", "any": "ANY", "none": "NONE"}
#: A budget of -1 lets the model choose.
_DYNAMIC = -1


def contents(prompt: Prompt) -> list[types.Content]:
    return [_content(message) for message in prompt.messages]


def config(prompt: Prompt, **more: Any) -> types.GenerateContentConfig:
    structured = prompt.schema is not None
    return types.GenerateContentConfig(
        system_instruction=prompt.system or None,
        temperature=prompt.temperature,
        top_p=prompt.top_p,
        max_output_tokens=prompt.max_tokens,
        stop_sequences=list(prompt.stop) or None,
        response_mime_type="application/json" if structured else None,
        response_json_schema=prompt.schema,
        thinking_config=_thinking(prompt),
        tools=_tools(prompt),
        tool_config=_tool_config(prompt.tool_choice) if prompt.tools else None,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
        **more,
    )


def within(timeout: float) -> types.HttpOptions:
    return types.HttpOptions(timeout=max(1, round(timeout * 1000)))


def _thinking(prompt: Prompt) -> types.ThinkingConfig | None:
    """A model takes a budget or a level, not both; the budget is what was said more exactly."""
    if prompt.thinking is not None:
        budget = prompt.thinking if not isinstance(prompt.thinking, bool) else _DYNAMIC if prompt.thinking else 0
        if budget != _DYNAMIC or not prompt.effort:
            return types.ThinkingConfig(thinking_budget=budget)
    if prompt.effort:
        level = "XHIGH" if prompt.effort == "max" else prompt.effort.upper()
        return types.ThinkingConfig(thinking_level=types.ThinkingLevel(level))
    return None


def _tools(prompt: Prompt) -> Any:
    """Declarations only: a Python callable would make the SDK call it, and the model again."""
    declared = [
        types.FunctionDeclaration(name=tool.name, description=tool.description, parameters_json_schema=tool.schema)
        for tool in prompt.tools
    ]
    return [types.Tool(function_declarations=declared)] if declared else None


def _tool_config(choice: str) -> types.ToolConfig:
    mode = types.FunctionCallingConfigMode(_CHOICES.get(choice, "ANY"))
    named = None if choice in _CHOICES else [choice]
    calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=named)
    return types.ToolConfig(function_calling_config=calling)


def _content(message: Message) -> types.Content:
    if message.provider == NAME:
        return types.Content.model_validate_json(orjson.dumps(message.raw))  # signatures are bytes
    return types.Content(role=_ROLES[message.role], parts=[_part(part) for part in message.content])


def _part(part: Part) -> types.Part:
    if isinstance(part, Text):
        return types.Part(text=part.text)
    if isinstance(part, Attachment):
        return _attachment(part)
    if isinstance(part, ToolCall):
        return types.Part(function_call=types.FunctionCall(id=part.id, name=part.name, args=part.arguments))
    return types.Part(
        function_response=types.FunctionResponse(id=part.id or None, name=part.name, response=_response(part))
    )


def _attachment(part: Attachment) -> types.Part:
    if part.url:
        return types.Part(file_data=types.FileData(file_uri=part.url, mime_type=part.media_type))
    return types.Part(inline_data=types.Blob(data=base64.b64decode(part.data), mime_type=part.media_type))


def _response(result: ToolResult) -> dict[str, Any]:
    """Google wants a mapping: that of the result where it is one."""
    if result.failed:
        return {"error": result.output}
    try:
        value = orjson.loads(result.output)
    except orjson.JSONDecodeError:
        value = result.output
    return value if isinstance(value, dict) else {"output": value}
