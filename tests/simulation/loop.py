"""Virtual time: one agenda a world, and an event loop a process that runs on it, so a process can freeze or die."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from streams.clock import _Steady

Callback = Callable[..., object]


class Handle:
    """A callback to come; without a loop it is the world's own."""

    __slots__ = ("args", "callback", "cancelled", "loop")

    def __init__(self, loop: "Loop | None", callback: Callback, args: tuple[Any, ...]) -> None:
        self.loop, self.callback, self.args = loop, callback, args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Agenda:
    """What is to happen, in order of its time; equal times in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ready: deque[Loop] = deque()
        self._heap: list[tuple[float, int, Handle]] = []
        self._asked = 0

    def at(self, when: float, callback: Callback, *args: Any, loop: "Loop | None" = None) -> Handle:
        handle = Handle(loop, callback, args)
        self._asked += 1
        heapq.heappush(self._heap, (when, self._asked, handle))
        return handle

    def after(self, delay: float, callback: Callback, *args: Any, loop: "Loop | None" = None) -> Handle:
        return self.at(self.now + delay, callback, *args, loop=loop)

    def run(self, done: Callable[[], bool]) -> None:
        """Until `done`, asked between callbacks of the world, or until nothing is left to happen."""
        heap, ready = self._heap, self.ready
        while heap:
            when, _, handle = heapq.heappop(heap)
            if handle.cancelled:
                continue
            if when > self.now:
                self.now = when
            if handle.loop is None:
                handle.callback(*handle.args)
                if done():
                    return
            else:
                handle.loop.due(handle)
            while ready:
                ready.popleft().turn()


class Loop(asyncio.AbstractEventLoop):
    """One process: nothing of it runs while it is frozen, nothing ever again once it is dead."""

    def __init__(self, agenda: Agenda, name: str, on_error: Callable[[str, dict[str, Any]], None]) -> None:
        self.agenda, self.name, self._on_error = agenda, name, on_error
        self.skew = 0
        """Microseconds that the wall clock of this process is ahead."""
        self.steady = _Steady()
        self.frozen = self.dead = False
        self.fuse: tuple[int, Callback] | None = None
        """After so many callbacks something happens to this process, in the middle of what it does."""
        self._ready: deque[Handle] = deque()
        self._queued = False

    def due(self, handle: Handle) -> None:
        """A handle whose time has come."""
        if not self.dead:
            self._ready.append(handle)
            self._wake()

    def _wake(self) -> None:
        if not (self._queued or self.frozen or self.dead):
            self._queued = True
            self.agenda.ready.append(self)

    def turn(self) -> None:
        """Run what is ready."""
        self._queued = False
        ready = self._ready
        asyncio._set_running_loop(self)
        try:
            while ready and not (self.frozen or self.dead):
                handle = ready.popleft()
                if not handle.cancelled:
                    handle.callback(*handle.args)
                    if self.fuse is not None:
                        self._burn()
        except Exception as error:
            self._on_error(self.name, {"message": "a callback raised", "exception": error})
            self._wake()
        finally:
            asyncio._set_running_loop(None)

    def _burn(self) -> None:
        assert self.fuse is not None
        left, then = self.fuse
        self.fuse = (left - 1, then)
        if left <= 1:
            self.fuse = None
            then()

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
        self._wake()

    def kill(self) -> None:
        self.dead = True
        for handle in self._ready:
            task = getattr(handle.callback, "__self__", None)
            if isinstance(task, asyncio.Task):
                coroutine: Any = task.get_coro()
                if not (coroutine.cr_suspended or coroutine.cr_running):
                    coroutine.close()  # never begun: nobody need be warned
        self._ready.clear()

    def time(self) -> float:
        return self.agenda.now

    def call_soon(self, callback: Callback, *args: Any, context: Any = None) -> Handle:  # type: ignore[override]
        handle = Handle(self, callback, args)
        if not self.dead:
            self._ready.append(handle)
            if not self._queued:
                self._wake()
        return handle

    def call_at(self, when: float, callback: Callback, *args: Any, context: Any = None) -> Handle:  # type: ignore[override]
        return self.agenda.at(when, callback, *args, loop=self)

    def call_later(self, delay: float, callback: Callback, *args: Any, context: Any = None) -> Handle:  # type: ignore[override]
        return self.agenda.at(self.agenda.now + max(0.0, delay), callback, *args, loop=self)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Any = None
    ) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name or "")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.dead:
            self._on_error(self.name, context)
