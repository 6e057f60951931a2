"""The script of the provider server: mistakes in it are found when it is read."""

from pathlib import Path

import orjson
import pytest

from steps.context import Context
from steps.executor import Executor
from steps.outcome import Outcome
from steps.providers.server.script import RepliesInvalid, load_rules
from steps.settings import StepSettings
from tests.steps.conftest import Scripted
from tests.steps.scheduled import scheduled

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_no_file_no_rules() -> None:
    assert load_rules(None) == []


async def test_the_example_answers_the_example_workflow(scripted: Scripted) -> None:
    """Draft, a model that is overloaded once, and the next one of the chain."""
    executor = scripted((EXAMPLES / "replies.yaml").read_text(encoding="utf-8"))

    async def ask(model: str, prompt: str) -> Outcome:
        return await executor.run(scheduled("model", model, {"prompt": prompt}), Context())

    draft = await ask("claude-haiku-4-5", "Write one sentence that greets Ada in English.")
    greeting = orjson.loads(draft.output or b"")
    assert greeting == "Good morning, Ada, and welcome to the mill!"
    verse = f"Turn this greeting into a verse of two lines. Answer with the verse alone.\n\n{greeting}\n"
    overloaded = await ask("claude-sonnet-4-5", verse)
    assert overloaded.error_class == "overloaded", overloaded
    assert "turns, Ada, and" in orjson.loads((await ask("gemini-2.5-flash", verse)).output or b"")


def test_json_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "replies.json"
    path.write_text('[{"match": {"prompt": "x"}, "reply": {"a": [1]}, "times": 1}]', encoding="utf-8")
    [rule] = load_rules(path)
    assert (rule.reply, rule.left) == ({"a": [1]}, 1)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("just text", "must be a list of rules"),
        ("- text", "rule 1: must be a mapping"),
        ("- {reply: a}\n- {replay: b}", "rule 2: unknown key 'replay'; the keys are calls, delay, error, match"),
        ("- {match: {modle: x}, reply: a}", "rule 1: match: unknown key 'modle'; the keys are model, prompt"),
        ("- {reply: a, usage: {tokens: 1}}", "rule 1: usage: unknown key 'tokens'"),
        ("- {delay: 1}", "rule 1: give either `reply` (or `calls`), or `error`"),
        ("- {reply: a, error: fatal}", "rule 1: give either `reply` (or `calls`), or `error`"),
        ("- {error: broken}", "rule 1: no error 'broken'; they are auth, away, bad_call"),
        ("- {calls: [{name: f, args: {}}]}", "rule 1: calls: unknown key 'args'"),
        ("- {match: {prompt: {regex: '('}}, reply: a}", "rule 1: `regex` is not a regular expression"),
        ("- {match: {prompt: [a]}, reply: a}", "rule 1: `prompt` must be a text or {regex: …}"),
        ("- {reply: [", "can't be read"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, written: str, reason: str) -> None:
    path = tmp_path / "replies.yaml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(RepliesInvalid) as mistake:
        load_rules(path)
    assert str(mistake.value).startswith(f"{path}: ")
    assert reason in str(mistake.value)


def test_a_missing_file_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(RepliesInvalid, match="can't be read"):
        Executor(StepSettings(models="scripted", replies=tmp_path / "none.yaml"))
