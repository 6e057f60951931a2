"""Faust's transport, with what loses or delays events in it replaced (docs/decisions/0002).

The partition's log decides where reading begins (PROTOCOL.md, 11), so nothing here depends on committed offsets:
each reading of a partition has a number, and messages of earlier readings are recognised and dropped. Offsets are
committed for lag monitors only.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.pacing import paced

#: Milliseconds that a fetch waits for data; brokers that never wake it are asked again.
FETCH_WAIT_MS = 100
#: Messages handed over before the event loop gets a turn.
YIELD_EVERY = 200


class ReadMessage(ConsumerMessage):
    """A message that knows which reading of its partition brought it, and as which of its messages (1, 2, 3 …)."""

    reading: int = -1
    ordinal: int = 0


class LogThread(driver.AIOKafkaConsumerThread):
    """The thread that fetches. Every method named `in_thread` runs there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.readings: dict[TP, int] = {}
        self.fetched: dict[TP, tuple[int, int]] = {}
        """Of each partition: the reading that fetched last, and how many messages it has fetched."""
        super().__init__(*args, **kwargs)

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        """Faust hard-codes a fetch wait of 1.5 s; the consumer's class is the only place to say otherwise."""
        client: Any = driver.aiokafka  # type: ignore[attr-defined]
        original = client.AIOKafkaConsumer

        def patient(*args: Any, **kwargs: Any) -> aiokafka.AIOKafkaConsumer:
            extra = cast(Any, self.app).extra_consumer
            kwargs.update(fetch_max_wait_ms=FETCH_WAIT_MS, auto_offset_reset="none", **extra)
            return paced(original(*args, **kwargs))

        client.AIOKafkaConsumer = patient
        try:
            return super()._create_worker_consumer(transport)
        finally:
            client.AIOKafkaConsumer = original

    async def on_thread_stop(self) -> None:
        """A static member is missed only after its session; one whose partitions others can take leaves in words."""
        if self._consumer is not None and self.consumer.leaving():  # type: ignore[attr-defined]
            self._consumer._coordinator._group_instance_id = None
        await super().on_thread_stop()

    def hold_in_thread(self, assigned: set[TP]) -> None:
        """A new assignment: nothing is fetched until the owner says from where."""
        consumer = self._ensure_consumer()
        for tp in assigned:
            self.readings[tp] = self.readings.get(tp, 0) + 1
            consumer.seek(tp, 0)
            consumer.pause(driver.ensure_aiokafka_TP(tp))

    async def open_in_thread(self, tp: TP, offset: int) -> int:
        """Begin a new reading at an offset; its number, -1 where the partition is another's.

        The broker is asked nothing: its answer would wait behind the fetch under way.
        """
        consumer = self._ensure_consumer()
        if tp not in consumer.assignment():
            return -1
        self.readings[tp] = number = self.readings.get(tp, 0) + 1
        consumer.seek(tp, offset)
        consumer.resume(driver.ensure_aiokafka_TP(tp))
        return number

    async def rest_in_thread(self, tp: TP, reading: int, resting: bool) -> None:
        """Fetch no more of a reading, or go on; a later reading is not touched."""
        consumer = self._ensure_consumer()
        if self.readings.get(tp) == reading and tp in consumer.assignment():
            (consumer.pause if resting else consumer.resume)(driver.ensure_aiokafka_TP(tp))

    async def position_in_thread(self, tp: TP) -> int:
        """The offset up to which messages were fetched."""
        consumer = self._ensure_consumer()
        return await consumer.position(driver.ensure_aiokafka_TP(tp)) if tp in consumer.assignment() else -1

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        """Fetched records with their reading's number, and how many it fetched before."""
        records = await super()._fetch_records(*args, **kwargs)
        # no await since the fetcher let go of them: the numbers are those that were valid then
        return {tp: (*self._counted(tp, len(messages)), messages) for tp, messages in records.items()}

    def _counted(self, tp: TP, more: int) -> tuple[int, int]:
        reading = self.readings.get(tp, -1)
        before = self.count(tp, reading)
        self.fetched[tp] = (reading, before + more)
        return reading, before

    def count(self, tp: TP, reading: int) -> int:
        """How many messages a reading has fetched."""
        latest, count = self.fetched.get(tp, (-1, 0))
        return count if latest == reading else 0


class HoldingListener(driver.ConsumerRebalanceListener):
    """Holds every newly assigned partition before the fetcher can begin at some committed offset."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Called in the consumer's thread."""
        try:
            self._thread.hold_in_thread(driver.ensure_TPset(assigned))  # type: ignore[attr-defined]
        except Exception as error:  # aiokafka would log it and go on, with a worker that owns nothing
            await self._thread.crash(error)
            raise
        await super().on_partitions_assigned(assigned)


class LogConsumer(driver.Consumer):
    """Hands messages over in batches, commits what the owners say, waits for nobody."""

    RebalanceListener: ClassVar[type[driver.ConsumerRebalanceListener]] = HoldingListener
    _thread: LogThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.positions: Callable[[], Mapping[TP, int]] = dict
        self.leaving: Callable[[], bool] = lambda: False
        """Whether there is somebody to leave the partitions to."""
        self._committed: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> LogThread:
        return LogThread(self, loop=self.loop, beacon=self.beacon)

    async def open(self, topic: str, partition: int, offset: int) -> int:
        """Read on from an offset; the number of this reading."""
        tp = TP(topic, partition)
        return int(await self._thread.call_thread(self._thread.open_in_thread, tp, offset))

    async def rest(self, topic: str, partition: int, reading: int, resting: bool) -> None:
        """Fetch nothing of this reading, or go on with it; what was handed over before still comes."""
        await self._thread.call_thread(self._thread.rest_in_thread, TP(topic, partition), reading, resting)

    async def reached(self, topic: str, partition: int, reading: int) -> tuple[int, int]:
        """(the offset read up to, how many messages of this reading were fetched)."""
        tp = TP(topic, partition)
        position = int(await self._thread.call_thread(self._thread.position_in_thread, tp))
        return position, self._thread.count(tp, reading)

    def fetched(self, topic: str, partition: int, reading: int) -> int:
        """How many messages of a reading were fetched; they arrive soon."""
        return self._thread.count(TP(topic, partition), reading)

    async def perform_seek(self) -> None:
        """Owners seek; committed offsets say nothing about where to begin."""

    async def wait_empty(self) -> None:
        """Nothing that was handed over needs waiting for: it will be read again if it was not decided."""

    async def verify_all_partitions_active(self) -> None:
        """Held partitions are no livelock."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit the owners' positions, for lag monitors."""
        moved = {tp: offset for tp, offset in self.positions().items() if self._committed.get(tp) != offset}
        moved = {tp: offset for tp, offset in moved.items() if tp in self.assignment()}
        if not moved:
            return False
        self._committed.update(moved)
        return bool(await self._commit(moved))

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                records, _active = await self._wait_next_records(1.0)
                if records:  # whether the flow is on or not: a reading that began meanwhile must miss nothing
                    await self._hand_over(records)  # type: ignore[arg-type]
                else:
                    await asyncio.sleep(0)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _hand_over(self, records: Mapping[TP, tuple[int, int, list[Any]]]) -> None:
        callbacks = cast(Any, self.app.topics)._tp_to_callback
        since_yield = 0
        for tp, (reading, before, messages) in records.items():
            for ordinal, record in enumerate(messages, before + 1):
                if (callback := callbacks.get(tp)) is None:
                    break  # it is another's now
                message = self._to_message(tp, record)
                message.reading, message.ordinal = reading, ordinal
                await callback(message)
                since_yield += 1
                if since_yield >= YIELD_EVERY:
                    since_yield = 0
                    await asyncio.sleep(0)

    def _to_message(self, tp: TP, record: Any) -> ReadMessage:
        return ReadMessage(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp / 1000.0 if record.timestamp is not None else 0.0,
            record.timestamp_type,
            record.headers,
            record.key,
            record.value,
            record.checksum,
            record.serialized_key_size,
            record.serialized_value_size,
            tp,
            generation_id=self.app.consumer_generation_id,
        )


class LogTransport(driver.Transport):
    """What `App.transport` is set to."""

    Consumer: ClassVar[Any] = LogConsumer
