"""Random workflows under random messages: replayed state equals live state after every message, nothing raises."""

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import events as e
from schemas import partition as p
from tests.properties.random_runs import a_live_path, act, verbs, workflows
from tests.story import Shelf, Story, claim, same

moves = st.lists(st.tuples(verbs, st.integers(0, 20)), max_size=25)
quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(workflows, st.integers(0, 5), moves)
def test_replay_equals_live_after_every_message(text: str, n: int, messages: list[tuple[str, int]]) -> None:
    story = Story(shelf=Shelf(text))
    reader = story.replayed()
    story.start("r", n=n)
    for verb, pick in [("resume", 0), *messages]:
        for event in story.events:
            assert not isinstance(event, p.RunQuarantined), event.traceback
            assert reader.read(event)
        assert same(reader, story.partition)
        act(story, verb, pick)
    seqs = [event.seq for event in story.history if event.run_id == "r" and event.seq]
    assert all(after in (before + 1, 1) for before, after in pairwise(seqs))


GO_ON: dict[str, Callable[[Story, str], Any]] = {
    "scheduled": lambda story, path: story.succeed(path, {"v": 1}),
    "queued": lambda story, path: story.room(path),
    "unsure": lambda story, path: story.resolve(path, "succeed"),
    "resting": lambda story, path: story.timer(path),
    "waiting": lambda story, path: story.timer(path),
}


def drive(story: Story) -> None:
    """Let everything succeed until the run ends."""
    for _ in range(200):
        run = story.partition.runs.get("r")
        if run is None:
            return
        for phase, go_on in GO_ON.items():
            if (path := a_live_path(run, 0, phase)) is not None:
                go_on(story, path)
                break
    raise AssertionError("the run does not end")


@quick
@given(workflows, st.integers(0, 5), moves, st.integers(0, 60))
def test_a_run_cut_off_after_any_record_goes_on_under_a_new_owner(
    text: str, n: int, messages: list[tuple[str, int]], cut: int
) -> None:
    """Batches may land in part: whatever prefix stands, the next owner decides what is missing, and the run ends."""
    story = Story(shelf=Shelf(text)).start("r", n=n)
    for verb, pick in messages:
        act(story, verb, pick)
    heir = Story(shelf=story.shelf)
    heir.history = heir.history[:0] + deepcopy(story.history[: 1 + cut])
    heir.partition = heir.replayed()
    new = claim(2, "w2", heir.partition.time)
    assert heir.partition.read(new)
    heir.history.append(new)
    heir.now = max(story.now, heir.partition.time)
    if "r" not in heir.partition.runs:
        return
    heir.resume()
    drive(heir)
    ends = [x for x in heir.history if isinstance(x, e.RunSucceeded | e.RunFailed | e.RunCancelled)]
    assert ends and same(heir.replayed(), heir.partition)
    done = [(x.path, x.attempt) for x in heir.history if isinstance(x, e.StepSucceeded) and x.attempt]
    incarnations = sum(isinstance(x, e.RunStarted) for x in heir.history)
    assert incarnations > 1 or len(done) == len(set(done)), "an attempt succeeded twice"
