"""A record of `workflow.events` as everybody reads it: an event, what counts of one of a later version, or nothing."""

from dataclasses import dataclass, field
from typing import Any

from schemas.codec import Decoder, Undecodable, UnknownRecord, UnknownSchema
from schemas.message import Cause, Event


@dataclass(slots=True)
class UnknownEvent(Event):  # type: ignore[misc]  # records are frozen for the type checker only
    """An event of a kind that this version does not know: its envelope, and all its values as they came."""

    kind: str = ""
    values: dict[str, Any] = field(default_factory=dict)


def event_in(value: bytes | None, decoder: Decoder) -> Event | None:
    """The event in these bytes; None where no owner of any version can have written them. Raises UnknownSchema."""
    try:
        read = decoder.decode(value or b"")
    except UnknownSchema:
        raise
    except Undecodable:
        return None
    if isinstance(read, UnknownRecord):
        return _unknown(read)
    return read if isinstance(read, Event) else None


def _unknown(read: UnknownRecord) -> UnknownEvent | None:
    """What every event carries, in whatever version."""
    said = read.values
    try:
        cause = said["cause"]
        named = Cause(str(cause["kind"]), int(cause["log"]), int(cause["offset"]), str(cause["id"]))
        seq, epoch, n, time = (int(said[name]) for name in ("seq", "epoch", "n", "time"))
        return UnknownEvent(str(said["run_id"]), seq, epoch, str(said["owner"]), n, time, named, read.kind, said)
    except (KeyError, TypeError, ValueError):
        return None
