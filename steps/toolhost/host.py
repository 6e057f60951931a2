"""Keeps one warm tool host alive and puts calls through it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from steps.failure import ErrorClass, StepFailed, StepReleased
from steps.settings import StepSettings
from steps.toolhost.interpreter import Interpreter
from steps.toolhost.link import Answer, Link, LinkBroken

log = logging.getLogger("millrace.tools")

PATIENCE = 1.0  # seconds that a cancelled call has to end
LONGEST_PAUSE = 5.0  # seconds between starts of an interpreter that keeps dying


class ToolHost:
    """A dead interpreter is replaced at once; so is one whose threads are held by calls nobody waits for."""

    def __init__(self, settings: StepSettings, redact: Callable[[str], str]) -> None:
        self._settings = settings
        self._redact = redact
        self._current: Interpreter | None = None
        self._starting: asyncio.Task[Interpreter] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._deaths = 0
        self._closing = False

    async def start(self) -> None:
        await self._interpreter()

    async def close(self) -> None:
        """Let running calls end within the grace period, then end the interpreter; new calls are given back."""
        self._closing = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        last, self._current = self._current, None
        if last is not None:
            await self._drain(last)
            await last.close()
        await asyncio.gather(*self._endings)

    async def call(self, body: bytes, timeout: float | None) -> Answer:
        """`body` as `frames.py` says. Raises StepFailed when it ran out of time or its interpreter died."""
        interpreter = self._current
        if interpreter is None:
            interpreter = await self._interpreter()
        link = interpreter.link
        if link.full():
            raise StepFailed(ErrorClass.OVERLOADED, "the tool host is busy with as many calls as it can number")
        number, waiter = link.call(body)
        expiry = asyncio.get_running_loop().call_later(timeout, self._expire, link, number, waiter) if timeout else None
        try:
            answer = await waiter
            self._deaths = 0
            return answer
        except asyncio.CancelledError:
            self._abandon(link, number, waiter)
            raise
        except LinkBroken as broken:
            raise self._lost(interpreter, broken.begun) from None
        finally:
            if expiry is not None:
                expiry.cancel()

    def _expire(self, link: Link, number: int, waiter: asyncio.Future[Answer]) -> None:
        if waiter.done():
            return
        if self._abandon(link, number, waiter):
            waiter.set_exception(StepFailed(ErrorClass.TIMEOUT, "the tool did not return within the step's timeout"))
        else:
            waiter.set_exception(
                StepFailed(ErrorClass.OVERLOADED, "all threads of the tool host were busy until the step's timeout")
            )

    def _abandon(self, link: Link, number: int, waiter: asyncio.Future[Answer]) -> bool:
        """Whether the call had begun."""
        asyncio.get_running_loop().call_later(PATIENCE, self._replace_if_stuck, link)
        return link.cancel(number, waiter)

    def _replace_if_stuck(self, link: Link) -> None:
        current = self._current
        if current is not None and current.link is link and link.abandoned >= self._settings.tools_threads:
            log.warning("the tool host is replaced: %d cancelled calls of tools won't end", link.abandoned)
            self._current = None
            self._watch(self._retire(current))

    async def _interpreter(self) -> Interpreter:
        if self._current is not None:
            return self._current
        if self._closing:
            raise StepReleased("the worker is shutting down")
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start_one())
        try:
            return await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            if self._closing and self._starting.cancelled():
                raise StepReleased("the worker is shutting down") from None
            raise

    async def _start_one(self) -> Interpreter:
        if self._deaths > 1:
            await asyncio.sleep(min(LONGEST_PAUSE, 0.1 * 2.0**self._deaths))
        try:
            self._current = await Interpreter.start(self._settings, self._redact, self._on_broken)
        except StepFailed:
            self._deaths += 1
            raise
        return self._current

    def _on_broken(self, link: Link) -> None:
        dead = self._current
        if dead is None or dead.link is not link or self._closing:
            link.fail()
            return
        self._current = None
        self._watch(self._bury(dead))

    async def _bury(self, dead: Interpreter) -> None:
        """Learn how it died before those who wait are told, and have the next one ready."""
        self._deaths += 1
        await dead.ended(1.0)
        log.error("the tool host died: %s; another is started", dead.epitaph())
        dead.link.fail()
        await dead.close()
        try:
            await self._interpreter()
        except (StepFailed, StepReleased) as failed:
            log.error("no tool host: %s", failed)

    async def _retire(self, old: Interpreter) -> None:
        await self._drain(old)
        await old.close()

    async def _drain(self, interpreter: Interpreter) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.tools_grace
        while interpreter.link.under_way and clock() < deadline:
            await asyncio.sleep(0.02)

    def _lost(self, dead: Interpreter, begun: bool) -> StepFailed:
        how, detail = dead.epitaph(), {"last_lines": dead.last_lines}
        if begun:
            message = f"the tool host died while this call was running: {how}; the tool may have done its work, or not"
            return StepFailed(ErrorClass.UNKNOWN, message, detail=detail)
        return StepFailed(ErrorClass.UNAVAILABLE, f"the tool host died before this call began: {how}", detail=detail)

    def _watch(self, ending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
