"""One decision in the making: each event is folded as soon as it is decided, so the next one sees it."""

from typing import Any, TypeVar

import orjson

from schemas.commands import Command
from schemas.message import Cause, Event
from schemas.partition import CommandRefused
from schemas.topics import MAX_VALUE
from workflow.definition import Step
from workflow.errors import ExpressionFailed
from workflow.names import Names
from workflow.partition import Partition
from workflow.run import Run

E = TypeVar("E", bound=Event)


class Transition:
    """What one message brings for one run, at one recorded time."""

    __slots__ = ("cause", "events", "now", "partition", "run_id")

    def __init__(self, partition: Partition, run_id: str, now: int, cause: Cause) -> None:
        self.partition, self.run_id, self.now, self.cause = partition, run_id, now, cause
        self.events: list[Event] = []

    @property
    def run(self) -> Run | None:
        """The run as it stands after the events so far; None before it begins and after it ended."""
        return self.partition.runs.get(self.run_id)

    @property
    def worker(self) -> str:
        """Who executes what is scheduled here: the owner itself."""
        return self.partition.claim.owner

    def emit(self, kind: type[E], /, **fields: Any) -> E:
        """Decide an event of the run."""
        run = self.partition.runs.get(self.run_id)
        return self._append(kind, 1 if run is None else run.seq + 1, fields)

    def note(self, kind: type[E], /, **fields: Any) -> E:
        """Decide a fact about the run that is not part of its state."""
        return self._append(kind, 0, fields)

    def refuse(self, command: Command, reason: str, message: str) -> None:
        """Decide that a command changes nothing, and say why."""
        kind = type(command).__name__
        self.note(CommandRefused, command=kind, command_id=command.command_id, reason=reason, message=message)

    def _append(self, kind: type[E], seq: int, fields: dict[str, Any]) -> E:
        claim = self.partition.claim
        event = kind(self.run_id, seq, claim.epoch, claim.owner, claim.n + 1, self.now, self.cause, **fields)
        claim.n += 1
        self.partition.fold(event)
        self.partition.end += 1
        self.events.append(event)
        return event

    def rendered(self, step: Step, prefix: str, path: str) -> tuple[bytes, dict[str, Any]]:
        """The step's arguments as JSON, and the places where secrets go. Raises ExpressionFailed."""
        value, secrets = step.config.render(self.names(prefix, path))
        text = orjson.dumps(value)
        if len(text) > MAX_VALUE:
            message = f"the value is {len(text)} bytes; at most {MAX_VALUE} fit in an event"
            raise ExpressionFailed(message, f"step {path}")
        return text, secrets

    def names(self, prefix: str, path: str = "") -> Names:
        """What the step at a path may read."""
        assert self.run is not None
        return Names(self.run, prefix, self.now, path)
