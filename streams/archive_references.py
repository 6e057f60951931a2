"""What the archived events say of other topics: how far these must reach, and which workers there were."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from schemas.codec import Decoder, Undecodable
from schemas.events import StepScheduled
from schemas.message import Event
from schemas.partition import InputRejected, PartitionClaimed, PartitionMarked, PartitionRestored
from schemas.topics import COMMANDS, DEADLETTERS, OUTCOMES, SCHEMAS
from streams.archive_files import partitions, read
from streams.archive_format import Archived

_TAKEN_IN = {"command": COMMANDS.name, "outcome": OUTCOMES.name}


class References:
    """Collects them while the events pass by."""

    def __init__(self, folder: Path) -> None:
        self.reach: dict[tuple[str, int], int] = {}
        """The least end of each topic's partition, for the offsets in events to stay true."""
        self.workers: set[str] = set()
        """Those that owned partitions or were given steps."""
        self._decoder = _decoder(folder)

    def noting(self, partition: int, records: Iterable[Archived]) -> Iterator[Archived]:
        """The records of a partition of events, each noted as it passes."""
        for record in records:
            self._note(partition, record.value)
            yield record

    def _note(self, partition: int, value: bytes | None) -> None:
        try:
            event = self._decoder.decode(value or b"")
        except Undecodable:
            return  # of a later version, perhaps: whoever reads the log says so
        if not isinstance(event, Event):
            return
        self.workers.add(event.owner)
        if isinstance(event, StepScheduled):
            self.workers.add(event.worker)
        if (topic := _TAKEN_IN.get(event.cause.kind)) is not None:
            self._reaches(topic, partition, event.cause.offset + 1)
        if isinstance(event, PartitionClaimed | PartitionMarked | PartitionRestored):
            self._reaches(COMMANDS.name, partition, event.positions.commands)
            self._reaches(OUTCOMES.name, partition, event.positions.outcomes)
        elif isinstance(event, InputRejected):
            self._reaches(DEADLETTERS.name, 0, event.deadletter + 1)

    def _reaches(self, topic: str, partition: int, end: int) -> None:
        if end > self.reach.get((topic, partition), 0):
            self.reach[topic, partition] = end


def _decoder(folder: Path) -> Decoder:
    """A decoder that knows the archived schemas of other versions."""
    decoder = Decoder()
    topic = folder / SCHEMAS.name
    for record in (record for partition in partitions(topic) for record in read(topic, partition)):
        if record.key is not None and record.value is not None and len(record.key) == 8:
            decoder.learn(record.key, json.loads(record.value))
    return decoder
