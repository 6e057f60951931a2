"""Runs one attempt of one step, whatever its kind, and tells how it ended."""

import traceback
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from schemas.events import StepScheduled
from steps import clock
from steps.context import Context
from steps.failure import ErrorClass, StepFailed, StepReleased
from steps.http import HttpStep
from steps.model import ModelStep
from steps.outcome import Outcome
from steps.redact import Redactor
from steps.secrets import Secrets
from steps.settings import StepSettings
from steps.tool import ToolStep
from steps.toolhost.host import ToolHost


class Step(Protocol):
    """A kind of step. `run` raises StepFailed or StepReleased, or returns what succeeded."""

    def slot(self, step: StepScheduled) -> AbstractAsyncContextManager[object] | None:
        """What must be had before the step begins: its share of what is done at once."""
        ...

    async def run(self, step: StepScheduled, arguments: bytes, context: Context, started: int) -> Outcome: ...


class Executor:
    """`run` never raises, except CancelledError: whatever goes wrong is an outcome."""

    def __init__(self, settings: StepSettings) -> None:
        self.redactor = Redactor()
        self._secrets = Secrets(settings.secrets_dir, self.redactor)
        self._limit = settings.output_limit
        self._host = ToolHost(settings, self.redactor.text)
        self._models = ModelStep(settings, self.redactor)
        self._http = HttpStep(settings)
        self._kinds: dict[str, Step] = {
            "tool": ToolStep(self._host, settings.longest_retry_after),
            "model": self._models,
            "http": self._http,
        }

    async def start(self) -> None:
        """Bring the tool host up, so that the first call finds it warm."""
        await self._host.start()

    async def close(self) -> None:
        """Running tools get their grace period; what runs longer fails as `unknown`."""
        await self._host.close()
        await self._models.close()
        await self._http.close()

    async def run(self, scheduled: StepScheduled, context: Context) -> Outcome:
        started = clock.now()
        try:
            kind = self._kind(scheduled)
            slot = kind.slot(scheduled)
            if slot is None:
                outcome = await self._attempt(kind, scheduled, context, started)
            else:
                async with slot:
                    started = clock.now()
                    outcome = await self._attempt(kind, scheduled, context, started)
        except StepReleased as released:
            outcome = Outcome("released", message=str(released))
        except StepFailed as failed:
            outcome = _failed(failed)
        except Exception as error:
            outcome = _failed(_unexpected(error))
        outcome.started, outcome.ended = started, clock.now()
        return self._redacted(outcome)

    def _kind(self, scheduled: StepScheduled) -> Step:
        kind = self._kinds.get(scheduled.kind)
        if kind is None:
            known = ", ".join(sorted(self._kinds))
            raise StepFailed(ErrorClass.FATAL, f"this worker runs no steps of kind {scheduled.kind!r}, only {known}")
        return kind

    async def _attempt(self, kind: Step, scheduled: StepScheduled, context: Context, started: int) -> Outcome:
        if not context.begin():
            raise StepReleased("this worker was not heard of in time for it to begin")
        arguments = self._secrets.fill(scheduled.input, scheduled.secrets)
        outcome = await kind.run(scheduled, arguments, context, started)
        self._bounded(outcome)
        return outcome

    def _bounded(self, outcome: Outcome) -> None:
        size = len(outcome.output or b"")
        if size > self._limit:
            message = f"the output is {size:,} bytes, more than the {self._limit:,} that a step may hand back"
            raise StepFailed(ErrorClass.FATAL, message, calls=outcome.calls)

    def _redacted(self, outcome: Outcome) -> Outcome:
        if outcome.output is not None:
            outcome.output = self.redactor.json(outcome.output)
        if outcome.detail is not None:
            outcome.detail = self.redactor.json(outcome.detail)
        if outcome.message:
            outcome.message = self.redactor.text(outcome.message)
        return outcome


def _failed(failed: StepFailed) -> Outcome:
    return Outcome(
        "failed",
        error_class=failed.error_class.value,
        message=failed.message,
        detail=failed.detail_json(),
        retry_after=None if failed.retry_after is None else round(failed.retry_after * 1e6),
        calls=failed.calls,
    )


def _unexpected(error: Exception) -> StepFailed:
    trace = "".join(traceback.format_exception(error))
    return StepFailed(ErrorClass.FATAL, f"{type(error).__name__}: {error}", detail={"traceback": trace})
