"""What tools print goes to the log, line by line."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

log = logging.getLogger("millrace.tools")

LONGEST_LINE = 64 * 1024
REMEMBERED = 20


class Printed(asyncio.SubprocessProtocol):
    """Standard output and error of one tool host; the last lines are kept for whoever explains its death."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.last: deque[str] = deque(maxlen=REMEMBERED)
        self._redact = redact
        self._partial = {1: bytearray(), 2: bytearray()}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        partial = self._partial[fd]
        partial += data
        *lines, rest = partial.split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], bytearray()
        self._partial[fd] = bytearray(rest)
        for line in lines:
            self._log(fd, bytes(line))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        rest = self._partial.get(fd)
        if rest:
            self._partial[fd] = bytearray()
            self._log(fd, bytes(rest))

    def process_exited(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _log(self, fd: int, line: bytes) -> None:
        text = self._redact(line.decode("utf-8", "replace").rstrip("\r"))
        self.last.append(text)
        log.log(logging.WARNING if fd == 2 else logging.INFO, "%s", text)
