"""An http step against a real server: what each ending means for another attempt."""

import asyncio
import time
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from steps.context import Context
from steps.executor import Executor
from steps.settings import StepSettings
from tests.steps.fetching import echo, fetch, output
from tests.steps.http_server import Server, serving
from tests.steps.pages import LIMIT, answer
from tests.steps.scheduled import scheduled

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
    ("status", "error_class"),
    [
        (400, "fatal"), (401, "auth"), (403, "auth"), (404, "fatal"), (407, "auth"), (408, "timeout"), (409, "fatal"),
        (425, "unavailable"), (429, "rate_limited"), (500, "unavailable"), (502, "unavailable"), (503, "unavailable"),
        (504, "unavailable"), (529, "overloaded"),
    ],
)  # fmt: skip
async def test_a_status_decides_the_class(executor: Executor, server: Server, status: int, error_class: str) -> None:
    outcome = await fetch(executor, server, str(status))
    assert (outcome.status, outcome.error_class) == ("failed", error_class)
    assert f'answered {status}: {{"why": "so"}}' in outcome.message
    detail = orjson.loads(outcome.detail or b"")
    assert (detail["status"], detail["body"]) == (status, '{"why": "so"}')


async def test_a_long_error_is_shown_in_part_and_kept_whole(executor: Executor, server: Server) -> None:
    outcome = await fetch(executor, server, "long")
    assert "… (1,000 characters)" in outcome.message
    assert len(orjson.loads(outcome.detail or b"")["body"]) == 1000


@pytest.mark.parametrize(
    ("page", "micros"), [("wait", 12_000_000), ("waitms", 1_500_000), ("waitlong", 3_600_000_000), ("waitodd", None)]
)
async def test_how_long_to_wait_is_told_and_capped(
    executor: Executor, server: Server, page: str, micros: int | None
) -> None:
    assert (await fetch(executor, server, page)).retry_after == micros


@pytest.mark.parametrize("page", ["badjson", "badgzip"])
async def test_a_body_that_is_not_what_it_says_is_malformed(executor: Executor, server: Server, page: str) -> None:
    assert (await fetch(executor, server, page)).error_class == "malformed"


@pytest.mark.parametrize("page", ["big", "bomb"])
async def test_a_body_over_the_limit_is_fatal(executor: Executor, server: Server, page: str) -> None:
    outcome = await fetch(executor, server, page)
    assert outcome.error_class == "fatal"
    assert "more than the 10,000 bytes" in outcome.message


@pytest.mark.parametrize(
    ("page", "read", "written"),
    [("hang", "timeout", "unknown"), ("drop", "unavailable", "unknown"), ("cut", "unavailable", "unknown")],
)
async def test_a_broken_exchange_is_unknown_only_for_what_may_have_had_an_effect(
    executor: Executor, server: Server, page: str, read: str, written: str
) -> None:
    for method, error_class in (("GET", read), ("PUT", read), ("POST", written), ("PATCH", written)):
        outcome = await fetch(executor, server, page, method=method, timeout=200_000)
        assert (method, outcome.error_class) == (method, error_class)
    assert "may have had its effect, or not" in outcome.message


async def test_without_a_connection_nothing_has_happened(executor: Executor) -> None:
    step = scheduled("http", "", {"url": "http://127.0.0.1:9/", "method": "POST"})
    assert (await executor.run(step, Context())).error_class == "unavailable"


async def test_without_a_timeout_of_its_own_a_request_has_the_settings(server: Server) -> None:
    executor = Executor(StepSettings(http_timeout=0.1))
    started = time.monotonic()
    assert (await fetch(executor, server, "hang", timeout=None)).error_class == "timeout"
    assert time.monotonic() - started < 4
    await executor.close()


async def test_redirects_are_followed_on_the_same_host(executor: Executor, server: Server) -> None:
    for page in ("see", "moved"):
        assert output(await fetch(executor, server, page))["body"] == {"ok": True}
    again = await echo(executor, server, "kept", method="POST", body="x")
    assert (again["method"], again["body"]) == ("POST", "x")
    assert output(await fetch(executor, server, "see", method="POST", body="x"))["body"] == {"ok": True}


async def test_redirects_to_elsewhere_are_not_followed(executor: Executor, server: Server) -> None:
    outcome = await fetch(executor, server, "away", headers={"authorization": "Bearer x"})
    assert outcome.error_class == "fatal"
    assert "points to http://localhost:9/elsewhere" in outcome.message


async def test_a_redirect_that_would_turn_a_write_into_a_read_is_not_followed(
    executor: Executor, server: Server
) -> None:
    outcome = await fetch(executor, server, "moved", method="POST", body="x")
    assert outcome.error_class == "fatal"
    assert "points to /json" in outcome.message


async def test_redirects_without_end_are_fatal(executor: Executor, server: Server) -> None:
    outcome = await fetch(executor, server, "loop")
    assert (outcome.error_class, "more than 10 times" in outcome.message) == ("fatal", True)


async def test_not_modified_is_no_redirect(executor: Executor, server: Server) -> None:
    outcome = await fetch(executor, server, "unchanged")
    assert (outcome.error_class, outcome.message[-12:]) == ("fatal", "answered 304")


async def test_requests_to_one_host_are_bounded(executor: Executor) -> None:
    async with serving(answer) as server:
        outcomes = await asyncio.gather(*(fetch(executor, server, "slow") for _ in range(12)))
    assert all(outcome.status == "succeeded" for outcome in outcomes)
    assert server.most_at_once == 4


async def test_secrets_go_out_and_do_not_come_back(
    executor: Executor, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_SECRET_CRM_TOKEN", "tök€n-123/+")
    step = scheduled(
        "http",
        "",
        {"url": f"{server.address}/echo", "method": "POST", "query": {"t": None}, "body": {"token": None}},
        secrets=orjson.dumps({"/query/t": [{"secret": "crm_token"}], "/body/token": ["x ", {"secret": "crm_token"}]}),
    )
    outcome = await executor.run(step, Context())
    sent = server.requests[-1]
    assert sent.json == {"token": "x tök€n-123/+"}
    assert sent.path == "/echo?t=t%C3%B6k%E2%82%ACn-123%2F%2B"
    got = output(outcome)["body"]
    assert got["path"] == "/echo?t=[secret crm_token]"
    assert orjson.loads(got["body"]) == {"token": "x [secret crm_token]"}
    assert "n-123" not in repr(outcome)
