"""Where an event stands, whose it is, and when it happened."""

from datetime import datetime
from typing import NamedTuple


class Place(NamedTuple):
    """A record's partition and offset, and the run that it is about: an id, and which of the runs that had it."""

    partition: int
    offset: int
    run_id: str
    incarnation: int
    when: datetime | None

    @property
    def run(self) -> tuple[str, int]:
        """The key of the run's row."""
        return self.run_id, self.incarnation
