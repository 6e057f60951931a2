"""The workers: processes on seats, each brought back whenever it ends and is still wanted."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from streams.settings import WorkerSettings
from tests.cpu import children

ROOT = Path(__file__).resolve().parent.parent.parent
#: Seconds until a worker that ended by itself is started again, as a supervisor would.
RESTART = 1.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Struck:
    """A worker was killed or frozen: its process, and when in µs."""

    pid: int
    time: int
    how: str


class Worker:
    """One seat: an owner of runs, or a worker of a queue."""

    def __init__(self, settings: WorkerSettings, seat: str, folder: Path, queue: str = "") -> None:
        self._settings, self.seat, self._log, self.queue = settings, seat, folder / f"{seat}.log", queue
        self.process: asyncio.subprocess.Process | None = None
        self.wanted, self.frozen, self.leaving = True, False, False
        self._ready, self._rested = False, 0.0
        self.by_itself = 0
        self._away = 0.0
        self._task = asyncio.create_task(self._live())

    @property
    def up(self) -> bool:
        """Whether a deed can be done to it: it has been at work for as long as its start took.

        On a slow machine, nobody would ever do a thing otherwise.
        """
        return self._ready and time.monotonic() > self._rested and not (self.frozen or self.leaving)

    async def _live(self) -> None:
        while self.wanted:
            self._away, self.leaving = -1.0, False
            begun, self.process = time.monotonic(), await self._spawn()
            assert self.process.stdout is not None
            self._ready = bool(await self.process.stdout.readline())
            self._rested = 2 * time.monotonic() - begun
            await self.process.wait()
            self._ready = False
            if self._away < 0 and self.wanted:
                self.by_itself += 1
                self._away = RESTART
            await asyncio.sleep(self._away)

    async def _spawn(self) -> asyncio.subprocess.Process:
        settings = self._settings
        given = (
            settings.bootstrap,
            settings.prefix,
            settings.partitions,
            settings.session,
            settings.data_dir,
            self.seat,
        )
        more = (f"--queue={self.queue}", f"--replication={settings.replication}")
        program = str(ROOT / "tests" / "worker_program.py")
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, program, *map(str, given), *settings.steps.tools_path, *more),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                preexec_fn=_end_with_us,
            )

    def kill(self, away: float) -> Struck:
        """SIGKILL, and back after so many seconds."""
        return self._end(signal.SIGKILL, away, "kill")

    def stop(self, away: float) -> Struck:
        """SIGTERM, and back so many seconds after it ended."""
        return self._end(signal.SIGTERM, away, "stop")

    def _end(self, number: signal.Signals, away: float, how: str) -> Struck:
        assert self.process is not None
        self._away, self.leaving = away, True
        self.process.send_signal(number)
        return Struck(self.process.pid, _now(), how)

    async def freeze(self, seconds: float, whole: bool) -> Struck:
        """SIGSTOP, with the tool host or without, and SIGCONT."""
        process = self.process
        assert process is not None
        pids = [process.pid, *(children(process.pid) if whole else ())]
        self.frozen, struck = True, Struck(process.pid, _now(), "freeze")
        _signal(pids, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            _signal(pids, signal.SIGCONT)
            self.frozen = False
        return struck

    async def leave(self) -> None:
        """Say goodbye for good."""
        self.wanted = False
        self.stop(0.0)
        await self._task

    async def end(self) -> None:
        """Be gone, whatever the state."""
        self.wanted = False
        self._task.cancel()
        if self.process is not None and self.process.returncode is None:
            _signal([self.process.pid], signal.SIGCONT)
            self.process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), 20)
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()


def _end_with_us() -> None:
    """Linux kills the worker when this process is no more, however it ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _now() -> int:
    return time.time_ns() // 1_000
