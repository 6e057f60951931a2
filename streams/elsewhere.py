"""The attempts of one partition that other workers have, and the steps that wait for a worker of their queue."""

import heapq
from typing import TYPE_CHECKING

from schemas import events as e
from schemas import pending
from workflow.messages import AttemptLost, RoomFound

if TYPE_CHECKING:
    from streams.owner import Owner

Attempt = tuple[str, str, int]
Waiting = tuple[int, int, str, str]


class Elsewhere:
    """Kept by what is acked; who waits longest, among those of the highest priority, goes first."""

    def __init__(self, owner: "Owner") -> None:
        self._owner = owner
        self.attempts: dict[str, dict[Attempt, None]] = {}
        """By worker: the attempts that it has of this partition."""
        self._waiting: dict[str, list[Waiting]] = {}
        self._count = 0

    def clear(self) -> None:
        """The partition is read again, or another's."""
        self.attempts.clear()
        self._waiting.clear()

    def scheduled(self, run_id: str, path: str, attempt: int, worker: str) -> None:
        """Another worker has an attempt."""
        self.attempts.setdefault(worker, {})[run_id, path, attempt] = None

    def ended(
        self, event: e.StepSucceeded | e.StepFailed | e.StepReleased | e.StepCancelled | pending.StepUnsure
    ) -> None:
        """An attempt ended, wherever it was."""
        attempt = (event.run_id, event.path, event.attempt)
        for worker, attempts in self.attempts.items():
            if attempt in attempts:
                del attempts[attempt]
                if not attempts:
                    del self.attempts[worker]
                self._owner.parts.beats.rooms.give_back(worker)
                return self.place()

    def queued(self, run_id: str, path: str, queue: str, priority: int) -> None:
        """A step waits for room."""
        self._count += 1
        heapq.heappush(self._waiting.setdefault(queue, []), (-priority, self._count, run_id, path))

    def place(self) -> None:
        """Give what waits to those who have room; whoever no longer waits is passed over."""
        rooms = self._owner.parts.beats.rooms
        for queue, waiting in self._waiting.items():
            while waiting and (room := rooms.take(queue)) is not None:
                _, _, run_id, path = heapq.heappop(waiting)
                self._owner.handle(RoomFound(run_id, path, room.worker, room.inbox))
                if not self._has(room.worker, run_id, path):
                    rooms.give_back(room.worker)

    def _has(self, worker: str, run_id: str, path: str) -> bool:
        run = self._owner.state.runs.get(run_id)
        state = None if run is None else run.steps.get(path)
        return state is not None and state.phase == "scheduled" and state.worker == worker

    def declare_lost(self, worker: str) -> None:
        """What a lost worker had goes on, once all that it may have reported was taken in (PROTOCOL.md, 9)."""
        attempts = self.attempts.pop(worker, {})

        async def declare() -> None:
            await self._owner.caught_up()
            for run_id, path, attempt in attempts:
                self._owner.handle(AttemptLost(run_id, path, attempt, worker))

        self._owner.beside(declare)
