"""The story of one run out of its partition's: its latest incarnation, from its beginning to its end."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from schemas.commands import ReleaseRun
from schemas.events import RunAccepted, RunCancelled, RunFailed, RunRefused, RunStarted, RunSucceeded
from schemas.message import Event
from schemas.partition import CommandRefused, Held
from streams.history import Piece

#: With one of these a run ends.
Ending = RunSucceeded | RunFailed | RunCancelled | RunRefused


class RunNotFound(LookupError):
    """The log knows no run of this id."""


class Story:
    """Collects what concerns one run, or what one command brought about."""

    def __init__(self, run_id: str, command_id: str | None = None) -> None:
        self.run_id, self.command_id = run_id, command_id
        self._begun = command_id is None
        self._incarnation = 0
        self.told: list[Event] = []
        """What was collected and not yet handed on."""

    def take(self, events: Iterable[Event]) -> None:
        """Collect those that belong here. A new incarnation makes the one before it forgotten."""
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        if event.run_id != self.run_id and not self._refused(event):
            return
        if isinstance(event, (RunAccepted, RunStarted)) and event.incarnation != self._incarnation:
            self._incarnation = event.incarnation
            self.told.clear()
            self._begun = self.command_id in (None, event.command_id)
        if self._begun or self._refused(event):
            self.told.append(event)

    def _refused(self, event: Event) -> bool:
        return isinstance(event, CommandRefused) and event.command_id == self.command_id

    def ends_with(self, event: Event) -> bool:
        """Whether nothing more is to be told after this event."""
        return isinstance(event, Ending) or self._refused(event)


async def tell(
    pieces: AsyncGenerator[Piece], story: Story, *, past: bool = True, must_exist: bool = False
) -> AsyncGenerator[Event]:
    """The events of the story as they come, up to its end; without `past` only those to come. Raises RunNotFound."""
    looked = False
    async with aclosing(pieces):
        async for piece in pieces:
            if past or piece.live:
                story.take(piece.events)
            if not piece.live:
                continue
            if must_exist and not looked and not story.told:
                raise RunNotFound(story.run_id)
            looked = True
            for event in story.told:
                yield event
                if story.ends_with(event):
                    return
            story.told.clear()


async def answer(pieces: AsyncGenerator[Piece], command_id: str) -> Event:
    """The first event that the command brought about, or its refusal."""
    async with aclosing(pieces):
        async for piece in pieces:
            if found := next((event for event in piece.events if _answers(event, command_id)), None):
                return found
    raise AssertionError("the log does not end")


def _answers(event: Event, command_id: str) -> bool:
    if isinstance(event, Held) and event.message_kind == ReleaseRun.__name__:
        return False  # it is noted; the run is read again before the answer
    refused = isinstance(event, CommandRefused) and event.command_id == command_id
    return refused or (event.cause.kind == "command" and event.cause.id == command_id)
