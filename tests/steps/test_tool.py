"""A tool step: what it returns, how it fails, what it knows."""

import time
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from steps import clock
from steps.context import Context
from steps.executor import Executor
from steps.outcome import Outcome
from steps.settings import StepSettings
from tests.steps.conftest import TOOLBOX, Run, calling
from tests.steps.scheduled import scheduled

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor() -> AsyncIterator[Executor]:
    executor = Executor(StepSettings(tools_path=(str(TOOLBOX),), output_limit=100_000, tools_threads=4))
    await executor.start()
    yield executor
    await executor.close()


@pytest.fixture
def call(executor: Executor) -> Run:
    return calling(executor)


def value(outcome: Outcome) -> object:
    assert outcome.status == "succeeded", outcome
    return orjson.loads(outcome.output or b"")


async def test_a_sync_and_an_async_tool_return_what_they_got(call: Run) -> None:
    given = {"text": "Größe ✓", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    assert value(await call("echo", {"value": given})) == given
    assert value(await call("echo_later", {"value": given})) == given


async def test_arguments_fill_defaults_keywords_and_the_rest(call: Run) -> None:
    assert value(await call("defaults", {"first": 1, "fourth": 4})) == [1, 2, 3, {"fourth": 4}]


async def test_missing_and_unknown_arguments_are_named(call: Run) -> None:
    for target in ("echo", "echo_later"):
        outcome = await call(target, {"valeu": 1})
        assert (outcome.status, outcome.error_class) == ("failed", "fatal")
        assert "lacks `value`" in outcome.message
        assert "passes `valeu`" in outcome.message


async def test_arguments_must_be_a_mapping(call: Run) -> None:
    outcome = await call("echo", [1])
    assert outcome.error_class == "fatal"
    assert "by name" in outcome.message


async def test_values_with_an_obvious_form_become_json(call: Run) -> None:
    assert value(await call("rich")) == {
        "point": {"x": 1, "y": 2},
        "at": "2026-01-02T03:04:05+00:00",
        "id": "00000000-0000-0000-0000-000000000007",
        "model": {"mode": "json"},
        "tuple": [1, 2],
    }


@pytest.mark.parametrize("kind", ["bytes", "nan", "set", "loop", "surrogate", "class"])
async def test_values_without_a_form_in_json_are_fatal(call: Run, kind: str) -> None:
    outcome = await call("unfit", {"kind": kind})
    assert (outcome.status, outcome.error_class) == ("failed", "fatal")
    assert "JSON" in outcome.message


async def test_a_large_value_passes_and_one_over_the_limit_is_fatal(call: Run) -> None:
    assert value(await call("big", {"size": 99_998})) == "x" * 99_998
    outcome = await call("big", {"size": 99_999})
    assert outcome.error_class == "fatal"
    assert "100,001 bytes" in outcome.message


async def test_large_arguments_arrive(call: Run) -> None:
    outcome = await call("echo", {"value": ["y" * 1_000_000]})
    assert outcome.error_class == "fatal"  # the answer is over the limit, so the question arrived
    assert "1,000,004 bytes" in outcome.message


@pytest.mark.parametrize(
    ("kind", "error_class", "message"),
    [
        ("retry", "unavailable", "come back"),
        ("connection", "unavailable", "ConnectionRefusedError: nobody there"),
        ("timeout", "unavailable", "TimeoutError: too slow"),
        ("value", "fatal", "ValueError: no good"),
        ("surrogate", "fatal", "ValueError: bad ? text"),
        ("exit", "fatal", "SystemExit: 3"),
        ("interrupt", "fatal", "KeyboardInterrupt"),
    ],
)
@pytest.mark.parametrize("target", ["fail", "fail_later"])
async def test_what_a_tool_raises_decides_the_class(
    call: Run, target: str, kind: str, error_class: str, message: str
) -> None:
    outcome = await call(target, {"kind": kind})
    assert (outcome.status, outcome.error_class, outcome.message) == ("failed", error_class, message)
    trace = orjson.loads(outcome.detail or b"")["traceback"]
    assert "sample_tools.py" in trace
    assert "host.py" not in trace


async def test_retry_carries_the_wait_within_bounds(call: Run) -> None:
    assert (await call("fail", {"kind": "retry"})).retry_after == 2_500_000
    assert (await call("fail", {"kind": "long"})).retry_after == 3_600_000_000
    assert (await call("fail", {"kind": "value"})).retry_after is None


async def test_a_long_traceback_says_what_it_leaves_out(call: Run) -> None:
    trace = orjson.loads((await call("fail", {"kind": "deep"})).detail or b"")["traceback"]
    assert "characters left out" in trace
    assert len(trace) < 17_000


async def test_a_tool_that_cancels_itself_has_failed(call: Run) -> None:
    outcome = await call("cancel_itself")
    assert (outcome.status, outcome.error_class) == ("failed", "fatal")
    assert "CancelledError" in outcome.message


@pytest.mark.parametrize("target", ["where", "where_later"])
async def test_a_tool_knows_the_step_that_runs_it(call: Run, target: str) -> None:
    before = time.time()
    run, step, attempt, key, deadline = value(await call(target, attempt=3, path="a/b", timeout=5_000_000))  # type: ignore[misc]
    assert (run, step, attempt, key) == ("run-1", "a/b", 3, "run-1/draft")
    assert before + 5 <= deadline <= time.time() + 5


async def test_the_deadline_is_the_nearer_of_timeout_and_the_steps_own(call: Run) -> None:
    near = clock.now() + 1_000_000
    assert value(await call("where", timeout=5_000_000, deadline=near))[4] == near / 1e6  # type: ignore[index]
    assert value(await call("where", timeout=None))[4] is None  # type: ignore[index]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("sample_tools.unmarked", "`sample_tools.unmarked` is not a tool: put `@tool`"),
        ("sample_tools.nowhere", "`sample_tools` has no `nowhere`; its tools are: betray, big, block"),
        ("os.system", f"there is no module `os` where tools are looked for: {TOOLBOX}"),
        ("echo", "`echo` names no tool: write `module.function`"),
        ("broken_tools.x", "importing `broken_tools` failed in"),
        ("quitting_tools.x", "SystemExit: 5"),
        ("sample_tools.datetime.x", "importing `sample_tools.datetime` failed in"),
    ],
)
async def test_a_target_that_is_no_tool_is_refused_with_the_reason(
    executor: Executor, target: str, reason: str
) -> None:
    outcome = await executor.run(scheduled("tool", target), Context())
    assert (outcome.status, outcome.error_class) == ("failed", "fatal")
    assert reason in outcome.message


async def test_times_stand_in_the_outcome(call: Run) -> None:
    before = clock.now()
    outcome = await call("sleep", {"seconds": 0.05})
    assert before <= outcome.started
    assert 50_000 <= outcome.ended - outcome.started < 1_000_000
    assert outcome.ended <= clock.now()


async def test_nothing_begins_when_the_right_to_begin_has_run_out(call: Run) -> None:
    outcome = await call("echo", {"value": 1}, context=Context(begin_by=lambda: 0.0))
    assert (outcome.status, outcome.output) == ("released", None)


async def test_a_call_that_waited_too_long_in_the_tool_host_is_given_back(call: Run) -> None:
    import asyncio

    until = clock.uptime() + 0.1
    busy = [asyncio.ensure_future(call("sleep", {"seconds": 0.3})) for _ in range(4)]
    await asyncio.sleep(0.05)
    late = await call("echo", {"value": 1}, context=Context(begin_by=lambda: until))
    assert late.status == "released"
    assert [(await task).status for task in busy] == ["succeeded"] * 4
