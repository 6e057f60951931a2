"""Sample records for the tests of the archive."""

from pathlib import Path

from streams.archive_directory import DirectoryStore
from streams.archive_files import PartitionFiles, files
from streams.archive_format import Archived
from streams.archive_store import Store

TOPIC = "workflow.events"


def some(first: int, count: int) -> list[Archived]:
    """Records at so many offsets from the first on, no two alike."""
    return [
        Archived(n, 1000 + n, f"run-{n}".encode(), bytes([n % 251]) * (n % 40)) for n in range(first, first + count)
    ]


def pairs(first: int, count: int) -> list[tuple[bytes, bytes]]:
    """The same as (key, value)."""
    return [(record.key or b"", record.value or b"") for record in some(first, count)]


def partition_of(store: Store, number: int = 0) -> PartitionFiles:
    """What a store has of a partition, to go on with."""
    return PartitionFiles(store, TOPIC, number, list(files(store, TOPIC).get(number, ())))


def paths(store: DirectoryStore, number: int = 0) -> list[Path]:
    """The files of a partition."""
    return [store.folder / name for name in files(store, TOPIC).get(number, ())]
