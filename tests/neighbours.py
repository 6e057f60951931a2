"""Several partitions that write to each other: what leaves one arrives at another, late, twice, after a kill."""

import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

from schemas.commands import Command
from schemas.definitions import WorkflowPublished
from schemas.events import StepScheduled
from schemas.message import Event
from schemas.outcomes import ChildReported
from schemas.topics import COMMANDS, OUTCOMES
from schemas.workers import WorkCancelled, WorkItem
from tests.recovered import marks_of, recovered
from tests.story import Shelf, Story, claim
from workflow.departures import Departure, wanted
from workflow.messages import CommandTaken, DefinitionsRead, MarkDue, OutcomeTaken
from workflow.parse.load import load


class Neighbours:
    """`count` partitions with an owner each. What was sent stands in the inboxes until it is taken in."""

    def __init__(self, *sources: str, count: int = 3, dice: Callable[[int], int] = lambda _: 0) -> None:
        self.shelf = Shelf(*sources)
        self.stories = [Story(shelf=self.shelf) for _ in range(count)]
        self.inboxes: list[deque[Any]] = [deque() for _ in range(count)]
        self.sent: list[set[tuple[int, int]]] = [set() for _ in range(count)]
        self.dice = dice

    def home(self, run_id: str) -> Story:
        return self.stories[self.number(run_id)]

    def number(self, run_id: str) -> int:
        return zlib.crc32(run_id.encode()) % len(self.stories)

    def send(self, at: int) -> None:
        """Everything that stands in an outbox leaves, in order; nobody has noted yet that it arrived."""
        story = self.stories[at]
        for key, leaving in list(story.partition.outbox.items()):
            if key not in self.sent[at]:
                self.sent[at].add(key)
                for departure in leaving:
                    if wanted(story.partition, departure):
                        self.deliver(departure)

    def deliver(self, departure: Departure) -> None:
        record = departure.record
        if isinstance(record, StepScheduled):
            return  # what is published goes to nobody here; its arrival is told by hand
        if isinstance(record, WorkflowPublished):
            self.shelf.by_hash[record.definition] = load(record.source)
            return
        if isinstance(record, WorkItem | WorkCancelled):
            return  # how an attempt ends, the test says, wherever it runs
        assert departure.topic in (COMMANDS.name, OUTCOMES.name)
        assert departure.key == record.run_id, "it goes to the home of its run"
        self.inboxes[self.number(record.run_id)].append(record)

    def take(self, at: int) -> None:
        """Take in the first message that waits."""
        story, record = self.stories[at], self.inboxes[at].popleft()
        if isinstance(record, Command):
            story.take(CommandTaken(record, story.cause("command", record.command_id)))
        else:
            assert isinstance(record, ChildReported)
            story.take(OutcomeTaken(record, story.cause("outcome", record.child)))
        for run_id, run in list(story.partition.runs.items()):
            if run.phase == "accepted":
                story.take(DefinitionsRead(run_id))

    def settle(self) -> None:
        """Until nothing is under way any more."""
        for _ in range(10_000):
            for at in range(len(self.stories)):
                self.send(at)
            busy = [at for at, inbox in enumerate(self.inboxes) if inbox]
            if not busy:
                return
            self.take(busy[self.dice(len(busy))])
        raise AssertionError("they write to each other for ever")

    def mark(self, at: int) -> None:
        """The owner notes that what it sent has arrived."""
        story = self.stories[at]
        low = next((key for key in story.partition.outbox if key not in self.sent[at]), None)
        new = (story.partition.claim.epoch, story.partition.claim.n + 1)
        story.take(MarkDue(*(low or new)))

    def kill(self, at: int, from_mark: bool = False) -> None:
        """The owner dies: another reads the log, claims, sends again what no mark says has arrived, and goes on."""
        story = self.stories[at]
        whole = story.replayed()
        story.partition = whole
        if from_mark and (marks := marks_of(story.history, self.shelf)):
            story.partition = recovered(story.history, marks[-1], self.shelf)
            assert story.partition.runs == whole.runs and story.partition.outbox == whole.outbox
        new = claim(story.partition.claim.epoch + 1, f"w{at}-{len(story.history)}", story.partition.time)
        assert story.partition.read(new)
        story.history.append(new)
        self.sent[at] = set()
        self.send(at)
        for run_id in list(story.partition.runs):
            story.resume(run_id)

    def runs(self) -> set[str]:
        return {run_id for story in self.stories for run_id in story.partition.runs}

    def events(self, kind: type[Event]) -> list[Any]:
        return [event for story in self.stories for event in story.history if isinstance(event, kind)]
