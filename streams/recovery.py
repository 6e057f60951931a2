"""Recovery is reading: the fold of a partition's log, and nothing else (DESIGN, 4)."""

from typing import TYPE_CHECKING

import structlog

from schemas.codec import UnknownSchema
from schemas.envelope import UnknownEvent, event_in
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


def read_record(state: Partition, offset: int, value: bytes | None, parts: "Parts") -> None:
    """Fold one record; a kind of a later version sets its run aside, where its run can be told."""
    try:
        event = event_in(value, parts.decoder)
    except UnknownSchema as error:
        raise Unreadable(f"offset {offset}: {error}; upgrade this worker, or mend workflow.schemas") from error
    if event is not None and state.read(event) and isinstance(event, UnknownEvent) and not event.run_id:
        raise Unreadable(f"offset {offset}: a {event.kind}, which is about no run; upgrade this worker")
