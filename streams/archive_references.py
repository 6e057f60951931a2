"""What archived events say: where their partition stands, how far other topics must reach, which workers there were."""

from collections.abc import Iterable, Iterator

from schemas.codec import Decoder, UnknownSchema
from schemas.envelope import event_in
from schemas.events import StepScheduled
from schemas.message import Event, Positions
from schemas.partition import InputRejected, PartitionClaimed, PartitionMarked, PartitionRestored
from schemas.topics import COMMANDS, DEADLETTERS, EVENTS, OUTCOMES, SCHEMAS
from streams.archive_files import files, read
from streams.archive_format import Archived
from streams.archive_manifest import Cut, Manifest, NoArchive
from streams.archive_store import Store
from streams.vocabulary import teach
from workflow.validity import Claim

_TAKEN_IN = {"command": COMMANDS.name, "outcome": OUTCOMES.name}


class Standing:
    """A partition after some of its events: the claim, the log's id, what was taken in, the time."""

    def __init__(self) -> None:
        self.claim = Claim()
        self.log = self.time = 0
        self._positions = dict.fromkeys(_TAKEN_IN, 0)

    @property
    def positions(self) -> Positions:
        """The next offsets to take in."""
        return Positions(self._positions["command"], self._positions["outcome"])

    def is_after(self, cut: Cut, partition: int, event: Event) -> bool:
        """Whether the event took in what came later than what the cut has seen."""
        topic = _TAKEN_IN.get(event.cause.kind, "")
        return event.cause.log == self.log and event.cause.offset >= cut.seen.get(topic, {}).get(partition, 1 << 62)

    def read(self, event: Event) -> None:
        """The next event; a void one changes nothing (PROTOCOL.md, 2)."""
        if not self.claim.admits(event):
            return
        self.time = max(self.time, event.time)
        if event.cause.kind in _TAKEN_IN and event.cause.log == self.log:
            self._move(event.cause.kind, event.cause.offset + 1)
        if isinstance(event, PartitionRestored):
            self._positions = dict.fromkeys(_TAKEN_IN, 0)
        if isinstance(event, PartitionClaimed | PartitionRestored):
            self.log = event.log
        if isinstance(event, PartitionClaimed | PartitionMarked | PartitionRestored) and event.log == self.log:
            self._move("command", event.positions.commands)
            self._move("outcome", event.positions.outcomes)

    def _move(self, kind: str, position: int) -> None:
        self._positions[kind] = max(self._positions[kind], position)


class References:
    """Collects all that while the events pass by."""

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self.reach: dict[tuple[str, int], int] = {}
        """The least end of each topic's partition, for the offsets in events to stay true."""
        self.workers: set[str] = set()
        """Those that owned partitions or were given steps."""
        self.standing = {number: Standing() for number in range(manifest.partitions)}
        self._cut = manifest.cut
        self._decoder = _decoder(store)

    def noting(self, partition: int, records: Iterable[Archived]) -> Iterator[Archived]:
        """The records of a partition of events, each noted as it passes; none from the first on after the cut.

        Raises NoArchive over what a later version wrote.
        """
        standing = self.standing[partition]
        for record in records:
            try:
                event = event_in(record.value, self._decoder)
            except UnknownSchema as error:
                where = f"{EVENTS.name} partition {partition}, offset {record.offset}"
                raise NoArchive(f"the archive holds what this version can't read: {where}: {error}") from error
            if event is not None:
                if self._cut is not None and standing.is_after(self._cut, partition, event):
                    return
                standing.read(event)
                self._note(partition, event)
            yield record

    def _note(self, partition: int, event: Event) -> None:
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


def _decoder(store: Store) -> Decoder:
    """A decoder that knows the archived schemas of other versions."""
    decoder = Decoder()
    for record in (record for number in files(store, SCHEMAS.name) for record in read(store, SCHEMAS.name, number)):
        if record.key is not None and record.value is not None:
            teach(decoder, record.key, record.value)
    return decoder
