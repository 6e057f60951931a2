"""An archiver that dies at any operation on its files: the next goes on, the archive is whole, nothing stands twice."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.topics import COMMANDS, EVENTS, Topic
from streams.archive_backup import Backup
from streams.archive_directory import DirectoryStore
from streams.archive_files import read
from streams.archive_format import Archived
from streams.archive_manifest import Manifest, read_manifest
from streams.archive_objects import ObjectStore
from streams.archive_store import Content, Segment, Store
from streams.archive_tail import Ends, TopicPartition
from streams.archive_topic import TopicArchive
from streams.archive_verify import verify

Place = tuple[str, int]
PLACES: tuple[Place, ...] = ((EVENTS.name, 0), (EVENTS.name, 1), (COMMANDS.name, 0))
#: So small that files are begun all the time.
ROLL_AT = 600


@pytest.fixture(scope="module", autouse=True)
def _no_power_loss() -> Iterator[None]:
    """What a process that is killed has written stands, synced or not."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("fsync", "fdatasync"):
            patched.setattr(f"os.{name}", lambda _: None)
        yield


class Killed(BaseException):
    """The process is no more: nothing that it had begun is tidied up."""


class Mortal:
    """A store whose process dies at a given operation; of a write then only the first bytes are done."""

    def __init__(self, store: Store, dies_at: int, torn: int) -> None:
        self._store, self._left, self._torn = store, dies_at, torn
        self.roll_at = store.roll_at
        self.segments: list[Segment] = []

    def step(self) -> bool:
        """Count an operation; whether it is the one that is not finished."""
        self._left -= 1
        if self._left < 0:
            raise Killed
        return self._left == 0

    def list(self, folder: str) -> dict[str, int]:
        self.step()
        return self._store.list(folder)

    def open(self, name: str, size: int | None = None) -> Content:
        self.step()
        return self._store.open(name, size)

    def put(self, name: str, content: bytes) -> None:
        if self.step() and self._torn % 2:
            raise Killed
        self._store.put(name, content)

    def begin(self, name: str) -> "MortalSegment":
        self.step()
        return MortalSegment(self, self._store.begin(name), self._torn)

    def resume(self, name: str, size: int) -> "MortalSegment":
        self.step()
        return MortalSegment(self, self._store.resume(name, size), self._torn)

    @contextmanager
    def lock(self, folder: str, wait: float) -> Iterator[None]:
        yield


class MortalSegment:
    def __init__(self, store: Mortal, segment: Segment, torn: int) -> None:
        self._store, self._segment, self._torn = store, segment, torn
        store.segments.append(segment)

    def append(self, content: bytes) -> None:
        if self._store.step():
            self._segment.append(content[: self._torn % len(content)])
            raise Killed
        self._segment.append(content)

    def sync(self) -> None:
        if self._store.step() and self._torn % 2:
            raise Killed
        self._segment.sync()

    def close(self) -> None:
        pass  # the descriptors of a dead process are closed by the test


class Cluster:
    """What a broker holds, handed to the archive as an Archiver does, in pieces of a given size."""

    def __init__(self, logs: dict[Place, list[Archived]], store: Store, piece: int) -> None:
        self._logs, self._piece = logs, piece
        self.topics = {name: TopicArchive(store, name, sync_every=None) for name in {name for name, _ in PLACES}}
        self.reached: Ends = {TopicPartition(*place): 0 for place in PLACES}

    async def caught_up(self, _: Any = None) -> None:
        for (name, number), log in self._logs.items():
            partition = self.topics[name].partition(number)
            # the last record is handed over once more, to be compared
            first = partition.next_offset if partition.last is None else partition.last.offset
            left = [record for record in log if record.offset >= first]
            for at in range(0, len(left), self._piece):
                self.topics[name].append(number, left[at : at + self._piece])
            if partition.rolled:
                partition.sync()

    async def ends(self, topics: tuple[Topic, ...]) -> Ends:
        names = {topic.name for topic in topics}
        found = {
            TopicPartition(*place): log[-1].offset + 1 for place, log in self._logs.items() if log and place[0] in names
        }
        self.reached |= found
        return found

    async def reach(self, ends: Ends) -> None:
        await self.caught_up()

    def held(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


async def bring_up_to_date(logs: dict[Place, list[Archived]], store: Store, piece: int) -> None:
    manifest = read_manifest(store)
    if manifest is None:
        manifest = Manifest(2)
        manifest.write(store)
    await Backup(store, "", manifest, Cluster(logs, store, piece)).bring_up_to_date()  # type: ignore[arg-type]


def record(offset: int, size: int) -> Archived:
    return Archived(offset, 1000 + offset, f"{offset}".encode(), bytes([offset % 251]) * size)


#: (of which partition, offsets passed over before it, bytes)
grown = st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 2), st.integers(0, 90)), max_size=12)
lives = st.lists(st.tuples(grown, st.integers(1, 60), st.integers(0, 400), st.integers(1, 5)), min_size=1, max_size=6)


def live(store: Store, history: list[Any]) -> None:
    """So many archivers after each other, each of which dies; then one that does not."""
    logs: dict[Place, list[Archived]] = {place: [] for place in PLACES}
    for more, dies_at, torn, piece in [*history, ([], 1 << 30, 0, 3)]:
        for place, gap, size in more:
            log = logs[place]
            # events have no gaps; in other topics compaction and transactions leave some
            offset = (log[-1].offset + 1 if log else 0) + (0 if place[0] == EVENTS.name else gap)
            log.append(record(offset, size))
        mortal = Mortal(store, dies_at, torn)
        try:
            asyncio.run(bring_up_to_date(logs, mortal, piece))
        except (Killed, BaseExceptionGroup):
            assert dies_at < 1 << 30
        for segment in mortal.segments:
            segment.close()
        manifest = read_manifest(store)
        assert manifest is None or verify(store, manifest).problems == []
    assert manifest is not None and manifest.cut is not None
    for place, log in logs.items():
        assert list(read(store, *place, manifest.files)) == log
        assert list(read(store, *place)) == log
        assert manifest.cut.ends.get(place[0], {}).get(place[1], 0) == (log[-1].offset + 1 if log else 0)


@settings(deadline=None, max_examples=50)
@given(lives)
def test_an_archive_in_a_directory_is_whole_whenever_its_archiver_dies(history: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        live(DirectoryStore(Path(folder), ROLL_AT), history)


@settings(deadline=None, max_examples=50)
@given(lives)
def test_an_archive_of_objects_is_whole_whenever_its_archiver_dies(history: list[Any]) -> None:
    from obstore.store import MemoryStore

    live(ObjectStore(MemoryStore(), "memory:", ROLL_AT), history)


def test_a_damaged_byte_anywhere_is_found(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, ROLL_AT)
    logs = {place: [record(n, n % 50) for n in range(20)] for place in PLACES}
    asyncio.run(bring_up_to_date(logs, store, 3))
    manifest = read_manifest(store)
    assert manifest is not None
    assert verify(store, manifest).records == 60
    for name in manifest.files:
        path = tmp_path / name
        whole = path.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert len(verify(store, manifest).problems) == 1, f"byte {at} of {name}"
        path.write_bytes(whole[:-1])
        assert len(verify(store, manifest).problems) == 1
        path.unlink()
        assert len(verify(store, manifest).problems) == 1
        path.write_bytes(whole)
    assert verify(store, manifest).problems == []
