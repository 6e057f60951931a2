"""What reaches `decide`: every message is a value.

`about(log)` gives the run that it concerns and the cause that its events name, in the partition's present log.
"""

from dataclasses import dataclass

from schemas.commands import Command
from schemas.message import Cause
from schemas.outcomes import ChildReported, StepReported
from workflow.partition import Quarantine


@dataclass(frozen=True, slots=True)
class CommandTaken:
    """A command, at home, with its id and its run's id set."""

    command: Command
    cause: Cause

    def about(self, log: int) -> tuple[str, Cause]:
        return self.command.run_id, self.cause


@dataclass(frozen=True, slots=True)
class CommandUnwanted:
    """A command that the door refuses: it can be read, but not be meant."""

    command: str
    command_id: str
    run_id: str
    reason: str
    message: str
    cause: Cause

    def about(self, log: int) -> tuple[str, Cause]:
        return self.run_id, self.cause


@dataclass(frozen=True, slots=True)
class CommandAway:
    """A command found away from its home; `value` is what goes there."""

    command_id: str
    run_id: str
    home: int
    value: bytes
    cause: Cause

    def about(self, log: int) -> tuple[str, Cause]:
        return self.run_id, self.cause


@dataclass(frozen=True, slots=True)
class InputUnreadable:
    """A message that no door could read; its bytes are in the dead letters already."""

    topic: str
    reason: str
    message: str
    size: int
    deadletter: int
    cause: Cause

    def about(self, log: int) -> tuple[str, Cause]:
        return "", self.cause


@dataclass(frozen=True, slots=True)
class OutcomeTaken:
    """How an attempt ended, from the own executor (cause `step`) or `workflow.outcomes`; or what a child run tells."""

    outcome: StepReported | ChildReported
    cause: Cause

    def about(self, log: int) -> tuple[str, Cause]:
        return self.outcome.run_id, self.cause


@dataclass(frozen=True, slots=True)
class TimerDue:
    """The time `due` has come for a step, or with path "" for the run."""

    run_id: str
    path: str
    due: int

    def about(self, log: int) -> tuple[str, Cause]:
        return self.run_id, Cause("timer", log, -1, f"{self.path}@{self.due}")


@dataclass(frozen=True, slots=True)
class AttemptLost:
    """The worker of an attempt is lost (PROTOCOL.md, 9)."""

    run_id: str
    path: str
    attempt: int
    worker: str

    def about(self, log: int) -> tuple[str, Cause]:
        return self.run_id, Cause("lost", log, -1, self.worker)


@dataclass(frozen=True, slots=True)
class RoomFound:
    """A worker of its queue has room for a step that waits for it, and reads its items from partition `inbox`."""

    run_id: str
    path: str
    worker: str
    inbox: int

    def about(self, log: int) -> tuple[str, Cause]:
        return self.run_id, Cause("room", log, -1, self.worker)


@dataclass(frozen=True, slots=True)
class DefinitionsRead:
    """`workflow.definitions` was read to the end that it had after the run was accepted."""

    run_id: str

    def about(self, log: int) -> tuple[str, Cause]:
        return self.run_id, Cause("recovery", log)


@dataclass(frozen=True, slots=True)
class MarkDue:
    """Say where recovery may begin. What left the partition because of events before epoch/n has arrived."""

    epoch: int
    n: int

    def about(self, log: int) -> tuple[str, Cause]:
        return "", Cause("owner", log)


@dataclass(frozen=True, slots=True)
class Reread:
    """A quarantined run was read again from its first record on, because its release is asked for."""

    run_id: str
    found: Quarantine

    def about(self, log: int) -> tuple[str, Cause]:
        return self.run_id, Cause("recovery", log)


@dataclass(frozen=True, slots=True)
class Resume:
    """After a claim: decide what the run still owes."""

    run_id: str

    def about(self, log: int) -> tuple[str, Cause]:
        return self.run_id, Cause("recovery", log)


Message = (
    CommandTaken
    | CommandUnwanted
    | CommandAway
    | InputUnreadable
    | OutcomeTaken
    | TimerDue
    | AttemptLost
    | RoomFound
    | DefinitionsRead
    | MarkDue
    | Reread
    | Resume
)
