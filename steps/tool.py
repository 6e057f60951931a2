"""Runs a `tool` step: a call through the warm tool host."""

import orjson

from schemas.events import StepScheduled
from steps.context import Context
from steps.failure import ErrorClass, StepFailed, StepReleased
from steps.outcome import Outcome
from steps.toolhost.frames import Kind
from steps.toolhost.host import ToolHost


class ToolStep:
    """A step's target is `module.function`; its arguments go to the tool, and its answer comes back, as JSON bytes."""

    def __init__(self, host: ToolHost, longest_retry_after: float) -> None:
        self._host = host
        self._longest_retry_after = longest_retry_after

    def slot(self, step: StepScheduled) -> None:
        """Tools wait in their host, where async ones need not."""

    async def run(self, step: StepScheduled, arguments: bytes, context: Context, started: int) -> Outcome:
        answer = await self._host.call(_head(step, context, started) + b"\n" + arguments, _seconds(step.timeout))
        if answer.kind == Kind.RETURNED:
            return Outcome("succeeded", output=_checked(step.target, answer.body))
        if answer.kind == Kind.RELEASED:
            raise StepReleased("it came too late to begin in the tool host")
        raise self._failure(answer.body)

    def _failure(self, body: bytes) -> StepFailed:
        error_class, message, detail, after = orjson.loads(body)
        after = None if after is None else min(float(after), self._longest_retry_after)
        return StepFailed(ErrorClass(error_class), message, detail=detail, retry_after=after)


def _head(step: StepScheduled, context: Context, started: int) -> bytes:
    limits = [started + step.timeout if step.timeout else None, step.deadline]
    ends = min((limit for limit in limits if limit is not None), default=None)
    deadline = None if ends is None else ends / 1e6
    # An infinite `begin_by` becomes null, as orjson writes it.
    return orjson.dumps([step.target, step.run_id, step.path, step.attempt, step.key, deadline, context.begin_by()])


def _checked(target: str, body: bytes) -> bytes:
    """Python's json writes things that no other reader takes, such as lone surrogates."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise StepFailed(ErrorClass.FATAL, f"what `{target}` returned is not valid JSON: {error}") from error
    return body


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / 1e6
