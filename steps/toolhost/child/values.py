"""What goes back: the value that a tool returned, or how it failed, as JSON."""

from __future__ import annotations

import asyncio
import json
import traceback
import uuid
from types import TracebackType
from typing import Any

import millrace

from .calls import Refused

LONGEST_TRACEBACK = 16_000
UNREACHABLE = (ConnectionError, TimeoutError, asyncio.TimeoutError)


def encode(value: Any) -> bytes:
    try:
        return json.dumps(value, default=_plain, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"what the tool returned is not JSON: {error}") from error


def _plain(value: Any) -> Any:
    """What isn't JSON but has one obvious form in it."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON; return strings, numbers, lists and mappings")


def failure(error: BaseException) -> bytes:
    """Class, message, detail and seconds to wait; the classes are explained at `millrace.Retry`."""
    after = error.after if isinstance(error, millrace.Retry) else None
    message = clean(str(error)) if isinstance(error, (Refused, millrace.Retry)) else describe(error)
    cause = error.__cause__ if isinstance(error, Refused) else error
    return json.dumps([_classify(error), message, _trace(cause), after]).encode()


def _classify(error: BaseException) -> str:
    return "unavailable" if isinstance(error, (millrace.Retry, *UNREACHABLE)) else "fatal"


def describe(error: BaseException) -> str:
    return clean("".join(traceback.format_exception_only(type(error), error)).strip())


def _trace(error: BaseException | None) -> dict[str, str] | None:
    if error is None:
        return None
    text = "".join(traceback.format_exception(type(error), error, _theirs(error.__traceback__)))
    left_out = len(text) - LONGEST_TRACEBACK
    return {"traceback": clean(f"({left_out} characters left out) …{text[left_out:]}" if left_out > 0 else text)}


def _theirs(frame: TracebackType | None) -> TracebackType | None:
    """Without the frames of the tool host, which say nothing about the tool."""
    while frame is not None and frame.tb_frame.f_globals.get("__package__") == __package__:
        frame = frame.tb_next
    return frame


def clean(text: str) -> str:
    """Without lone surrogates, which no other JSON reader takes."""
    return text.encode("utf-8", "replace").decode()
