"""The archive of a whole broker, and back: the same records at the same offsets."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import partition as p
from schemas.codec import decode, encode
from schemas.message import Cause, Positions
from schemas.topics import COMMANDS, DEADLETTERS, DEFINITIONS, EVENTS, OUTCOMES, SCHEMAS, TOPICS, WORKERS
from streams.archive import EventArchive
from streams.archive_directory import DirectoryStore
from streams.archive_files import read
from streams.archive_format import Archived
from streams.archive_lock import FileLock, Locked
from streams.archive_manifest import Manifest, NoArchive
from streams.archive_place import RestoreRefused
from streams.archive_restore import restore
from streams.archive_rewrite import FILLER, RestoreFailed
from streams.archive_tail import Archiver
from streams.archive_topic import TopicArchive
from streams.topics import ensure_topics
from tests.archived import pairs
from tests.brokers import Broker

PARTITIONS = 3


@asynccontextmanager
async def producing(broker: Broker) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, max_request_size=8_000_000)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """An archive that was begun, as dev begins it."""
    made = DirectoryStore(tmp_path)
    Manifest(PARTITIONS).write(made)
    return made


async def contents(broker: Broker, prefix: str) -> dict[tuple[str, int], list[tuple[Any, ...]]]:
    """All records of all topics, as another program sees them."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    await consumer.start()
    try:
        places = [TopicPartition(prefix + t.name, n) for t in TOPICS for n in range(t.partitions or PARTITIONS)]
        ends = await consumer.end_offsets(places)
        found: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
        for place in [place for place in places if ends[place]]:
            consumer.assign([place])
            records: list[Any] = []
            while len(records) < ends[place]:
                records += (await consumer.getmany(place, timeout_ms=1000)).get(place, [])
            found[place.topic.removeprefix(prefix), place.partition] = [
                (r.offset, r.timestamp, r.key, r.value, r.headers) for r in records
            ]
        return found
    finally:
        await consumer.stop()


async def filled(broker: Broker, prefix: str) -> None:
    """Topics with records of many sizes and shapes in several partitions."""
    await ensure_topics(broker.bootstrap, prefix, PARTITIONS)
    async with producing(broker) as producer:
        for n in range(300):
            await producer.send(
                prefix + COMMANDS.name,
                b"x" * n,
                b"k" if n % 3 else None,
                partition=n % 2,
                timestamp_ms=1_700_000_000_000 + n,
                headers=[("ce_id", str(n).encode())] if n % 5 == 0 else [],
            )
        for n in range(5):
            await producer.send(prefix + DEFINITIONS.name, b"y" * 700_000 if n % 2 else b"", f"{n}".encode())
        await producer.send(prefix + OUTCOMES.name, b"", b"", partition=2)
        await producer.flush()


def events_of(there: dict[tuple[str, int], list[Any]]) -> list[tuple[str, int]]:
    """The partitions of events, in order."""
    return sorted(place for place in there if place[0] == EVENTS.name)


def ended(there: dict[tuple[str, int], list[Any]], partition: int) -> p.PartitionRestored:
    """What a restored partition of events ends with."""
    event = decode(there[EVENTS.name, partition][-1][3])
    assert isinstance(event, p.PartitionRestored)
    return event


def without_endings(there: dict[tuple[str, int], list[Any]]) -> dict[tuple[str, int], list[Any]]:
    """What was archived: without what ends each partition of events, and its schema."""
    cut = {
        place: records[:-1] if place[0] in (EVENTS.name, SCHEMAS.name) else records for place, records in there.items()
    }
    return {place: records for place, records in cut.items() if records}


async def test_a_restored_broker_holds_what_the_old_one_held(
    broker: Broker, topic_prefix: str, store: DirectoryStore
) -> None:
    old, new = topic_prefix, f"{topic_prefix}new."
    await filled(broker, old)
    async with Archiver(broker.bootstrap, old, store):
        pass  # to stop is to archive what is there
    await ensure_topics(broker.bootstrap, new, PARTITIONS)
    restored = await restore(broker.bootstrap, new, store)
    assert (restored.records, restored.fillers) == (306, 0)
    assert restored.records_of(COMMANDS.name) == 300
    there, now = await contents(broker, old), await contents(broker, new)
    assert {place: ended(now, number).positions for number, place in enumerate(events_of(now))} == {
        (EVENTS.name, number): Positions(0, 0) for number in range(PARTITIONS)
    }
    assert without_endings(now) == there
    # and the archive goes on where it was, on the new broker
    async with producing(broker) as producer, Archiver(broker.bootstrap, new, store) as archiver:
        await producer.send_and_wait(new + COMMANDS.name, b"later", partition=0)
        await archiver.caught_up()
        archived = list(read(store, COMMANDS.name, 0))
        assert archived[-1].value == b"later"
        assert [tuple(r[:4]) for r in archived[:-1]] == [r[:4] for r in there[COMMANDS.name, 0]]


async def test_the_archive_follows_while_records_come(broker: Broker, topic_prefix: str, store: DirectoryStore) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    topic = topic_prefix + OUTCOMES.name
    for _ in range(2):
        async with producing(broker) as producer, Archiver(broker.bootstrap, topic_prefix, store) as archiver:
            for n in range(100):
                await producer.send_and_wait(topic, f"{n}".encode(), partition=1)
            await archiver.caught_up()
    found = list(read(store, OUTCOMES.name, 1))
    assert [(r.offset, r.value) for r in found] == [(n, f"{n % 100}".encode()) for n in range(200)]


def claimed(epoch: int, positions: Positions, cause: Cause) -> bytes:
    return encode(p.PartitionClaimed("", 0, epoch, "w-1", 0, 1, cause, 77, positions))


async def test_topics_are_filled_up_to_where_the_events_saw_them(
    broker: Broker, topic_prefix: str, store: DirectoryStore
) -> None:
    rejected = p.InputRejected("", 0, 1, "w-1", 1, 2, Cause("outcome", 77, 8), "o", "unreadable", "no", 3, 4)
    archive = EventArchive(store.folder)
    archive.append(0, 0, [(b"", claimed(1, Positions(5, 0), Cause("owner", 77))), (b"", encode(rejected))])
    archive.append(1, 0, [(b"", b"of a later version")])
    archive.close()
    commands = TopicArchive(store, COMMANDS.name)
    commands.append(0, [Archived(1, 1000, b"run", b"known")])
    commands.close()
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    restored = await restore(broker.bootstrap, topic_prefix, store)
    assert restored.records == 4
    assert restored.ends == {
        (EVENTS.name, 0): 2,
        (EVENTS.name, 1): 1,
        (COMMANDS.name, 0): 5,
        (OUTCOMES.name, 0): 9,
        (DEADLETTERS.name, 0): 5,
    }
    there = await contents(broker, topic_prefix)
    goodbyes = there.pop((WORKERS.name, 0))
    assert [(key, value) for _, _, key, value, _ in goodbyes] == [(b"w-1", None)]
    end = ended(there, 0)
    assert (end.epoch, end.n, end.from_log, end.positions) == (2, 0, 77, Positions(5, 9))
    assert end.log not in (0, 77)
    there = without_endings(there)
    assert {place: len(records) for place, records in there.items()} == restored.ends
    for place in ((COMMANDS.name, 0), (OUTCOMES.name, 0), (DEADLETTERS.name, 0)):
        for offset, _, key, value, headers in there[place]:
            known = place[0] == COMMANDS.name and offset == 1
            assert (key, value, headers) == (
                (b"run", b"known", ()) if known else (FILLER.encode(), None, ((FILLER, b""),))
            )


async def test_a_restored_broker_tells_the_true_ends(broker: Broker, topic_prefix: str, store: DirectoryStore) -> None:
    archive = EventArchive(store.folder)
    archive.append(0, 0, pairs(0, 1))
    archive.append(1, 0, pairs(0, 40))
    archive.close()
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    await restore(broker.bootstrap, topic_prefix, store)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    ends = await consumer.end_offsets([TopicPartition(topic_prefix + EVENTS.name, n) for n in range(PARTITIONS)])
    await consumer.stop()
    assert {place.partition: end for place, end in ends.items()} == {0: 2, 1: 41, 2: 1}


async def test_what_holds_records_is_not_restored_into(
    broker: Broker, topic_prefix: str, store: DirectoryStore
) -> None:
    await filled(broker, topic_prefix)
    async with Archiver(broker.bootstrap, topic_prefix, store):
        pass
    with pytest.raises(RestoreRefused, match=rf"{topic_prefix}{COMMANDS.name}, .* already hold records"):
        await restore(broker.bootstrap, topic_prefix, store)


async def test_a_writer_beside_the_restoring_is_noticed(
    broker: Broker, topic_prefix: str, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = EventArchive(store.folder)
    archive.append(0, 0, pairs(0, 3))
    archive.close()
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS)

    async def late(*_: object) -> dict[Any, Any]:
        async with producing(broker) as producer:
            await producer.send_and_wait(topic_prefix + EVENTS.name, b"of somebody else", partition=0)
        return {}

    monkeypatch.setattr("streams.archive_restore.standing", late)
    with pytest.RaisesGroup(pytest.RaisesExc(RestoreFailed, match="Something else writes to this topic")):
        await restore(broker.bootstrap, topic_prefix, store)


async def test_an_empty_archive_restores_nothing(broker: Broker, topic_prefix: str, store: DirectoryStore) -> None:
    assert (await restore(broker.bootstrap, topic_prefix, store)).records == 0
    with pytest.raises(NoArchive, match="none holds no archive"):
        await restore(broker.bootstrap, topic_prefix, DirectoryStore(store.folder / "none"))


async def test_missing_events_are_read_from_the_broker(
    broker: Broker, topic_prefix: str, store: DirectoryStore
) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    archive = EventArchive(store.folder)
    archive.append(2, 0, [(b"run", b"0")])
    async with producing(broker) as producer:
        for n in range(10):
            await producer.send_and_wait(topic_prefix + EVENTS.name, f"{n}".encode(), b"run", partition=2)
    assert await archive.catch_up(broker.bootstrap, 2, 6, prefix=topic_prefix) == 5
    assert await archive.catch_up(broker.bootstrap, 2, 6, prefix=topic_prefix) == 0
    archive.append(2, 6, [(b"run", b"6")])
    archive.close()
    assert [(r.offset, r.value) for r in read(store, EVENTS.name, 2)] == [(n, f"{n}".encode()) for n in range(7)]


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from streams.archive_lock import FileLock;"
        "FileLock(Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Locked, match=f"in use by process {holder.pid}"):
        FileLock(tmp_path / "lock").acquire()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    lock = FileLock(tmp_path / "lock")
    lock.acquire(1.0)
    lock.release()
