"""When marks are due, and where the latest of each partition stands for whoever recovers it (PROTOCOL.md, 18)."""

import asyncio
from typing import TYPE_CHECKING

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import EVENTS
from streams.connect import CONNECT_WITHIN, start, stop
from streams.settings import WorkerSettings
from workflow.messages import MarkDue

if TYPE_CHECKING:
    from streams.owner import Owner

logger = structlog.get_logger("millrace.marks")

#: A mark is due after so many records, or so many seconds after the first of them.
EVERY_RECORDS, EVERY_SECONDS = 5_000, 60.0
#: Seconds between two commits.
COMMIT_EVERY = 1.0


class Marking:
    """What one owner has had acked since its last mark."""

    def __init__(self, owner: "Owner") -> None:
        self._owner = owner
        self._records = 0
        self._alarm: asyncio.TimerHandle | None = None

    def acked(self, count: int) -> None:
        """So many records more stand in the log."""
        before, self._records = self._records, self._records + count
        if before < EVERY_RECORDS <= self._records:
            self.mark()
        elif self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(EVERY_SECONDS, self.mark)

    def mark(self) -> None:
        """Append a mark, if anything changed."""
        if self._records:
            self._owner.handle(MarkDue(*self._owner.outbox.low()))

    def marked(self, offset: int) -> None:
        """The mark is acked: it stands at the offset that it names."""
        self.close()
        self._owner.parts.marks.stands(self._owner.number, offset)

    def close(self) -> None:
        """Count anew."""
        self._records = 0
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class Marks:
    """The group `<app>.recovery`, which has no members: its committed offsets say where the latest marks stand.

    Whoever commits an offset has had that mark acked where it expected it, so it is valid for ever. A commit that
    comes late, from an owner of before, may name an older mark: then more is read, and nothing is wrong.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._topic, self._partitions = settings.topic(EVENTS.name), settings.partitions
        self._bootstrap = settings.bootstrap
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            group_id=f"{settings.app}.recovery",
            enable_auto_commit=False,
            auto_offset_reset="none",
            **settings.auth,
        )
        self._standing: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises BrokerUnreachable."""
        await start(self._consumer, self._bootstrap)
        places = [self._place(number) for number in range(self._partitions)]
        self._consumer.assign(places)  # only what is assigned may be committed; paused, so that nothing is fetched
        self._consumer.pause(*places)
        for place in places:
            self._consumer.seek(place, 0)

    async def stop(self) -> None:
        """Disconnect."""
        await stop(self._consumer)

    def stands(self, partition: int, offset: int) -> None:
        """The latest mark of a partition; committed soon."""
        self._standing[partition] = offset

    async def latest(self, partition: int) -> int | None:
        """The offset of the latest mark, if there is one. Raises KafkaError, TimeoutError."""
        async with asyncio.timeout(CONNECT_WITHIN):
            offset: int | None = await self._consumer.committed(self._place(partition))
            return offset

    async def commit(self) -> None:
        """Commit what was not yet. Raises KafkaError, TimeoutError."""
        async with self._turn, asyncio.timeout(CONNECT_WITHIN):
            moved = {n: offset for n, offset in self._standing.items() if self._committed.get(n) != offset}
            if moved:
                await self._consumer.commit({self._place(number): offset for number, offset in moved.items()})
                self._committed.update(moved)

    async def run(self) -> None:
        """Commit, at most once a second, until cancelled."""
        while True:
            await asyncio.sleep(COMMIT_EVERY)
            try:
                await self.commit()
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                logger.warning("marks are not committed: the next recovery will read more than it need", why=why)

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)
