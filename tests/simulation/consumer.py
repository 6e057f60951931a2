"""The group's consumer in memory: readings with numbers, positions that run ahead of what was handed over."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.simulation.broker import Broker
from tests.simulation.loop import Loop


class Message:
    """A message as an intake gets it."""

    __slots__ = ("headers", "key", "offset", "ordinal", "partition", "reading", "topic", "value")

    def __init__(self, topic: str, partition: int, offset: int, record: Any, reading: int, ordinal: int) -> None:
        self.topic, self.partition, self.offset, self.reading = topic, partition, offset, reading
        self.ordinal = ordinal
        self.key, self.value, self.headers = record.key, record.value, record.headers


class Reading:
    """One topic of one assigned partition."""

    __slots__ = ("coming", "fetched", "number", "position")

    def __init__(self) -> None:
        self.number, self.position, self.coming = 0, -1, False
        self.fetched = 0
        """How many messages of the present number were fetched."""

    def begin(self, position: int) -> int:
        self.number, self.position, self.fetched = self.number + 1, position, 0
        return self.number


class Consumer:
    """What `streams.transport.LogConsumer` is to owners: they open, it hands over."""

    def __init__(self, broker: Broker, loop: Loop, hand_over: Callable[[list[Any]], None]) -> None:
        self._broker, self._loop, self._hand_over = broker, loop, hand_over
        self._readings: dict[tuple[str, int], Reading] = {}
        self._assigned: set[int] = set()
        self._waiting: deque[list[Message]] = deque()
        self._busy_until = 0.0
        self.positions: Callable[[], object] = dict

    def hold(self, topics: tuple[str, ...], partitions: set[int]) -> None:
        """A new assignment: nothing is fetched until the owner says from where."""
        self._assigned = set(partitions)
        for partition in sorted(partitions):
            for topic in topics:
                reading = self._readings.get((topic, partition))
                if reading is None:
                    reading = self._readings[topic, partition] = Reading()
                    self._broker.readers[topic, partition].append(lambda at=(topic, partition): self._told(*at))
                reading.begin(-1)

    async def _thread(self) -> None:
        """What is asked of the consumer's thread is done there in the order in which it was asked."""
        now = self._loop.agenda.now
        self._busy_until = max(self._busy_until, now + 0.0005 * self._broker.random.random())
        await asyncio.sleep(self._busy_until - now)

    async def open(self, topic: str, partition: int, offset: int) -> int:
        await self._thread()
        if partition not in self._assigned:
            return -1
        number = self._readings[topic, partition].begin(offset)
        self._told(topic, partition)
        return number

    async def reached(self, topic: str, partition: int, number: int) -> tuple[int, int]:
        await self._thread()
        position = self._readings[topic, partition].position if partition in self._assigned else -1
        return position, self.fetched(topic, partition, number)

    def fetched(self, topic: str, partition: int, number: int) -> int:
        reading = self._readings[topic, partition]
        return reading.fetched if reading.number == number else 0

    async def rest(self, topic: str, partition: int, reading: int, resting: bool) -> None:
        raise AssertionError(f"{topic}[{partition}]: reading {reading} has too much waiting: {resting}")

    def _told(self, topic: str, partition: int) -> None:
        reading = self._readings[topic, partition]
        if reading.coming or reading.position < 0 or self._loop.dead:
            return
        if reading.position < self._broker.end(topic, partition):
            reading.coming = True
            self._broker.agenda.after(self._broker.delay(), self._fetch, topic, partition, loop=self._loop)

    def _fetch(self, topic: str, partition: int) -> None:
        """In the consumer's thread: positions move before anything is handed over."""
        reading = self._readings[topic, partition]
        reading.coming = False
        if partition not in self._assigned or reading.position < 0:
            return
        log, start = self._broker.logs[topic, partition], reading.position
        stop = min(len(log), start + self._broker.random.randint(1, 40))
        reading.position = stop
        number, before = reading.number, reading.fetched + 1 - start
        messages = [Message(topic, partition, at, log[at], number, before + at) for at in range(start, stop)]
        reading.fetched += len(messages)
        trouble = self._broker.trouble
        if messages and not (trouble.lost and self._broker.random.random() < trouble.lost):
            self._waiting.append(messages)
            self._broker.agenda.after(0.001 * self._broker.random.random(), self._hand, loop=self._loop)
        self._told(topic, partition)

    def _hand(self) -> None:
        self._hand_over(self._waiting.popleft())
