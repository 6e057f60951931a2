"""A declared output: asked for natively or by tool, checked, and repaired once."""

import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.steps.providing import CLAUDE, GEMINI, MODELS, SCORE, Provided, providing, set_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULES: list[dict[str, Any]] = [
    {"match": {"prompt": "score it"}, "reply": {"score": 7}},
    {"match": {"prompt": "not the declared output"}, "reply": {"score": 8}},
    {"match": {"prompt": "score badly"}, "reply": '{"score": '},
    {"match": {"prompt": "cut off"}, "reply": '{"score": ', "stop": "max_tokens"},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provided() -> AsyncIterator[Provided]:
    async with providing(RULES) as provided:
        yield provided


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


@pytest.mark.parametrize("model", MODELS)
async def test_a_declared_output_goes_out_natively_and_is_checked(provided: Provided, model: str) -> None:
    outcome = await provided.ask(model, "score it", output={**SCORE, "additionalProperties": False})
    assert orjson.loads(outcome.output or b"") == {"score": 7}
    body = provided.last.body
    if model == CLAUDE:
        assert body["output_config"]["format"]["type"] == "json_schema"
    elif model == GEMINI:
        assert body["generationConfig"]["responseMimeType"] == "application/json"
        assert body["generationConfig"]["responseJsonSchema"]["required"] == ["score"]
    else:
        assert body["response_format"]["json_schema"]["schema"]["required"] == ["score"]


async def test_claude_is_held_to_what_it_can_be_held_to(provided: Provided) -> None:
    """Bounds and open objects would be refused by the API; the answer is checked against the whole of it."""
    bounded = {"type": ["integer", "null"], "minimum": 3, "description": "How many."}
    schema = {"type": "object", "properties": {"n": bounded, "l": {"type": "array", "items": SCORE, "minItems": 1}}}
    outcome = await provided.ask(CLAUDE, "x", output=schema)
    assert orjson.loads(outcome.output or b"") == {"n": 3, "l": [{"score": 0}]}
    sent = provided.last.body["output_config"]["format"]["schema"]
    assert sent["properties"]["n"] == {"type": ["integer", "null"], "description": "How many. (minimum: 3)"}
    assert sent["additionalProperties"] is sent["properties"]["l"]["items"]["additionalProperties"] is False


@pytest.mark.parametrize("model", ["claude-3-5-haiku-20241022", "openai/gpt-3.5-turbo"])
@pytest.mark.parametrize("schema", [SCORE, {"type": "array", "items": {"type": "string"}, "minItems": 1}])
async def test_an_older_model_is_asked_by_tool(provided: Provided, model: str, schema: dict[str, Any]) -> None:
    outcome = await provided.ask(model, "plain", output=schema)
    expected: Any = {"score": 0} if schema is SCORE else ["text"]
    assert orjson.loads(outcome.output or b"") == expected
    assert len(provided.last.body["tools"]) == 1
    assert "tool_choice" in provided.last.body


@pytest.mark.parametrize("model", [*MODELS, "claude-3-5-haiku-20241022"])
async def test_an_answer_of_another_shape_is_asked_for_once_more(provided: Provided, model: str) -> None:
    before = provided.requests
    outcome = await provided.ask(model, "score badly", output=SCORE)
    assert orjson.loads(outcome.output or b"") == {"score": 8}
    assert [call.error_class for call in outcome.calls] == ["malformed", "ok"]
    assert all(call.cost for call in outcome.calls)
    assert provided.requests - before == 2
    assert len({call.request_id for call in outcome.calls}) == 2


async def test_it_is_not_asked_for_a_third_time(provided: Provided) -> None:
    rules = [{"reply": "seven"}]
    async with providing(rules) as stubborn:
        outcome = await stubborn.ask(CLAUDE, output=SCORE)
        assert (outcome.error_class, stubborn.requests) == ("malformed", 2)
        assert [call.error_class for call in outcome.calls] == ["malformed", "malformed"]


@pytest.mark.parametrize("model", MODELS)
async def test_an_answer_that_is_cut_off_is_not_repaired(provided: Provided, model: str) -> None:
    before = provided.requests
    outcome = await provided.ask(model, "cut off", output=SCORE)
    assert (outcome.error_class, provided.requests - before) == ("malformed", 1)
    assert "max_tokens" in outcome.message


async def test_an_attempt_has_its_time_for_both_its_calls() -> None:
    rules = [{"reply": "seven", "times": 1}, {"reply": {"score": 1}, "delay": 30}]
    async with providing(rules) as provided:
        began = time.monotonic()
        outcome = await provided.ask(CLAUDE, output=SCORE, timeout=1_000_000)
        assert outcome.error_class == "timeout"
        assert [call.error_class for call in outcome.calls] == ["malformed", "timeout"]
        assert time.monotonic() - began < 10
