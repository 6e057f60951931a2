"""docs/language.md: every example is a whole workflow that is checked, and runs to its end."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import events as e
from tests.house.tree import ROOT, text
from tests.story import Shelf, Story
from workflow.check import check
from workflow.parse.load import load

PAGE = text(Path("docs/language.md"))
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
INPUTS: dict[str, Any] = {
    "invoice": {"customer": "Ada", "hours": 2},
    "judge": {"ticket": "lost parcel"},
    "refund": {"sum": 40},
}
OUTPUTS = {
    "invoice": {"net": 180.0, "hint": ""},
    "order": {"c": 3, "both": {"left": "left", "right": 3}},
    "judge": {"verdict": "done", "tokens": 0},
    "careful": {"it": "nothing"},
    "refund": {"paid": False, "approved": True, "sum": 40.0},
}


@pytest.mark.parametrize("source", EXAMPLES, ids=lambda source: source.split()[1])
def test_an_example_of_the_page_is_checked_and_runs(source: str) -> None:
    workflow = load(source)
    assert [problem for problem in check(workflow) if problem.severity == "error"] == []
    story = Story(shelf=Shelf(source)).start(**INPUTS.get(workflow.name, {}))
    for _ in range(9):
        run = story.partition.runs.get("r")
        if run is None:
            break
        path = next(iter(run.live))
        if run.steps[path].approval is not None:
            story.approve(path)
        elif run.steps[path].phase == "waiting":
            story.timer(path)
        else:
            story.succeed(path, None if workflow.name == "careful" else "done", calls=_calls(workflow.name))
    ended = story.events[-1]
    assert isinstance(ended, e.RunSucceeded), ended
    assert orjson.loads(ended.outputs) == OUTPUTS[workflow.name]


def _calls(name: str) -> list[Any]:
    from tests.story import call

    return [call()] if name == "judge" else []


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) == len(OUTPUTS)
    assert (ROOT / "workflow" / "language.schema.json").exists()
