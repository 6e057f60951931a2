"""Runs an `http` step: one request, and the answer as {status, headers, body}."""

import asyncio
import time
from typing import Any
from weakref import WeakValueDictionary

import httpx2
import orjson

from schemas.events import StepScheduled
from steps.context import Context
from steps.failure import ErrorClass, StepFailed
from steps.outcome import Outcome
from steps.request import REPEATABLE, host_of, request_of
from steps.response import output_of, read, said
from steps.retry_after import retry_after
from steps.settings import StepSettings
from steps.status import class_of

MOST_REDIRECTS = 10
SENDING = "send_request_headers.started"
SHOWN = 300  # characters of an error's body in its message; the whole of it is in the detail


class HttpStep:
    """Redirects are followed on the same host only: headers with secrets must not go elsewhere."""

    def __init__(self, settings: StepSettings) -> None:
        self._settings = settings
        self._client: httpx2.AsyncClient | None = None
        # Weakly: there is no end to the hosts that workflows may name.
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def slot(self, step: StepScheduled) -> asyncio.Semaphore:
        """So many at once to one host."""
        host = host_of(step.input)
        slot = self._slots.get(host)
        if slot is None:
            slot = self._slots[host] = asyncio.Semaphore(self._settings.http_per_host)
        return slot

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def run(self, step: StepScheduled, arguments: bytes, context: Context, started: int) -> Outcome:
        client = self._connect()
        exchange = Exchange(client, request_of(client, arguments, step.key), self._settings.output_limit)
        seconds = self._settings.http_timeout if step.timeout is None else step.timeout / 1e6
        response, body = await exchange.within(seconds)
        if not response.is_success:
            raise self._failure(response, body)
        return Outcome("succeeded", output=orjson.dumps(output_of(response, body)))

    def _connect(self) -> httpx2.AsyncClient:
        if self._client is None:
            limits = httpx2.Limits(max_connections=self._settings.http_connections)
            self._client = httpx2.AsyncClient(limits=limits, timeout=None, headers={"user-agent": "millrace"})
        return self._client

    def _failure(self, response: httpx2.Response, body: bytes) -> StepFailed:
        text = body.decode("utf-8", "replace")
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"
        message = f"{said(response)}: {shown}" if shown else said(response)
        if response.has_redirect_location:
            message = f"{said(response)}: it points to {response.headers['location']}, which is not followed from here"
        return StepFailed(
            class_of(response.status_code),
            message,
            detail={"status": response.status_code, "headers": dict(response.headers), "body": text},
            retry_after=retry_after(response.headers, self._settings.longest_retry_after, time.time()),
        )


class Exchange:
    """One request with its redirects; knows whether anything was sent, which decides what a failure means."""

    def __init__(self, client: httpx2.AsyncClient, request: httpx2.Request, limit: int) -> None:
        self._client = client
        self._request = request
        self._limit = limit
        self._sent = False

    async def within(self, seconds: float) -> tuple[httpx2.Response, bytes]:
        try:
            async with asyncio.timeout(seconds):
                return await self._follow()
        except TimeoutError as error:
            raise self._broken(ErrorClass.TIMEOUT, f"no answer within {seconds:g} s") from error
        except httpx2.DecodingError as error:
            raise StepFailed(ErrorClass.MALFORMED, f"{self._named()}: the body can't be decoded: {error}") from error
        except (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as error:
            raise StepFailed(ErrorClass.FATAL, f"{self._named()}: the request can't be sent: {error}") from error
        except httpx2.TransportError as error:
            raise self._broken(ErrorClass.UNAVAILABLE, f"{type(error).__name__}: {error}") from error

    async def _follow(self) -> tuple[httpx2.Response, bytes]:
        request = self._request
        for _ in range(MOST_REDIRECTS):
            response, body = await self._send(request)
            following = response.next_request
            if following is None or not _may_follow(request, following, response.status_code):
                return response, body
            request = following
        raise StepFailed(ErrorClass.FATAL, f"{self._named()} was redirected more than {MOST_REDIRECTS} times")

    async def _send(self, request: httpx2.Request) -> tuple[httpx2.Response, bytes]:
        request.extensions["trace"] = self._trace
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            return response, await read(response, self._limit)
        finally:
            await response.aclose()

    async def _trace(self, event: str, facts: dict[str, Any]) -> None:
        if event.endswith(SENDING):
            self._sent = True

    def _broken(self, error_class: ErrorClass, why: str) -> StepFailed:
        if self._sent and self._request.method not in REPEATABLE:
            message = f"{self._named()}: {why}; the request was sent, so it may have had its effect, or not"
            return StepFailed(ErrorClass.UNKNOWN, message)
        return StepFailed(error_class, f"{self._named()}: {why}")

    def _named(self) -> str:
        return f"{self._request.method} {self._request.url}"


def _may_follow(request: httpx2.Request, following: httpx2.Request, status: int) -> bool:
    same_host = following.url.host == request.url.host and following.url.port == request.url.port
    downgrade = request.url.scheme == "https" and following.url.scheme == "http"
    turned = status in (301, 302) and request.method not in ("GET", "HEAD")  # a write would become a GET
    return same_host and not downgrade and not turned
