"""Whatever a story makes of a run, a snapshot brings it back: no field of the state is forgotten, whoever adds it."""

from typing import Any

import pytest

from schemas.message import Event
from tests.story import Story
from workflow.run import Run
from workflow.snapshot import freeze, thaw

ORDERED = ("ready", "live", "closing", "failing", "commands", "steps", "frames")


@pytest.fixture(autouse=True)
def snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Story._record

    def recorded(story: Story, events: list[Event]) -> None:
        record(story, events)
        for run_id in {event.run_id for event in events}:
            if (run := story.partition.runs.get(run_id)) is not None:
                comes_back(run, story.shelf)

    monkeypatch.setattr(Story, "_record", recorded)


def comes_back(run: Run, shelf: Any) -> None:
    state = freeze(run)
    known = run.workflow is None or shelf.get(run.workflow.version_hash) is not None
    if state is not None and known:
        again = thaw(state, shelf)
        assert again == run
        assert all(list(getattr(again, name)) == list(getattr(run, name)) for name in ORDERED)
