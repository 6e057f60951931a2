"""Recovery is reading: the fold of a partition's log, and nothing else (DESIGN, 4)."""

from typing import TYPE_CHECKING

import structlog

from schemas.codec import UnknownRecord, UnknownSchema
from schemas.message import Event
from workflow.partition import Partition

if TYPE_CHECKING:
    from streams.parts import Parts

logger = structlog.get_logger("millrace.recovery")


class Unreadable(Exception):
    """A record of the log whose run cannot even be told: the owner stops with the reason (PROTOCOL.md, 20)."""


async def take_over(number: int, parts: "Parts") -> tuple[Partition, int]:
    """The partition's state at the end of its log, and that end. Raises Unreadable, KafkaError."""
    await parts.definitions.read_to_end()
    state = Partition(number, parts.definitions)
    archive = parts.archive
    records = 0

    def fold(offset: int, key: bytes, value: bytes) -> None:
        nonlocal records
        records += 1
        if archive is not None:
            archive.append(number, offset, [(key, value)])
        read_record(state, offset, value, parts)

    end = await parts.log.read(number, fold)
    if records:
        logger.info("read", partition=number, records=records, open_runs=len(state.runs), end=end)
    return state, end


def read_record(state: Partition, offset: int, value: bytes, parts: "Parts") -> None:
    """Fold one record; a kind of a later version sets its run aside."""
    try:
        event = parts.decoder.decode(value)
    except UnknownSchema as error:
        raise Unreadable(f"offset {offset}: {error}; upgrade this worker, or mend workflow.schemas") from error
    if isinstance(event, UnknownRecord):
        _set_aside(state, offset, event)
    elif isinstance(event, Event):
        state.read(event)


def _set_aside(state: Partition, offset: int, unknown: UnknownRecord) -> None:
    """Rule 20: a valid record of unknown kind. Its envelope is read as any event's is."""
    values = unknown.values
    if "run_id" not in values:
        raise Unreadable(f"offset {offset}: a {unknown.kind} without a run; upgrade this worker")
    claim = state.claim
    if (values["epoch"], values["owner"], values["n"]) == (claim.epoch, claim.owner, claim.n + 1):
        claim.n += 1
        state.set_aside(values["run_id"], f"this version does not know {unknown.kind}", f"at offset {offset}")
