"""The one producer of a process: batches for the log, single records for everything else."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import MAX_RECORD
from streams.broker_features import BrokerUnreachable
from streams.connect import start
from streams.pacing import paced

logger = structlog.get_logger("millrace.producer")

#: Seconds until a produce that was not acked is a surprise.
PRODUCE_TIMEOUT = 15.0
#: Bytes of one request; dead letters carry whole originals.
MAX_REQUEST = 10 * 1024 * 1024


class Producer:
    """acks=all; idempotent where the broker can. A failed idempotent producer is replaced: its sequence is broken."""

    def __init__(self, bootstrap: str, *, idempotent: bool, auth: dict[str, Any]) -> None:
        self._settings = dict(
            bootstrap_servers=bootstrap,
            acks="all",
            enable_idempotence=idempotent,
            linger_ms=0,
            max_batch_size=MAX_RECORD + 100_000,
            max_request_size=MAX_REQUEST,
            request_timeout_ms=int(PRODUCE_TIMEOUT * 1000),
            **auth,
        )
        self._producer: Any = None
        self._renewing = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect. Raises BrokerUnreachable."""
        self._producer = await self._fresh()

    async def stop(self) -> None:
        """Send what is queued, and disconnect."""
        if self._producer is not None:
            self._let_go(self._producer)
        if self._stopping:
            await asyncio.wait(self._stopping, timeout=PRODUCE_TIMEOUT)

    async def send_batch(self, topic: str, partition: int, records: list[tuple[bytes, bytes]]) -> int:
        """Append the records as one batch; the offset of the first. Raises KafkaError or TimeoutError."""
        producer = self._producer
        batch = producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise ValueError(f"a batch of {len(records)} records does not fit: the appender's limit is wrong")
        batch.close()
        acked = await self._acked(producer, producer.send_batch(batch, topic, partition=partition))
        return int(acked.offset)

    async def send_and_wait(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> tuple[int, int]:
        """Append one record; (partition, offset) of it. Raises KafkaError or TimeoutError."""
        producer = self._producer
        sent = producer.send(topic, value=value, key=key, partition=partition, headers=headers)
        acked = await self._acked(producer, sent)
        return acked.partition, acked.offset

    async def _acked(self, producer: Any, sent: Coroutine[Any, Any, Any]) -> Any:
        try:
            async with asyncio.timeout(PRODUCE_TIMEOUT):
                return await (await sent)
        except Exception:
            await self._renew(producer)
            raise

    async def _renew(self, failed: Any) -> None:
        """After a failed batch its successors would be out of sequence for ever (KIP-360 is not in aiokafka)."""
        async with self._renewing:
            if failed is not self._producer or not self._settings["enable_idempotence"]:
                return
            try:
                self._producer = await self._fresh()
            except BrokerUnreachable as error:
                logger.warning("the producer will be replaced later", why=str(error))
            else:
                self._let_go(failed)

    async def _fresh(self) -> AIOKafkaProducer:
        producer = paced(AIOKafkaProducer(**self._settings))
        await start(producer, self._settings["bootstrap_servers"])
        return producer

    def _let_go(self, producer: Any) -> None:
        """What other partitions have on their way still gets its answer; nobody waits for that."""
        task = asyncio.get_running_loop().create_task(self._close(producer))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    @staticmethod
    async def _close(producer: Any) -> None:
        try:
            async with asyncio.timeout(PRODUCE_TIMEOUT):
                await producer.stop()
        except (TimeoutError, KafkaError) as error:
            logger.warning("a producer did not end in order", why=f"{type(error).__name__}: {error}")
