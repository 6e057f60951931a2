"""Runs attempts in this process: a begin check at the moment each begins, an answer for every one of them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from schemas.codec import encode
from schemas.events import StepScheduled
from schemas.message import Cause
from schemas.outcomes import StepReported
from steps.context import Context
from steps.executor import Executor
from streams import clock
from streams.producer import Producer
from workflow.messages import OutcomeTaken

logger = structlog.get_logger("millrace.pool")

_CLOSING = "this worker is shutting down"
#: Seconds that reports to other owners get at least, when a worker ends.
LAST_REPORTS = 2.0
#: Hands an outcome to the partition's owner in this process; False where there is none that is live.
HandOver = Callable[[int, OutcomeTaken], bool]


class Pool:
    """The attempts of this worker, at most `concurrency` of them at once."""

    def __init__(
        self, executor: Executor, begin_by: Callable[[], float], producer: Producer, outcomes: str, concurrency: int
    ) -> None:
        self._executor, self._producer, self._outcomes = executor, producer, outcomes
        self._begin_by = begin_by
        self._slots = asyncio.Semaphore(concurrency)
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._tasks: dict[asyncio.Task[None], Context] = {}
        self._reporting: set[asyncio.Task[None]] = set()
        self._closing = False
        self.hand_over: HandOver = lambda _partition, _message: False

    def submit(self, partition: int, scheduled: StepScheduled) -> None:
        """Run an attempt; its outcome goes to the owner here, or to `workflow.outcomes`."""
        context = Context(self._begin_by)
        self._running[scheduled.run_id, scheduled.path] = self._track(
            self._attempt(partition, scheduled, context), scheduled, context
        )

    def give_back(self, scheduled: StepScheduled, why: str) -> None:
        """Report an attempt that does not begin here."""
        report = self.report(_report(scheduled, "released", "ok", why, 0))
        self._reporting.add(self._track(report, scheduled, Context(self._begin_by)))

    def _track(self, work: Coroutine[Any, Any, None], scheduled: StepScheduled, context: Context) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = context
        task.add_done_callback(lambda done: self._forget((scheduled.run_id, scheduled.path), done))
        return task

    def _forget(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._reporting.discard(task)
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("an attempt got lost", run_id=key[0], path=key[1], exc_info=error)

    def cancel_path(self, run_id: str, path: str) -> None:
        """Nobody wants this attempt any more."""
        if (task := self._running.get((run_id, path))) is not None:
            task.cancel()

    def lapsed(self) -> None:
        """Nothing was heard of this process for a while: what has not begun does not begin (PROTOCOL.md, 8)."""
        for context in self._tasks.values():
            context.revoked = True

    @property
    def running(self) -> int:
        """Attempts that are begun, wait, or are being reported."""
        return len(self._tasks)

    async def _attempt(self, partition: int, scheduled: StepScheduled, context: Context) -> None:
        came = clock.now()
        try:
            report = await self._run(scheduled, context)
        except asyncio.CancelledError:
            report = self._stopped(scheduled, context, came)
        cause = Cause("step", 0, -1, f"{scheduled.path}#{scheduled.attempt}")
        if not self.hand_over(partition, OutcomeTaken(report, cause)):
            if (task := asyncio.current_task()) is not None:
                self._reporting.add(task)
            await self.report(report)

    def _stopped(self, scheduled: StepScheduled, context: Context, came: int) -> StepReported:
        if not self._closing:
            return _report(scheduled, "failed", "fatal", "it was cancelled", came)
        if not context.begun:
            return _report(scheduled, "released", "ok", _CLOSING, 0)
        return _report(scheduled, "failed", "worker_lost", "the worker was shut down before it finished", came)

    async def _run(self, scheduled: StepScheduled, context: Context) -> StepReported:
        if self._closing:
            return _report(scheduled, "released", "ok", _CLOSING, 0)
        async with self._slots:
            outcome = await self._executor.run(scheduled, context)
        return StepReported(
            run_id=scheduled.run_id,
            path=scheduled.path,
            attempt=scheduled.attempt,
            worker=scheduled.worker,
            status=outcome.status,
            incarnation=scheduled.incarnation,
            output=outcome.output,
            error_class=outcome.error_class,
            message=outcome.message,
            detail=outcome.detail,
            retry_after=outcome.retry_after,
            started=outcome.started,
            ended=outcome.ended,
            calls=outcome.calls,
        )

    async def report(self, report: StepReported) -> None:
        """Tell the run's home through `workflow.outcomes`; goes on until it is acked (PROTOCOL.md, 7)."""
        pause = 0.1
        while True:
            try:
                await self._producer.send_and_wait(self._outcomes, encode(report), report.run_id.encode())
                return
            except Exception as error:
                logger.warning("reporting an outcome again", run_id=report.run_id, path=report.path, why=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def close(self, grace: float) -> None:
        """Begin nothing more; what runs gets the grace period, then it is cancelled; each attempt is answered for."""
        self._closing = True
        await asyncio.sleep(0)  # a task that is cancelled before its first step answers for nothing
        self._cancel(begun=False)
        await self._wait(grace)
        self._cancel(begun=True)
        await self._wait(max(grace, LAST_REPORTS))
        for task in list(self._tasks):
            task.cancel()

    def _cancel(self, *, begun: bool) -> None:
        for task, context in list(self._tasks.items()):
            if context.begun == begun and task not in self._reporting:
                task.cancel()

    async def _wait(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)


def _report(scheduled: StepScheduled, status: str, error_class: str, message: str, started: int) -> StepReported:
    return StepReported(
        scheduled.run_id,
        scheduled.path,
        scheduled.attempt,
        scheduled.worker,
        status,
        scheduled.incarnation,
        error_class=error_class,
        message=message,
        started=started,
        ended=clock.now() if started else 0,
    )
