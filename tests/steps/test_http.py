"""An http step against a real server: what is sent, and what comes back."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from steps.executor import Executor
from steps.settings import StepSettings
from tests.steps.fetching import echo, fetch, output
from tests.steps.http_server import Server, serving
from tests.steps.pages import LIMIT, answer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving(answer) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor() -> AsyncIterator[Executor]:
    executor = Executor(StepSettings(output_limit=LIMIT, http_per_host=4))
    yield executor
    await executor.close()


@pytest.mark.parametrize(
    ("page", "status", "body"),
    [
        ("json", 200, {"ok": True}),
        ("problem", 200, {"a": 1}),
        ("text", 200, "Größe"),
        ("plain", 200, "Größe"),
        ("gzip", 200, "packed"),
        ("unknowncharset", 200, {"base64": "YWJj"}),
        ("binary", 200, {"base64": base64.b64encode(b"\xff\x00\xfe").decode()}),
        ("nothing", 204, None),
        ("emptyjson", 200, None),
    ],
)
async def test_the_body_is_read_as_its_type_says(
    executor: Executor, server: Server, page: str, status: int, body: object
) -> None:
    value = output(await fetch(executor, server, page))
    assert (value["status"], value["body"]) == (status, body)


async def test_headers_come_back_in_small_letters(executor: Executor, server: Server) -> None:
    headers = output(await fetch(executor, server, "json"))["headers"]
    assert headers["x-one"] == "1"
    assert headers["content-type"] == "application/json"


async def test_a_get_is_sent_with_query_and_headers(executor: Executor, server: Server) -> None:
    sent = await echo(
        executor, server, query={"q": "a b&c", "n": 1, "on": True, "many": ["x", 2], "none": None},
        headers={"X-Tenant": "acme", "x-count": 3, "x-none": None},
    )  # fmt: skip
    assert (sent["method"], sent["path"]) == ("GET", "/echo?q=a+b%26c&n=1&on=true&many=x&many=2")
    assert (sent["headers"]["x-tenant"], sent["headers"]["x-count"]) == ("acme", "3")
    assert "x-none" not in sent["headers"]
    assert "idempotency-key" not in sent["headers"]
    assert sent["headers"]["user-agent"] == "millrace"


async def test_a_query_in_the_url_stays_when_there_is_no_other(executor: Executor, server: Server) -> None:
    assert (await echo(executor, server, "echo?a=1"))["path"] == "/echo?a=1"


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ({"a": [1, None]}, '{"a":[1,null]}', "application/json"),
        ([1], "[1]", "application/json"),
        (0, "0", "application/json"),
        ("Größe", "Größe", "text/plain; charset=utf-8"),
        (None, "", None),
    ],
)
async def test_a_body_is_json_or_text(
    executor: Executor, server: Server, body: object, sent: str, kind: str | None
) -> None:
    got = await echo(executor, server, method="post", body=body)
    assert (got["method"], got["body"], got["headers"].get("content-type")) == ("POST", sent, kind)


async def test_what_must_not_be_done_twice_carries_the_steps_key(executor: Executor, server: Server) -> None:
    for method in ("POST", "PATCH"):
        assert (await echo(executor, server, method=method))["headers"]["idempotency-key"] == "run-1/draft"
    for method in ("PUT", "DELETE"):
        assert "idempotency-key" not in (await echo(executor, server, method=method))["headers"]
    own = await echo(
        executor, server, method="POST", headers={"Idempotency-Key": "mine", "Content-Type": "a/b"}, body="x"
    )
    assert (own["headers"]["idempotency-key"], own["headers"]["content-type"]) == ("mine", "a/b")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"url": None}, "`url` must be a text"),
        ({"url": "ftp://host/x"}, "begins with http:// or https://"),
        ({"url": "http:///path"}, "no host"),
        ({"url": "http://[broken"}, "can't be made"),
        ({"url": "http://host:port/"}, "can't be made"),
        ({"query": ["a"]}, "`query` must be a mapping"),
        ({"headers": "a"}, "`headers` must be a mapping"),
        ({"headers": {"x": "a\nb"}}, "can't be sent"),
        ({"headers": {"bad name": "a"}}, "can't be sent"),
        ({"headers": {"x": "日本"}}, "can't be made"),
        ({"body": {"a": 1}}, "a GET carries no body"),
    ],
)
async def test_a_request_that_cannot_be_made_is_fatal_with_the_reason(
    executor: Executor, server: Server, given: dict[str, Any], reason: str
) -> None:
    outcome = await fetch(executor, server, "echo", **given)
    assert (outcome.status, outcome.error_class) == ("failed", "fatal"), outcome
    assert reason in outcome.message
