"""The one exception by which a step says how it failed."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import orjson

from schemas.message import ModelCall


class ErrorClass(StrEnum):
    """What policies (retry, fallback, breaker) are written over."""

    OK = "ok"
    REFUSED = "refused"  # the model, or its provider's filter, would not answer
    MALFORMED = "malformed"  # an answer came, but not one that can be used
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    BUDGET = "budget"  # a spend limit, ours or the provider's
    AUTH = "auth"  # a secret or key is missing, wrong or not allowed to
    FATAL = "fatal"  # another attempt would end the same way
    WORKER_LOST = "worker_lost"
    UNKNOWN = "unknown"  # it may have happened, or not


class StepFailed(Exception):
    """`retry_after` is in seconds; `detail` is any JSON value; `calls` are those that were made and may be billed."""

    def __init__(
        self,
        error_class: ErrorClass,
        message: str,
        *,
        detail: Any = None,
        retry_after: float | None = None,
        calls: Sequence[ModelCall] = (),
    ) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = without_surrogates(message)
        self.detail = detail
        self.retry_after = retry_after
        self.calls = list(calls)

    def detail_json(self) -> bytes | None:
        if self.detail is None:
            return None
        try:
            return orjson.dumps(self.detail, default=repr, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            return orjson.dumps(without_surrogates(repr(self.detail)))


class StepReleased(Exception):
    """The step was not begun and another worker, or a later moment, may have it."""


def without_surrogates(text: str) -> str:
    """Lone surrogates, which Python alone knows, replaced: nobody could read them from the log."""
    return text.encode("utf-8", "replace").decode()
