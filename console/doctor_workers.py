"""What the doctor hears of workers: who beats, which partitions have an owner, which queues are served."""

import asyncio
import collections
from dataclasses import asdict
from typing import Any

from console.doctor_finding import Finding, Status
from console.settings import Settings

#: Seconds: workers beat each second, so in this time each that lives is heard.
LISTEN = 1.6
#: Records at the end of `workflow.workers` that are looked at.
_LAST_BEATS = 2_000


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
    waiting = await asyncio.to_thread(_waiting, settings)
    return [_workers(beats), *_ownership(beats, settings.partitions), *_queues(beats, waiting)]


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
    told = ", ".join(_told(beat) for beat in heard)
    gone = f"; {len(silent)} silent" if silent else ""
    return Finding("Workers", "workers", "ok", f"{len(heard)} beating: {told}{gone}", facts=facts)


def _told(beat: Any) -> str:
    queue = f", queue {beat.queue}" if beat.queue else ""
    return f"{beat.host}:{beat.pid} ({beat.version}, {beat.running} steps running{queue})"


def _beat(beat: Any) -> dict[str, Any]:
    names = ("worker", "seat", "version", "host", "pid", "running", "partitions", "queue", "slots", "inbox")
    return {name: getattr(beat, name) for name in names}


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


def _waiting(settings: Settings) -> dict[str, int]:
    """By queue, how many steps waited for room when the snapshot was made."""
    from projections.query import NoSnapshot, QueryFailed, ask, opened

    asked = "SELECT queue, count(*) FROM steps WHERE status = 'queued' GROUP BY queue"
    try:
        with opened(settings.snapshot) as connection:
            return dict(ask(connection, asked).rows)
    except (NoSnapshot, QueryFailed):
        return {}  # said where the projection is looked at


def _queues(beats: _Beats, waiting: dict[str, int]) -> list[Finding]:
    """Those that somebody serves, and those that somebody waits for."""
    served: dict[str, list[Any]] = collections.defaultdict(list)
    for worker in sorted(beats.heard):
        if (beat := beats.newest[worker]).queue:
            served[beat.queue].append(beat)
    return [_queue(name, served[name], waiting.get(name, 0)) for name in sorted({*served, *waiting})]


def _queue(name: str, beats: list[Any], waiting: int) -> Finding:
    slots = sum(beat.slots for beat in beats)
    free = sum(max(0, beat.slots - beat.running) for beat in beats)
    facts = {"workers": [beat.worker for beat in beats], "slots": slots, "free": free, "waiting": waiting}
    wait = f"; {waiting:,} step{'' if waiting == 1 else 's'} wait{'s' if waiting == 1 else ''}" if waiting else ""
    start = f"start {'one more' if beats else 'one'}: millrace worker --queue {name}"
    if not beats:
        return Finding("Workers", f"queue {name}", "fail", f"nobody serves it{wait}", start, facts)
    said = f"{len(beats)} worker{'' if len(beats) == 1 else 's'}, {free} of {slots} slots free{wait}"
    status: Status = "warn" if waiting and not free else "ok"
    return Finding("Workers", f"queue {name}", status, said, start if status == "warn" else "", facts)
