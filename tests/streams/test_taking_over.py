"""Taking a partition over: from the latest mark, from further back, or not at all with the reason."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas import partition as p
from schemas.codec import Decoder, encode
from schemas.message import Event
from streams import recovery
from streams.log import LogCut, Logged
from streams.recovery import Progress, Unreadable, read_again, take_over
from tests.story import Shelf, Story, same
from workflow.messages import MarkDue
from workflow.partition import Partition
from workflow.snapshot import STATE_VERSION

ONE = "name: one\nsteps: [{id: a, tool: t.one}]"
WAITS = "name: waits\nsteps: [{id: w, wait: {for: 300d}}]"


class Log:
    """A history as the records of one partition, some of its first ones perhaps gone."""

    def __init__(self, history: list[Event], begins: int = 0) -> None:
        self.records: list[Any] = [
            SimpleNamespace(offset=at, key=event.run_id.encode(), value=encode(event))
            for at, event in enumerate(history)
        ]
        self.begins = begins
        self.read_from: list[int] = []

    async def read(self, _partition: int, take: Callable[[Sequence[Logged], int], None], start: int = 0) -> int:
        if start < self.begins:
            raise LogCut(f"the log begins at offset {self.begins}; what stood from {start} on is gone")
        self.read_from.append(start)
        for at in range(start, len(self.records), 7):
            take(self.records[at : at + 7], len(self.records))
        return len(self.records)

    async def record_at(self, _partition: int, offset: int) -> bytes | None:
        return self.records[offset].value if offset < len(self.records) else None


def parts(story: Story, committed: int | None, begins: int = 0) -> Any:
    async def nothing() -> None: ...

    async def latest(_partition: int) -> int | None:
        return committed

    shelf = SimpleNamespace(get=story.shelf.get, resolve=story.shelf.resolve, read_to_end=nothing)
    return SimpleNamespace(
        decoder=Decoder(),
        log=Log(story.history, begins),
        definitions=shelf,
        archive=None,
        marks=SimpleNamespace(latest=latest),
        read_schemas=nothing,
    )


async def taken(story: Story, committed: int | None, begins: int = 0) -> tuple[Partition, list[int]]:
    here = parts(story, committed, begins)
    state, end = await take_over(0, here, Progress())
    assert end == state.end == len(story.history)
    return state, here.log.read_from


def marked(story: Story) -> int:
    story.take(MarkDue(1, story.partition.claim.n + 1))
    return next(event.at for event in story.events if isinstance(event, p.PartitionMarked))


def worked(runs: int = 40) -> Story:
    """Runs that ended, and one that waits."""
    story = Story(shelf=Shelf(ONE, WAITS)).start("w", "waits")
    for number in range(runs):
        story.start(f"r{number}", "one").succeed("a", run_id=f"r{number}")
    return story


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.watermark.MOST_RECORDS", 60)
    monkeypatch.setattr("workflow.watermark.SLACK", 10)


async def test_without_a_mark_the_log_is_read_from_its_start():
    story = worked()
    state, read_from = await taken(story, None)
    assert read_from == [0] and same(state, story.partition)


async def test_reading_begins_at_the_low_watermark_of_the_mark(near):
    story = worked()
    at = marked(story)
    state, read_from = await taken(story, at)
    assert read_from == [story.history[at].low] != [0]
    assert state.runs == story.partition.runs and state.ended.times.keys() == story.partition.ended.times.keys()


async def test_an_older_mark_is_as_good_only_more_is_read(near):
    story = worked(10)
    at = marked(story)
    for number in range(100, 130):
        story.start(f"r{number}", "one").succeed("a", run_id=f"r{number}")
    marked(story)
    state, _ = await taken(story, at)
    assert state.runs == story.partition.runs and state.ended.times.keys() == story.partition.ended.times.keys()


async def test_snapshots_of_another_version_are_passed_over_and_their_runs_read_from_their_beginning(near):
    story = worked()
    at = marked(story)
    for offset, event in enumerate(story.history):
        if isinstance(event, p.RunSnapshotted):
            story.history[offset] = replace(event, state_version=STATE_VERSION + 1)
    state, read_from = await taken(story, at)
    assert read_from == [story.history[at].low, 1]
    assert state.runs == story.partition.runs and not state.unread


@pytest.mark.parametrize(
    ("committed", "reason"),
    [(10_000, "shorter than its latest mark at offset 10000"), (3, "at offset 3 of this log there is no mark of it")],
)
async def test_a_log_that_is_not_the_one_that_was_marked_stops_with_the_reason(committed, reason):
    with pytest.raises(Unreadable, match=reason) as stopped:
        await taken(worked(), committed)
    assert "delete the offsets of the recovery group" in str(stopped.value)


async def test_a_mark_that_stands_elsewhere_than_its_writer_expected_is_none():
    story = worked()
    at = marked(story)
    story.history.insert(0, story.history[0])
    with pytest.raises(Unreadable, match="it is another log"):
        await taken(story, at + 1)


@pytest.mark.parametrize("marks", [True, False])
async def test_a_log_whose_beginning_is_gone_stops_unless_a_mark_lies_behind_it(near, marks):
    story = worked()
    at = marked(story)
    if marks:
        state, _ = await taken(story, at, begins=story.history[at].low)
        assert state.runs == story.partition.runs
    else:
        with pytest.raises(Unreadable, match="begins at offset 5; what stood from 0 on is gone; restore it"):
            await taken(story, None, begins=5)


def broken(*_: object) -> object:
    raise ArithmeticError("a fault of ours")


async def test_a_quarantined_run_is_read_again_from_its_first_record_and_released(monkeypatch):
    story = worked()
    story.start("q", "one")
    with monkeypatch.context() as patched:
        patched.setattr("workflow.outcomes.progress", broken)
        story.succeed("a", 1, run_id="q")
    state, _ = await taken(story, marked(story))
    story.partition = state
    story.release("q").then("Held")
    here = parts(story, None)
    known = state.quarantined["q"]
    found = await read_again(0, "q", known.place.first, here)
    assert here.log.read_from == [known.place.first] and known.place.first > 0
    assert found.run is not None and [held.message_kind for held in found.held] == ["StepReported", "ReleaseRun"]
    story.read_again("q", found)
    assert isinstance(story.events[0], p.RunReleased) and "q" in story.partition.ended
    assert "no quarantine of run nobody" in (await read_again(0, "nobody", 1, here)).reason
    here.log.begins = 9
    assert "reading it again failed: Unreadable: the log begins" in (await read_again(0, "q", 2, here)).reason


async def test_a_reading_that_takes_long_says_how_far_it_has_come(monkeypatch):
    monkeypatch.setattr(recovery, "TELL_EVERY", 0.0)
    with capture_logs() as lines:
        await taken(worked(), None)
    told = [line for line in lines if line["event"] == "reading"]
    assert told and told[0]["of"] == len(worked().history) and told[0]["read"] < told[-1]["read"]
    assert lines[-1]["event"] == "read" and lines[-1]["records"] == told[0]["of"]
