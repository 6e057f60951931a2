"""Appends batches to `workflow.events`: one request and one future for each, where aiokafka has a sender task and six.

Idempotent where the broker can (KIP-98): each partition has a producer id of its own, so that a batch of unknown fate
breaks the sequence of no other partition; its next batch draws a new id.
"""

import asyncio
import time
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, RequestTimedOutError, for_code
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams.produce_connection import Batch, ProduceConnection, connect

#: Error codes of batches that were not appended; sent again when the leader is known again or replicas are back.
NOT_APPENDED = {3, 5, 6, 19}
#: What may have been appended: sent again where the broker recognises it, else its fate is unknown.
MAYBE_APPENDED = {7, 20, 56}
#: Seconds before a batch is sent again.
PAUSE = 0.1


class LogProducer:
    """`client` is a started AIOKafkaClient: it knows the leaders."""

    def __init__(self, client: Any, *, idempotent: bool, auth: dict[str, Any], max_batch: int, timeout: float) -> None:
        self._client, self._idempotent, self._auth = client, idempotent, auth
        self._max_batch, self._timeout = max_batch, timeout
        self._sequences: dict[TopicPartition, tuple[int, int, int]] = {}
        self._connections: dict[int, ProduceConnection] = {}
        self._connecting = asyncio.Lock()

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    async def append(self, topic: str, partition: int, records: list[tuple[bytes, bytes]]) -> int:
        """The offset of the first; one batch of a partition at a time. Raises KafkaError, TimeoutError."""
        tp = TopicPartition(topic, partition)
        try:
            async with asyncio.timeout(self._timeout):
                sequence = self._sequences.get(tp) or await self._draw()
                buffer = self._build(records, sequence)
                base = await self._send(tp, buffer)
        except BaseException as error:
            self._sequences.pop(tp, None)
            if isinstance(error, TimeoutError):
                self._hang_up(tp)
                raise TimeoutError(f"{topic}/{partition} acked nothing within {self._timeout:g} s") from error
            raise
        producer, epoch, first = sequence
        self._sequences[tp] = producer, epoch, (first + len(records)) % (1 << 31)
        return base

    def _build(self, records: list[tuple[bytes, bytes]], sequence: tuple[int, int, int]) -> bytes:
        builder = DefaultRecordBatchBuilder(2, 0, 0, *sequence, self._max_batch)
        now = int(time.time() * 1000)
        for number, (key, value) in enumerate(records):
            if builder.append(number, now, key, value, []) is None:
                raise ValueError(f"a batch of {len(records)} records does not fit: the appender's limit is wrong")
        return bytes(builder.build())

    async def _draw(self) -> tuple[int, int, int]:
        """A producer id, its epoch and the first sequence number; -1 each where the broker has none."""
        if not self._idempotent:
            return -1, -1, -1
        while True:
            try:
                drawn = await self._client.send(self._client.get_random_node(), InitProducerIdRequest(None, 60_000))
            except (NodeNotReadyError, KafkaConnectionError):  # another broker may be there
                await asyncio.sleep(PAUSE)
                continue
            if drawn.error_code == 0:
                return drawn.producer_id, drawn.producer_epoch, 0
            if not (error := for_code(drawn.error_code)).retriable:
                raise error(f"the broker gives no producer id: {error.__name__}")
            await asyncio.sleep(PAUSE)

    async def _send(self, tp: TopicPartition, buffer: bytes) -> int:
        while True:
            try:
                code, base = await self._ask(tp, buffer)
            except (KafkaConnectionError, RequestTimedOutError, OSError):
                if not self._idempotent:
                    raise
            else:
                if code == 0:
                    return base
                if code not in NOT_APPENDED and not (self._idempotent and code in MAYBE_APPENDED):
                    error: type[KafkaError] = for_code(code)
                    raise error(f"{tp.topic}/{tp.partition}: {error.description}")
            await asyncio.sleep(PAUSE)
            await self._client.force_metadata_update()

    async def _ask(self, tp: TopicPartition, buffer: bytes) -> tuple[int, int]:
        connection = await self._leader(tp)
        answer: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        connection.send(Batch(tp.topic.encode(), tp.partition, buffer, answer))
        return await answer

    async def _leader(self, tp: TopicPartition) -> ProduceConnection:
        leader = self._client.cluster.leader_for_partition
        while (node := leader(tp)) in (None, -1):
            await self._client.add_topic(tp.topic)
            if leader(tp) in (None, -1):
                await asyncio.sleep(PAUSE)
                await self._client.force_metadata_update()
        connection = self._connections.get(node)
        return connection if connection is not None and not connection.lost else await self._connect(node)

    async def _connect(self, node: int) -> ProduceConnection:
        async with self._connecting:
            connection = self._connections.get(node)
            if connection is None or connection.lost:
                place = self._client.cluster.broker_metadata(node)
                if place is None:
                    raise KafkaConnectionError(f"broker {node} is not in the cluster's metadata")
                timeout_ms = int(self._timeout * 1000)
                connection = self._connections[node] = await connect(place.host, place.port, self._auth, timeout_ms)
            return connection

    def _hang_up(self, tp: TopicPartition) -> None:
        """A broker that does not answer in time is spoken to on a new connection."""
        connection = self._connections.pop(self._client.cluster.leader_for_partition(tp), None)
        if connection is not None:
            connection.close()
