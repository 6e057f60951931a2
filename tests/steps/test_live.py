"""The real services, where a key is set: the smallest call that shows the adapter and the service still agree."""

import os

import orjson
import pytest

from steps.context import Context
from steps.executor import Executor
from steps.settings import StepSettings
from tests.steps.providing import pieces
from tests.steps.scheduled import scheduled

SERVICES = [
    pytest.param("ANTHROPIC_API_KEY", os.environ.get("MILLRACE_LIVE_CLAUDE", "claude-haiku-4-5"), id="claude"),
    pytest.param("GEMINI_API_KEY", os.environ.get("MILLRACE_LIVE_GEMINI", "gemini-2.5-flash"), id="gemini"),
    pytest.param("OPENAI_API_KEY", os.environ.get("MILLRACE_LIVE_OPENAI", "openai/gpt-5-nano"), id="openai"),
]
COLOUR = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("key", "model"), SERVICES)
async def test_the_real_service_answers_in_the_declared_shape(key: str, model: str, streamed: bool) -> None:
    if not os.environ.get(key):
        pytest.skip(f"no {key} here: the real service is not asked (set it to spend a hundredth of a cent)")
    executor = Executor(StepSettings())
    given = {"prompt": "What colour is the sky on a clear day? One word.", "output": COLOUR, "max_tokens": 2000}
    heard, deltas = pieces()
    outcome = await executor.run(scheduled("model", model, given), Context(deltas=deltas if streamed else None))
    await executor.close()
    assert outcome.status == "succeeded", outcome
    assert "blue" in orjson.loads(outcome.output or b"")["colour"].lower()
    [call] = outcome.calls
    assert call.cost, "this model has a price"
    assert call.request_id
    assert bool(heard) == streamed
