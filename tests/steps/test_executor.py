"""The executor turns whatever happens into an outcome."""

import asyncio

import orjson
import pytest

from schemas.events import StepScheduled
from steps.context import Context
from steps.executor import Executor
from steps.failure import ErrorClass, StepFailed, without_surrogates
from steps.outcome import Outcome
from steps.settings import StepSettings
from tests.steps.scheduled import scheduled


class Odd:
    """A kind of step that does what a test wants."""

    def __init__(self, ending: Outcome | BaseException) -> None:
        self._ending = ending

    def slot(self, step: StepScheduled) -> None: ...

    async def run(self, step: StepScheduled, arguments: bytes, context: Context, started: int) -> Outcome:
        if isinstance(self._ending, BaseException):
            raise self._ending
        return self._ending


async def ending_with(ending: Outcome | BaseException, **settings: int) -> Outcome:
    executor = Executor(StepSettings(**settings))  # type: ignore[arg-type]
    executor._kinds["odd"] = Odd(ending)
    return await executor.run(scheduled("odd", ""), Context())


async def test_a_kind_that_nobody_runs_is_fatal() -> None:
    outcome = await Executor(StepSettings()).run(scheduled("sql", "warehouse"), Context())
    assert (outcome.status, outcome.error_class) == ("failed", "fatal")
    assert "no steps of kind 'sql', only http, model, tool" in outcome.message
    assert outcome.started <= outcome.ended


async def test_what_nobody_expected_is_fatal_with_its_traceback() -> None:
    outcome = await ending_with(ZeroDivisionError("oh \ud800"))
    assert (outcome.error_class, outcome.message) == ("fatal", "ZeroDivisionError: oh ?")
    assert "test_executor.py" in orjson.loads(outcome.detail or b"")


async def test_a_cancelled_step_is_cancelled() -> None:
    with pytest.raises(asyncio.CancelledError):
        await ending_with(asyncio.CancelledError())


async def test_an_output_over_the_limit_is_fatal() -> None:
    outcome = await ending_with(Outcome("succeeded", output=b'"' + b"x" * 100 + b'"'), output_limit=100)
    assert (outcome.status, outcome.error_class, outcome.output) == ("failed", "fatal", None)
    assert "102 bytes, more than the 100" in outcome.message


async def test_detail_of_a_failure_is_json_whatever_it_was() -> None:
    for detail, written in [
        ({"a": [1, Context]}, {"a": [1, repr(Context)]}),
        ({1: "x"}, {"1": "x"}),
        (None, None),
    ]:
        outcome = await ending_with(StepFailed(ErrorClass.FATAL, "no", detail=detail))
        assert (orjson.loads(outcome.detail) if outcome.detail else None) == written
    outcome = await ending_with(StepFailed(ErrorClass.FATAL, "no", detail={"a": "\ud800"}))
    assert "ud800" in orjson.loads(outcome.detail or b"")


async def test_the_class_of_an_outcome_is_a_plain_string() -> None:
    outcome = await ending_with(StepFailed(ErrorClass.AUTH, "no", retry_after=0.25))
    assert type(outcome.error_class) is str
    assert outcome.retry_after == 250_000


def test_surrogates_are_replaced() -> None:
    assert without_surrogates("a\ud800b€") == "a?b€"
