"""What the SDK raises, by class: codes first, status last, never the text."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anthropic
import httpx2

from steps.failure import ErrorClass
from steps.providers.answer import broken_off, unreachable
from steps.providers.provider import ProviderFailed
from steps.providers.underway import Underway
from steps.retry_after import retry_after
from steps.status import class_of

_SPEND_LIMITS = {
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached",
}
#: An error event in a stream has the status 200, and tells itself by its type alone.
_BY_TYPE = {
    "overloaded_error": ErrorClass.OVERLOADED,
    "rate_limit_error": ErrorClass.RATE_LIMITED,
    "authentication_error": ErrorClass.AUTH,
    "permission_error": ErrorClass.AUTH,
    "billing_error": ErrorClass.BUDGET,
    "timeout_error": ErrorClass.TIMEOUT,
    "api_error": ErrorClass.UNAVAILABLE,
}


@contextmanager
def classified(call: Underway, longest_wait: float) -> Iterator[Underway]:
    """Any failure of the call, as ProviderFailed."""
    try:
        yield call
    except anthropic.APIStatusError as error:
        raise call.told(_by_status(call.model, error, longest_wait)) from error
    except anthropic.APIConnectionError as error:
        cause = error.__cause__
        raise call.told(unreachable(call.model, cause if isinstance(cause, Exception) else error)) from error
    except httpx2.TransportError as error:
        raise call.told(unreachable(call.model, error)) from error
    except json.JSONDecodeError as error:
        raise call.told(broken_off(call.model, error)) from error
    except anthropic.AnthropicError as error:  # of credentials, before anything is sent
        raise ProviderFailed(ErrorClass.AUTH, f"{call.model} can't be asked: {error}") from error


def _by_status(model: str, error: anthropic.APIStatusError, longest_wait: float) -> ProviderFailed:
    return ProviderFailed(
        _class_of(error),
        f"{model}: {error.status_code} {error.type or ''}: {error.api_message or error.message}",
        detail={"status": error.status_code, "type": error.type, "code": error.error_code, "body": error.body},
        retry_after=retry_after(error.response.headers, longest_wait, time.time()),
        request_id=error.request_id or "",
    )


def error_class_of(kind: str) -> ErrorClass:
    """Of an error that has a type and no status."""
    return _BY_TYPE.get(kind, ErrorClass.FATAL)


def _class_of(error: anthropic.APIStatusError) -> ErrorClass:
    if error.error_code in _SPEND_LIMITS or error.status_code == 402:
        return ErrorClass.BUDGET
    return _BY_TYPE.get(error.type or "") or class_of(error.status_code)
