"""What no door could read is kept whole, with the reason, before anything says so."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from schemas.codec import encode
from schemas.partition import DeadLetter, Header
from schemas.topics import DEADLETTERS, MAX_INPUT
from streams import clock
from streams.insistence import insist
from streams.refusal import Unreadable

if TYPE_CHECKING:
    from streams.parts import Parts

logger = structlog.get_logger("millrace.intake")

#: Bytes of an original that are kept where it does not fit (a batch of eight megabytes may hold far more, compressed),
#: and of a key that is a letter's key too.
SAMPLE, MAX_KEY = 1 << 20, 1 << 10


async def bury(message: Any, why: Unreadable, parts: "Parts") -> int:
    """Write the dead letter; its offset once it is acked. Tries until it succeeds: intake waits for it."""
    value = encode(_fitting(_letter(message, why)))
    key = message.key if len(message.key or b"") <= MAX_KEY else None
    topic = parts.settings.topic(DEADLETTERS.name)
    _, offset = await insist(lambda: parts.producer.send_and_wait(topic, value, key), "writing a dead letter")
    logger.warning("dead letter", source=message.topic, at=message.offset, why=f"{why.reason}: {why.message}")
    return offset


def _letter(message: Any, why: Unreadable) -> DeadLetter:
    return DeadLetter(
        topic=message.topic,
        partition=message.partition,
        record_offset=message.offset,
        reason=why.reason,
        message=why.message,
        time=clock.now(),
        key=message.key,
        value=message.value,
        original_headers=[
            Header(name.encode(errors="surrogateescape"), value) for name, value in message.headers or ()
        ],
    )


def _fitting(letter: DeadLetter) -> DeadLetter:
    """The letter, or where it is larger than what a topic takes its beginning, which says so."""
    size = sum(len(part or b"") for part in (letter.key, letter.value, *(h.value for h in letter.original_headers)))
    if size <= MAX_INPUT:
        return letter
    kept = f"only the first {SAMPLE} bytes of {size} are kept here; the whole stands in the topic"
    key, value = (None if part is None else part[:SAMPLE] for part in (letter.key, letter.value))
    return replace(letter, key=key, value=value, original_headers=[], whole=False, message=f"{letter.message} ({kept})")
