"""A restoring that was interrupted goes on, and with nothing that is not its own."""

from typing import Any

import pytest

from schemas.topics import COMMANDS, EVENTS, WORKERS
from streams.archive import EventArchive
from streams.archive_directory import DirectoryStore
from streams.archive_place import RestoreRefused
from streams.archive_restore import restore
from streams.archive_rewrite import Rewriter
from streams.archive_tail import Archiver
from streams.topics import ensure_topics
from tests.archived import PARTITIONS, contents, events_of, filled, pairs, producing, without_endings
from tests.brokers import Broker


async def test_a_restoring_that_was_interrupted_goes_on_where_it_is_asked_to(
    broker: Broker, topic_prefix: str, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = topic_prefix, f"{topic_prefix}new."
    await filled(broker, old)
    archive = EventArchive(store.folder)
    archive.append(1, 0, pairs(0, 30))
    archive.close()
    async with Archiver(broker.bootstrap, old, store):
        pass
    await ensure_topics(broker.bootstrap, new, PARTITIONS)
    write = Rewriter.write
    for after in (5, 8, 12, 15):

        async def dies(self: Rewriter, place: Any, records: Any, left: list[int] = [after]) -> None:  # noqa: B006
            left[0] -= 1
            if left[0] == 0:
                await write(self, place, list(records)[: 200 if place[0] == COMMANDS.name else 1])
                raise ConnectionError("killed")
            await write(self, place, records)

        with monkeypatch.context() as patched, pytest.raises(ConnectionError):
            patched.setattr(Rewriter, "write", dies)
            await restore(broker.bootstrap, new, store, resume=True)
        with pytest.raises(RestoreRefused, match=r"already hold records.*--resume"):
            await restore(broker.bootstrap, new, store)
    await restore(broker.bootstrap, new, store, resume=True)
    there = await contents(broker, new)
    expected = await contents(broker, old)
    assert {place: records for place, records in without_endings(there).items() if place[0] != EVENTS.name} == expected
    assert len(there[EVENTS.name, 1]) == 31
    assert [len(there[place]) for place in events_of(there)] == [1, 31, 1]
    # what is in use is never gone on with
    async with producing(broker) as producer:
        await producer.send_and_wait(new + WORKERS.name, b"beat", b"w-1")
    with pytest.raises(RestoreRefused):
        await restore(broker.bootstrap, new, store, resume=True)


async def test_a_restoring_goes_on_with_nothing_that_is_not_its_own(
    broker: Broker, topic_prefix: str, store: DirectoryStore
) -> None:
    archive = EventArchive(store.folder)
    archive.append(0, 0, pairs(0, 3))
    archive.close()
    await ensure_topics(broker.bootstrap, topic_prefix, PARTITIONS)
    async with producing(broker) as producer:
        await producer.send_and_wait(topic_prefix + EVENTS.name, b"another", b"run-0", partition=0)
    with pytest.raises(RestoreRefused, match="hold another record than the archive at offset 0"):
        await restore(broker.bootstrap, topic_prefix, store, resume=True)
