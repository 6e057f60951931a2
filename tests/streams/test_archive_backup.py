"""Backups on a broker: what is new is added, and a log that is another one is told."""

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from schemas.topics import EVENTS, OUTCOMES
from streams.archive import EventArchive
from streams.archive_directory import DirectoryStore
from streams.archive_files import read
from streams.archive_restore import restore
from streams.archive_tail import Archiver, RecordsGone
from streams.archive_topic import AnotherLog
from streams.archive_verify import verify
from streams.connect import opened
from streams.topics import ensure_topics
from tests.archived import PARTITIONS, brought_up_to_date, contents, filled, producing, without_endings
from tests.brokers import Broker


async def test_a_backup_adds_what_is_new_and_goes_on_after_it_was_restored(
    broker: Broker, topic_prefix: str, store: DirectoryStore
) -> None:
    old, new = topic_prefix, f"{topic_prefix}new."
    await filled(broker, old)
    first = await brought_up_to_date(broker, old, store)
    assert await brought_up_to_date(broker, old, store) != first  # of another time
    assert first.files == (await brought_up_to_date(broker, old, store)).files
    async with producing(broker) as producer:
        await producer.send_and_wait(old + OUTCOMES.name, b"later", partition=1)
    second = await brought_up_to_date(broker, old, store)
    assert {name for name, file in second.files.items() if first.files.get(name) != file} == {
        f"{OUTCOMES.name}/00001-{0:020d}.avro"
    }
    assert second.cut is not None and second.cut.ends[OUTCOMES.name] == {0: 0, 1: 1, 2: 1}
    assert verify(store, second).records == 307
    await ensure_topics(broker.bootstrap, new, PARTITIONS)
    await restore(broker.bootstrap, new, store)
    assert without_endings(await contents(broker, new)) == await contents(broker, old)
    assert verify(store, await brought_up_to_date(broker, new, store)).problems == []
    # and from there on the old one is another log
    with pytest.raises(AnotherLog, match=r"it ends at offset 0, and is archived up to 1.*archive it to another place"):
        await brought_up_to_date(broker, old, store)


@pytest.mark.brokers("kafka")
async def test_events_that_were_deleted_before_they_were_archived_are_told(
    broker: Broker, topic_prefix: str, store: DirectoryStore
) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    async with producing(broker) as producer:
        for topic in (EVENTS, OUTCOMES):
            for n in range(5):
                await producer.send_and_wait(topic_prefix + topic.name, f"{n}".encode(), b"k", partition=0)
    async with opened(AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap), broker.bootstrap) as admin:
        await admin.delete_records({TopicPartition(topic_prefix + OUTCOMES.name, 0): RecordsToDelete(before_offset=3)})
        manifest = await brought_up_to_date(broker, topic_prefix, store)
        assert [r.value for r in read(store, OUTCOMES.name, 0)] == [b"3", b"4"]
        async with producing(broker) as producer:
            await producer.send_and_wait(topic_prefix + EVENTS.name, b"5", b"k", partition=0)
            await producer.send_and_wait(topic_prefix + EVENTS.name, b"6", b"k", partition=0)
        await admin.delete_records({TopicPartition(topic_prefix + EVENTS.name, 0): RecordsToDelete(before_offset=6)})
        with pytest.raises(RecordsGone, match="begins at offset 6, and the archive ends before 5"):
            await brought_up_to_date(broker, topic_prefix, store)
    # what was archived is whole, and fillers stand where there was nothing to archive
    assert verify(store, manifest).problems == []
    await ensure_topics(broker.bootstrap, f"{topic_prefix}new.", PARTITIONS)
    restored = await restore(broker.bootstrap, f"{topic_prefix}new.", store)
    assert (restored.records, restored.fillers) == (7, 3)


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
