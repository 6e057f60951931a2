"""What writers of other versions mean: their schemas, from `workflow.schemas` (PROTOCOL.md, 21)."""

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from projections.intake import Unreadable
from projections.reader import Auth, bounded
from schemas.codec import Decoder

log = logging.getLogger(__name__)

#: How long a schema may be on its way: writers publish it before its first use.
WITHIN = 10.0
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class WriterSchemas:
    """Where schemas are published."""

    bootstrap: str
    topic: str
    auth: Auth | None = None

    async def teach(self, decoder: Decoder, fingerprint: bytes) -> None:
        """Let the decoder learn every published schema. Raises Unreadable if the wanted one is not among them."""
        for _ in range(int(WITHIN / _PAUSE)):
            for found, schema in (await self._read()).items():
                if not decoder.knows(found):
                    _learn(decoder, found, schema)
            if decoder.knows(fingerprint):
                return
            await asyncio.sleep(_PAUSE)
        raise Unreadable(
            f"Records of workflow.events have a schema that nobody has published to {self.topic} (fingerprint "
            f"{fingerprint[::-1].hex()}), so they cannot be read. Was that topic emptied, or the archive restored "
            "without it? Any worker of the version that wrote them publishes its schemas when it starts."
        )

    async def _read(self) -> dict[bytes, bytes]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, enable_auto_commit=False, fetch_max_wait_ms=100, **dict(self.auth or {})
        )
        try:
            await bounded(consumer.start(), self.bootstrap)
            if self.topic not in await bounded(consumer.topics(), self.bootstrap):
                return {}
            return await bounded(_read_to_end(consumer, TopicPartition(self.topic, 0)), self.bootstrap)
        finally:
            await consumer.stop()


async def _read_to_end(consumer: AIOKafkaConsumer, part: TopicPartition) -> dict[bytes, bytes]:
    consumer.assign([part])
    await consumer.seek_to_beginning(part)
    found: dict[bytes, bytes] = {}
    while (end := consumer.highwater(part)) is None or await consumer.position(part) < end:
        for record in (await consumer.getmany(part, timeout_ms=500)).get(part, ()):
            if record.key is not None and record.value is not None:
                found[record.key] = record.value
    return found


def _learn(decoder: Decoder, fingerprint: bytes, text: bytes) -> None:
    try:
        schema: dict[str, Any] = json.loads(text)
        decoder.learn(fingerprint, schema)
    except Exception as error:  # one bad record must not keep the others from being learnt
        log.warning("the schema under fingerprint %s cannot be used: %s", fingerprint[::-1].hex(), error)
