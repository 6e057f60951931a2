"""`continue: STEP` goes on with that step's conversation: what was said, and what was answered."""

import orjson
import pytest

from schemas import events as e
from tests.story import Story
from workflow.errors import DefinitionInvalid
from workflow.parse.load import load

FLOW = """
name: t
inputs: {who: string}
defaults: {model: m}
steps:
  - {id: first, system: Be kind., prompt: "Who is {{ inputs.who }}?", attach: [{file: a.png}]}
  - {id: between, transform: 1}
  - {id: second, continue: first, prompt: "In {{ steps.between.output }} word."}
  - id: third
    continue: second
    system: Be short.
    messages: [{role: user, content: So?}, {role: assistant, content: What?}]
    prompt: Again.
"""


def asked(story: Story) -> dict[str, object]:
    [scheduled] = [event for event in story.events if isinstance(event, e.StepScheduled)]
    found = orjson.loads(scheduled.input)
    assert isinstance(found, dict)
    return found


def test_what_was_said_and_answered_comes_first() -> None:
    story = Story(FLOW).start(who="Ada").succeed("first", {"name": "Ada"})
    said = [
        {"role": "user", "content": "Who is Ada?", "attach": [{"file": "a.png"}]},
        {"role": "assistant", "content": {"name": "Ada"}},
    ]
    assert asked(story) == {"system": "Be kind.", "messages": said, "prompt": "In 1 word."}
    said += [{"role": "user", "content": "In 1 word."}, {"role": "assistant", "content": "Ada."}]
    said += [{"role": "user", "content": "So?"}, {"role": "assistant", "content": "What?"}]
    assert asked(story.succeed("second", "Ada.")) == {"system": "Be short.", "messages": said, "prompt": "Again."}


def test_it_replays() -> None:
    story = Story(FLOW).start(who="Ada").succeed("first", "x").succeed("second", "y").succeed("third", "z")
    assert isinstance(story.events[-1], e.RunSucceeded)
    assert story.replayed().runs == {}


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ("{id: a, continue: b, prompt: x}", "`b` is no model step before this one"),
        ("{id: a, continue: a, prompt: x}", "`a` is no model step before this one"),
        ("{id: b, transform: 1}, {id: a, continue: b, prompt: x}", "`b` is no model step before this one"),
        ("{id: a, needs: [], continue: b, prompt: x}, {id: b, needs: [], prompt: y}", "step `b` can't be read here"),
        ("{id: b, model: m, messages: '{{ [1] }}'}, {id: a, continue: b, prompt: x}", "come out of an expression"),
        ("{id: b, prompt: y}, {id: a, model: m, continue: b, messages: '{{ [1] }}'}", "come out of an expression"),
        ("{id: b, prompt: y, when: run.id == 'x'}, {id: a, continue: b, prompt: x}", "absent"),
    ],
)
def test_what_is_no_conversation_is_told_at_publish(steps: str, reason: str) -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        load(f"name: t\ndefaults: {{model: m}}\nsteps: [{steps}]\n")
    assert reason in str(caught.value)
