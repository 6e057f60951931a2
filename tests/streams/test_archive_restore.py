"""The archive of a whole broker, and back: the same records at the same offsets."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import events as e
from schemas import partition as p
from schemas.codec import encode
from schemas.message import Cause, Positions
from schemas.topics import COMMANDS, DEADLETTERS, EVENTS, OUTCOMES, WORKERS
from streams.archive import EventArchive
from streams.archive_directory import DirectoryStore
from streams.archive_files import describe, files, read
from streams.archive_format import Archived
from streams.archive_lock import FileLock, Locked
from streams.archive_manifest import Cut, Manifest, NoArchive
from streams.archive_place import RestoreRefused
from streams.archive_restore import restore
from streams.archive_rewrite import FILLER, RestoreFailed
from streams.archive_tail import Archiver
from streams.archive_topic import TopicArchive
from streams.topics import ensure_topics
from tests.archived import (
    PARTITIONS,
    contents,
    ended,
    events_of,
    filled,
    pairs,
    producing,
    without_endings,
)
from tests.brokers import Broker


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
    with pytest.raises(RestoreFailed, match="Something else writes to this topic"):
        await restore(broker.bootstrap, topic_prefix, store)


async def test_an_empty_archive_restores_nothing(broker: Broker, topic_prefix: str, store: DirectoryStore) -> None:
    assert (await restore(broker.bootstrap, topic_prefix, store)).records == 0
    with pytest.raises(NoArchive, match="none holds no archive"):
        await restore(broker.bootstrap, topic_prefix, DirectoryStore(store.folder / "none"))


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


async def test_events_after_the_cut_are_not_restored(broker: Broker, topic_prefix: str, store: DirectoryStore) -> None:
    def ignored(n: int, offset: int) -> bytes:
        cause = Cause("outcome", 77, offset)
        return encode(e.OutcomeIgnored("run", 0, 1, "w-1", n, n, cause, "path", 1, "failed", "why", "w-1", []))

    archive = EventArchive(store.folder)
    archive.append(
        0, 0, [(b"", claimed(1, Positions(), Cause("owner", 77))), *((b"", ignored(n, n)) for n in (1, 2, 3))]
    )
    archive.close()
    manifest = Manifest(PARTITIONS, cut=Cut({EVENTS.name: {0: 4}}, {OUTCOMES.name: {0: 2}}, 1))
    for name in files(store, EVENTS.name)[0]:
        described = describe(store, name)
        assert described is not None
        manifest.files[name] = described
    manifest.write(store)
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    assert (await restore(broker.bootstrap, topic_prefix, store)).ends[EVENTS.name, 0] == 2
    assert ended(await contents(broker, topic_prefix), 0).positions == Positions(0, 2)
