"""Recovery is reading: the fold of a partition's log from its latest mark's low watermark on (PROTOCOL.md, 18)."""

import asyncio
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from schemas.codec import Undecodable, UnknownSchema
from schemas.envelope import UnknownEvent, event_in
from schemas.partition import PartitionMarked
from streams.log import LogCut, Logged
from workflow.partition import Partition, Quarantine
from workflow.validity import Claim

if TYPE_CHECKING:
    from streams.parts import Parts

logger = structlog.get_logger("millrace.recovery")

#: Seconds between two words about a reading that takes long.
TELL_EVERY = 3.0
#: Reading a run again takes no other run for damaged that began before it.
_WHOLE_LOG = 1 << 62


class Unreadable(Exception):
    """The owner of this log stops with the reason: somebody must look (PROTOCOL.md, 20 and 23)."""


@dataclass(slots=True)
class Progress:
    """How far the reading of a partition has come: offsets, and when it began."""

    start: int = 0
    reached: int = 0
    end: int = 0
    _began: float = 0.0
    _told: float = 0.0

    @property
    def of(self) -> int:
        """How many records there are to read; 0 before it is known."""
        return self.end - self.start

    def begin(self, start: int) -> None:
        """Read from here on, when it is this partition's turn."""
        self.start = self.reached = self.end = start
        self._began = 0.0

    def move(self, partition: int, reached: int, end: int) -> None:
        """So far; said in the log every few seconds."""
        self.reached, self.end = reached, end
        now = time.monotonic()
        if not self._began:
            self._began = self._told = now
        elif now - self._told >= TELL_EVERY:
            self._told = now
            read, left = reached - self.start, end - reached
            rate = read / (now - self._began)
            told = {"read": read, "of": self.of, "per_second": round(rate), "seconds_left": round(left / rate)}
            logger.info("reading", partition=partition, **told)

    def tell(self, partition: int, open_runs: int) -> None:
        """It is done."""
        if self._began:
            read = self.reached - self.start
            took = round(time.monotonic() - self._began, 3)
            logger.info("read", partition=partition, records=read, seconds=took, open_runs=open_runs, end=self.reached)


async def take_over(number: int, parts: "Parts", progress: Progress) -> tuple[Partition, int]:
    """The partition's state at the end of its log, and that end. Raises Unreadable, KafkaError."""
    await asyncio.gather(parts.definitions.read_to_end(), parts.read_schemas())
    reading = Reading(number, parts, progress)
    mark = await _latest_mark(number, parts)
    state = await reading.fold(mark, 0 if mark is None else mark.low)
    if state.unread:
        first = min(state.unread.values())
        logger.info("reading further back", partition=number, snapshots_of_another_version=len(state.unread))
        state = await reading.fold(mark, first, await _claim_at(number, first, parts))
    progress.tell(number, len(state.runs))
    for warning in state.warnings:
        logger.error("look at this", partition=number, what=warning)
    state.warnings.clear()
    return state, state.end


async def read_again(number: int, run_id: str, first: int, parts: "Parts") -> Quarantine:
    """A quarantined run as this version folds it, from its first record on, with what is held for it; or why not."""
    reading = Reading(number, parts, Progress())
    try:
        claim = await _claim_at(number, first, parts) if first else None
        state = await reading.fold(None, first, claim, _WHOLE_LOG)
    except Exception as error:  # whoever asked for the release gets an answer
        return Quarantine(None, f"reading it again failed: {type(error).__name__}: {error}", traceback.format_exc())
    missing = f"no quarantine of run {run_id} stands in the log from offset {first} on"
    return state.quarantined.get(run_id) or Quarantine(None, missing, "")


async def _latest_mark(number: int, parts: "Parts") -> PartitionMarked | None:
    """The mark that the recovery group names; None if it names none.

    A mark names the offset at which its writer expected it. Standing there, its writer knew the log to its end, and
    its claim stood in it: so the mark is valid without anything before it being read.
    """
    offset = await parts.marks.latest(number)
    if offset is None:
        return None
    value = await parts.log.record_at(number, offset)
    remedy = "restore the log; or, to go on without what is lost, delete the offsets of the recovery group"
    if value is None:
        raise Unreadable(f"the log is shorter than its latest mark at offset {offset}; {remedy}")
    try:
        mark = parts.decoder.decode(value)
    except Undecodable as error:
        raise Unreadable(f"no mark can be read at offset {offset}: {error}; {remedy}") from error
    if not isinstance(mark, PartitionMarked) or mark.at != offset:
        raise Unreadable(f"at offset {offset} of this log there is no mark of it: it is another log; {remedy}")
    return mark


async def _claim_at(number: int, offset: int, parts: "Parts") -> Claim:
    """The claim before a record that is known to be valid."""
    event = parts.decoder.decode(await parts.log.record_at(number, offset) or b"")
    return Claim(event.epoch, event.owner, event.n - 1)


@dataclass(slots=True)
class Reading:
    """Folds the log of one partition into a new state."""

    number: int
    parts: "Parts"
    progress: Progress

    async def fold(
        self, mark: PartitionMarked | None, start: int, claim: Claim | None = None, seen_from: int = 0
    ) -> Partition:
        """The state at the end of the log: of a mark and of everything from `start` on."""
        parts, state = self.parts, Partition(self.number, self.parts.definitions)
        state.seen_from = seen_from
        if mark is not None:
            state.begin_at(mark)
        if claim is not None:
            state.claim = claim
        state.end = start
        if parts.archive is not None:
            settings = parts.settings
            await parts.archive.catch_up(
                settings.bootstrap, self.number, start, prefix=settings.prefix, auth=settings.auth
            )
        self.progress.begin(start)
        try:
            state.end = await parts.log.read(self.number, lambda records, end: self._take(state, records, end), start)
        except LogCut as error:
            raise Unreadable(f"{error}; restore it from an archive") from error
        return state

    def _take(self, state: Partition, records: Sequence[Logged], end: int) -> None:
        archive = self.parts.archive
        for record in records:
            if archive is not None:
                archive.append(self.number, record.offset, [(record.key or b"", record.value or b"")])
            read_record(state, record.offset, record.value, self.parts)
        self.progress.move(self.number, state.end, end)


def read_record(state: Partition, offset: int, value: bytes | None, parts: "Parts") -> None:
    """Fold one record; a kind of a later version sets its run aside, where its run can be told."""
    try:
        event = event_in(value, parts.decoder)
    except UnknownSchema as error:
        raise Unreadable(f"offset {offset}: {error}; upgrade this worker, or mend workflow.schemas") from error
    if event is None:
        state.end = offset + 1
    elif state.read(event, offset) and isinstance(event, UnknownEvent) and not event.run_id:
        raise Unreadable(f"offset {offset}: a {event.kind}, which is about no run; upgrade this worker")
