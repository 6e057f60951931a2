"""Asks a test server through an http step."""

from typing import Any

import orjson

from steps.context import Context
from steps.executor import Executor
from steps.outcome import Outcome
from tests.steps.http_server import Server
from tests.steps.scheduled import scheduled


async def fetch(
    executor: Executor, server: Server, page: str, *, timeout: int | None = 5_000_000, **given: Any
) -> Outcome:
    step = scheduled("http", "", {"url": f"{server.address}/{page}", **given}, timeout=timeout)
    return await executor.run(step, Context())


def output(outcome: Outcome) -> Any:
    assert outcome.status == "succeeded", outcome
    return orjson.loads(outcome.output or b"")


async def echo(executor: Executor, server: Server, page: str = "echo", **given: Any) -> Any:
    return output(await fetch(executor, server, page, **given))["body"]
