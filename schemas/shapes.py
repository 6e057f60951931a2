"""What happens inside `each` and `loop`: items and rounds begin, and an item may fail alone."""

from schemas.message import Event
from schemas.record import record


@record
class ItemOpened(Event):
    """The steps of an `each` begin for its item number `index`, from 0."""

    path: str
    index: int


@record
class ItemFailed(Event):
    """The steps of an item failed, and the `each` goes on: `failed: keep`."""

    path: str
    index: int
    error_class: str
    message: str


@record
class RoundOpened(Event):
    """The steps of a `loop` begin once more, for round number `index`."""

    path: str
    index: int
