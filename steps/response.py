"""Makes an http step's output of a response: {status, headers, body}."""

import base64
from email.message import Message
from typing import Any

import httpx2
import orjson

from steps.failure import ErrorClass, StepFailed


async def read(response: httpx2.Response, limit: int) -> bytes:
    """The body, decompressed, if it isn't longer than a step may hand back."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            raise StepFailed(
                ErrorClass.FATAL,
                f"{said(response)} with more than the {limit:,} bytes that a step may hand back; ask for less",
            )
    return bytes(body)


def output_of(response: httpx2.Response, body: bytes) -> dict[str, Any]:
    return {"status": response.status_code, "headers": dict(response.headers), "body": body_of(response, body)}


def body_of(response: httpx2.Response, body: bytes) -> Any:
    """JSON as its value, text as text, other bytes as {base64: …}; no bytes are null."""
    kind = Message()
    kind["content-type"] = response.headers.get("content-type", "")
    if not body:
        return None
    if kind.get_content_subtype() == "json" or kind.get_content_subtype().endswith("+json"):
        return _parsed(response, body)
    try:
        return body.decode(kind.get_content_charset("utf-8"))
    except (UnicodeDecodeError, LookupError):
        return {"base64": base64.b64encode(body).decode()}


def said(response: httpx2.Response) -> str:
    return f"{response.request.method} {response.request.url} answered {response.status_code}"


def _parsed(response: httpx2.Response, body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise StepFailed(
            ErrorClass.MALFORMED,
            f"{said(response)} with what it calls JSON and is none: {error}",
            detail={"body": body.decode("utf-8", "replace")},
        ) from error
