"""What leaves the partition: sent until it is acked, sent again after a recovery, known by its id (PROTOCOL.md, 15)."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from schemas.partition import CommandForwarded
from schemas.topics import COMMANDS
from workflow.messages import OutboxSent

if TYPE_CHECKING:
    from streams.owner import Owner

logger = structlog.get_logger("millrace.outbox")

#: Seconds from the last ack to the mark that says so: many messages share one mark.
MARK_AFTER = 5.0


class Outbox:
    """The messages of one owner that are not acked."""

    def __init__(self, owner: "Owner") -> None:
        self._owner = owner
        self._unsent: set[tuple[int, int]] = set()
        self._alarm: asyncio.TimerHandle | None = None

    def send(self, event: CommandForwarded) -> None:
        """Publish a command again at its home."""
        self._unsent.add((event.epoch, event.n))
        self._owner.parts.spawn(self._send(event))

    def close(self) -> None:
        """The partition is read again, or another's: whoever owns it next sends what no mark says has arrived."""
        self._unsent.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def mark(self) -> None:
        """Record that everything has arrived, so that no recovery sends it again."""
        if not self._unsent and self._owner.state.outbox:
            self._owner.handle(OutboxSent())

    async def _send(self, event: CommandForwarded) -> None:
        parts, sent = self._owner.parts, (event.epoch, event.n)
        topic, key = parts.settings.topic(COMMANDS.name), event.run_id.encode()
        while sent in self._unsent:
            try:
                await parts.producer.send_and_wait(topic, event.value, key, partition=event.home)
                self._unsent.discard(sent)
            except Exception as error:
                logger.warning("forwarding a command again", run_id=event.run_id, why=str(error))
                await asyncio.sleep(1.0)
        if not self._unsent and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(MARK_AFTER, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.mark()
