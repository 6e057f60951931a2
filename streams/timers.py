"""Times to come: one heap a worker, one alarm of the event loop for its head."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from streams import clock

#: Seconds after which the wall clock is looked at again: it may have been set meanwhile.
LOOK_AGAIN = 10.0


@dataclass(order=True, slots=True)
class Timer:
    """A time and what is then to be told; a timer that no longer matters is told all the same."""

    due: int
    partition: int = field(compare=False)
    run_id: str = field(compare=False)
    path: str = field(compare=False)


class Timers:
    """Fires each timer once its time has come by the wall clock, never before."""

    def __init__(self, on_due: Callable[[Timer], None]) -> None:
        self._on_due = on_due
        self._heap: list[Timer] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    def arm(self, timer: Timer) -> None:
        """Tell about this timer when it is due."""
        if self._closed:
            return
        heapq.heappush(self._heap, timer)
        if self._heap[0] is timer:
            self._set_alarm()

    def forget(self, partition: int) -> None:
        """Let go of the timers of a partition that was lost or is read again."""
        self._heap = [timer for timer in self._heap if timer.partition != partition]
        heapq.heapify(self._heap)
        self._set_alarm()

    def close(self) -> None:
        """Fire nothing more, and take none."""
        self._closed = True
        self._heap.clear()
        self._set_alarm()

    def __len__(self) -> int:
        return len(self._heap)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._heap:
            wait = min(max(0.0, (self._heap[0].due - clock.now()) / 1e6), LOOK_AGAIN)
            self._alarm = asyncio.get_running_loop().call_later(wait, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = clock.now()
        while self._heap and self._heap[0].due <= now:
            self._on_due(heapq.heappop(self._heap))
        if self._alarm is None:
            self._set_alarm()
