"""The event archive: what a worker has had acked stands on disk before it is acted on (PROTOCOL.md, 23)."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.topics import EVENTS
from streams.archive_directory import DirectoryStore
from streams.archive_format import Archived
from streams.archive_tail import copy
from streams.archive_topic import SYNC_EVERY, TopicArchive


class ArchiveGap(Exception):
    """Records would be missing between what is archived and what is to be archived."""

    def __init__(self, partition: int, expected: int, found: int) -> None:
        super().__init__(
            f"the archive of partition {partition} ends at offset {expected}, and {found} is to be written: "
            "read the partition from there first"
        )
        self.partition, self.expected, self.found = partition, expected, found


class EventArchive:
    """Every record of `workflow.events`, void ones too, at its own offset; without gaps from 0."""

    def __init__(self, folder: Path, *, sync_every: float = SYNC_EVERY) -> None:
        self._topic = TopicArchive(DirectoryStore(folder), EVENTS.name, sync_every=sync_every)
        self._next: dict[int, int] = {}

    def next_offset(self, partition: int) -> int:
        """The offset after the last archived record. A log that ends before it is not the one that was archived."""
        if (found := self._next.get(partition)) is None:
            found = self._next[partition] = self._topic.partition(partition).next_offset
        return found

    def append(
        self, partition: int, base_offset: int, records: Sequence[tuple[bytes, bytes]], timestamp: int | None = None
    ) -> None:
        """Write (key, value) records that begin at an offset; those that are there already are passed over.

        One write of the operating system; when it returns, the records survive this process. `timestamp` is in
        milliseconds, now if not given. Raises ArchiveGap, and ArchiveFailed when nothing of them was written.
        """
        there = self.next_offset(partition)
        if base_offset + len(records) <= there:
            return
        if base_offset > there:
            raise ArchiveGap(partition, there, base_offset)
        at = time.time_ns() // 1_000_000 if timestamp is None else timestamp
        self._topic.partition(partition).append(
            [
                Archived(offset, at, key, value)
                for offset, (key, value) in enumerate(records[there - base_offset :], start=there)
            ]
        )
        self._next[partition] = base_offset + len(records)

    async def catch_up(
        self,
        bootstrap: str,
        partition: int,
        up_to_offset: int,
        *,
        prefix: str = "",
        auth: Mapping[str, Any] | None = None,
    ) -> int:
        """Read what is missing before an offset from the broker; how many records that were."""
        there = self.next_offset(partition)
        if there >= up_to_offset:
            return 0
        await copy(bootstrap, prefix, self._topic, partition, up_to_offset, auth=auth)
        self._next[partition] = self._topic.partition(partition).next_offset
        return self._next[partition] - there

    def close(self) -> None:
        """Sync to the disk, and let go."""
        self._topic.close()
