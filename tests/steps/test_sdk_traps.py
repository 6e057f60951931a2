"""What the SDKs do unasked, or differently than one thinks: each trap has a test that it does not close.

Faults on the wire are in test_provider_faults.py, each with exactly one request.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.steps.providing import CLAUDE, GEMINI, Provided, pieces, providing, set_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provided() -> AsyncIterator[Provided]:
    faults = ("rate_limited", "drop", "hang", "novelty", "unfinished", "bad_call", "stream_error", "budget")
    rules: list[dict[str, Any]] = [{"match": {"prompt": f"[[{fault}]]"}, "error": fault} for fault in faults]
    rules.append({"match": {"prompt": "an hour"}, "error": "rate_limited", "retry_after": 3600})
    async with providing(rules) as provided:
        yield provided


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


async def test_the_key_goes_out_as_a_bearer(provided: Provided) -> None:
    """A1: a proxy that looks at x-api-key alone would see none."""
    await provided.ask(CLAUDE, timeout=60_000_000)
    assert provided.last.key == "key-of-ANTHROPIC_API_KEY"


async def test_temperature_goes_out_though_the_sdk_has_no_argument_for_it(provided: Provided) -> None:
    """A2."""
    assert (await provided.ask(CLAUDE, temperature=0, top_p=1)).status == "succeeded"
    assert (provided.last.body["temperature"], provided.last.body["top_p"]) == (0, 1)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_nothing_is_kept_at_the_provider(provided: Provided, streamed: bool) -> None:
    """A3: each request holds the whole conversation, and names no thread or message of before."""
    await provided.ask(CLAUDE, deltas=pieces()[1] if streamed else None)
    assert not {"thread", "diagnostics", "container", "previous_message_id"} & provided.last.body.keys()


async def test_a_spend_limit_is_no_rate_limit(provided: Provided) -> None:
    """A4: the SDK would try it again, and it would end the same way."""
    before = provided.requests
    outcome = await provided.ask(CLAUDE, "[[budget]]")
    assert (outcome.error_class, provided.requests - before) == ("budget", 1)


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_a_wait_of_an_hour_is_told_and_not_slept(provided: Provided, model: str) -> None:
    """The SDK would sleep it, in a call that holds a slot."""
    began = time.monotonic()
    outcome = await provided.ask(model, "an hour", timeout=60_000_000)
    assert outcome.retry_after == 3_600_000_000
    assert time.monotonic() - began < 30


async def test_a_kind_of_content_that_is_new_is_no_text(provided: Provided) -> None:
    """A6: the SDK reads an unknown block as text without any."""
    for deltas in (None, pieces()[1]):
        outcome = await provided.ask(CLAUDE, "[[novelty]]", deltas=deltas)
        assert orjson.loads(outcome.output or b"") == "..."


async def test_an_error_in_a_stream_has_the_status_200_and_the_class_of_its_type(provided: Provided) -> None:
    """A7."""
    outcome = await provided.ask(CLAUDE, "[[stream_error]]", deltas=pieces()[1])
    assert outcome.error_class == "overloaded"
    assert orjson.loads(outcome.detail or b"")["status"] == 200


async def test_a_long_answer_may_be_asked_for_without_a_stream(provided: Provided) -> None:
    """A8: the SDK refuses max_tokens above 21,333 unless it is told a timeout."""
    assert (await provided.ask(CLAUDE, max_tokens=64_000)).status == "succeeded"


async def test_the_sdk_traces_nothing_on_its_own(provided: Provided) -> None:
    """Its spans would count each call a second time."""
    client = (await provided.executor._models.providers.provider(CLAUDE)).client()  # type: ignore[attr-defined]
    assert client.max_retries == 0
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, tracing = InMemorySpanExporter(), TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    before = trace.get_tracer_provider()
    trace._TRACER_PROVIDER = tracing
    try:
        await provided.ask(CLAUDE)
    finally:
        trace._TRACER_PROVIDER = None if isinstance(before, trace.ProxyTracerProvider) else before
    assert exporter.get_finished_spans() == ()


async def test_gemini_is_asked_over_our_client_though_aiohttp_is_there(provided: Provided) -> None:
    """G1: the errors of aiohttp are others, and are not wrapped."""
    import aiohttp  # noqa: F401  (is there)

    outcome = await provided.ask(GEMINI, "[[drop]]", timeout=60_000_000)
    assert outcome.error_class == "unavailable"
    assert "RemoteProtocolError" in outcome.message or "ReadError" in outcome.message


async def test_the_path_is_of_v1(provided: Provided) -> None:
    """G2."""
    await provided.ask(GEMINI)
    assert provided.last.path == f"/v1/models/{GEMINI}:generateContent"


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
@pytest.mark.parametrize("fault", ["rate_limited", "drop"])
async def test_nothing_is_sent_a_second_time(provided: Provided, model: str, fault: str) -> None:
    """G3: a dropped connection would be tried again after 1 to 10 seconds, a 429 at once."""
    before = provided.requests
    await provided.ask(model, f"[[{fault}]]")
    await asyncio.sleep(0.2)
    assert provided.requests - before == 1


async def test_no_timeout_of_an_sdk_is_shorter_or_longer_than_the_steps(provided: Provided) -> None:
    """G4: aiohttp's is the builtin TimeoutError; ours is the step's, in whatever words."""
    for model in (CLAUDE, GEMINI):
        outcome = await provided.ask(model, "[[hang]]", timeout=300_000)
        assert outcome.error_class == "timeout"


async def test_functions_are_called_by_nobody_but_us(provided: Provided) -> None:
    """G5: the SDK would call Python functions, and the model again, up to ten times."""
    await provided.ask(GEMINI)
    from steps.providers.content import Tool, said
    from steps.providers.gemini.request import config
    from steps.providers.provider import Prompt

    found = config(Prompt(GEMINI, (said("user", "x"),), tools=(Tool("f", "", {"type": "object"}),)))
    assert found.automatic_function_calling is not None
    assert found.automatic_function_calling.disable is True
    assert not any(callable(tool) for tool in found.tools or [])


async def test_an_answer_that_wants_to_go_on_is_not_gone_on_with(provided: Provided) -> None:
    """G6: the SDK would send more requests, each billed."""
    before = provided.requests
    outcome = await provided.ask(GEMINI, "[[unfinished]]")
    assert (outcome.error_class, outcome.calls[0].stop, provided.requests - before) == ("malformed", "CONTINUATION", 1)


async def test_an_answer_that_does_not_parse_is_an_error_and_not_none(provided: Provided) -> None:
    """G7: `parsed` would be None, without an error."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    async with providing([{"reply": '{"a": '}]) as broken:
        outcome = await broken.ask(GEMINI, output=schema)
    assert outcome.error_class == "malformed"
    assert outcome.calls[0].cost is not None
