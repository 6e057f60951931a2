"""Tools at the wire: declared to the model, called by it, answered by us; thoughts and signatures go back unchanged."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from steps.providers.content import Message, Tool, ToolCall, ToolResult, said
from steps.providers.provider import Prompt, Provider
from tests.steps.providing import CLAUDE, GEMINI, MODELS, OPENAI, Provided, providing, set_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FORECAST = Tool("forecast", "The weather of tomorrow.", CITY)
RULES: list[dict[str, Any]] = [
    {
        "match": {"prompt": "weather"},
        "reply": "I look it up.",
        "thinking": "Two cities.",
        "calls": [{"name": "forecast", "arguments": {"city": name}} for name in ("Graz", "Linz")],
    },
    {"match": {"prompt": "rain"}, "reply": "It rains in both."},
    {"match": {"prompt": "broken"}, "reply": "I can't tell."},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provided() -> AsyncIterator[Provided]:
    async with providing(RULES) as provided:
        yield provided


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


async def asked(provided: Provided, model: str) -> Provider:
    return await provided.executor._models.providers.provider(model)


def prompt(model: str, **more: Any) -> Prompt:
    return Prompt(model, (said("user", "How is the weather?"),), tools=(FORECAST,), thinking=True, **more)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("model", MODELS)
async def test_a_loop_can_be_built_on_it(provided: Provided, model: str, streamed: bool) -> None:
    provider, heard = await asked(provided, model), list[str]()
    sink = heard.append if streamed else None
    before = provided.requests
    first = await provider.complete(prompt(model), 30, sink)
    assert [(call.name, call.arguments) for call in first.calls] == [
        ("forecast", {"city": "Graz"}),
        ("forecast", {"city": "Linz"}),
    ]
    assert len({call.id for call in first.calls}) == 2
    assert first.text == "I look it up."
    assert first.error_class == "ok"
    assert provided.requests - before == 1, "no tool is called, and no second request made, by an SDK"
    assert first.turn is not None
    results = tuple(ToolResult(call.id, call.name, '{"sky": "rain"}') for call in first.calls)
    messages = (*prompt(model).messages, first.turn, Message("user", results))
    second = await provider.complete(replace(prompt(model), messages=messages), 30, sink)
    assert second.text == "It rains in both."
    assert ("".join(heard) == first.text + second.text) == streamed
    _goes_back_unchanged(model, provided.last.body)


def _goes_back_unchanged(model: str, body: dict[str, Any]) -> None:
    """What the model wrote, signatures included, and the results under its names for them."""
    if model == CLAUDE:
        _, turn, results = body["messages"]
        thought, _, one, two = turn["content"]
        assert thought["thinking"] == "Two cities."
        assert thought["signature"].endswith("+/==")
        assert [block["tool_use_id"] for block in results["content"]] == [one["id"], two["id"]]
    elif model == GEMINI:
        _, turn, results = body["contents"]
        calls = [part for part in turn["parts"] if "functionCall" in part or "function_call" in part]
        signatures = [part.get("thoughtSignature") or part.get("thought_signature") for part in calls]
        assert [signature.replace("-", "+").replace("_", "/") for signature in signatures] == ["c2ln+//+"] * 2
        assert len(results["parts"]) == 2
    else:
        _, turn, *results = body["messages"]
        assert [result["tool_call_id"] for result in results] == [call["id"] for call in turn["tool_calls"]]


@pytest.mark.parametrize("model", MODELS)
async def test_another_model_reads_the_turn_in_its_own_words(provided: Provided, model: str) -> None:
    """A fallback in the middle of a conversation: calls and results go over, signatures stay behind."""
    other = GEMINI if model != GEMINI else CLAUDE
    first = await (await asked(provided, other)).complete(prompt(other), 30)
    assert first.turn is not None
    results = tuple(ToolResult(call.id, call.name, "rain") for call in first.calls)
    messages = (*prompt(model).messages, first.turn, Message("user", results))
    second = await (await asked(provided, model)).complete(replace(prompt(model), messages=messages), 30)
    assert second.text == "It rains in both."
    assert "c2ln" not in str(provided.last.body)
    assert "sig" not in str(provided.last.body)


@pytest.mark.parametrize("model", MODELS)
async def test_a_tool_that_failed_is_told_so(provided: Provided, model: str) -> None:
    call = ToolCall("call_1", "forecast", {"city": "Graz"})
    failed = ToolResult("call_1", "forecast", "broken", failed=True)
    messages = (said("user", "x"), Message("assistant", (call,)), Message("user", (failed,)))
    answer = await (await asked(provided, model)).complete(replace(prompt(model), messages=messages), 30)
    assert answer.text == "I can't tell."
    assert "broken" in str(provided.last.body)


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        (CLAUDE, "auto", {"tool_choice": {"type": "auto"}}),
        (CLAUDE, "any", {"tool_choice": {"type": "any"}}),
        (CLAUDE, "forecast", {"tool_choice": {"type": "tool", "name": "forecast"}}),
        (OPENAI, "any", {"tool_choice": "required"}),
        (OPENAI, "forecast", {"tool_choice": {"type": "function", "function": {"name": "forecast"}}}),
    ],
)
async def test_what_must_be_called_is_said(provided: Provided, model: str, choice: str, sent: dict[str, Any]) -> None:
    await (await asked(provided, model)).complete(prompt(model, tool_choice=choice), 30)
    assert {name: provided.last.body[name] for name in sent} == sent


@pytest.mark.parametrize(("choice", "mode"), [("auto", "AUTO"), ("any", "ANY"), ("none", "NONE"), ("forecast", "ANY")])
async def test_what_gemini_must_call_is_said(provided: Provided, choice: str, mode: str) -> None:
    await (await asked(provided, GEMINI)).complete(prompt(GEMINI, tool_choice=choice), 30)
    assert mode in str(provided.last.body["toolConfig"])
    assert ("forecast" in str(provided.last.body["toolConfig"])) == (choice == "forecast")
