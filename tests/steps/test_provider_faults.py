"""Each fault × each provider, plain and streamed: one request, its class, wait, cost, and what becomes of the run."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from schemas import events as e
from steps.outcome import Outcome
from steps.providers.server.faults import FAULTS
from tests.steps.providing import CLAUDE, GEMINI, MODELS, OPENAI, Provided, pieces, providing, set_keys
from tests.story import Story
from workflow.retry import RETRIED

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: The class of each fault, and whether the answer came whole, so that its tokens and its cost are known.
TABLE: dict[str, tuple[str, bool]] = {
    "rate_limited": ("rate_limited", False),
    "overloaded": ("overloaded", False),
    "unavailable": ("unavailable", False),
    "timeout": ("timeout", False),
    "budget": ("budget", False),
    "auth": ("auth", False),
    "fatal": ("fatal", False),
    "refused": ("refused", True),
    "malformed": ("malformed", True),
    "payment": ("budget", False),
    "forbidden": ("auth", False),
    "bad_key": ("auth", False),
    "not_found": ("fatal", False),
    "too_large": ("fatal", False),
    "away": ("unavailable", False),
    "gateway_timeout": ("unavailable", False),
    "blocked": ("refused", True),
    "window": ("malformed", True),
    "empty_candidates": ("malformed", True),
    "bad_call": ("malformed", True),
    "unfinished": ("malformed", True),
    "novelty": ("ok", True),
    "hang": ("timeout", False),
    "drop": ("unavailable", False),
    "cut": ("unavailable", False),
    "slow": ("ok", True),
    "truncated": ("unavailable", False),
    "html": ("malformed", False),
    "bad_gateway": ("unavailable", False),
    "list": ("malformed", False),
    "strange": ("malformed", False),
    "stream_error": ("unavailable", False),
    "stream_cut": ("unavailable", False),
    "stream_end": ("unavailable", False),
    "stream_bad": ("unavailable", False),
}
#: Where a provider has a word of its own, or none.
OWN = {
    (GEMINI, "overloaded"): "unavailable",  # Google says UNAVAILABLE for both
    (CLAUDE, "gateway_timeout"): "timeout",
}
OWN_STREAMED = {(CLAUDE, "stream_error"): "overloaded"}
#: Of a stream that breaks off, Anthropic has told the usage at its beginning, Google in each piece.
COUNTED = {"stream_error", "stream_cut", "stream_end", "stream_bad", "cut", "truncated"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provided() -> AsyncIterator[Provided]:
    rules: list[dict[str, Any]] = [{"match": {"prompt": f"[[{fault}]]"}, "error": fault} for fault in FAULTS]
    rules += [{"match": {"prompt": "wait "}, "error": "rate_limited", "retry_after": 7}]
    rules += [{"match": {"prompt": "wait long"}, "error": "rate_limited", "retry_after": 999_999}]
    set_keys(monkeypatch := pytest.MonkeyPatch())
    async with providing(list(reversed(rules))) as provided:
        for model in MODELS:  # the SDKs take seconds to import
            await provided.ask(model, "warm", timeout=60_000_000)
        monkeypatch.undo()
        yield provided


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


async def test_the_table_has_every_fault() -> None:
    assert TABLE.keys() == FAULTS.keys()


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", TABLE)
async def test_a_fault_is_one_request_of_a_known_class(
    provided: Provided, fault: str, model: str, streamed: bool
) -> None:
    error_class, whole = TABLE[fault]
    error_class = OWN.get((model, fault), error_class)
    error_class = OWN_STREAMED.get((model, fault), error_class) if streamed else error_class
    before, began = provided.requests, time.monotonic()
    timeout = 300_000 if fault == "hang" else 10_000_000
    outcome = await provided.ask(model, f"[[{fault}]]", timeout=timeout, deltas=pieces()[1] if streamed else None)
    assert outcome.error_class == error_class, outcome
    assert provided.requests - before == 1
    assert time.monotonic() - began < 5
    [call] = outcome.calls
    assert call.error_class == error_class
    if not (streamed and fault in COUNTED):
        assert (call.cost is not None) == whole
    if error_class != "ok":
        assert model in outcome.message
        _run_ends(model, outcome)


def _run_ends(model: str, outcome: Outcome) -> None:
    """What the core makes of it, with two attempts: a wait and a second one, or the end."""
    flow = f"name: t\nsteps: [{{id: ask, model: {model}, prompt: x, retry: {{attempts: 2, backoff: 1s}}}}]"
    story = Story(flow).start()
    facts: dict[str, Any] = {
        "error_class": outcome.error_class,
        "message": outcome.message,
        "retry_after": outcome.retry_after,
        "calls": outcome.calls,
    }
    story.outcome("ask", "failed", **facts)
    if outcome.error_class in RETRIED:
        due = story.run().steps["ask"].due
        assert due is not None
        assert due - story.now >= max(800_000, outcome.retry_after or 0)
        story.timer("ask").outcome("ask", "failed", **facts)
    ended = story.events[-1]
    assert isinstance(ended, e.RunFailed)
    assert ended.error_class == outcome.error_class


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("model", MODELS)
async def test_how_long_to_wait_is_told_and_capped(provided: Provided, model: str, streamed: bool) -> None:
    deltas = pieces()[1] if streamed else None
    assert (await provided.ask(model, "wait a while", deltas=deltas)).retry_after == 7_000_000
    assert (await provided.ask(model, "wait long", deltas=deltas)).retry_after == 3_600_000_000
    assert (await provided.ask(model, "[[rate_limited]]", deltas=deltas)).retry_after is None


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_what_a_broken_stream_had_counted_is_kept(provided: Provided, model: str) -> None:
    outcome = await provided.ask(model, "[[stream_cut]]" + "x" * 400, deltas=pieces()[1])
    [call] = outcome.calls
    assert call.input_tokens == provided.last.input_tokens > 100
    assert call.cost is not None
    assert call.cost > 0


async def test_a_streamed_fault_gets_its_request_id_into_the_record(provided: Provided) -> None:
    for model in (CLAUDE, OPENAI):
        outcome = await provided.ask(model, "[[stream_error]]", deltas=pieces()[1])
        assert outcome.calls[0].request_id.startswith("req_")
