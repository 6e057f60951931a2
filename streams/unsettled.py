"""Batches of unknown fate: settled by reading the log once a newer claim stands in it (PROTOCOL.md, 6)."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from schemas import events as e
from schemas.envelope import event_in
from schemas.message import Event
from schemas.outcomes import StepReported
from schemas.partition import Held, PartitionClaimed
from streams.appender import Entry
from streams.log import Logged
from workflow.departures import NOBODY
from workflow.messages import OutcomeTaken
from workflow.validity import Claim

if TYPE_CHECKING:
    from streams.parts import Parts

logger = structlog.get_logger("millrace.owner")


async def settle(number: int, entries: list[Entry], start: int, parts: "Parts") -> None:
    """Report schedules that stand but were not begun as released, and outcomes that did not make it.

    `start` is the end of the log as it was known when the first of them was sent: none can stand before it.
    """
    epoch = max(entry.event.epoch for entry in entries)
    while True:
        try:
            standing, claim = await _standing(number, entries, start, parts)
            if claim.epoch > epoch:
                break
        except Exception as error:
            logger.warning("reading for unsettled batches again", partition=number, why=str(error))
        await asyncio.sleep(1.0)
    for report in _reports(entries, standing):
        await parts.pool.report(report)
    logger.info("settled", partition=number, records=len(entries), standing=len(standing))


async def _standing(
    number: int, entries: list[Entry], start: int, parts: "Parts"
) -> tuple[set[tuple[int, int]], Claim]:
    """Which of the sent records are valid in the log, and the claim at its end."""
    sent, claim, standing = {(entry.event.epoch, entry.event.n) for entry in entries}, _before(entries[0].event), set()

    def read(records: Sequence[Logged], _end: int) -> None:
        for record in records:
            event = event_in(record.value, parts.decoder)
            if event is not None and claim.admits(event) and event.owner == parts.id:
                standing.add((event.epoch, event.n))

    await parts.log.read(number, read, start)
    return standing & sent, claim


def _before(first: Event) -> Claim:
    """The claim before the first of them; before a claim, whose it was doesn't matter: nothing of it is asked for."""
    if isinstance(first, PartitionClaimed):
        return Claim(first.epoch - 1)
    return Claim(first.epoch, first.owner, first.n - 1)


def _reports(entries: list[Entry], standing: set[tuple[int, int]]) -> list[StepReported]:
    reports = []
    for entry in entries:
        stands = (entry.event.epoch, entry.event.n) in standing
        if stands and isinstance(entry.event, e.StepScheduled):
            if entry.event.worker != NOBODY:  # else whoever owns the partition now has sent it
                reports.append(_not_begun(entry.event))
        elif not stands and (outcome := _own_outcome(entry)) is not None:
            reports.append(outcome)
    return reports


def _not_begun(event: e.StepScheduled) -> StepReported:
    why = "its schedule was acked too late"
    return StepReported(
        event.run_id, event.path, event.attempt, event.worker, "released", event.incarnation, message=why
    )


def _own_outcome(entry: Entry) -> StepReported | None:
    """The outcome of our own executor that this record was to tell; others stand in `workflow.outcomes`."""
    event, message = entry.event, entry.message
    if not isinstance(message, OutcomeTaken) or message.cause.kind != "step":
        return None
    outcome = message.outcome
    if not isinstance(outcome, StepReported):
        return None
    if isinstance(event, e.StepSucceeded | e.StepFailed | e.StepReleased | e.OutcomeIgnored):
        return outcome if (event.path, event.attempt) == (outcome.path, outcome.attempt) else None
    return outcome if isinstance(event, Held) else None
