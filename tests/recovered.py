"""What an owner reads that begins at a mark."""

from typing import Any

from schemas import partition as p
from tests.story import Shelf
from workflow.partition import Partition


def recovered(history: list[Any], offset: int, shelf: Shelf) -> Partition:
    """What an owner reads that begins at the mark at this offset."""
    partition = Partition(0, shelf)
    partition.begin_at(history[offset])
    for at in range(history[offset].low, len(history)):
        partition.read(history[at], at)
    return partition


def marks_of(history: list[Any], shelf: Shelf) -> list[int]:
    """The offsets of the valid marks."""
    reader = Partition(0, shelf)
    return [at for at, event in enumerate(history) if reader.read(event) and isinstance(event, p.PartitionMarked)]
