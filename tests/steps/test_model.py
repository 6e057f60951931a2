"""A model step with scripted models: what is answered, recorded, priced."""

import asyncio
import time
from typing import Any

import orjson
import pytest

from steps.context import Context
from steps.executor import Executor
from steps.outcome import Outcome
from steps.settings import StepSettings
from tests.steps.conftest import Scripted
from tests.steps.scheduled import scheduled

SCORE = {
    "type": "object",
    "properties": {"score": {"type": "number", "minimum": 1}, "note": {"type": "string"}},
    "required": ["score"],
    "additionalProperties": False,
}


async def ask(
    executor: Executor, model: str = "claude-haiku-4-5", *, timeout: int = 5_000_000, **given: Any
) -> Outcome:
    return await executor.run(scheduled("model", model, given, timeout=timeout), Context())


def text(outcome: Outcome) -> Any:
    assert outcome.status == "succeeded", outcome
    return orjson.loads(outcome.output or b"")


async def test_without_a_script_the_first_line_comes_back(scripted: Scripted) -> None:
    outcome = await ask(scripted(), prompt="Say hello.\nPlease.")
    assert text(outcome) == "[claude-haiku-4-5] Say hello."


async def test_a_scripted_call_is_recorded_and_priced_as_the_named_model(scripted: Scripted) -> None:
    outcome = await ask(scripted(), prompt="a" * 4000, system="b" * 400)
    [call] = outcome.calls
    assert (call.provider, call.model, call.response_model) == ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5")
    assert (call.input_tokens, call.stop, call.error_class) == (1100, "end_turn", "ok")
    assert call.cost == 1100 * 1000 + call.output_tokens * 5000
    assert orjson.loads(call.raw or b"")["input_tokens"] == 1100
    assert outcome.started <= call.started <= call.ended <= outcome.ended


async def test_a_model_without_a_price_has_no_cost_rather_than_none(scripted: Scripted) -> None:
    for model in ("claude-of-tomorrow", "house-model"):
        [call] = (await ask(scripted(), model, prompt="x")).calls
        assert call.cost is None
    assert call.provider == "scripted"


async def test_messages_come_before_the_prompt(scripted: Scripted) -> None:
    messages = [{"role": "user", "content": "first"}, {"role": "assistant", "content": {"a": 1}}]
    executor = scripted()
    assert text(await ask(executor, messages=[*messages, {"role": "user", "content": "last"}])).endswith("last")
    assert text(await ask(executor, messages=messages, prompt="after all")).endswith("after all")


async def test_a_prompt_that_is_a_value_is_sent_as_json(scripted: Scripted) -> None:
    assert text(await ask(scripted(), prompt={"ticket": [1, 2]})) == '[claude-haiku-4-5] {"ticket":[1,2]}'


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "needs a `prompt` or `messages`"),
        ({"messages": [{"role": "system", "content": "x"}]}, "goes into `system`"),
        ({"messages": ["x"]}, "each of a model step's `messages`"),
        ({"messages": [{"role": "user"}]}, "each of a model step's `messages`"),
    ],
)
async def test_arguments_that_are_no_prompt_are_fatal(scripted: Scripted, given: dict[str, Any], reason: str) -> None:
    outcome = await ask(scripted(), **given)
    assert outcome.error_class == "fatal"
    assert reason in outcome.message


async def test_a_declared_output_is_filled_by_the_script_or_by_a_sample(scripted: Scripted) -> None:
    assert text(await ask(scripted(), prompt="x", output=SCORE)) == {"score": 1}
    executor = scripted("- {reply: {score: 7.5, note: fine}}")
    assert text(await ask(executor, prompt="x", output=SCORE)) == {"score": 7.5, "note": "fine"}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("no JSON at all", "no JSON"),
        ('{"score": "high", "extra": 1}', "at output.score:"),
        ("[1]", "at output:"),
    ],
)
async def test_an_answer_that_is_not_the_declared_output_is_malformed_and_paid(
    scripted: Scripted, reply: str, reason: str
) -> None:
    executor = scripted(f"- {{reply: {reply!r}}}")
    outcome = await ask(executor, prompt="x", output=SCORE)
    assert (outcome.status, outcome.error_class) == ("failed", "malformed")
    assert reason in outcome.message
    assert orjson.loads(outcome.detail or b"") == reply
    assert [call.error_class for call in outcome.calls] == ["malformed", "malformed"]  # asked once more
    assert all(call.cost for call in outcome.calls)


async def test_rules_answer_by_model_and_prompt_in_their_order(scripted: Scripted) -> None:
    executor = scripted(
        """
- {match: {model: "gemini-*"}, reply: from Google}
- {match: {prompt: refund}, reply: about money}
- {match: {prompt: {regex: "^\\\\d+$"}}, reply: a number}
- {reply: anything else}
""",
    )
    assert text(await ask(executor, "gemini-2.5-pro", prompt="refund")) == "from Google"
    assert text(await ask(executor, prompt="my refund, please")) == "about money"
    assert text(await ask(executor, prompt="42")) == "a number"
    assert text(await ask(executor, prompt="else")) == "anything else"


async def test_a_reply_holds_what_the_groups_found(scripted: Scripted) -> None:
    rule = "- {match: {prompt: {regex: 'greet (?P<who>[A-Z]+)(?P<rest>x)?'}}, reply: 'Hello, {who}{rest}{more}'}"
    assert text(await ask(scripted(rule), prompt="please greet ADA")) == "Hello, ADA{more}"


async def test_a_rule_may_be_used_up(scripted: Scripted) -> None:
    executor = scripted(
        "- {error: overloaded, message: too much, retry_after: 1.5, times: 2}\n- {reply: at last, stop: max}"
    )
    for _ in range(2):
        outcome = await ask(executor, prompt="x")
        assert (outcome.status, outcome.error_class, outcome.message) == (
            "failed",
            "overloaded",
            "claude-haiku-4-5: 529 overloaded_error: too much",
        )
        assert outcome.retry_after == 1_500_000
        [call] = outcome.calls
        assert (call.error_class, call.cost, call.request_id[:4]) == ("overloaded", None, "req_")
    outcome = await ask(executor, prompt="x")
    assert text(outcome) == "at last"
    assert outcome.calls[0].stop == "max"


async def test_usage_of_a_rule_is_recorded(scripted: Scripted) -> None:
    usage = "{input_tokens: 100, output_tokens: 50, cache_read_tokens: 40, thinking_tokens: 20}"
    [call] = (await ask(scripted(f"- {{reply: hi, usage: {usage}}}"), prompt="x")).calls
    assert (call.input_tokens, call.output_tokens, call.cache_read_tokens, call.thinking_tokens) == (100, 50, 40, 20)
    assert call.cost == 60 * 1000 + 40 * 100 + 50 * 5000


async def test_a_refusal_by_script_is_an_answer_and_paid(scripted: Scripted) -> None:
    outcome = await ask(scripted("- {error: refused}"), prompt="x" * 40)
    assert (outcome.status, outcome.error_class) == ("failed", "refused")
    assert outcome.message == "claude-haiku-4-5 refused to answer (cyber)"
    assert outcome.calls[0].cost == 10 * 1000 + 5000


async def test_a_slow_model_is_cut_off(scripted: Scripted) -> None:
    executor = scripted("- {reply: late, delay: 10}")
    await ask(scripted(), prompt="warm")
    started = time.monotonic()
    outcome = await ask(executor, prompt="x", timeout=100_000)
    assert (outcome.error_class, outcome.calls[0].error_class) == ("timeout", "timeout")
    assert "did not answer within 0.1 s" in outcome.message
    assert time.monotonic() - started < 5


async def test_without_a_timeout_of_its_own_a_call_has_the_settings(scripted: Scripted) -> None:
    executor = scripted("- {reply: late, delay: 10}", model_timeout=0.05)
    outcome = await executor.run(scheduled("model", "claude-haiku-4-5", {"prompt": "x"}, timeout=None), Context())
    assert outcome.error_class == "timeout"


async def test_calls_to_one_provider_are_bounded_and_wait_without_having_begun(scripted: Scripted) -> None:
    executor = scripted("- {match: {prompt: x}, reply: ok, delay: 0.3}", calls_per_provider=2)
    await ask(executor, prompt="warm", timeout=60_000_000)
    started = time.monotonic()
    outcomes = await asyncio.gather(*(ask(executor, prompt="x", timeout=800_000) for _ in range(6)))
    assert [outcome.status for outcome in outcomes] == ["succeeded"] * 6
    assert time.monotonic() - started >= 0.9  # longer than the timeout of one
    assert max(outcome.started for outcome in outcomes) - min(outcome.started for outcome in outcomes) >= 590_000


async def test_a_call_that_waited_too_long_for_its_turn_is_released(scripted: Scripted) -> None:
    from steps import clock

    executor = scripted("- {reply: ok, delay: 0.2}", calls_per_provider=1)
    until = clock.uptime() + 0.1
    first = asyncio.ensure_future(ask(executor, prompt="x"))
    await asyncio.sleep(0)
    late = await executor.run(scheduled("model", "claude-haiku-4-5", {"prompt": "x"}), Context(begin_by=lambda: until))
    assert (late.status, late.calls) == ("released", [])
    assert (await first).status == "succeeded"


async def test_a_model_that_nobody_serves_is_fatal() -> None:
    outcome = await ask(Executor(StepSettings()), "gpt-of-another-house", prompt="x")
    assert outcome.error_class == "fatal"
    assert "the models are claude-*, *anthropic.claude-*, gemini-*, openai/*" in outcome.message


async def test_offline_no_proxy_hears_of_it(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    executor = scripted()
    for model in ("claude-haiku-4-5", "gemini-2.5-flash", "openai/gpt-5", "house-model"):
        assert text(await ask(executor, model, prompt="Hi", timeout=60_000_000)).endswith("Hi")
