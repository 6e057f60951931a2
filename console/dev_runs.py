"""What happens on the log while dev runs, a line each: runs that begin and end, what is refused."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from console.settings import Settings
from schemas import events as e
from schemas import partition as p
from schemas.codec import Undecodable, decode
from schemas.message import Event
from schemas.topics import EVENTS
from workflow.validity import Claim

#: Milliseconds: the embedded broker looks for new records only when a fetch begins.
FETCH_WAIT = 50
_WIDTH = 100


class Reporter:
    """Follows `workflow.events` from these ends on (0 where none is given), and tells what people want to know."""

    def __init__(self, bootstrap: str, settings: Settings, ends: Mapping[int, int], say: Callable[[str], None]) -> None:
        from aiokafka import AIOKafkaConsumer

        self._topic, self._partitions = settings.topic_prefix + EVENTS.name, settings.partitions
        self._ends, self._say = ends, say
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=FETCH_WAIT
        )
        self._teller = Teller()
        self._task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        """Set once each partition has an owner."""

    async def start(self) -> None:
        """Connect, and follow it from there."""
        from aiokafka import TopicPartition

        await self._consumer.start()
        self._consumer.assign([TopicPartition(self._topic, number) for number in range(self._partitions)])
        for source in self._consumer.assignment():
            self._consumer.seek(source, self._ends.get(source.partition, 0))
        self._task = asyncio.create_task(self._follow(), name="report runs")

    async def stop(self) -> None:
        """Tell nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._consumer.stop()

    async def closed(self) -> None:
        """Wait for the end of the following; raises what ended it."""
        assert self._task is not None, "the reporter was not started"
        await asyncio.shield(self._task)

    async def _follow(self) -> None:
        while True:
            for source, records in (await self._consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    if (line := self._teller.tell(source.partition, record.value)) is not None:
                        self._say(line)
            if self._teller.owned == self._partitions:
                self.ready.set()


class Teller:
    """Turns the records of all partitions into lines; most of them into none."""

    def __init__(self) -> None:
        self._claims: dict[int, Claim] = {}
        self._begun: dict[str, int] = {}

    @property
    def owned(self) -> int:
        """How many partitions have an owner."""
        return len(self._claims)

    def tell(self, partition: int, value: bytes | None) -> str | None:
        """The line for a record, which must be the next of its partition."""
        try:
            event = decode(value or b"")
        except Undecodable:
            return None
        return self._line(event) if isinstance(event, Event) and self._valid(partition, event) else None

    def _valid(self, partition: int, event: Event) -> bool:
        """By the rule of all readers. Nobody wrote the broker but those that dev started, so the first claim stands."""
        claim = self._claims.get(partition)
        if claim is None:
            if not isinstance(event, p.PartitionClaimed):
                return False
            claim = self._claims[partition] = Claim(event.epoch - 1)
        return claim.admits(event)

    def _line(self, event: Event) -> str | None:
        if isinstance(event, e.RunStarted):
            self._begun[event.run_id] = event.time
            return f"{event.run_id}  started  {event.workflow}@{event.version}  {_short(event.inputs.decode())}"
        if isinstance(event, e.RunSucceeded):
            return f"{event.run_id}  succeeded{self._took(event)}  {_short(event.outputs.decode())}"
        if isinstance(event, e.RunFailed):
            where = f" in step {event.path}" if event.path else ""
            return f"{event.run_id}  failed{self._took(event)}  {event.error_class}{where}: {_short(event.message)}"
        return self._rare(event)

    def _rare(self, event: Any) -> str | None:
        if isinstance(event, e.RunCancelled):
            return f"{event.run_id}  cancelled{self._took(event)}  {event.reason}"
        if isinstance(event, e.RunRefused):
            return f"{event.run_id}  refused  {event.reason}: {_short(event.message)}"
        if isinstance(event, p.CommandRefused):
            return f"{event.run_id or '(no run)'}  {event.command} refused  {event.reason}: {_short(event.message)}"
        if isinstance(event, p.InputRejected):
            return (
                f"{event.topic}  unreadable  {event.reason}: {_short(event.message)} (dead letter {event.deadletter})"
            )
        if isinstance(event, p.RunQuarantined):
            return f"{event.run_id}  set aside  {_short(event.reason)}"
        return None

    def _took(self, event: Event) -> str:
        begun = self._begun.pop(event.run_id, None)
        return "" if begun is None else f" in {(event.time - begun) / 1e6:.2f} s"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
