"""Which records of a partition count: the rule that every reader of `workflow.events` obeys (PROTOCOL.md, 2)."""

from schemas.message import Event
from schemas.partition import PartitionClaimed, PartitionRestored


class Claim:
    """The standing claim of one partition: three values are all that a reader needs."""

    __slots__ = ("epoch", "n", "owner")

    def __init__(self, epoch: int = 0, owner: str = "", n: int = 0) -> None:
        self.epoch, self.owner, self.n = epoch, owner, n

    def admits(self, event: Event) -> bool:
        """Whether the record is valid; must be asked for each record, in the log's order."""
        if event.n == self.n + 1 and event.epoch == self.epoch and event.owner == self.owner:
            self.n += 1
            return True
        if event.__class__ is PartitionClaimed or event.__class__ is PartitionRestored:
            return self._claims(event)
        return False

    def _claims(self, event: Event) -> bool:
        if event.epoch != self.epoch + 1 or event.n != 0:
            return False
        self.epoch, self.owner, self.n = event.epoch, event.owner, 0
        return True
