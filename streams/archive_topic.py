"""One topic of the archive: a folder that one process writes, synced to the disk each second."""

import threading
from collections.abc import Sequence
from pathlib import Path

import structlog

from streams.archive_files import ROLL_AT, PartitionFiles
from streams.archive_format import Archived
from streams.archive_lock import FileLock

logger = structlog.get_logger("millrace.archive")

#: Seconds between syncs: what a power loss can cost. What a killed process has written is safe at once.
SYNC_EVERY = 1.0
#: Seconds that a process waits for the end of a predecessor that was killed.
LOCK_WITHIN = 5.0


class TopicArchive:
    """The partitions of a topic on disk. Appending is for one thread; syncing has its own."""

    def __init__(self, folder: Path, *, sync_every: float = SYNC_EVERY, roll_at: int = ROLL_AT) -> None:
        self.folder, self._roll_at = folder, roll_at
        self._lock = FileLock(folder / ".lock")
        self._lock.acquire(LOCK_WITHIN)
        self._partitions: dict[int, PartitionFiles] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._sync, args=(sync_every,), name=f"sync {folder.name}", daemon=True)
        self._thread.start()

    def partition(self, number: int) -> PartitionFiles:
        """What is on disk of a partition, taken up at the end of what is whole."""
        if (found := self._partitions.get(number)) is None:
            found = self._partitions[number] = PartitionFiles(self.folder, number, self._roll_at)
        return found

    def append(self, number: int, records: Sequence[Archived]) -> None:
        """Write records of a partition; those that are there already are passed over. Raises ArchiveFailed."""
        partition = self.partition(number)
        if records and records[0].offset < partition.next_offset:
            records = [record for record in records if record.offset >= partition.next_offset]
        if records:
            partition.append(records)

    def close(self) -> None:
        """Sync all, let go of the folder."""
        self._closing.set()
        self._thread.join()
        for partition in self._partitions.values():
            partition.close()
        self._lock.release()

    def _sync(self, every: float) -> None:
        while not self._closing.wait(every):
            for partition in list(self._partitions.values()):
                try:
                    partition.sync()
                except OSError as error:
                    logger.error("the archive can't be synced to the disk", folder=str(self.folder), why=str(error))
