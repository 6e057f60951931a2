"""Structured answers: asked for natively or by tool, checked, and asked for once more where they are not what they are
declared to be."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

from steps.failure import ErrorClass, StepFailed
from steps.providers.content import Message, Tool, ToolResult, said
from steps.providers.provider import Completion, Prompt

_TOOL = "answer"


class AnswerMalformed(StepFailed):
    """The answer is not what the step declared."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(ErrorClass.MALFORMED, f"the model's answer is not the declared output: {why}", detail=text)
        self.why = why


def by_tool(prompt: Prompt) -> Prompt:
    """The same prompt for a model that can't be held to a schema: it has to call a tool with that schema."""
    schema = prompt.schema or {}
    tool = Tool(_TOOL, "Gives the answer.", schema if schema.get("type") == "object" else _wrapped(schema))
    return replace(prompt, schema=None, tools=(tool,), tool_choice=_TOOL)


def answer_of(completion: Completion, schema: dict[str, Any] | None) -> str:
    """The text of the answer, which may be the arguments of the tool."""
    for call in completion.calls:
        if call.name == _TOOL:
            unwrapped = (schema or {}).get("type") != "object"
            return orjson.dumps(call.arguments.get("value") if unwrapped else call.arguments).decode()
    return completion.text


def repaired(prompt: Prompt, completion: Completion, why: str) -> Prompt:
    """The conversation with what is wrong about its last answer."""
    turn = completion.turn or said("assistant", completion.text)
    told = f"That is not the declared output: {why}. Give the whole answer again, and nothing else."
    results = tuple(ToolResult(call.id, call.name, told, failed=True) for call in completion.calls)
    reply = Message("user", results) if results else said("user", told)
    return replace(prompt, messages=(*prompt.messages, turn, reply))


def output_of(text: str, schema: dict[str, Any] | None) -> bytes:
    if schema is None:
        return orjson.dumps(text)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise AnswerMalformed(f"no JSON ({error})", text) from error
    faults = [_fault(error) for error in _validator(orjson.dumps(schema)).iter_errors(value)]
    if faults:
        raise AnswerMalformed("; ".join(faults), text)
    return orjson.dumps(value)


def _wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a tool are a mapping, whatever the answer is."""
    return {"type": "object", "properties": {"value": schema}, "required": ["value"], "additionalProperties": False}


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    return jsonschema_rs.validator_for(orjson.loads(schema))


def _fault(error: jsonschema_rs.ValidationError) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    return f"at output{place}: {error.message}"
