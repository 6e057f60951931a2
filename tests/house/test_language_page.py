"""docs/language.md: every example is a whole workflow that is checked, and runs to its end."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import events as e
from tests.house.tree import ROOT, text
from tests.neighbours import Neighbours
from tests.story import Story
from workflow.check import check
from workflow.parse.load import load

PAGE = text(Path("docs/language.md"))
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PLAN = {"name": "plan", "inputs": {"n": "integer"}, "steps": [{"id": "a", "transform": "{{ inputs.n + 1 }}"}]}
INPUTS: dict[str, Any] = {
    "notify": {"ticket": "T-1"},
    "bill": {"customer": "Ada", "plan": PLAN},
    "invoice": {"customer": "Ada", "hours": 2},
    "judge": {"ticket": "lost parcel"},
    "talk": {"letter": "Dear miller"},
    "refund": {"sum": 40},
    "payout": {"sum": 40},
    "shapes": {"words": ["tiny", "a"]},
}
OUTPUTS = {
    "invoice": {"net": 180.0, "hint": ""},
    "order": {"c": 3, "both": {"left": "left", "right": 3}},
    "judge": {"verdict": "done", "tokens": 0},
    "talk": "done",
    "careful": {"it": "nothing"},
    "notify": 7,
    "bill": {"net": 180.0, "made": 4},
    "payout": {"receipt": "done"},
    "shapes": {"review": [{"word": "tiny", "place": 0}, "a"], "text": "xx"},
    "refund": {"paid": False, "approved": True, "sum": 40.0},
}


@pytest.mark.parametrize("source", EXAMPLES, ids=lambda source: source.split()[1])
def test_an_example_of_the_page_is_checked_and_runs(source: str) -> None:
    workflow = load(source)
    assert [problem for problem in check(workflow) if problem.severity == "error"] == []
    world = Neighbours(*EXAMPLES, count=1)
    story = world.home("r").start("r", workflow.name, **INPUTS.get(workflow.name, {}))
    world.settle()
    for _ in range(20):
        if "r" not in story.partition.runs:
            break
        answer(story, workflow.name)
        world.settle()
    ended = next(event for event in story.history if isinstance(event, e.RunSucceeded) and event.run_id == "r")
    assert orjson.loads(ended.outputs) == OUTPUTS[workflow.name]


def answer(story: Story, name: str) -> None:
    """What the steps under way wait for, one after the other."""
    run_id, path = next(
        (run_id, path)
        for run_id, run in story.partition.runs.items()
        for path in run.live
        if run.steps[path].phase in ("scheduled", "waiting", "queued")
    )
    state = story.run(run_id).steps[path]
    if state.approval is not None:
        story.approve(path, run_id=run_id)
    elif state.phase == "queued":
        story.room(path, run_id=run_id)
    elif state.phase == "waiting":
        story.timer(path, run_id=run_id)
    else:
        output = {"careful": None, "notify": {"partition": 0, "position": 7}}.get(name, "done")
        story.succeed(path, output, calls=_calls(name), run_id=run_id)


def _calls(name: str) -> list[Any]:
    from tests.story import call

    return [call()] if name == "judge" else []


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) == len(OUTPUTS)
    assert (ROOT / "workflow" / "language.schema.json").exists()
