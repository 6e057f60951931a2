"""What the doctor reads in the log: what is published, what could not be read at a door."""

from typing import Any

from console.doctor_finding import Finding
from console.settings import Settings

#: Dead letters that are told.
_TOLD = 3


async def published(settings: Settings) -> list[Finding]:
    """How many workflows there are."""
    from console.connect import connected

    async with connected(settings) as client:
        catalogue = await client.definitions()
    names = sorted(name for name, entry in catalogue.names.items() if entry.aliases)
    facts = {"workflows": names, "unreadable": len(catalogue.unreadable)}
    if catalogue.unreadable:
        said = f"{len(catalogue.unreadable)} records of workflow.definitions can't be read"
        return [Finding("Log", "workflows", "warn", said, "a later version wrote them? upgrade this one", facts)]
    if not names:
        return [Finding("Log", "workflows", "warn", "none is published", "millrace publish FILE.yaml", facts)]
    return [Finding("Log", "workflows", "ok", f"{len(names)} published: {', '.join(names[:8])}", facts=facts)]


async def dead_letters(settings: Settings) -> list[Finding]:
    """How many there are, and why the last ones are."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from schemas.topics import DEADLETTERS
    from streams.connect import opened

    place = TopicPartition(settings.topic_prefix + DEADLETTERS.name, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.broker, enable_auto_commit=False, fetch_max_wait_ms=100, **settings.kafka_auth()
    )
    async with opened(consumer, settings.broker):
        consumer.assign([place])
        first, end = (await consumer.beginning_offsets([place]))[place], (await consumer.end_offsets([place]))[place]
        letters = await _read(consumer, place, max(first, end - _TOLD), end)
        count = max(end, consumer.highwater(place) or 0) - first
    facts = {"count": count, "last": letters}
    if not count:
        return [Finding("Log", "dead letters", "ok", "none", facts=facts)]
    told = "; ".join(
        f"{letter['topic']}/{letter['partition']}@{letter['offset']} {letter['reason']}: {letter['message']}"
        for letter in letters
    )
    remedy = "correct whoever sends them; `millrace deadletters` shows them whole, and sends them again"
    return [Finding("Log", "dead letters", "warn", f"{count:,}, the last: {told}", remedy, facts)]


async def _read(consumer: Any, place: Any, start: int, end: int) -> list[dict[str, Any]]:
    from schemas.codec import Undecodable, decode
    from schemas.partition import DeadLetter

    letters: list[dict[str, Any]] = []
    consumer.seek(place, start)
    while start < end and await consumer.position(place) < end:
        for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
            try:
                letter = decode(record.value or b"")
            except Undecodable as error:
                letters.append(
                    {"topic": "?", "partition": -1, "offset": -1, "reason": "unreadable", "message": str(error)}
                )
                continue
            if not isinstance(letter, DeadLetter):
                continue  # a note that one was replayed
            letters.append(
                {
                    "topic": letter.topic,
                    "partition": letter.partition,
                    "offset": letter.record_offset,
                    "reason": letter.reason,
                    "message": letter.message,
                }
            )
    return letters[-_TOLD:]
