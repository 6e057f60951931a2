"""What leaves a partition because of an event, until it is known to have arrived (PROTOCOL.md, 15)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas import partition as p
from schemas.message import Event
from schemas.topics import COMMANDS
from workflow.run import Run

if TYPE_CHECKING:
    from workflow.partition import Partition


@dataclass(frozen=True, slots=True)
class Departure:
    """One message to another partition or topic. `record` is encoded when it is sent; bytes go out as they are.

    What has the same `key` arrives in the order of its events. With a `path` it belongs to that attempt of a step of
    `run_id`, and is wanted only while that attempt is under way.
    """

    topic: str
    key: str
    record: Any
    partition: int | None = None
    run_id: str = ""
    path: str = ""
    attempt: int = 0


def departures(event: Event, run: Run | None) -> tuple[Departure, ...]:
    """What leaves because of an event, in order; `run` is as it stands after the event."""
    leaving = _LEAVING.get(event.__class__)
    return () if leaving is None else leaving(event, run)


def departure_id(event: Event, index: int = 0) -> str:
    """The id that receivers know a message by: the same whenever it is sent again."""
    return f"{event.epoch}/{event.n}/{index}"


def wanted(partition: "Partition", departure: Departure) -> bool:
    """Whether it is still worth sending: what belongs to an attempt goes with it."""
    if not departure.path:
        return True
    run = partition.runs.get(departure.run_id)
    state = None if run is None else run.steps.get(departure.path)
    return state is not None and state.phase == "scheduled" and state.attempt == departure.attempt


def _forwarded(event: p.CommandForwarded, _run: Run | None) -> tuple[Departure, ...]:
    return (Departure(COMMANDS.name, event.run_id, event.value, event.home),)


_LEAVING: dict[type[Event], Callable[[Any, Run | None], tuple[Departure, ...]]] = {
    p.CommandForwarded: _forwarded,
}
