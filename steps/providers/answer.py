"""Reads a provider's HTTP answer, and trusts it only after a look at its shape."""

from typing import Any

import httpx2
import orjson

from steps.failure import ErrorClass
from steps.providers.provider import ProviderFailed, Usage


def read_object(model: str, status: int, content_type: str, body: bytes, request_id: str) -> dict[str, Any]:
    """The JSON object of a 200: a truncated one is a broken connection, any other thing is not from the provider."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "json" in content_type:
            raise broken_off(model, error, request_id) from error
        raise _strange(model, f"{status} with content type {content_type or 'none'}", request_id) from error
    if not isinstance(answer, dict):
        raise _strange(model, f"JSON that is no object: {type(answer).__name__}", request_id)
    return answer


def broken_off(model: str, why: object, request_id: str = "", usage: Usage | None = None) -> ProviderFailed:
    message = f"the answer for {model} broke off ({why}); the call may be billed"
    return ProviderFailed(ErrorClass.UNAVAILABLE, message, request_id=request_id, usage=usage)


def strange_shape(model: str, lacks: str, request_id: str) -> ProviderFailed:
    return _strange(model, f"no {lacks}", request_id)


def unreachable(model: str, error: Exception) -> ProviderFailed:
    """A failure of the connection: before anything was sent, or after, when the call may be billed."""
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)):
        return ProviderFailed(ErrorClass.UNAVAILABLE, f"no connection for {model}: {_told(error)}")
    if isinstance(error, httpx2.TimeoutException):
        return ProviderFailed(ErrorClass.TIMEOUT, f"{model} did not answer in time; the call may be billed")
    return ProviderFailed(
        ErrorClass.UNAVAILABLE, f"the connection for {model} broke ({_told(error)}); the call may be billed"
    )


def count(usage: dict[str, Any], key: str) -> int:
    value = usage.get(key)
    return value if isinstance(value, int) else 0


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _strange(model: str, what: str, request_id: str) -> ProviderFailed:
    message = f"what answered for {model} is not its provider, it sent {what}; is the base URL right?"
    return ProviderFailed(ErrorClass.MALFORMED, message, request_id=request_id)
