"""Where recovery may begin: the low watermark, what a mark carries, snapshots that carry runs forward."""

from dataclasses import replace

import pytest

from schemas import partition as p
from schemas.topics import MAX_RECORD
from tests.story import Shelf, Story, replay, same
from workflow import watermark
from workflow.messages import CommandAway, MarkDue
from workflow.partition import Partition
from workflow.snapshot import STATE_VERSION, freeze

TEXT = """
name: one
steps: [{id: a, tool: t.one}, {id: b, tool: t.one}]
"""
WAITS = "name: waits\nsteps: [{id: w, wait: {for: 300d}}]"


@pytest.fixture(autouse=True)
def snapshots() -> None:
    """Not after each of thousands of records: what snapshots hold is shown elsewhere."""


def mark(story: Story) -> p.PartitionMarked:
    """Have a mark appended; where it is due, a snapshot stands before or behind it."""
    state = story.partition
    story.take(MarkDue(*next(iter(state.outbox), (state.claim.epoch, state.claim.n + 1))))
    (marked,) = [event for event in story.events if isinstance(event, p.PartitionMarked)]
    assert story.history[marked.at] is marked
    return marked


def read_from(story: Story, marked: p.PartitionMarked) -> Partition:
    """What the next owner knows."""
    partition = Partition(0, story.shelf)
    partition.begin_at(marked)
    for offset in range(marked.low, len(story.history)):
        partition.read(story.history[offset], offset)
    return partition


def test_with_no_open_run_reading_begins_at_the_mark_itself():
    story = Story(TEXT).start().succeed("a").succeed("b")
    marked = mark(story)
    assert marked.low == marked.at == len(story.history) - 1
    assert (marked.epoch_at_low, marked.owner_at_low, marked.n_at_low) == (1, "w1", marked.n - 1)
    again = read_from(story, marked)
    assert list(again.ended.times) == list(story.partition.ended.times) != []
    again.ended.times.update(story.partition.ended.times)  # a mark tells the second, not when in it
    assert same(again, story.partition)


def test_the_low_watermark_is_the_first_record_of_the_oldest_open_run():
    story = Story(TEXT).start("r0").start("r1").succeed("a", run_id="r0").succeed("b", run_id="r0")
    first = next(at for at, event in enumerate(story.history) if event.run_id == "r1")
    assert mark(story).low == first


def test_ids_of_ended_runs_are_carried_and_still_refused():
    story = Story(TEXT).start().succeed("a").succeed("b")
    story.partition = read_from(story, mark(story))
    story.start().then("CommandRefused run_exists")
    story.cancel().then("CommandRefused run_ended")
    story.now += 601_000_000
    story.start().then("RunStarted", "StepScheduled a#1")


def test_what_is_on_its_way_holds_the_watermark_until_it_has_arrived():
    story = Story(TEXT).take(CommandAway("c", "elsewhere", 3, b"bytes", Story(TEXT).cause("command", "c")))
    forwarded = len(story.history) - 1
    assert mark(story).low == forwarded
    assert read_from(story, mark(story)).outbox == story.partition.outbox != {}
    story.take(MarkDue(1, story.partition.claim.n + 1))
    assert mark(story).low > forwarded


def test_what_leaves_because_of_a_run_is_known_again_although_the_run_has_ended():
    """That a child may be forgotten follows from the step's state, which only the run's beginning tells."""
    parent = "name: parent\nsteps: [{id: c, workflow: child}]"
    story = Story(shelf=Shelf(parent, "name: child\nsteps: [{id: a, tool: t.x}]")).start()
    story.take(MarkDue(1, story.partition.claim.n + 1))
    story.tell_child("c", "succeeded", output=b"1")
    assert "r" in story.partition.ended and len(story.partition.outbox) == 1
    marked = mark(story)
    assert marked.low == 1 and read_from(story, marked).outbox == story.partition.outbox


def broken(*_: object) -> object:
    raise ArithmeticError("a fault of ours")


def quarantined(monkeypatch: pytest.MonkeyPatch) -> Story:
    story = Story(TEXT).start()
    with monkeypatch.context() as patched:
        patched.setattr("workflow.outcomes.progress", broken)
        story.succeed("a", 1)
    return story


def test_a_quarantined_run_does_not_hold_the_watermark_and_stays_quarantined(monkeypatch):
    story = quarantined(monkeypatch)
    assert story.events[0].first_offset == 1
    marked = mark(story)
    assert marked.low == marked.at and [(one.run_id, one.first_offset) for one in marked.set_aside] == [("r", 1)]
    story.partition = read_from(story, marked)
    story.cancel().then("Held")
    story.release().then("Held")
    story.read_again()
    assert [type(event).__name__ for event in story.events[:3]] == ["RunReleased", "RunSnapshotted", "StepSucceeded"]
    assert same(story.replayed(), story.partition)


def test_a_run_that_was_set_aside_while_reading_gets_its_record():
    story = Story(TEXT).start().start("r2")
    story.shelf.by_hash.clear()
    story.partition = story.replayed()
    assert set(story.partition.quarantined) == {"r", "r2"}
    story.resume().then("RunQuarantined")
    assert "workflow.definitions" in story.events[0].reason and story.events[0].first_offset == 1
    story.resume().then_nothing()
    story.cancel("r2").then("RunQuarantined", "Held")


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twentieth of the bound, so that a story of seconds meets it."""
    monkeypatch.setattr(watermark, "MOST_RECORDS", 2_500)
    monkeypatch.setattr(watermark, "SLACK", 625)


@pytest.mark.parametrize("waiting", [0, 1, 300, 1_500])
def test_recovery_reads_no_more_than_its_bound_and_snapshots_never_come_in_bursts(near, waiting):
    """Runs that never end between many that do; a mark every 250 records."""
    story = Story(shelf=Shelf(TEXT, WAITS))
    for number in range(waiting):
        story.start(f"w{number}", "waits")
    since, marked, snapshots, worst = 0, mark(story), 0, 0.0
    for number in range(4_000):
        for turn in range(3):
            run_id = f"r{number}"
            story.succeed("ab"[turn - 1], run_id=run_id) if turn else story.start(run_id, "one")
            carried = sum(isinstance(event, p.RunSnapshotted) for event in story.events)
            assert carried <= len(story.events) - carried
            snapshots += carried
            since += len(story.events)
            if since >= 250:
                since, marked = 0, mark(story)
            worst = max(worst, (len(story.history) - marked.low) / max(2_500, 4 * len(story.partition.runs)))
    assert worst <= 1.0, f"{worst:.2f} of the bound"
    assert waiting == 0 or snapshots >= waiting
    assert snapshots <= len(story.history) / 2
    assert read_from(story, marked).runs == story.partition.runs


def test_a_run_too_large_for_a_record_holds_the_watermark_until_it_is_smaller(near):
    steps = ", ".join(f"{{id: s{n}, tool: t.x}}" for n in range(20))
    large = f"name: large\nsteps: [{{id: p, parallel: {{all: [{steps}]}}}}, {{id: z, tool: t.x}}]"
    story = Story(shelf=Shelf(large, TEXT)).start(workflow="large")
    for number in range(19):
        story.succeed(f"p/all/s{number}", "x" * 60_000)
    assert freeze(story.run()) is None and MAX_RECORD < 19 * 60_000
    for number in range(600):
        story.start(f"r{number}", "one").succeed("a", run_id=f"r{number}").succeed("b", run_id=f"r{number}")
    assert mark(story).low == 1 and len(story.history) > 2_500
    story.succeed("p/all/s19", 1)
    story.take(MarkDue(1, story.partition.claim.n + 1)).then("RunSnapshotted", "PartitionMarked")
    assert story.events[1].low == story.events[1].at - 1
    assert read_from(story, story.events[1]).runs == story.partition.runs


def test_a_snapshot_of_another_version_is_not_read_and_names_where_the_run_begins(near):
    story = Story(shelf=Shelf(TEXT, WAITS)).start("w", "waits")
    for number in range(400):
        story.start(f"r{number}", "one").succeed("a", run_id=f"r{number}").succeed("b", run_id=f"r{number}")
    marked = mark(story)
    (snapshot,) = [event for event in story.history if isinstance(event, p.RunSnapshotted)]
    assert snapshot.state_version == STATE_VERSION and marked.low == story.history.index(snapshot)
    story.history[marked.low] = replace(snapshot, state_version=STATE_VERSION + 1)
    partition = read_from(story, marked)
    assert "w" not in partition.runs and partition.unread == {"w": 1}
    whole = replay(story.history, story.shelf)
    assert whole.runs == story.partition.runs and whole.watermark.runs["w"].offset == 1


def test_a_snapshot_that_says_something_else_changes_nothing_and_is_told(near):
    story = Story(shelf=Shelf(TEXT, WAITS)).start("w", "waits")
    for number in range(400):
        story.start(f"r{number}", "one").succeed("a", run_id=f"r{number}").succeed("b", run_id=f"r{number}")
    run, at = story.run("w"), next(at for at, x in enumerate(story.history) if isinstance(x, p.RunSnapshotted))
    story.history[at] = replace(story.history[at], state=freeze(replace(run, message="otherwise")))
    whole = story.replayed()
    assert whole.runs == story.partition.runs
    assert whole.warnings == [f"run w: the snapshot at offset {at} is not what its events fold to"]


def test_what_cannot_be_made_bytes_has_no_snapshot_and_is_told(near, monkeypatch):
    story = Story(shelf=Shelf(TEXT, WAITS)).start("w", "waits")
    monkeypatch.setattr("workflow.marks.freeze", broken)
    for number in range(400):
        story.start(f"r{number}", "one").succeed("a", run_id=f"r{number}").succeed("b", run_id=f"r{number}")
    assert mark(story).low == 1
    assert "run w has no snapshot: ArithmeticError" in story.partition.warnings[0]


def test_a_mark_that_would_not_fit_into_a_record_is_not_written(monkeypatch):
    story = quarantined(monkeypatch)
    one = story.partition.quarantined["r"]
    story.partition.quarantined.update({"r" * 120 + str(number): one for number in range(7_000)})
    story.take(MarkDue(1, 1)).then_nothing()


def test_as_many_ended_ids_as_fit_are_carried_with_the_seconds_of_their_ends():
    from schemas.codec import encode
    from workflow.ended import DEDUPE_LIMIT

    story = Story(TEXT)
    for number in range(DEDUPE_LIMIT):
        story.partition.ended.add(f"run-{number}", story.now + number * 1_000)
    story.now += DEDUPE_LIMIT * 1_000
    marked = mark(story)
    assert len(encode(marked)) < MAX_RECORD
    again = read_from(story, marked)
    assert list(again.ended.times) == list(story.partition.ended.times)
    late = max(again.ended.times[key] - time for key, time in story.partition.ended.times.items())
    assert 0 <= late < 1_000_000
    assert again.ended.packed() == story.partition.ended.packed()
