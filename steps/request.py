"""Makes an HTTP request of an http step's resolved arguments."""

from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from steps.failure import ErrorClass, StepFailed

#: Methods that may be sent twice without harm.
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_BODILESS = frozenset({"GET", "HEAD"})


def request_of(client: httpx2.AsyncClient, arguments: bytes, key: str) -> httpx2.Request:
    """`key` goes along with what must not be done twice, so that the other side can tell."""
    given = orjson.loads(arguments)
    method = str(given.get("method") or "GET").upper()
    headers = _headers(given.get("headers") or {})
    body = given.get("body")
    if body is not None and method in _BODILESS:
        raise _invalid(f"a {method} carries no body; say `method: POST`, or put it into `query`")
    if method not in REPEATABLE and key:
        headers.setdefault("idempotency-key", key)
    content, kind = _content(body)
    if kind:
        headers.setdefault("content-type", kind)
    try:
        request = client.build_request(
            method, _url(given.get("url")), params=_query(given.get("query")), headers=headers, content=content
        )
    except (httpx2.InvalidURL, UnicodeEncodeError) as error:
        raise _invalid(str(error)) from error
    if not request.url.host:
        raise _invalid(f"the URL {given.get('url')!r} names no host")
    return request


def host_of(arguments: bytes) -> str:
    """Host and port as written; empty where the URL is none, which `request_of` will say."""
    written = orjson.loads(arguments).get("url")
    try:
        return urlsplit(written).netloc if isinstance(written, str) else ""
    except ValueError:
        return ""


def _url(written: Any) -> str:
    if not isinstance(written, str) or not written.startswith(("http://", "https://")):
        raise _invalid(f"`url` must be a text that begins with http:// or https://, and is {written!r}")
    try:
        urlsplit(written)
    except ValueError as error:
        raise _invalid(f"`url` is {written!r}: {error}") from error
    return written


def _query(written: Any) -> list[tuple[str, str | int | float | bool | None]] | None:
    """Null leaves a parameter out, a list repeats it."""
    if not written:
        return None  # keeps what the URL has
    if not isinstance(written, dict):
        raise _invalid("`query` must be a mapping")
    values = ((name, value if isinstance(value, list) else [value]) for name, value in written.items())
    return [(name, _text(value)) for name, several in values for value in several if value is not None]


def _headers(written: Any) -> dict[str, str]:
    if not isinstance(written, dict):
        raise _invalid("`headers` must be a mapping")
    return {name.lower(): _text(value) for name, value in written.items() if value is not None}


def _content(body: Any) -> tuple[bytes | None, str]:
    if body is None:
        return None, ""
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return orjson.dumps(body), "application/json"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _invalid(why: str) -> StepFailed:
    return StepFailed(ErrorClass.FATAL, f"the request can't be made: {why}")
