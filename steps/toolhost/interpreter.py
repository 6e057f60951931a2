"""One running tool host: the user's interpreter as a child process, and the link to it."""

import asyncio
import json
import mmap
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from steps.failure import ErrorClass, StepFailed
from steps.settings import StepSettings
from steps.toolhost.frames import CALLS
from steps.toolhost.link import Link
from steps.toolhost.places import Places
from steps.toolhost.printed import Printed

ENTRY = Path(__file__).with_name("child") / "entry.py"
FACE = Path(__file__).parents[2] / "millrace.py"
START = 30.0  # seconds until an interpreter must be up
FAREWELL = 4.0  # seconds for it to end by itself


class Interpreter:
    """Made by `start`; of no use any more once `link` is broken."""

    def __init__(self, link: Link, transport: asyncio.SubprocessTransport, printed: Printed) -> None:
        self.link = link
        self._transport = transport
        self._printed = printed

    @classmethod
    async def start(
        cls, settings: StepSettings, redact: Callable[[str], str], broken: Callable[[Link], None]
    ) -> "Interpreter":
        places = Places.of(settings.tools_path)
        _look_for(settings.tools_python)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with tempfile.TemporaryFile() as shared, theirs:
            shared.truncate(CALLS)
            link = await Link.over(ours, mmap.mmap(shared.fileno(), CALLS), settings.output_limit, broken)
            arguments = _arguments(settings, places, theirs.fileno(), shared.fileno())
            transport, printed = await _spawn(settings, redact, arguments, (theirs.fileno(), shared.fileno()))
        started = cls(link, transport, printed)
        try:
            await started._come_up(settings.tools_python)
        except BaseException:
            await started.close()
            raise
        return started

    async def _come_up(self, python: str) -> None:
        done, _ = await asyncio.wait([self.link.ready], timeout=START)
        if done and not self.link.ready.cancelled():
            return
        await self.ended(1.0)
        raise StepFailed(
            ErrorClass.UNAVAILABLE,
            f"the tool host did not start with {python}: {self.epitaph()}; see the setting `tools_python`",
            detail={"last_lines": self.last_lines},
        )

    def epitaph(self) -> str:
        """How it ended."""
        code = self._transport.get_returncode()
        if code is None:
            return "it gives no answer"
        if code < 0:
            return f"it was killed by {signal.Signals(-code).name}"
        return f"it exited with status {code}"

    @property
    def last_lines(self) -> list[str]:
        return list(self._printed.last)

    async def ended(self, within: float) -> bool:
        done, _ = await asyncio.wait([self._printed.ended], timeout=within)
        return bool(done)

    async def close(self) -> None:
        """Hang up, which it takes as the sign to end, and see that it does."""
        self.link.close()
        if self._transport.get_returncode() is None and not await self.ended(FAREWELL):
            self._transport.kill()
            await self.ended(FAREWELL)
        self._transport.close()
        self.link.release()


def _look_for(python: str) -> None:
    if shutil.which(python) is None:
        raise StepFailed(ErrorClass.FATAL, f"there is no interpreter at {python!r}; correct the setting `tools_python`")


async def _spawn(
    settings: StepSettings, redact: Callable[[str], str], arguments: str, inherited: tuple[int, ...]
) -> tuple[asyncio.SubprocessTransport, Printed]:
    return await asyncio.get_running_loop().subprocess_exec(
        lambda: Printed(redact),
        *(settings.tools_python, "-I", "-u", str(ENTRY), arguments),
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=inherited,
        env=_environment(settings),
        start_new_session=True,  # a Ctrl-C in the terminal is for us; running tools get their grace
    )


def _arguments(settings: StepSettings, places: Places, connection: int, begun: int) -> str:
    return json.dumps(
        {
            "face": str(FACE),
            "connection": connection,
            "begun": begun,
            "search": places.search,
            "folders": places.folders,
            "modules": places.modules,
            "threads": settings.tools_threads,
            "limit": settings.output_limit,
        }
    )


def _environment(settings: StepSettings) -> dict[str, str]:
    """Ours without our own settings and secrets: a tool gets the secrets that its step passes to it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
    return inherited | settings.extra_environment
