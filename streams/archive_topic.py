"""One topic of the archive: a folder that one process writes, synced each second or when it is asked for."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack

import structlog

from streams.archive_files import PartitionFiles, files
from streams.archive_format import Archived
from streams.archive_store import Store

logger = structlog.get_logger("millrace.archive")

#: Seconds between syncs: what a power loss can cost. What a killed process has written is safe at once.
SYNC_EVERY = 1.0
#: Seconds that a process waits for the end of a predecessor that was killed.
LOCK_WITHIN = 5.0


class AnotherLog(Exception):
    """The topic is not the one that was archived."""

    def __init__(self, topic: str, partition: int, why: str) -> None:
        super().__init__(
            f"{topic} partition {partition}: {why}. This is not the log that was archived here: "
            "archive it to another place, or use the archive of that log."
        )


class TopicArchive:
    """The partitions of a topic in a store. Appending is for one thread; syncing each second has its own."""

    def __init__(self, store: Store, topic: str, *, sync_every: float | None = SYNC_EVERY) -> None:
        """Take the folder up. `sync_every` None: synced only by `sync`. Raises Locked, OSError."""
        self.store, self.topic = store, topic
        self._open = ExitStack()
        self._open.enter_context(store.lock(topic, LOCK_WITHIN))
        self._there = files(store, topic)
        self._partitions: dict[int, PartitionFiles] = {}
        self._closing = threading.Event()
        if sync_every is not None:
            thread = threading.Thread(target=self._sync, args=(sync_every,), name=f"sync {topic}", daemon=True)
            thread.start()
            self._open.callback(thread.join)

    def partition(self, number: int) -> PartitionFiles:
        """What is archived of a partition, taken up at the end of what is whole."""
        if (found := self._partitions.get(number)) is None:
            there = list(self._there.get(number, ()))
            found = self._partitions[number] = PartitionFiles(self.store, self.topic, number, there)
        return found

    @property
    def taken_up(self) -> list[PartitionFiles]:
        """The partitions that were asked for."""
        return list(self._partitions.values())

    def append(self, number: int, records: Sequence[Archived]) -> None:
        """Write records of a partition; those that are there already are passed over.

        Raises ArchiveFailed, and AnotherLog where the last of these is not the one that is there.
        """
        partition = self.partition(number)
        if records and records[0].offset < partition.next_offset:
            _compare(self.topic, number, partition.last, records)
            records = [record for record in records if record.offset >= partition.next_offset]
        if records:
            partition.append(records)

    def close(self, *, sync: bool = True) -> None:
        """Sync all, unless told not to; let go of the folder."""
        self._closing.set()
        with self._open:
            for partition in self.taken_up:
                partition.close(sync=sync)

    def _sync(self, every: float) -> None:
        while not self._closing.wait(every):
            for partition in self.taken_up:
                try:
                    partition.sync()
                except OSError as error:
                    logger.error("the archive can't be synced", store=str(self.store), why=str(error))


def _compare(topic: str, partition: int, last: Archived | None, records: Sequence[Archived]) -> None:
    """Logs that were one to begin with differ where one of them was archived last, or are one still."""
    again = next((record for record in records if last is not None and record.offset == last.offset), None)
    if last is not None and again is not None and not again.says_the_same(last.key, last.value):
        raise AnotherLog(topic, partition, f"another record than the archived one stands at offset {last.offset}")
