"""The archive in an object store: in memory, and in an S3 that speaks over the network."""

from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from streams.archive_files import read
from streams.archive_objects import ObjectStore
from streams.archive_store import ArchiveFailed, StoreFailed, store_at
from tests.archived import TOPIC, partition_of, some


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "memory":
        return ObjectStore(MemoryStore(), "memory:", roll_at=400)
    url = f"{request.getfixturevalue('s3')}/{request.node.name}"
    return ObjectStore(obstore.store.from_url(url), url, roll_at=400)


def test_what_was_synced_is_read_back_and_gone_on_with(store: ObjectStore) -> None:
    for first in range(0, 60, 12):
        partition = partition_of(store)
        assert partition.next_offset == first
        for at in range(first, first + 12, 3):
            partition.append(some(at, 3))
        partition.sync()
        partition.append(some(first + 12, 3))  # what was not synced is gone with the process
        partition.close(sync=False)
    assert list(read(store, TOPIC, 0)) == some(0, 60)
    assert len(store.list(TOPIC)) > 2


def test_two_archivers_of_one_archive_notice_each_other(store: ObjectStore) -> None:
    one, other = partition_of(store), partition_of(store)
    one.append(some(0, 2))
    other.append(some(0, 3))
    one.sync()
    with pytest.raises(OSError, match="two archivers write this archive"):
        other.sync()
    one.append(some(2, 1))
    one.sync()
    late, ahead = partition_of(store), partition_of(store)
    late.append(some(3, 1))
    ahead.append(some(3, 1))
    ahead.sync()
    with pytest.raises(OSError, match="two archivers"):
        late.sync()
    assert list(read(store, TOPIC, 0)) == some(0, 4)


def test_a_put_whose_answer_was_lost_is_our_own(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put, answers = obstore.put, iter([False, True])

    def sent_again(*arguments: Any, **more: Any) -> Any:
        if not next(answers):
            put(*arguments, **more)
        return put(*arguments, **more)

    partition = partition_of(store)
    partition.append(some(0, 2))
    with monkeypatch.context() as patched:
        patched.setattr(obstore, "put", sent_again)
        partition.sync()
    partition.append(some(2, 2))
    partition.sync()
    assert list(read(store, TOPIC, 0)) == some(0, 4)


def test_a_store_that_does_not_answer_is_told_in_a_line(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise obstore.exceptions.GenericError("the bucket is away\n\nDebug source:\nGeneric {…}")

    store.roll_at = 10_000
    partition = partition_of(store)
    partition.append(some(0, 1))
    with monkeypatch.context() as patched:
        patched.setattr(obstore, "put", refused)
        with pytest.raises(OSError, match=rf"^{TOPIC}/00000-0+\.avro: the bucket is away$"):
            partition.sync()
        patched.setattr(obstore, "get", refused)
        with pytest.raises(OSError, match="the bucket is away"):
            store.open("archive.json")
    partition.sync()  # it is put as soon as that works
    assert list(read(store, TOPIC, 0)) == some(0, 1)
    again = partition_of(store)
    with monkeypatch.context() as patched:
        patched.setattr(obstore, "get", refused)
        with pytest.raises(ArchiveFailed, match="the bucket is away"):
            again.append(some(1, 1))
    assert again.next_offset == 1


def test_a_url_names_its_store() -> None:
    assert str(store_at("s3://bucket/path")) == "s3://bucket/path"
    assert str(store_at("file:///backup")) == str(store_at("/backup")) == "/backup"
    with pytest.raises(StoreFailed, match="nix://bucket names no object store"):
        store_at("nix://bucket")
