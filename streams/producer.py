"""What a process sends: batches for the log, single records for everything else."""

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import MAX_RECORD
from streams.connect import start
from streams.log_producer import LogProducer
from streams.pacing import paced

logger = structlog.get_logger("millrace.producer")

#: Seconds until a produce that was not acked is a surprise.
PRODUCE_TIMEOUT = 15.0
#: Bytes of one request; dead letters carry whole originals.
MAX_REQUEST = 10 * 1024 * 1024


class Producer:
    """acks=all. Batches of the log are idempotent where the broker can; readers of single records know them by id."""

    def __init__(self, bootstrap: str, *, idempotent: bool, auth: dict[str, Any]) -> None:
        self._bootstrap, self._idempotent, self._auth = bootstrap, idempotent, auth
        self._producer: Any = None
        self._log: LogProducer | None = None

    async def start(self) -> None:
        """Connect. Raises BrokerUnreachable."""
        self._producer = paced(
            AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                acks="all",
                linger_ms=0,
                max_request_size=MAX_REQUEST,
                request_timeout_ms=int(PRODUCE_TIMEOUT * 1000),
                **self._auth,
            )
        )
        await start(self._producer, self._bootstrap)
        self._log = LogProducer(
            self._producer.client,
            idempotent=self._idempotent,
            auth=self._auth,
            max_batch=MAX_RECORD + 100_000,
            timeout=PRODUCE_TIMEOUT,
        )

    async def stop(self) -> None:
        """Send what is queued, and disconnect."""
        if self._log is None:
            return
        self._log.close()
        try:
            async with asyncio.timeout(PRODUCE_TIMEOUT):
                await self._producer.stop()
        except (TimeoutError, KafkaError) as error:
            logger.warning("the producer did not end in order", why=f"{type(error).__name__}: {error}")

    async def send_batch(self, topic: str, partition: int, records: list[tuple[bytes, bytes]]) -> int:
        """Append the records as one batch; the offset of the first. Raises KafkaError or TimeoutError."""
        assert self._log is not None
        return await self._log.append(topic, partition, records)

    async def send_and_wait(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> tuple[int, int]:
        """Append one record; (partition, offset) of it. Raises KafkaError or TimeoutError."""
        async with asyncio.timeout(PRODUCE_TIMEOUT):
            acked = await self._producer.send(topic, value=value, key=key, partition=partition, headers=headers)
            got = await acked
        return got.partition, got.offset
