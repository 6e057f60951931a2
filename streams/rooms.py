"""Which workers of which queue have room, as their beats say and as we have filled it since (PROTOCOL.md, 16)."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.workers import WorkerBeat

#: Beats of our own after which a worker that was not heard of is given nothing more.
SILENT = 3


@dataclass(slots=True)
class Room:
    """One worker of a queue: how many steps it runs at once, how many it has, where it reads them."""

    queue: str
    worker: str
    inbox: int
    slots: int
    held: int


class Rooms:
    """The workers of queues. What we gave one counts until it ends, whether its beats tell it yet or not."""

    def __init__(self, silence: Callable[[str], int]) -> None:
        self._silence = silence
        self._rooms: dict[str, Room] = {}
        self.given: Callable[[str], int] = lambda _worker: 0
        """How many attempts of ours a worker has."""
        self.on_room: Callable[[], None] = lambda: None

    def heard(self, beat: WorkerBeat) -> None:
        """A beat of a worker of a queue."""
        held = max(beat.running, self.given(beat.worker))
        self._rooms[beat.worker] = Room(beat.queue, beat.worker, beat.inbox, beat.slots, held)
        if held < beat.slots:
            self.on_room()

    def left(self, worker: str) -> None:
        """A worker said goodbye, or is lost."""
        self._rooms.pop(worker, None)

    def take(self, queue: str) -> Room | None:
        """A place with the worker that has most room; None: nobody has any."""
        open_to = [r for r in self._rooms.values() if r.queue == queue and r.held < r.slots and self._heard_of(r)]
        if not open_to:
            return None
        room = max(open_to, key=lambda room: room.slots - room.held)
        room.held += 1
        return room

    def give_back(self, worker: str) -> None:
        """An attempt that a worker had has ended."""
        if (room := self._rooms.get(worker)) is not None and room.held > 0:
            room.held -= 1

    def _heard_of(self, room: Room) -> bool:
        return self._silence(room.worker) < SILENT
