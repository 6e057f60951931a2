"""Reading from any mark on gives what reading from the start gives, and goes on identically."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import partition as p
from tests.properties.random_runs import act, workflows
from tests.recovered import marks_of, recovered
from tests.story import Shelf, Story, claim, replay, same
from workflow.decide import decide
from workflow.messages import CommandAway, MarkDue, Message, Resume
from workflow.partition import Partition
from workflow.snapshot import freeze, thaw

RUNS = ("r", "r1", "r2")
VERBS = ["mark"] * 4 + ["take over", "zombie", "break", "release", "forward", "arrive"] + ["act"] * 14
STEPS = ["succeed"] * 8 + ["fail", "fail again", "give back", "lose", "timer", "late", "resume", "start", "start"]

moves = st.lists(
    st.tuples(st.sampled_from(VERBS), st.sampled_from(RUNS), st.integers(0, 60), st.integers(0, 20)), max_size=50
)


def examples(count: int) -> Any:
    unhealthy = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=count, deadline=None, suppress_health_check=unhealthy)


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are carried forward after a few records, so that short histories hold snapshots."""
    monkeypatch.setattr("workflow.watermark.MOST_RECORDS", 24)
    monkeypatch.setattr("workflow.watermark.SLACK", 8)


def mark(story: Story) -> None:
    """A mark, with all that has not been told to have arrived."""
    state = story.partition
    story.take(MarkDue(*next(iter(state.outbox), (state.claim.epoch, state.claim.n + 1))))


def take_over(story: Story) -> None:
    """Another owner reads the log and claims."""
    story.partition = story.replayed()
    new = claim(story.partition.claim.epoch + 1, f"w{story.partition.claim.epoch + 1}", story.partition.time)
    story._record([new])
    assert story.partition.read(new)


def zombie(story: Story, pick: int) -> None:
    """Records that stood in the log already come again: void, and the owner is surprised."""
    story._record([deepcopy(event) for event in story.history[-1 - pick % 5 :]])
    take_over(story)


def broken(*_: object) -> object:
    raise ArithmeticError("a fault of ours")


def move(story: Story, verb: str, run_id: str, pick: int, choice: int, monkeypatch: pytest.MonkeyPatch) -> None:
    story.events = []
    if verb == "mark":
        mark(story)
    elif verb == "take over":
        take_over(story)
    elif verb == "zombie":
        zombie(story, pick)
    elif verb == "break" and pick % 4 == 0:
        with monkeypatch.context() as patched:
            patched.setattr("workflow.outcomes.progress", broken)
            act(story, "succeed", choice, run_id)
    elif verb == "release":
        story.release(run_id)
        if run_id in story.partition.quarantined:
            story.read_again(run_id)
    elif verb == "forward":
        story.take(CommandAway(f"c{pick}", "elsewhere", 3, b"bytes", story.cause("command", f"c{pick}")))
    elif verb == "arrive":
        story.take(MarkDue(story.partition.claim.epoch, story.partition.claim.n + 1))
    else:
        verbs = ["succeed"] * 8 + [
            "fail",
            "fail again",
            "give back",
            "lose",
            "timer",
            "late",
            "resume",
            "start",
            "start",
        ]
        act(story, verbs[pick % len(verbs)], choice, run_id)


def alike(one: Partition, other: Partition) -> None:
    assert one.runs == other.runs
    assert [list(run.ready) for run in one.runs.values()] == [
        list(other.runs[run.id].ready) for run in one.runs.values()
    ]
    assert one.ended.times.keys() == other.ended.times.keys()
    assert (one.positions, one.time, one.end, one.log) == (other.positions, other.time, other.end, other.log)
    assert [one.claim.epoch, one.claim.owner, one.claim.n] == [other.claim.epoch, other.claim.owner, other.claim.n]
    assert one.outbox == other.outbox
    assert one.quarantined.keys() == other.quarantined.keys()
    assert {key: quarantine.place.first for key, quarantine in one.quarantined.items()} == {
        key: quarantine.place.first for key, quarantine in other.quarantined.items()
    }
    assert one.warnings == other.warnings == []
    assert one.watermark.runs == other.watermark.runs


@examples(150)
@given(workflows, moves)
def test_recovery_from_every_mark_is_recovery_from_the_start(
    monkeypatch: pytest.MonkeyPatch, text: str, given_moves: list[tuple[str, str, int, int]]
) -> None:
    story = Story(shelf=Shelf(text))
    for run_id in RUNS:
        story.start(run_id, n=3)
    for verb, run_id, pick, choice in given_moves:
        move(story, verb, run_id, pick, choice, monkeypatch)
        assert story.partition.end == len(story.history)
    mark(story)
    offsets = marks_of(story.history, story.shelf)
    for offset in offsets:
        assert story.history[offset].at == offset >= story.history[offset].low
        whole, part = story.replayed(), recovered(story.history, offset, story.shelf)
        alike(part, whole)
        new = claim(whole.claim.epoch + 1, "heir", whole.time)
        assert part.read(new) and whole.read(new)
        messages: list[Message] = [Resume(run_id) for run_id in whole.runs]
        for message in [*messages, MarkDue(new.epoch, 1)]:
            ours, theirs = decide(part, message, story.now), decide(whole, message, story.now)
            for mine, other in zip(ours, theirs, strict=True):
                if isinstance(mine, p.PartitionMarked):
                    mine.ended = other.ended = []
                assert mine == other
    assert offsets


@examples(100)
@given(workflows, moves)
def test_a_run_comes_back_from_its_snapshot_at_every_moment(
    monkeypatch: pytest.MonkeyPatch, text: str, given_moves: list[tuple[str, str, int, int]]
) -> None:
    story = Story(shelf=Shelf(text)).start(n=3)
    for verb, run_id, pick, choice in given_moves:
        move(story, verb, run_id, pick, choice, monkeypatch)
        for run in story.partition.runs.values():
            state = freeze(run)
            assert state is not None
            again = thaw(state, story.shelf)
            assert again == run and freeze(again) == state
            for name in ("ready", "live", "closing", "failing", "commands", "steps", "frames"):
                assert list(getattr(again, name)) == list(getattr(run, name)), name


@examples(60)
@given(workflows, moves)
def test_snapshots_change_nothing_for_who_reads_everything(
    monkeypatch: pytest.MonkeyPatch, text: str, given_moves: list[tuple[str, str, int, int]]
) -> None:
    story = Story(shelf=Shelf(text)).start(n=3)
    for verb, run_id, pick, choice in given_moves:
        move(story, verb, run_id, pick, choice, monkeypatch)
    reader = replay(story.history, story.shelf)
    assert same(reader, story.partition) and not reader.warnings
