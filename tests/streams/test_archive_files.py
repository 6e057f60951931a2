"""Archive files: what was appended is read back; torn tails are cut, damage is told."""

import os
from collections.abc import Iterator
from pathlib import Path

import fastavro
import pytest

from streams.archive_directory import DirectoryStore
from streams.archive_files import PartitionFiles, read
from streams.archive_format import Archived, ArchiveDamaged
from streams.archive_store import ArchiveFailed
from tests.archived import TOPIC, partition_of, paths, some


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


@pytest.fixture
def partition(store: DirectoryStore) -> Iterator[PartitionFiles]:
    made = partition_of(store)
    yield made
    made.close()


def test_what_was_appended_is_read_back(partition: PartitionFiles, store: DirectoryStore) -> None:
    odd = Archived(7, 5, None, None, (("traceparent", b"00-1"), ("empty", None)))
    partition.append(some(0, 7))
    partition.append([odd])
    assert list(read(store, TOPIC, 0)) == [*some(0, 7), odd]


def test_a_file_is_an_ordinary_avro_container(partition: PartitionFiles, store: DirectoryStore) -> None:
    partition.append(some(0, 3))
    with paths(store)[0].open("rb") as file:
        reader = fastavro.reader(file)
        assert [record["offset"] for record in reader] == [0, 1, 2]
        assert reader.metadata["millrace.partition"] == "0"


def test_appending_goes_on_in_the_next_process(store: DirectoryStore) -> None:
    for first in (0, 10, 20):
        partition = partition_of(store, 4)
        assert partition.next_offset == first
        partition.append(some(first, 10))
        partition.close()
    assert list(read(store, TOPIC, 4)) == some(0, 30)
    assert len(paths(store, 4)) == 1


def test_a_tail_torn_at_any_byte_is_cut_at_the_last_whole_block(store: DirectoryStore) -> None:
    partition = partition_of(store)
    ends = {0: 0}  # bytes of the file → the offset it ends with
    for first, count in ((0, 1), (1, 3), (4, 2)):
        partition.append(some(first, count))
        ends[paths(store)[0].stat().st_size] = first + count
    partition.close()
    path = paths(store)[0]
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        left = max(end for size, end in ends.items() if size <= length)
        again = partition_of(store)
        assert again.next_offset == left, f"cut to {length} bytes"
        again.append(some(left, 1))
        again.close()
        assert list(read(store, TOPIC, 0)) == some(0, left + 1), f"cut to {length} bytes"


def rest_behind_the_last_block(store: DirectoryStore, rest: bytes) -> Path:
    partition = partition_of(store)
    partition.append(some(0, 2))
    partition.close()
    path = paths(store)[0]
    path.write_bytes(path.read_bytes() + rest)
    return path


def test_zeros_behind_the_last_block_are_cut_too(store: DirectoryStore) -> None:
    path = rest_behind_the_last_block(store, b"\0" * 300)
    again = partition_of(store)
    assert again.next_offset == 2
    again.append(some(2, 1))
    again.close()
    assert path.read_bytes()[-16:] == path.read_bytes()[-16:].strip(b"\0")
    assert list(read(store, TOPIC, 0)) == some(0, 3)


@pytest.mark.parametrize("rest", [b"\x02\x08none" + b"m" * 16, b"\xff" * 40, b"\x02\0" * 30])
def test_what_is_no_torn_write_is_never_cut(store: DirectoryStore, rest: bytes) -> None:
    path = rest_behind_the_last_block(store, rest)
    before = path.read_bytes()
    with pytest.raises(ArchiveDamaged, match="no beginning of another"):
        partition_of(store)
    assert path.read_bytes() == before


@pytest.mark.parametrize("where", ["magic", "marker", "last block"])
def test_a_damaged_file_is_never_cut(store: DirectoryStore, where: str) -> None:
    partition = partition_of(store)
    partition.append(some(0, 300))
    partition.close()
    path = paths(store)[0]
    content = bytearray(path.read_bytes())
    place = {"magic": 1, "marker": content.index(content[-16:]) + 3, "last block": -20}[where]
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveDamaged):
        partition_of(store)
    assert path.read_bytes() == content


def test_a_new_file_begins_when_one_is_full(store: DirectoryStore) -> None:
    partition = partition_of(DirectoryStore(store.folder, roll_at=500))
    for first in range(0, 60, 3):
        partition.append(some(first, 3))
        partition.sync()
    partition.close()
    assert len(paths(store)) > 2
    assert list(read(store, TOPIC, 0)) == some(0, 60)
    again = partition_of(DirectoryStore(store.folder, roll_at=500))
    assert again.next_offset == 60
    again.close()


def test_a_flipped_bit_is_told_with_file_and_place(store: DirectoryStore) -> None:
    partition = partition_of(store)
    for first in range(0, 50, 10):
        partition.append(some(first, 10))
    partition.close()
    path = paths(store)[0]
    content = bytearray(path.read_bytes())
    content[content.index(b"run-12") + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ArchiveDamaged, match=r"00000-0+\.avro: damaged at byte \d+: the checksum of offset 12 is wrong"
    ):
        list(read(store, TOPIC, 0))


def test_a_missing_file_between_two_is_told(store: DirectoryStore) -> None:
    partition = partition_of(DirectoryStore(store.folder, roll_at=200))
    for first in range(0, 30, 3):
        partition.append(some(first, 3))
    partition.close()
    path = paths(store)[1]
    path.rename(path.with_name("00000-00000000000000000099.avro"))
    with pytest.raises(ArchiveDamaged, match="was expected"):
        list(read(store, TOPIC, 0))


def test_a_write_that_fails_half_way_leaves_nothing(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    partition = partition_of(store)
    partition.append(some(0, 2))
    write, calls = os.write, iter((True, False))

    def half(fd: int, content: bytes) -> int:
        if next(calls):
            return write(fd, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", half)
        with pytest.raises(ArchiveFailed, match="No space left"):
            partition.append(some(2, 2))
    assert partition.next_offset == 2
    partition.append(some(2, 2))
    partition.close()
    assert list(read(store, TOPIC, 0)) == some(0, 4)
