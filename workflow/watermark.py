"""What recovery must still be able to read: the records that hold the low watermark, oldest first (PROTOCOL.md, 18)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.message import Event

#: Recovery reads at most so many records of a partition, or so many for each open run (PROTOCOL.md, 19).
MOST_RECORDS, MOST_PER_RUN = 50_000, 4
#: Of these, what may be appended from one mark to the next and until its commit stands.
SLACK = 12_500


class Place(NamedTuple):
    """A valid record in the log: `epoch`, `owner` and `n` are its own. `first` is the first record of its run."""

    offset: int
    epoch: int
    owner: str
    n: int
    first: int

    @classmethod
    def of(cls, event: Event, offset: int, first: int = -1) -> "Place":
        return cls(offset, event.epoch, event.owner, event.n, offset if first < 0 else first)


#: Stands for a record of which only is known that it lies somewhere in the log: reading begins with the log.
BEGINNING = Place(0, 0, "", 1, 0)

#: A run, or an event (epoch, n) of which something is on its way.
Key = str | tuple[int, int]


@dataclass(slots=True)
class Watermark:
    """Both dictionaries are in the order of the log, so that the oldest of each is its first."""

    runs: dict[Key, Place] = field(default_factory=dict)
    """Of each open run its first record, or its latest snapshot."""
    fixed: dict[Key, Place] = field(default_factory=dict)
    """What no snapshot can carry forward: messages on their way, runs too large for a record."""

    def low(self) -> Place | None:
        """The oldest record that must be read again; None if there is none."""
        oldest = [next(iter(self.runs.values()))] if self.runs else []
        return min([*oldest, *self.fixed.values()], default=None)

    def place_of(self, key: Key) -> Place | None:
        """Where reading it again begins."""
        return self.runs.get(key) or self.fixed.get(key)

    def carried(self, run_id: Key, place: Place) -> None:
        """A snapshot carries the run forward to its place."""
        self.let_go(run_id)
        self.runs[run_id] = place

    def fix(self, run_id: Key) -> None:
        """No snapshot of this run fits into a record for now."""
        place = self.let_go(run_id)
        if place is not None:
            self.fixed[run_id] = place

    def let_go(self, key: Key) -> Place | None:
        """Nothing of it need be read again; where it stood."""
        return self.runs.pop(key, None) or self.fixed.pop(key, None)

    def overdue(self, end: int) -> Key | None:
        """The run to be carried forward before more is appended at `end`; None if none stands far back.

        With one snapshot for each other record the distance of the oldest run grows by no more than one for each
        open run that stands behind it, hence the share of the bound that is left to them.
        """
        if not self.runs:
            return None
        run_id, place = next(iter(self.runs.items()))
        count = len(self.runs)
        return run_id if end - place.offset > max(MOST_RECORDS, MOST_PER_RUN * count) - count - SLACK else None
