"""A process that dev keeps running: started again when it dies, stopped in order, killed with dev if dev is killed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

#: Seconds until a process that died is started again, doubled each time up to the second figure; one that lived for
#: the third begins with the first again.
PAUSE, LONGEST_PAUSE, LIVED = 0.5, 30.0, 30.0
#: Bytes of a log file after which the next start begins a new one.
LONGEST_LOG = 10_000_000

# Whoever asks the kernel for it is sent SIGKILL when its parent dies, however it dies (Linux only); asking is a call
# made in the child. Then the child becomes the command line, without the folder it stands in on its module path: files
# of the user's there may have the names of our packages.
_RUN_AND_DIE_WITH_PARENT = """
import os, runpy, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")
sys.argv[:] = ["millrace", *sys.argv[2:]]
runpy.run_module("console", run_name="__main__")
"""


def command(arguments: Sequence[str]) -> list[str]:
    """The program that runs a command of ours and dies with this process."""
    return [sys.executable, "-P", "-c", _RUN_AND_DIE_WITH_PARENT, str(os.getpid()), *arguments]


class Child:
    """One command of ours, in a process of its own; what it prints goes to a file."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], log: Path, say: Callable[[str], None]
    ) -> None:
        self.name = arguments[0]
        self.log = log
        self._arguments, self._environment, self._say = arguments, dict(environment), say
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        """Keep it running, in the background."""
        self._task = asyncio.create_task(self._keep_running(), name=f"keep {self.name} running")

    async def stop(self, within: float) -> None:
        """Ask it to end, and make it end when it takes longer than that."""
        self._stopping = True
        if self.pid is not None and self._process is not None:
            self._signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), within)
            except TimeoutError:
                self._say(f"{self.name} did not end within {within:g} s: killed")
                self._signal(signal.SIGKILL)
                await self._process.wait()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def kill(self) -> None:
        """End it at once."""
        self._stopping = True
        self._signal(signal.SIGKILL)

    async def _keep_running(self) -> None:
        pause = PAUSE
        while not self._stopping:
            began = time.monotonic()
            code = await self._run()
            if self._stopping:
                return
            pause = PAUSE if time.monotonic() - began > LIVED else pause
            self._say(f"{self.name} ended ({_told(code)}), starting it again in {pause:g} s: {self._last_words()}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run(self) -> int:
        with self._opened_log() as log:
            self._process = await asyncio.create_subprocess_exec(
                *command(self._arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self._environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C is for dev, which ends its children in order
            )
        return await self._process.wait()

    def _opened_log(self) -> BinaryIO:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LONGEST_LOG:
            self.log.replace(self.log.with_suffix(".old.log"))
        return self.log.open("ab")

    def _last_words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 4096))
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return f"{lines[-1]} ({self.log})" if lines else f"it printed nothing ({self.log})"

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None and self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
