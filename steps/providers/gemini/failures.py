"""What Google's SDK raises, by class: reasons in the error's details first, then the status."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pydantic
from google.auth import exceptions as credentials
from google.genai import errors

from steps.failure import ErrorClass
from steps.providers.answer import broken_off, strange_shape, unreachable
from steps.providers.provider import ProviderFailed
from steps.providers.underway import Underway
from steps.retry_after import retry_after
from steps.status import class_of

_KEY_REASONS = {"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED", "CONSUMER_INVALID"}
_MONEY_REASONS = {"BILLING_DISABLED"}
_BY_RPC = {
    4: ErrorClass.TIMEOUT,
    7: ErrorClass.AUTH,
    8: ErrorClass.RATE_LIMITED,
    13: ErrorClass.UNAVAILABLE,
    14: ErrorClass.UNAVAILABLE,
    16: ErrorClass.AUTH,
}


@contextmanager
def classified(call: Underway, longest_wait: float) -> Iterator[Underway]:
    """Any failure of the call, as ProviderFailed; the SDK wraps none of the transport's."""
    try:
        yield call
    except errors.APIError as error:
        raise call.told(_by_status(call.model, error, longest_wait)) from error
    except httpx2.TransportError as error:
        raise call.told(unreachable(call.model, error)) from error
    except (json.JSONDecodeError, errors.UnknownApiResponseError) as error:
        raise call.told(broken_off(call.model, error)) from error
    except pydantic.ValidationError as error:  # not of the shape that the SDK knows
        lacks = f"answer that can be read ({error.error_count()} faults)"
        raise call.told(strange_shape(call.model, lacks, "")) from error
    except credentials.GoogleAuthError as error:
        raise ProviderFailed(ErrorClass.AUTH, f"{call.model} can't be asked: {error}") from error


def _by_status(model: str, error: errors.APIError, longest_wait: float) -> ProviderFailed:
    facts = Facts.of(error)
    headers = getattr(error.response, "headers", None) or {}
    wait = retry_after(headers, longest_wait, time.time())
    if wait is None and facts.delay is not None:
        wait = min(facts.delay, longest_wait)
    return ProviderFailed(
        class_of_error(error.code, facts.reason),
        f"{model}: {error.code} {error.status or ''}: {error.message or ''}",
        detail={"status": error.code, "type": error.status, "code": facts.reason, "body": error.details},
        retry_after=wait,
    )


@dataclass(slots=True)
class Facts:
    """What Google's error details say in codes: the reason, and how long to wait."""

    reason: str = ""
    delay: float | None = None

    @classmethod
    def of(cls, error: errors.APIError) -> "Facts":
        facts = cls()
        body = error.details if isinstance(error.details, dict) else {}
        inner = body.get("error")
        details = inner.get("details") if isinstance(inner, dict) else None
        for detail in details if isinstance(details, list) else ():
            facts._learn(detail)
        return facts

    def _learn(self, detail: dict[str, Any]) -> None:
        kind = str(detail.get("@type", "")).rpartition(".")[2]
        if kind == "ErrorInfo":
            self.reason = str(detail.get("reason", ""))
        elif kind == "RetryInfo":
            self.delay = _seconds(str(detail.get("retryDelay", "")))


def _seconds(written: str) -> float | None:
    """A protobuf duration: `17s`, `3.5s`."""
    try:
        return float(written.removesuffix("s"))
    except ValueError:
        return None


def class_of_rpc(code: int) -> ErrorClass:
    """Of an error in a batch, which has a code of gRPC (or, from some services, a status)."""
    return _BY_RPC.get(code) or class_of(code)


def class_of_error(status: int, reason: str) -> ErrorClass:
    if reason in _MONEY_REASONS:
        return ErrorClass.BUDGET
    if reason in _KEY_REASONS:  # sent with a 400
        return ErrorClass.AUTH
    return class_of(status)
