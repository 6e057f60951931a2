"""What no door could read is kept whole, with the reason, before anything says so."""

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from schemas.codec import encode
from schemas.partition import DeadLetter
from schemas.topics import DEADLETTERS
from streams import clock
from streams.doors import Unreadable

if TYPE_CHECKING:
    from streams.parts import Parts

logger = structlog.get_logger("millrace.intake")


async def bury(message: Any, why: Unreadable, parts: "Parts") -> int:
    """Write the dead letter; its offset once it is acked. Tries until it succeeds: intake waits for it."""
    letter = DeadLetter(
        topic=message.topic,
        partition=message.partition,
        record_offset=message.offset,
        reason=why.reason,
        message=why.message,
        time=clock.now(),
        key=message.key,
        value=message.value,
        headers=orjson.dumps(
            [[name, (value or b"").decode(errors="replace")] for name, value in message.headers or ()]
        ),
    )
    topic, pause = parts.settings.topic(DEADLETTERS.name), 0.1
    while True:
        try:
            _, offset = await parts.producer.send_and_wait(topic, encode(letter), message.key)
            logger.warning("dead letter", source=message.topic, at=message.offset, why=f"{why.reason}: {why.message}")
            return offset
        except Exception as error:
            logger.warning("writing a dead letter again", why=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
