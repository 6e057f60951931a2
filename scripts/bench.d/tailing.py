"""Reads the ends of runs off the log, decoding only what it needs."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.codec import decode, kind_of
from schemas.topics import EVENTS
from streams.settings import WorkerSettings


class Ends:
    """The times of the first and the last event of each run, in µs."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._tps = [TopicPartition(settings.topic(EVENTS.name), n) for n in range(settings.partitions)]
        # woken by time, not by each record: watching must not take the processors from what is watched
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=25,
            fetch_min_bytes=1 << 20,
        )
        self._started: dict[str, int] = {}
        self._ended: dict[str, asyncio.Future[int]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._consumer.start()
        self._consumer.assign(self._tps)
        await self._consumer.seek_to_beginning(*self._tps)
        self._task = asyncio.get_running_loop().create_task(self._read())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._consumer.stop()

    async def ended(self, run_id: str) -> int:
        """When the run ended."""
        return await asyncio.wait_for(self._future(run_id), 60)

    async def took(self, run_id: str) -> float:
        """Milliseconds from the run's first event to its last."""
        return (await self.ended(run_id) - self._started[run_id]) / 1e3

    def _future(self, run_id: str) -> asyncio.Future[int]:
        return self._ended.setdefault(run_id, asyncio.get_running_loop().create_future())

    async def _read(self) -> None:
        while True:
            for messages in (await self._consumer.getmany(timeout_ms=500)).values():
                for message in messages:
                    kind = kind_of(message.value)
                    if kind == "RunStarted":
                        event = decode(message.value)
                        self._started[event.run_id] = event.time
                    elif kind in ("RunSucceeded", "RunFailed"):
                        event = decode(message.value)
                        if kind == "RunFailed":
                            raise RuntimeError(f"{event.run_id} failed: {event.message}")
                        self._future(event.run_id).set_result(event.time)
