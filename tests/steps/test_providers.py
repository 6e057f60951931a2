"""The real SDKs against the provider server: what is sent, what is read from the answers, what is not done unasked."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from steps.executor import Executor
from steps.settings import StepSettings
from tests.steps.providing import CLAUDE, GEMINI, MODELS, OPENAI, Provided, pieces, providing, set_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")

USAGE = {"input_tokens": 18, "output_tokens": 20, "cache_read_tokens": 5, "thinking_tokens": 4}
RULES: list[dict[str, Any]] = [
    {"match": {"prompt": "count me"}, "reply": "counted", "thinking": "hm", "usage": USAGE},
    {"match": {"prompt": "long"}, "reply": "cut off he", "stop": "max_tokens"},
    {"match": {"prompt": "sing"}, "reply": "la la la la la la", "thinking": "which song?"},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provided() -> AsyncIterator[Provided]:
    async with providing(RULES) as provided:
        yield provided


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


PRICED = {
    CLAUDE: 13 * 1000 + 5 * 100 + 20 * 5000,
    GEMINI: 13 * 300 + 5 * 30 + 20 * 2500,
    OPENAI: 13 * 1250 + 5 * 125 + 20 * 10000,
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("model", MODELS)
async def test_a_call_is_answered_counted_and_priced(provided: Provided, model: str, streamed: bool) -> None:
    outcome = await provided.ask(model, "count me", timeout=60_000_000, deltas=pieces()[1] if streamed else None)
    assert orjson.loads(outcome.output or b"") == "counted"
    [call] = outcome.calls
    assert (call.input_tokens, call.output_tokens, call.cache_read_tokens, call.thinking_tokens) == (18, 20, 5, 4)
    assert call.response_model == model.removeprefix("openai/")
    assert call.request_id
    assert call.cost == PRICED[model]
    assert orjson.loads(call.raw or b"")
    assert (call.first_token is not None) == streamed
    assert call.first_token is None or call.started <= call.first_token <= call.ended


@pytest.mark.parametrize("model", MODELS)
async def test_the_text_is_told_as_it_comes_and_thoughts_are_not(provided: Provided, model: str) -> None:
    heard, deltas = pieces()
    outcome = await provided.ask(model, "sing", deltas=deltas)
    assert len(heard) > 1
    assert "".join(heard) == orjson.loads(outcome.output or b"") == "la la la la la la"


async def test_claude_is_sent_all_that_the_step_says(provided: Provided) -> None:
    await provided.ask(
        CLAUDE, "Hi", system="Be kind.", max_tokens=64_000, temperature=0.2, top_p=0.9, stop=["END"],
        messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        thinking=2048, effort="high", prompt_cache="1h",
    )  # fmt: skip
    assert provided.last.key == "key-of-ANTHROPIC_API_KEY"
    assert provided.last.body == {
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
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "output_config": {"effort": "high"},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    }


async def test_gemini_is_sent_all_that_the_step_says(provided: Provided) -> None:
    await provided.ask(
        GEMINI, "Hi", system="Be kind.", max_tokens=100, temperature=0.2, top_p=0.9, stop="END", thinking=2048,
        messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    )  # fmt: skip
    assert provided.last.path == f"/v1/models/{GEMINI}:generateContent"
    assert provided.last.key == "key-of-GEMINI_API_KEY"
    assert [(said["role"], said["parts"][0]["text"]) for said in provided.last.body["contents"]] == [
        ("user", "a"),
        ("model", "b"),
        ("user", "Hi"),
    ]
    assert provided.last.body["systemInstruction"]["parts"] == [{"text": "Be kind."}]
    assert provided.last.body["generationConfig"] == {
        "maxOutputTokens": 100,
        "temperature": 0.2,
        "topP": 0.9,
        "stopSequences": ["END"],
        "thinkingConfig": {"thinking_budget": 2048},
    }


async def test_openai_is_sent_all_that_the_step_says(provided: Provided) -> None:
    await provided.ask(
        OPENAI, "Hi", system="Be kind.", max_tokens=100, temperature=0.2, top_p=0.9, stop="END", effort="low",
        messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    )  # fmt: skip
    assert provided.last.path == "/v1/chat/completions"
    assert provided.last.key == "key-of-OPENAI_API_KEY"
    assert provided.last.body == {
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "Hi"},
        ],
        "max_completion_tokens": 100,
        "temperature": 0.2,
        "top_p": 0.9,
        "stop": ["END"],
        "reasoning_effort": "low",
    }


@pytest.mark.parametrize(
    ("model", "said", "sent"),
    [
        (CLAUDE, {"thinking": True}, {"thinking": {"type": "adaptive"}}),
        (CLAUDE, {"thinking": False}, {"thinking": {"type": "disabled"}}),
        (CLAUDE, {"thinking": 0}, {"thinking": {"type": "disabled"}}),
        (CLAUDE, {"effort": "max"}, {"output_config": {"effort": "max"}}),
        (GEMINI, {"thinking": True}, {"thinkingConfig": {"thinking_budget": -1}}),
        (GEMINI, {"thinking": False}, {"thinkingConfig": {"thinking_budget": 0}}),
        (GEMINI, {"effort": "high"}, {"thinkingConfig": {"thinking_level": "HIGH"}}),
        (GEMINI, {"effort": "max", "thinking": True}, {"thinkingConfig": {"thinking_level": "XHIGH"}}),
        (OPENAI, {"thinking": False}, {"reasoning_effort": "none"}),
        (OPENAI, {"effort": "high"}, {"reasoning_effort": "high"}),
    ],
)
async def test_thinking_and_effort_go_out_in_the_providers_words(
    provided: Provided, model: str, said: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert (await provided.ask(model, **said)).status == "succeeded"
    body = provided.last.body
    body = body.get("generationConfig", body)
    assert {name: body.get(name) for name in sent} == sent


async def test_a_budget_for_thinking_leaves_room_for_the_answer(provided: Provided) -> None:
    await provided.ask(CLAUDE, thinking=10_000)
    assert provided.last.body["max_tokens"] > 10_000


@pytest.mark.parametrize(
    "given", [{"thinking": "much"}, {"thinking": -1}, {"effort": "huge"}, {"prompt_cache": "2d"}, {"prompt_cache": []}]
)
async def test_what_no_provider_has_is_fatal_before_anything_is_sent(provided: Provided, given: dict[str, Any]) -> None:
    before = provided.requests
    outcome = await provided.ask(CLAUDE, **given)
    assert (outcome.error_class, outcome.calls, provided.requests) == ("fatal", [], before)
    assert next(iter(given)) in outcome.message


@pytest.mark.parametrize(("model", "stop"), [(CLAUDE, "max_tokens"), (GEMINI, "MAX_TOKENS"), (OPENAI, "length")])
async def test_a_text_that_is_cut_off_is_used_and_says_so(provided: Provided, model: str, stop: str) -> None:
    outcome = await provided.ask(model, "long")
    assert (orjson.loads(outcome.output or b""), outcome.calls[0].stop) == ("cut off he", stop)


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_a_long_prompt_is_read_from_the_cache_the_second_time(provided: Provided, model: str) -> None:
    costs = []
    for _ in range(2):
        outcome = await provided.ask(model, "x", system=f"{model} " * 800, prompt_cache="1h", max_tokens=10)
        [call] = outcome.calls
        costs.append(call.cost or 0)
    assert call.cache_read_tokens == call.input_tokens > 1024
    assert call.cost == 0.1 * call.input_tokens * (1000 if model == CLAUDE else 300) + call.output_tokens * (
        5000 if model == CLAUDE else 2500
    )
    assert costs[0] > costs[1] * 2


async def test_an_hour_in_the_cache_costs_more_to_write(provided: Provided) -> None:
    written = {}
    for keep in ("5m", "1h"):
        outcome = await provided.ask(CLAUDE, "x", system=f"keep for {keep} " * 800, prompt_cache=keep)
        [call] = outcome.calls
        assert call.cache_write_tokens == call.input_tokens
        written[keep] = ((call.cost or 0) - call.output_tokens * 5000) / call.cache_write_tokens
    assert written == {"5m": 1250, "1h": 2000}


@pytest.mark.parametrize("model", MODELS)
async def test_nobody_at_the_address_is_unavailable(model: str) -> None:
    nowhere = "http://127.0.0.1:9"
    executor = Executor(StepSettings(anthropic_base_url=nowhere, gemini_base_url=nowhere, openai_base_url=nowhere))
    outcome = await Provided(None, executor).ask(model)  # type: ignore[arg-type]
    assert (outcome.error_class, outcome.calls[0].cost) == ("unavailable", None)
    assert "no connection" in outcome.message
    await executor.close()


NAMES = {CLAUDE: ["ANTHROPIC_API_KEY"], GEMINI: ["GEMINI_API_KEY", "GOOGLE_API_KEY"]}


@pytest.mark.parametrize("model", NAMES)
async def test_without_a_key_nothing_is_sent(provided: Provided, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    for name in NAMES[model]:
        monkeypatch.delenv(name, raising=False)
    before = provided.requests
    outcome = await provided.ask(model)
    assert (outcome.error_class, provided.requests) == ("auth", before)
    assert NAMES[model][0] in outcome.message


async def test_a_server_of_ones_own_needs_no_key_and_openai_does(
    provided: Provided, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert (await provided.ask(OPENAI)).status == "succeeded"
    assert provided.last.key == ""
    executor = Executor(StepSettings())
    outcome = await Provided(provided.server, executor).ask(OPENAI)
    assert outcome.error_class == "auth"
    await executor.close()


@pytest.mark.parametrize("model", MODELS)
async def test_a_new_key_is_used_from_the_next_call_on(
    provided: Provided, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "a-second-key")
    await provided.ask(model)
    assert provided.last.key == "a-second-key"


async def test_many_calls_share_the_providers_slots() -> None:
    async with providing([{"reply": "x", "delay": 0.02}], calls_per_provider=3) as provided:
        outcomes = await asyncio.gather(*(provided.ask(CLAUDE) for _ in range(20)))
        assert all(outcome.status == "succeeded" for outcome in outcomes)
        assert 1 <= provided.server.ledger.most_at_once <= 3
