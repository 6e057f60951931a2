"""Makes a prompt of a model step's resolved arguments."""

from pathlib import Path
from typing import Any

import orjson

from steps.attachments import attachments
from steps.failure import ErrorClass, StepFailed
from steps.providers.content import Message, Part, Text
from steps.providers.provider import Prompt

EFFORTS = ("low", "medium", "high", "xhigh", "max")
CACHES = {True: "5m", False: "", None: "", "5m": "5m", "1h": "1h"}


def prompt_of(model: str, arguments: bytes, folder: Path | None = None) -> Prompt:
    """`folder` is where attached files are read; it blocks while they are."""
    given = orjson.loads(arguments)
    messages = [_message(written, folder) for written in given.get("messages") or ()]
    attached = attachments(given.get("attach") or [], folder)
    if given.get("prompt") is not None:
        messages.append(Message("user", (*attached, Text(_text(given["prompt"])))))
    elif attached:
        raise _invalid("`attach` goes with a `prompt`; in `messages`, put it into the message that it belongs to")
    if not messages:
        raise _invalid("a model step needs a `prompt` or `messages`, and both are empty here")
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
        thinking=_thinking(given.get("thinking")),
        effort=_effort(given.get("effort")),
        cache=_cache(given.get("prompt_cache")),
    )


def _message(written: Any, folder: Path | None) -> Message:
    if not isinstance(written, dict) or written.get("role") not in ("user", "assistant") or "content" not in written:
        raise _invalid(
            "each of a model step's `messages` is {role: user or assistant, content: …}; "
            "what the model is to be goes into `system`"
        )
    content: list[Part] = [*attachments(written.get("attach") or [], folder), Text(_text(written["content"]))]
    return Message(written["role"], tuple(content))


def _text(value: Any) -> str:
    """A template that is one expression keeps its type, so a prompt may be any value."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _thinking(value: Any) -> bool | int | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value >= 0 and int(value) == value:
        return int(value) or False
    raise _invalid(f"`thinking` is true, false or a number of tokens, not {value!r}")


def _effort(value: Any) -> str:
    if value is None or value in EFFORTS:
        return value or ""
    raise _invalid(f"`effort` is one of {', '.join(EFFORTS)}, not {value!r}")


def _cache(value: Any) -> str:
    try:
        return CACHES[value]
    except (KeyError, TypeError) as error:
        raise _invalid(f"`prompt_cache` is true, false, 5m or 1h, not {value!r}") from error


def _invalid(why: str) -> StepFailed:
    return StepFailed(ErrorClass.FATAL, why)
