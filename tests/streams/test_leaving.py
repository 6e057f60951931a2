"""A worker that is on its way out lets go of partitions, and takes none over."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from streams.settings import WorkerSettings
from streams.worker import Worker


class Owner:
    def __init__(self) -> None:
        self.closed = self.opened = False

    def close(self) -> None:
        self.closed = True

    def open_intakes(self) -> None:
        self.opened = True


async def test_an_assignment_that_comes_while_a_worker_leaves_begins_nothing(tmp_path: Path) -> None:
    worker: Any = Worker("w-1", WorkerSettings(data_dir=tmp_path), "seat")
    worker.parts = SimpleNamespace()
    kept, gone = Owner(), Owner()
    worker.owners = {0: kept, 1: gone}
    worker._leaving = True
    worker.assigned({0, 2})
    assert gone.closed and not kept.closed and not kept.opened
    assert set(worker.owners) == {0}
