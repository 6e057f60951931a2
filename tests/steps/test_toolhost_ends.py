"""How a tool host ends: it dies, is replaced, is closed, is orphaned; and takes nothing with it."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from steps.executor import Executor
from steps.failure import ErrorClass, StepFailed
from steps.settings import StepSettings
from steps.toolhost import host
from tests.steps.conftest import TOOLBOX, Make, calling
from tests.steps.waiting import is_gone, until, value


@pytest.mark.parametrize(("target", "how"), [("die", "exited with status 3"), ("crash", "killed by SIGKILL")])
async def test_a_dying_host_makes_its_calls_unknown_and_is_replaced(make: Make, target: str, how: str) -> None:
    call = calling(await make())
    first = value(await call("pid"))
    neighbour = asyncio.ensure_future(call("sleep", {"seconds": 5}))
    await asyncio.sleep(0.1)
    outcome = await call(target)
    assert (outcome.status, outcome.error_class) == ("failed", "unknown")
    assert how in outcome.message
    assert (await neighbour).error_class == "unknown"
    second = value(await call("pid"))
    assert second != first


async def test_calls_that_had_not_begun_are_unavailable_when_the_host_dies(make: Make) -> None:
    call = calling(await make(tools_threads=1))
    await call("echo", {"value": 1})
    running = asyncio.ensure_future(call("die", {"after": 0.2}))
    await asyncio.sleep(0.05)
    waiting = asyncio.ensure_future(call("echo", {"value": 2}))
    assert (await running).error_class == "unknown"
    outcome = await waiting
    assert outcome.error_class == "unavailable"
    assert "before this call began" in outcome.message


async def test_a_host_that_dies_again_and_again_still_answers(make: Make) -> None:
    call = calling(await make())
    for _ in range(3):
        assert (await call("die")).error_class == "unknown"
    assert value(await call("echo", {"value": 1})) == 1


async def test_what_is_no_frame_ends_the_host_and_no_more(make: Make) -> None:
    call = calling(await make())
    assert (await call("garble")).error_class == "unknown"
    assert value(await call("echo", {"value": 1})) == 1


async def test_a_host_whose_threads_are_lost_to_cancelled_calls_is_replaced(
    make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "PATIENCE", 0.1)
    executor = await make(tools_threads=2, tools_grace=3.0)
    call = calling(executor)
    first = value(await call("pid"))
    bystander = asyncio.ensure_future(call("wait", {"seconds": 1, "name": "bystander"}))
    await asyncio.gather(*(call("sleep", {"seconds": 30}, timeout=50_000) for _ in range(2)))
    await until(lambda: "is replaced" in caplog.text)
    assert value(await call("pid")) != first
    assert (await bystander).status == "succeeded"
    await until(lambda: is_gone(int(str(first))), 10)


async def test_the_last_words_of_a_host_stand_in_the_detail(make: Make) -> None:
    call = calling(await make())
    await call("say", {"err": "about to fall\n"})
    outcome = await call("die")
    assert "about to fall" in orjson.loads(outcome.detail or b"")["last_lines"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"tools_path": ("./no/such/folder",)}, "tools_path names './no/such/folder', which is neither"),
        ({"tools_python": "/no/such/python"}, "there is no interpreter at '/no/such/python'"),
        ({"tools_python": "false"}, "the tool host did not start with false: it exited with status 1"),
    ],
)
async def test_a_host_that_cannot_start_says_why(settings: dict[str, object], reason: str) -> None:
    executor = Executor(StepSettings(**settings))  # type: ignore[arg-type]
    with pytest.raises(StepFailed, match="tool") as failure:
        await executor.start()
    assert reason in failure.value.message
    assert failure.value.error_class in (ErrorClass.FATAL, ErrorClass.UNAVAILABLE)
    await executor.close()


async def test_a_call_without_a_host_starts_one() -> None:
    executor = Executor(StepSettings(tools_path=(str(TOOLBOX),)))
    assert value(await calling(executor)("echo", {"value": 1})) == 1
    await executor.close()


async def test_closing_waits_for_running_tools(make: Make) -> None:
    executor = await make()
    call = calling(executor)
    running = asyncio.ensure_future(call("sleep", {"seconds": 0.3}))
    await asyncio.sleep(0.1)
    await executor.close()
    assert (await running).status == "succeeded"
    assert (await call("echo", {"value": 1})).status == "released"


async def test_closing_ends_what_outlasts_the_grace_period(make: Make) -> None:
    executor = await make(tools_grace=0.1)
    call = calling(executor)
    pid = int(str(value(await call("pid"))))
    running = asyncio.ensure_future(call("sleep", {"seconds": 60}))
    await asyncio.sleep(0.05)
    await executor.close()
    assert (await running).error_class == "unknown"
    assert is_gone(pid)


async def test_a_program_that_a_tool_left_running_does_not_hold_up_the_end(make: Make) -> None:
    executor = await make()
    call = calling(executor)
    pid = int(str(value(await call("pid"))))
    await call("spawn", {"seconds": 5})
    started = time.monotonic()
    await executor.close()
    assert is_gone(pid)
    assert time.monotonic() - started < 4.5  # the program: 5 s


def test_the_host_ends_when_its_worker_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio
from steps.executor import Executor
from steps.settings import StepSettings
from steps.toolhost import host
from tests.steps.conftest import calling
async def main():
    executor = Executor(StepSettings(tools_path=({str(TOOLBOX)!r},)))
    await executor.start()
    call = calling(executor)
    print((await call("pid")).output.decode(), flush=True)
    await call("sleep", {{"seconds": 60}}, timeout=None)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        host = int(worker.stdout.readline())
        assert not is_gone(host)
        time.sleep(0.1)
        worker.kill()
    deadline = time.monotonic() + 5
    while not is_gone(host):
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_the_host_leaves_nothing_open(make: Make) -> None:
    before = len(os.listdir("/proc/self/fd"))
    executor = await make()
    await calling(executor)("echo", {"value": 1})
    await executor.close()
    await asyncio.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) <= before
