"""What happened to a partition: claims, marks, intake that became no run's event, quarantine."""

from dataclasses import field

from schemas.message import Ended, Event, Finished, Positions, SetAside
from schemas.record import Json, Micros, record


@record
class PartitionClaimed(Event):
    """An owner's first record; epoch is the last valid one + 1, else void. `log` names this log for ever."""

    log: int
    positions: Positions


@record
class PartitionMarked(Event):
    """Where recovery may begin: at `low`, before which the claim was epoch_at_low, owner_at_low, n_at_low.

    What left because of events before outbox_epoch/outbox_low has arrived; an epoch of 0 is that of the mark.
    `at` is the offset that the mark itself was to have: where it stands elsewhere, nothing begins at it. `ended_ids`
    are 8-byte hashes of the ids of the runs that ended within the dedupe window, oldest first; `ended` tells when.
    """

    log: int
    low: int
    positions: Positions
    epoch_at_low: int
    owner_at_low: str
    n_at_low: int
    outbox_low: int = 0
    finished: list[Finished] = field(default_factory=list)
    outbox_epoch: int = 0
    at: int = -1
    ended_ids: bytes = b""
    ended: list[Ended] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)


@record
class PartitionRestored(Event):
    """An archive was read back up to here: a new log id, positions at the ends of the new topics, a higher epoch."""

    log: int
    positions: Positions
    from_log: int


@record
class RunSnapshotted(Event):
    """The state of a run that has been open for long. Full readers check it and change nothing."""

    state_version: int
    first_offset: int
    state: bytes
    state_ref: str = ""


@record
class CommandRefused(Event):
    """A command that changes nothing, with the reason: the answer to whoever sent it."""

    command: str
    command_id: str
    reason: str
    message: str


@record
class CommandForwarded(Event):
    """A command found away from its home; `value` is published again to `home` until it has arrived."""

    command_id: str
    home: int
    value: bytes


@record
class InputRejected(Event):
    """What no door could read. The original bytes stand in `workflow.deadletters` at `deadletter`."""

    topic: str
    reason: str
    message: str
    size: int
    deadletter: int


@record
class RunQuarantined(Event):
    """A run was set aside: deciding or folding raised. The partition goes on without it."""

    reason: str
    traceback: str
    first_offset: int = -1


@record
class Held(Event):
    """A message for a quarantined run, kept for its release."""

    message_kind: str
    value: bytes


@record
class RunReleased(Event):
    """A quarantined run goes on."""


@record
class Header:
    """One header of a message, in the bytes in which it came."""

    name: bytes
    value: bytes | None = None


@record
class RunForgotten(Event):
    """A child run that ended is kept no longer: its parent knows how."""


@record
class DeadLetter:
    """What could not be read at a door: the original bytes, why, and where it stood."""

    topic: str
    partition: int
    record_offset: int
    reason: str
    message: str
    time: Micros
    key: bytes | None = None
    value: bytes | None = None
    headers: Json = b"{}"
    original_headers: list[Header] = field(default_factory=list)
    whole: bool = True


@record
class LetterReplayed:
    """A dead letter was sent again to where it came from: the letter at `letter` stands at `record_offset` now."""

    letter: int
    topic: str
    partition: int
    record_offset: int
    time: Micros = 0
    by: str = ""
