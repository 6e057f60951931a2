"""Threads for sync tools: one, and more as calls find none free."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from .calls import Call

STALL = 0.002  # seconds that calls wait for a thread before there is another


class Pool:
    """Filled and watched by the thread that reads frames."""

    def __init__(self, run: Callable[[Call], None], most: int) -> None:
        self._run = run
        self._most = most
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._threads = 0
        self._since = 0.0
        self._grow(1)

    def put(self, call: Call) -> None:
        if self._calls.empty():
            self._since = time.monotonic()
        self._calls.put(call)

    def keep_up(self) -> bool:
        """Give calls that wait too long their threads; whether to look again soon."""
        waiting = self._calls.qsize()
        if waiting and time.monotonic() - self._since > STALL:
            self._grow(waiting)
            self._since = time.monotonic()
        return waiting > 0 and self._threads < self._most

    def lose_thread(self) -> None:
        """A cancelled call can't be stopped: while it goes on, another thread may take its place."""
        with self._lock:
            self._most += 1

    def regain_thread(self) -> None:
        with self._lock:
            self._most -= 1

    def _grow(self, wanted: int) -> None:
        for _ in range(min(wanted, self._most - self._threads)):
            self._threads += 1
            threading.Thread(target=self._work, name=f"tool-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._run(self._calls.get())
