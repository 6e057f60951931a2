"""What leaves the partition: sent until it is acked, sent again after a recovery, known by its id (PROTOCOL.md, 15)."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import structlog

from schemas.codec import encode
from schemas.events import StepScheduled
from schemas.message import Event
from schemas.outcomes import StepReported
from streams.publish_steps import cause_of, published
from workflow.departures import Departure, wanted
from workflow.messages import MarkDue, OutcomeTaken

if TYPE_CHECKING:
    from streams.owner import Owner

logger = structlog.get_logger("millrace.outbox")

#: Seconds from the last ack to the mark that says so: many messages share one mark.
MARK_AFTER = 5.0
#: Seconds before what was not acked is sent again, growing to the second figure.
PAUSE, LONGEST_PAUSE = 0.5, 10.0

Sent = tuple[int, int]


class Outbox:
    """The messages of one owner that are not acked; what is for one target goes in order."""

    def __init__(self, owner: "Owner") -> None:
        self._owner = owner
        self._left: dict[Sent, int] = {}
        """Of each event (epoch, n) whose messages are under way: how many of them."""
        self._arrived: set[Sent] = set()
        self._lanes: dict[str, deque[tuple[Sent, Departure]]] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def take_over(self) -> None:
        """Send again what no mark says has arrived."""
        for sent in self._owner.state.outbox:
            self._send(sent)

    def acked(self, event: Event) -> None:
        """An event stands in the log: what it makes leave, leaves."""
        sent = (event.epoch, event.n)
        if sent in self._owner.state.outbox:
            self._send(sent)

    def close(self) -> None:
        """The partition is read again, or another's: whoever owns it next sends what no mark says has arrived."""
        self._left.clear()
        self._arrived.clear()
        self._lanes.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def low(self) -> Sent:
        """(epoch, n) of the first event of which not everything has arrived, or of the next one to come."""
        state = self._owner.state
        to_come = (state.claim.epoch, state.claim.n + 1)
        return next((sent for sent in state.outbox if sent not in self._arrived), to_come)

    def mark(self) -> None:
        """Record what has arrived, so that no recovery sends it again."""
        self._arrived &= self._owner.state.outbox.keys()  # what another mark has told already
        if self._arrived:
            self._owner.handle(MarkDue(*self.low()))
            self._arrived &= self._owner.state.outbox.keys()

    def _send(self, sent: Sent) -> None:
        leaving = self._owner.state.outbox[sent]
        self._left[sent] = len(leaving)
        for departure in leaving:
            target = departure.target or departure.key
            if (lane := self._lanes.get(target)) is not None:
                lane.append((sent, departure))
                continue
            lane = self._lanes[target] = deque([(sent, departure)])
            self._owner.parts.spawn(self._drain(target, lane))

    async def _drain(self, target: str, lane: deque[tuple[Sent, Departure]]) -> None:
        """Send what waits in a lane, one after the other, until it is empty or no longer ours."""
        pause = PAUSE
        while lane and self._lanes.get(target) is lane:
            sent, departure = lane[0]
            report = None
            try:
                if wanted(self._owner.state, departure):
                    report = await self._publish(departure)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                logger.warning("sending again", topic=departure.topic, target=target, why=why)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                pause = PAUSE
                lane.popleft()
                if self._lanes.get(target) is lane:
                    self._has_arrived(sent)
                    if report is not None:
                        self._owner.handle(OutcomeTaken(report, cause_of(report)))
        if self._lanes.get(target) is lane:
            del self._lanes[target]

    async def _publish(self, departure: Departure) -> StepReported | None:
        """Send it; what a step published comes back with its outcome."""
        parts, record = self._owner.parts, departure.record
        if isinstance(record, StepScheduled):
            return await published(record, parts)
        value = record if isinstance(record, bytes) else encode(record)
        topic, key = parts.settings.topic(departure.topic), departure.key.encode()
        await parts.producer.send_and_wait(topic, value, key, partition=departure.partition)
        return None

    def _has_arrived(self, sent: Sent) -> None:
        self._left[sent] -= 1
        if self._left[sent]:
            return
        del self._left[sent]
        self._arrived.add(sent)
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(MARK_AFTER, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.mark()
