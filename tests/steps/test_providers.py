"""The real SDKs against a server that speaks their wire protocols: one request a call, every ending classified."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from steps.context import Context
from steps.executor import Executor
from steps.outcome import Outcome
from steps.settings import StepSettings
from tests.steps import provider_server
from tests.steps.http_server import Server, serving
from tests.steps.scheduled import scheduled

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAUDE, GEMINI = "claude-haiku-4-5", "gemini-2.5-flash"
SCORE = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving(provider_server.answer) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor(server: Server) -> AsyncIterator[Executor]:
    executor = Executor(StepSettings(anthropic_base_url=server.address, gemini_base_url=server.address))
    yield executor
    await executor.close()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test-key")
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-test-key")


async def ask(executor: Executor, model: str, prompt: str, *, timeout: int = 10_000_000, **given: Any) -> Outcome:
    step = scheduled("model", model, {"prompt": prompt, **given}, timeout=timeout)
    return await executor.run(step, Context())


@pytest.mark.parametrize(
    ("model", "text", "cost", "names"),
    [
        (
            CLAUDE,
            "Hello from Claude",
            10 * 1000 + 5 * 100 + 3 * 1250 + 20 * 5000,
            ("claude-haiku-4-5-20251001", "req_1"),
        ),
        (GEMINI, "Hello from Gemini", 13 * 300 + 5 * 30 + 20 * 2500, ("gemini-2.5-flash-001", "resp_1")),
    ],
)
async def test_a_plain_call_is_answered_counted_and_priced(
    executor: Executor, model: str, text: str, cost: int, names: tuple[str, str]
) -> None:
    outcome = await ask(executor, model, "Hi")
    assert orjson.loads(outcome.output or b"") == text
    [call] = outcome.calls
    assert (call.input_tokens, call.output_tokens, call.cache_read_tokens, call.thinking_tokens) == (18, 20, 5, 4)
    assert (call.response_model, call.request_id) == names
    assert call.cost == cost
    raw = provider_server.CLAUDE_USAGE if model == CLAUDE else provider_server.GEMINI_USAGE
    assert orjson.loads(call.raw or b"") == raw


async def test_claude_is_sent_all_that_the_step_says(executor: Executor, server: Server) -> None:
    await ask(
        executor, CLAUDE, "Hi", system="Be kind.", max_tokens=64_000, temperature=0.2, top_p=0.9, stop=["END"],
        messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    )  # fmt: skip
    request = server.requests[-1]
    assert request.headers["authorization"] == "Bearer sk-ant-test-key"
    assert request.json == {
        "model": CLAUDE,
        "system": "Be kind.",
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "Hi"},
        ],
        "max_tokens": 64_000,
        "temperature": 0.2,
        "top_p": 0.9,
        "stop_sequences": ["END"],
    }


async def test_gemini_is_sent_all_that_the_step_says(executor: Executor, server: Server) -> None:
    await ask(
        executor, GEMINI, "Hi", system="Be kind.", max_tokens=100, temperature=0.2, top_p=0.9, stop="END",
        messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    )  # fmt: skip
    request = server.requests[-1]
    assert request.path == f"/v1/models/{GEMINI}:generateContent"
    assert request.headers["x-goog-api-key"] == "AIza-test-key"
    assert [(said["role"], said["parts"][0]["text"]) for said in request.json["contents"]] == [
        ("user", "a"),
        ("model", "b"),
        ("user", "Hi"),
    ]
    assert request.json["systemInstruction"]["parts"] == [{"text": "Be kind."}]
    assert request.json["generationConfig"] == {
        "maxOutputTokens": 100,
        "temperature": 0.2,
        "topP": 0.9,
        "stopSequences": ["END"],
    }


async def test_a_declared_output_goes_out_natively_and_is_checked(executor: Executor, server: Server) -> None:
    for model in (CLAUDE, GEMINI):
        outcome = await ask(executor, model, "[[json]]", output=SCORE)
        assert orjson.loads(outcome.output or b"") == {"score": 7}
        sent = server.requests[-1].json
        if model == CLAUDE:
            assert sent["output_config"]["format"] == {"type": "json_schema", "schema": SCORE}
        else:
            assert sent["generationConfig"]["responseMimeType"] == "application/json"
            assert sent["generationConfig"]["responseJsonSchema"] == SCORE
        outcome = await ask(executor, model, "[[badjson]]", output=SCORE)
        assert (outcome.error_class, outcome.calls[0].error_class) == ("malformed", "malformed")
        assert outcome.calls[0].cost is not None


BOTH = {
    "r429": "rate_limited",
    "r429bare": "rate_limited",
    "overloaded": "overloaded",
    "r500": "unavailable",
    "r503": "unavailable",
    "html502": "unavailable",
    "r400": "fatal",
    "r401": "auth",
    "r403": "auth",
    "r404": "fatal",
    "spend": "budget",
    "drop": "unavailable",
    "truncated": "unavailable",
    "cut": "unavailable",
    "html": "malformed",
    "list": "malformed",
    "strange": "malformed",
}


@pytest.mark.parametrize(
    ("model", "fault", "error_class"),
    [
        *((model, fault, error_class) for model in (CLAUDE, GEMINI) for fault, error_class in BOTH.items()),
        (CLAUDE, "r402", "budget"),
        (GEMINI, "badkey", "auth"),
        (GEMINI, "r504", "unavailable"),
    ],
)
async def test_a_call_that_is_not_answered_is_classified_and_made_once(
    executor: Executor, server: Server, model: str, fault: str, error_class: str
) -> None:
    before, started = len(server.requests), time.monotonic()
    outcome = await ask(executor, model, f"[[{fault}]]")
    assert (outcome.status, outcome.error_class) == ("failed", error_class)
    assert model in outcome.message
    assert len(server.requests) - before == 1
    assert time.monotonic() - started < 5
    [call] = outcome.calls
    assert (call.error_class, call.cost, call.output_tokens) == (error_class, None, 0)


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_how_long_to_wait_is_told_and_capped(executor: Executor, model: str) -> None:
    assert (await ask(executor, model, "[[r429]]")).retry_after == 7_000_000
    assert (await ask(executor, model, "[[r429bare]]")).retry_after is None
    assert (await ask(executor, model, "[[r429long]]")).retry_after == 3_600_000_000


@pytest.mark.parametrize(
    ("model", "fault", "error_class", "stop"),
    [
        (CLAUDE, "refusal", "refused", "refusal"),
        (CLAUDE, "empty", "malformed", "max_tokens"),
        (CLAUDE, "window", "malformed", "model_context_window_exceeded"),
        (GEMINI, "safety", "refused", "SAFETY"),
        (GEMINI, "blocked", "refused", "PROHIBITED_CONTENT"),
        (GEMINI, "nocandidates", "malformed", ""),
        (GEMINI, "badcall", "malformed", "MALFORMED_FUNCTION_CALL"),
        (GEMINI, "goon", "malformed", "CONTINUATION"),
        (GEMINI, "empty", "malformed", "MAX_TOKENS"),
    ],
)
async def test_an_answer_that_does_not_help_is_classified_and_paid(
    executor: Executor, server: Server, model: str, fault: str, error_class: str, stop: str
) -> None:
    before = len(server.requests)
    outcome = await ask(executor, model, f"[[{fault}]]")
    assert (outcome.status, outcome.error_class) == ("failed", error_class)
    assert len(server.requests) - before == 1
    [call] = outcome.calls
    assert (call.error_class, call.stop, call.output_tokens) == (error_class, stop, 20)
    assert call.cost is not None


@pytest.mark.parametrize(
    ("model", "fault", "text", "stop"),
    [
        (CLAUDE, "long", "cut off he", "max_tokens"),
        (GEMINI, "long", "cut off he", "MAX_TOKENS"),
        (CLAUDE, "unknownblock", "ok", "end_turn"),
    ],
)
async def test_what_is_usable_is_used(executor: Executor, model: str, fault: str, text: str, stop: str) -> None:
    outcome = await ask(executor, model, f"[[{fault}]]")
    assert orjson.loads(outcome.output or b"") == text
    assert outcome.calls[0].stop == stop


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_a_call_that_hangs_is_cut_off_at_its_timeout(executor: Executor, server: Server, model: str) -> None:
    before, started = len(server.requests), time.monotonic()
    outcome = await ask(executor, model, "[[hang]]", timeout=200_000)
    assert outcome.error_class == "timeout"
    assert time.monotonic() - started < 4
    assert len(server.requests) - before == 1


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_nobody_at_the_address_is_unavailable(model: str) -> None:
    nowhere = "http://127.0.0.1:9"
    executor = Executor(StepSettings(anthropic_base_url=nowhere, gemini_base_url=nowhere))
    started = time.monotonic()
    outcome = await ask(executor, model, "Hi")
    assert (outcome.error_class, outcome.calls[0].cost) == ("unavailable", None)
    assert "no connection" in outcome.message
    assert time.monotonic() - started < 5
    await executor.close()


@pytest.mark.parametrize(
    ("model", "names"), [(CLAUDE, ["ANTHROPIC_API_KEY"]), (GEMINI, ["GEMINI_API_KEY", "GOOGLE_API_KEY"])]
)
async def test_without_a_key_nothing_is_sent(
    executor: Executor, server: Server, monkeypatch: pytest.MonkeyPatch, model: str, names: list[str]
) -> None:
    for name in names:
        monkeypatch.delenv(name, raising=False)
    before = len(server.requests)
    outcome = await ask(executor, model, "Hi")
    assert outcome.error_class == "auth"
    assert names[0] in outcome.message
    assert len(server.requests) == before


async def test_a_new_key_is_used_from_the_next_call_on(
    executor: Executor, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-second-key")
    await ask(executor, CLAUDE, "Hi")
    assert server.requests[-1].headers["authorization"] == "Bearer sk-ant-second-key"
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-second-key")
    await ask(executor, GEMINI, "Hi")
    assert server.requests[-1].headers["x-goog-api-key"] == "AIza-second-key"


async def test_many_calls_share_the_providers_slots() -> None:
    async with serving(provider_server.answer) as server:
        executor = Executor(StepSettings(anthropic_base_url=server.address, calls_per_provider=3))
        outcomes = await asyncio.gather(*(ask(executor, CLAUDE, "Hi") for _ in range(20)))
        await executor.close()
    assert all(outcome.status == "succeeded" for outcome in outcomes)
    assert 1 <= server.most_at_once <= 3
