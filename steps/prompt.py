"""Makes a prompt of a model step's resolved arguments."""

from typing import Any

import orjson

from steps.failure import ErrorClass, StepFailed
from steps.providers.provider import Message, Prompt


def prompt_of(model: str, arguments: bytes) -> Prompt:
    given = orjson.loads(arguments)
    messages = [_message(written) for written in given.get("messages") or ()]
    if given.get("prompt") is not None:
        messages.append(Message("user", _text(given["prompt"])))
    if not messages:
        raise StepFailed(ErrorClass.FATAL, "a model step needs a `prompt` or `messages`, and both are empty here")
    stop = given.get("stop") or ()
    return Prompt(
        model=model or given.get("model", ""),
        messages=tuple(messages),
        system=_text(given.get("system") or ""),
        max_tokens=given.get("max_tokens"),
        temperature=given.get("temperature"),
        top_p=given.get("top_p"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        schema=given.get("output"),
    )


def _message(written: Any) -> Message:
    if not isinstance(written, dict) or written.get("role") not in ("user", "assistant") or "content" not in written:
        raise StepFailed(
            ErrorClass.FATAL,
            "each of a model step's `messages` is {role: user or assistant, content: …}; "
            "what the model is to be goes into `system`",
        )
    return Message(written["role"], _text(written["content"]))


def _text(value: Any) -> str:
    """A template that is one expression keeps its type, so a prompt may be any value."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
