"""Reads an archive back, all of it, and compares it with what its manifest says of it."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from schemas.topics import EVENTS, TOPICS
from streams.archive_files import files, read
from streams.archive_format import ArchiveDamaged
from streams.archive_manifest import Manifest
from streams.archive_store import Store

#: Records between two words about the progress.
TELL_EVERY = 5_000


@dataclass(slots=True)
class Verified:
    """What was read, and what is wrong with it."""

    records: int = 0
    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def as_values(self) -> dict[str, Any]:
        """As a program reads it."""
        return asdict(self)


def verify(store: Store, manifest: Manifest, on_records: Callable[[int], None] = lambda _: None) -> Verified:
    """Every file, every record, and that nothing is missing before the cut. Raises OSError."""
    found = Verified(files=len(manifest.files), bytes=sum(file.bytes for file in manifest.files.values()))
    for topic in TOPICS:
        for partition in _partitions(store, manifest, topic.name):
            try:
                for records in _read(store, manifest, topic.name, partition):
                    found.records += records
                    on_records(found.records)
            except ArchiveDamaged as error:
                found.problems.append(str(error))
    return found


def _partitions(store: Store, manifest: Manifest, topic: str) -> list[int]:
    cut = {} if manifest.cut is None else manifest.cut.ends.get(topic, {})
    return sorted({*files(store, topic), *(partition for partition, end in cut.items() if end)})


def _read(store: Store, manifest: Manifest, topic: str, partition: int) -> Iterator[int]:
    """Reads a partition, and tells how many records more it was. Raises ArchiveDamaged."""
    known, end, count = manifest.files if manifest.cut else None, 0, 0
    for record in read(store, topic, partition, known):
        if topic == EVENTS.name and record.offset != end:
            raise ArchiveDamaged(f"{store}/{topic}", 0, f"partition {partition} lacks the events from offset {end} on")
        end, count = record.offset + 1, count + 1
        if count == TELL_EVERY:
            yield count
            count = 0
    yield count
    wanted = manifest.cut.ends.get(topic, {}).get(partition, 0) if manifest.cut else 0
    if topic == EVENTS.name and end < wanted:
        raise ArchiveDamaged(f"{store}/{topic}", 0, f"partition {partition} ends at offset {end}, not at {wanted}")
