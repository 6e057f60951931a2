"""Batches of unknown fate: settled by reading the log once a newer claim stands in it (PROTOCOL.md, 6)."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from schemas import events as e
from schemas.envelope import event_in
from schemas.outcomes import StepReported
from schemas.partition import Held
from streams.appender import Entry
from workflow.messages import OutcomeTaken
from workflow.validity import Claim

if TYPE_CHECKING:
    from streams.parts import Parts

logger = structlog.get_logger("millrace.owner")


async def settle(number: int, entries: list[Entry], parts: "Parts") -> None:
    """Report schedules that stand but were not begun as released, and outcomes that did not make it."""
    epoch = max(entry.event.epoch for entry in entries)
    sent = {(entry.event.epoch, entry.event.n) for entry in entries}
    while True:
        try:
            standing, claim = await _standing(number, sent, parts)
            if claim.epoch > epoch:
                break
        except Exception as error:
            logger.warning("reading for unsettled batches again", partition=number, why=str(error))
        await asyncio.sleep(1.0)
    for report in _reports(entries, standing):
        await parts.pool.report(report)
    logger.info("settled", partition=number, records=len(entries), standing=len(standing))


async def _standing(number: int, sent: set[tuple[int, int]], parts: "Parts") -> tuple[set[tuple[int, int]], Claim]:
    """Which of the sent records are valid in the log, and the claim at its end."""
    claim, standing = Claim(), set()

    def read(_offset: int, _key: bytes, value: bytes) -> None:
        event = event_in(value, parts.decoder)
        if event is not None and claim.admits(event) and event.owner == parts.id:
            standing.add((event.epoch, event.n))

    await parts.log.read(number, read)
    return standing & sent, claim


def _reports(entries: list[Entry], standing: set[tuple[int, int]]) -> list[StepReported]:
    reports = []
    for entry in entries:
        stands = (entry.event.epoch, entry.event.n) in standing
        if stands and isinstance(entry.event, e.StepScheduled):
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
    if isinstance(event, e.StepSucceeded | e.StepFailed | e.StepReleased | e.OutcomeIgnored):
        return outcome if (event.path, event.attempt) == (outcome.path, outcome.attempt) else None
    return outcome if isinstance(event, Held) else None
