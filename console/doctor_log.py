"""What the doctor reads in the log: who beats, what is published, what could not be read at a door."""

import asyncio
from dataclasses import asdict
from typing import Any

from console.doctor_finding import Finding
from console.settings import Settings

#: Seconds: workers beat each second, so in this time each that lives is heard.
LISTEN = 1.6
#: Records at the end of `workflow.workers` that are looked at, and dead letters that are told.
_LAST_BEATS, _TOLD = 2_000, 3


async def workers(settings: Settings) -> list[Finding]:
    """Those that are heard now; clocks of other machines are not asked."""
    from schemas.topics import WORKERS
    from streams.compacted import CompactedReader

    beats = _Beats()
    topic = settings.topic_prefix + WORKERS.name
    async with CompactedReader(
        settings.broker, topic, beats.take, auth=settings.kafka_auth(), last=_LAST_BEATS
    ) as reader:
        await reader.read_to_end()
        beats.heard.clear()
        await asyncio.sleep(LISTEN)
    return [_workers(beats), *_ownership(beats, settings.partitions)]


class _Beats:
    """The newest beat of each worker, and who was heard since the end of the past."""

    def __init__(self) -> None:
        self.newest: dict[str, Any] = {}
        self.heard: set[str] = set()

    def take(self, key: bytes | None, value: bytes | None, _offset: int) -> None:
        from schemas.codec import Undecodable, decode

        worker = (key or b"").decode(errors="replace")
        self.heard.discard(worker)
        self.newest.pop(worker, None)
        if value is None:
            return
        try:
            beat = decode(value)
        except Undecodable:
            return  # a worker of a later version: it is not counted, and the lack is told
        self.newest[worker] = beat
        self.heard.add(worker)


def _workers(beats: _Beats) -> Finding:
    heard = [beats.newest[worker] for worker in sorted(beats.heard)]
    silent = sorted(set(beats.newest) - beats.heard)
    facts = {"heard": [_beat(beat) for beat in heard], "silent": silent}
    if not heard:
        said = "none beats" + (f"; {len(silent)} went silent without a goodbye" if silent else "")
        return Finding("Workers", "workers", "fail", said, "start one: millrace worker (or millrace dev)", facts)
    told = ", ".join(f"{beat.host}:{beat.pid} ({beat.version}, {beat.running} steps running)" for beat in heard)
    gone = f"; {len(silent)} silent" if silent else ""
    return Finding("Workers", "workers", "ok", f"{len(heard)} beating: {told}{gone}", facts=facts)


def _beat(beat: Any) -> dict[str, Any]:
    return {name: getattr(beat, name) for name in ("worker", "seat", "version", "host", "pid", "running", "partitions")}


def _ownership(beats: _Beats, partitions: int) -> list[Finding]:
    if not beats.heard:
        return []
    owned = {number for worker in beats.heard for number in beats.newest[worker].partitions}
    lacking = sorted(set(range(partitions)) - owned)
    if recovering := _recovering(beats, lacking):
        told = ", ".join(f"{one.partition} ({one.read:,} of {one.of:,} records)" for one in recovering[:10])
        said = f"{len(recovering)} of {partitions} are being read by their owners: {told}"
        facts = {"without": lacking, "recovering": [asdict(one) for one in recovering]}
        return [Finding("Workers", "partitions", "warn", said, "their runs go on when that is done", facts)]
    if lacking:
        said = f"{len(lacking)} of {partitions} have no owner now: {', '.join(map(str, lacking[:10]))}"
        remedy = "wait a few seconds if a worker has just started; else see the workers' logs"
        return [Finding("Workers", "partitions", "warn", said, remedy, {"without": lacking})]
    return [Finding("Workers", "partitions", "ok", f"all {partitions} have an owner", facts={"without": []})]


def _recovering(beats: _Beats, lacking: list[int]) -> list[Any]:
    """The partitions that somebody is about to own, and how far he has read."""
    said = [one for worker in beats.heard for one in beats.newest[worker].recovering]
    return sorted((one for one in said if one.partition in lacking), key=lambda one: one.partition)


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
