"""One partition of the archive: a row of files, appended to in whole blocks, and read back."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from streams.archive_format import Archived, ArchiveDamaged, Encoder, records, tail

logger = structlog.get_logger("millrace.archive")

#: Bytes after which the next file begins.
ROLL_AT = 64 * 1024 * 1024
_SUFFIX = ".avro"


class ArchiveFailed(Exception):
    """Records could not be written; none of them is in the archive."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path}: the archive can't be written: {error.strerror or error}. Make room or give the right to write; "
            "what was not archived is written as soon as that works."
        )


class PartitionFiles:
    """What is on disk of one partition, and its continuation. One process writes; one thread appends."""

    def __init__(self, folder: Path, partition: int, roll_at: int = ROLL_AT) -> None:
        self._folder, self._partition, self._roll_at = folder, partition, roll_at
        self._encoder: Encoder | None = None
        self._fd, self._size = -1, 0
        self._path = folder
        self._retired: list[int] = []
        self._files = threading.Lock()  # of descriptors that are synced by one thread and exchanged by another
        self._unsynced = self._created = False
        self.next_offset = 0
        self._go_on()

    def append(self, batch: Sequence[Archived]) -> None:
        """Write the records as one block. Raises ArchiveFailed, and has then written nothing."""
        if self._encoder is None or self._size >= self._roll_at:
            self._begin(batch[0].offset)
        assert self._encoder is not None
        block = self._encoder.block(batch)
        self._write(block if self._size else self._encoder.header + block)
        self.next_offset = batch[-1].offset + 1
        self._unsynced = True

    def sync(self) -> None:
        """See what was appended onto the disk itself; called from any thread."""
        with self._files:
            unsynced, created, retired = self._unsynced, self._created, self._retired
            self._unsynced, self._created, self._retired = False, False, []
            for fd in retired:
                os.fsync(fd)
                os.close(fd)
            if unsynced and self._fd >= 0:
                os.fdatasync(self._fd)
        if created:
            _sync_folder(self._folder)

    def close(self) -> None:
        """Sync, and write nothing more."""
        self.sync()
        with self._files:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd, self._encoder = -1, None

    def _go_on(self) -> None:
        """Take up the last file where its last whole block ends; a crash may have torn what follows."""
        found = files(self._folder, self._partition)
        if not found:
            return
        self._path = found[-1]
        marker, size, last = tail(self._path)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        if (torn := os.fstat(self._fd).st_size - size) > 0:
            logger.warning("cut what a crash had torn", file=str(self._path), bytes=torn, ends_at=last)
            os.ftruncate(self._fd, size)
        self._size = size
        self._encoder = Encoder(self._metadata(), marker)
        self.next_offset = first_offset(self._path) if last is None else last + 1

    def _begin(self, offset: int) -> None:
        """A new file, whose name says where it begins."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._partition:05d}-{offset:020d}{_SUFFIX}"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise ArchiveFailed(path, error) from error
        with self._files:
            if self._fd >= 0:
                self._retired.append(self._fd)
            self._fd, self._size, self._path = fd, os.fstat(fd).st_size, path
            self._created = True
        self._encoder = Encoder(self._metadata())

    def _metadata(self) -> dict[str, str]:
        return {"millrace.topic": self._folder.name, "millrace.partition": str(self._partition)}

    def _write(self, content: bytes) -> None:
        try:
            written = os.write(self._fd, content)
            while written < len(content):
                written += os.write(self._fd, content[written:])
        except OSError as error:
            with suppress(OSError):  # a tail that can't be cut now is cut when the file is opened next
                os.ftruncate(self._fd, self._size)
            raise ArchiveFailed(self._path, error) from error
        self._size += len(content)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def files(folder: Path, partition: int) -> list[Path]:
    """The files of a partition, in order."""
    return sorted(folder.glob(f"{partition:05d}-*{_SUFFIX}"))


def partitions(folder: Path) -> list[int]:
    """The partitions of which there are files."""
    return sorted({int(path.name[:5]) for path in folder.glob(f"?????-*{_SUFFIX}")})


def first_offset(path: Path) -> int:
    """The offset at which a file begins."""
    return int(path.name[6 : -len(_SUFFIX)])


def read(folder: Path, partition: int) -> Iterator[Archived]:
    """Each record of a partition in order. Raises ArchiveDamaged, also when a file between two others is missing."""
    after = -1
    for path in files(folder, partition):
        for number, record in enumerate(records(path)):
            if record.offset <= after or (number == 0 and record.offset != first_offset(path)):
                raise ArchiveDamaged(path, 0, f"offset {record.offset} stands where {first_offset(path)} was expected")
            after = record.offset
            yield record
