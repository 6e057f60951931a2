"""The one producer of a process: batches for the log, single records for everything else."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import MAX_RECORD

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

    async def start(self) -> None:
        """Connect. Raises KafkaConnectionError."""
        self._producer = AIOKafkaProducer(**self._settings)
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is queued, and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def send_batch(self, topic: str, partition: int, records: list[tuple[bytes, bytes]]) -> int:
        """Append the records as one batch; the offset of the first. Raises KafkaError or TimeoutError."""
        producer = self._producer
        assert producer is not None
        batch = producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise ValueError(f"a batch of {len(records)} records does not fit: the appender's limit is wrong")
        batch.close()
        try:
            acked = await producer.send_batch(batch, topic, partition=partition)
            return int((await asyncio.wait_for(acked, PRODUCE_TIMEOUT)).offset)
        except Exception:
            await self._renew(producer)
            raise

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
        assert producer is not None
        acked = await producer.send(topic, value=value, key=key, partition=partition, headers=headers)
        got = await asyncio.wait_for(acked, PRODUCE_TIMEOUT)
        return got.partition, got.offset

    async def _renew(self, failed: Any) -> None:
        """After a failed batch its successors would be out of sequence for ever (KIP-360 is not in aiokafka)."""
        async with self._renewing:
            if failed is not self._producer or not self._settings["enable_idempotence"]:
                return
            fresh = AIOKafkaProducer(**self._settings)
            await fresh.start()
            self._producer = fresh
            await asyncio.wait_for(asyncio.shield(failed.stop()), PRODUCE_TIMEOUT)
