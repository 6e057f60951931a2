"""Partitions that write to each other under kills, doubled and late messages: each run ends once, none is kept."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import events as e
from schemas import partition as p
from tests.neighbours import Neighbours
from tests.story import Story

LEAF = "name: leaf\nsteps: [{id: a, tool: t.x}]"
MIDDLE = """
name: middle
steps:
  - id: both
    parallel:
      one: [{id: x, workflow: leaf, retry: {attempts: 2, backoff: 1s, on: [fatal]}, on_error: continue}]
      two: [{id: y, workflow: leaf, deadline: 30s, on_error: [{id: z, transform: 1}]}]
"""
TOP = "name: top\nsteps: [{id: m, workflow: middle}, {id: l, workflow: leaf, on_error: continue}]"

moves = st.lists(
    st.tuples(
        st.sampled_from(
            ["take"] * 6 + ["send"] * 4 + ["work"] * 4 + ["kill", "mark", "mark", "double", "late", "cancel", "time"]
        ),
        st.integers(0, 999),
    ),
    min_size=50,
    max_size=120,
)
UNHEALTHY = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
quick = settings(max_examples=80, deadline=None, suppress_health_check=UNHEALTHY)


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are carried forward after a few records, so that short histories hold snapshots."""
    monkeypatch.setattr("workflow.watermark.MOST_RECORDS", 24)
    monkeypatch.setattr("workflow.watermark.SLACK", 8)


def move(world: Neighbours, verb: str, pick: int) -> None:
    """One thing that may happen now."""
    at = pick % len(world.stories)
    story, inbox = world.stories[at], world.inboxes[at]
    if verb == "send":
        world.send(at)
    elif verb == "take" and inbox:
        world.take(at)
    elif verb == "double" and inbox:
        inbox.append(inbox[pick % len(inbox)])
    elif verb == "late" and inbox:
        inbox.rotate(-1)  # a zombie's message: behind what was sent after it
    elif verb == "kill":
        world.kill(at, from_mark=pick % 4 > 0)
    elif verb == "mark":
        world.mark(at)
    elif verb == "cancel" and pick % 2 == 0 and (runs := sorted(story.partition.runs)):
        story.cancel(runs[pick % len(runs)])
    elif verb in ("work", "time"):
        work(story, pick, verb == "time")


def work(story: Story, pick: int, time: bool) -> bool:
    """A step of this partition ends, or its timer fires; False where there is none."""
    for run_id, run in sorted(story.partition.runs.items()):
        for path in run.live:
            state = run.steps[path]
            if state.phase == "scheduled" and not time:
                (story.fail if pick % 4 == 0 else story.succeed)(path, run_id=run_id)
                return True
            if state.phase == "resting":
                story.timer(path, run_id=run_id)
                return True
            if time and state.deadline is not None:
                story.timer(path, due=state.deadline, run_id=run_id)
                return True
    return False


@quick
@given(moves)
def test_every_run_ends_once_and_everybody_forgets_it(messages: list[tuple[str, int]]) -> None:
    world = Neighbours(LEAF, MIDDLE, TOP)
    for name in ("r1", "r2"):
        world.home(name).start(name, "top")
    for verb, pick in messages:
        move(world, verb, pick)
    for _ in range(200):
        world.settle()
        if not any(work(story, 1, False) for story in world.stories):
            break
    assert not world.runs(), {run_id: world.home(run_id).run(run_id).live for run_id in world.runs()}
    assert not world.events(p.RunQuarantined)
    started = Counter(event.run_id for event in world.events(e.RunStarted))
    ended = Counter(
        event.run_id
        for kind in (e.RunSucceeded, e.RunFailed, e.RunCancelled, e.RunRefused)
        for event in world.events(kind)
    )
    assert set(started.values()) == {1} and all(count == 1 for count in ended.values())
    assert started.keys() == ended.keys()
    children = {event.child for event in world.events(e.ChildRequested)}
    assert {event.run_id for event in world.events(p.RunForgotten)} == children & started.keys()
    for story in world.stories:
        told, lived = story.replayed(), story.partition
        assert (told.runs, told.outbox, told.positions) == (lived.runs, lived.outbox, lived.positions)
        assert told.ended.times.keys() == lived.ended.times.keys()
