"""One partition of the archive: a row of files, appended to in whole blocks, and read back."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import structlog

from streams.archive_format import Archived, ArchiveDamaged, Encoder, records, tail
from streams.archive_manifest import ArchivedFile
from streams.archive_store import ArchiveFailed, Segment, Store

logger = structlog.get_logger("millrace.archive")

_SUFFIX = ".avro"


class PartitionFiles:
    """What is archived of one partition, and its continuation. One process writes; one thread appends."""

    def __init__(self, store: Store, topic: str, partition: int, there: Sequence[str] = ()) -> None:
        """`there` are the names of its files."""
        self._store, self._topic, self._partition = store, topic, partition
        self._name, self._size, self._marker = "", 0, b""
        self._encoder: Encoder | None = None
        self._segment: Segment | None = None
        self._retired: list[Segment] = []
        self._segments = threading.Lock()  # of segments that are synced by one thread and exchanged by another
        self._unsynced = False
        self._digest: Any = None
        self.next_offset = 0
        self.last: Archived | None = None
        """The last record, if it stands in the last file."""
        if there:
            self._go_on(there[-1])

    @property
    def rolled(self) -> bool:
        """Whether a file is full and not yet synced."""
        return bool(self._retired)

    def append(self, batch: Sequence[Archived]) -> None:
        """Write the records as one block. Raises ArchiveFailed, and has then written nothing."""
        try:
            if not self._name or self._size >= self._store.roll_at:
                self._begin(batch[0].offset)
            elif self._segment is None:
                self._segment = self._store.resume(self._name, self._size)
            self._write(batch)
        except OSError as error:
            raise ArchiveFailed(f"{self._store}/{self._name}", error) from error
        self.next_offset, self.last = batch[-1].offset + 1, batch[-1]
        self._unsynced = True

    def sync(self) -> None:
        """See that what was appended stays, whatever dies; called from any thread. Raises OSError."""
        with self._segments:
            unsynced, retired = self._unsynced, self._retired
            self._unsynced, self._retired = False, []
            try:
                while retired:
                    retired[0].sync()
                    retired.pop(0).close()
                if unsynced and self._segment is not None:
                    self._segment.sync()
            except OSError:
                self._unsynced, self._retired = unsynced or self._unsynced, retired + self._retired
                raise

    def close(self, *, sync: bool = True) -> None:
        """Sync, unless told not to; write nothing more."""
        if sync:
            self.sync()
        with self._segments:
            for segment in (*self._retired, self._segment):
                if segment is not None:
                    segment.close()
            self._segment = self._encoder = None

    def described(self) -> tuple[str, ArchivedFile] | None:
        """The file that is appended to, as it was synced last; the first time it is read back for it."""
        if not self._name or not self._size:
            return None
        if self._digest is None:
            with self._store.open(self._name, self._size) as content:
                self._digest = sha256(content)
        first = first_offset(self._name)
        return self._name, ArchivedFile(self._size, self._digest.hexdigest(), first, self.next_offset)

    def _go_on(self, name: str) -> None:
        """Take up the last file where its last whole block ends; a crash may have torn what follows."""
        with self._store.open(name) as content:
            self._marker, self._size, self.last = tail(f"{self._store}/{name}", content)
            if (torn := len(content) - self._size) > 0:
                ends_at = None if self.last is None else self.last.offset
                logger.warning("a crash has torn what follows", file=name, bytes=torn, ends_at=ends_at)
        self._name = name
        self.next_offset = first_offset(name) if self.last is None else self.last.offset + 1

    def _begin(self, offset: int) -> None:
        """A new file, whose name says where it begins."""
        name = f"{self._topic}/{self._partition:05d}-{offset:020d}{_SUFFIX}"
        segment = self._store.begin(name)
        with self._segments:
            if self._segment is not None:
                self._retired.append(self._segment)
            self._segment = segment
        self._name, self._size, self._marker = name, 0, b""
        self._encoder, self._digest = None, None

    def _write(self, batch: Sequence[Archived]) -> None:
        assert self._segment is not None
        if self._encoder is None:
            metadata = {"millrace.topic": self._topic, "millrace.partition": str(self._partition)}
            self._encoder = Encoder(metadata, self._marker)
        block = self._encoder.block(batch)
        content = block if self._size else self._encoder.header + block
        self._segment.append(content)
        self._size += len(content)
        if self._digest is not None:
            self._digest.update(content)


def files(store: Store, topic: str) -> dict[int, dict[str, int]]:
    """Of each partition of a topic, the files in order, and their sizes."""
    found: dict[int, dict[str, int]] = {}
    for name, size in store.list(topic).items():
        if name.endswith(_SUFFIX):
            found.setdefault(int(name.removeprefix(f"{topic}/")[:5]), {})[name] = size
    return dict(sorted(found.items()))


def first_offset(name: str) -> int:
    """The offset at which a file begins."""
    return int(name[-20 - len(_SUFFIX) : -len(_SUFFIX)])


def describe(store: Store, name: str) -> ArchivedFile | None:
    """A file as it stands, read back; None where nothing in it is whole. Raises ArchiveDamaged."""
    with store.open(name) as content:
        _, size, last = tail(f"{store}/{name}", content)
        if last is None:
            return None
        return ArchivedFile(size, sha256(content[:size]).hexdigest(), first_offset(name), last.offset + 1)


def read(
    store: Store, topic: str, partition: int, known: Mapping[str, ArchivedFile] | None = None
) -> Iterator[Archived]:
    """Each record of a partition in order, every file compared with what is known of it.

    Without anything known, up to the last whole block of each file. Raises ArchiveDamaged, also when a file between
    two others is missing, and OSError.
    """
    there = files(store, topic).get(partition, {})
    expected = [name for name in known or () if name.startswith(f"{topic}/{partition:05d}-")]
    after = -1
    for name in sorted({*there, *expected}) if known is None else sorted(expected):
        where = f"{store}/{name}"
        if name not in there:
            raise ArchiveDamaged(where, 0, "the file is missing")
        for number, record in enumerate(_checked(store, name, None if known is None else known[name])):
            if record.offset <= after or (number == 0 and record.offset != first_offset(name)):
                raise ArchiveDamaged(where, 0, f"offset {record.offset} stands where {first_offset(name)} was expected")
            after = record.offset
            yield record
        if known is not None and after != known[name].end - 1:
            raise ArchiveDamaged(where, known[name].bytes, f"it ends at offset {after}, not {known[name].end - 1}")


def _checked(store: Store, name: str, known: ArchivedFile | None) -> Iterator[Archived]:
    """The records of a file, as far as it is whole or known."""
    where = f"{store}/{name}"
    size = known.bytes if known else _whole(store, name)
    if not size:
        return
    with store.open(name, size) as content:
        if known is not None and (len(content) < size or sha256(content).hexdigest() != known.sha256):
            raise ArchiveDamaged(where, 0, "it is not what was written: its SHA-256 is another than the manifest's")
        yield from records(where, content)


def _whole(store: Store, name: str) -> int:
    with store.open(name) as content:
        return tail(f"{store}/{name}", content).size
