"""Calls through the tool host: many at once, cut off, cancelled; what tools print; where they are found."""

import asyncio
import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.steps.conftest import TOOLBOX, Make, calling
from tests.steps.waiting import until, value


async def test_many_calls_run_at_once(make: Make) -> None:
    call = calling(await make(tools_threads=20))
    started = time.monotonic()
    answers = await asyncio.gather(
        *(call("sleep", {"seconds": 0.2}) for _ in range(20)),
        *(call("echo_later", {"value": 1, "seconds": 0.2}) for _ in range(200)),
    )
    assert all(answer.status == "succeeded" for answer in answers)
    assert time.monotonic() - started < 10  # one after the other: 44 s


async def test_a_tool_that_blocks_the_event_loop_holds_up_no_sync_tool(make: Make) -> None:
    call = calling(await make())
    await call("echo", {"value": 1})
    blocking = asyncio.ensure_future(call("block", {"seconds": 1.0}))
    await asyncio.sleep(0.05)
    assert value(await call("echo", {"value": 2})) == 2
    assert not blocking.done()
    await blocking


@pytest.mark.parametrize("target", ["sleep", "wait"])
async def test_a_call_is_cut_off_at_its_timeout(make: Make, target: str) -> None:
    call = calling(await make())
    started = time.monotonic()
    arguments = {"seconds": 3} if target == "sleep" else {"seconds": 3, "name": "late"}
    outcome = await call(target, arguments, timeout=100_000)
    assert (outcome.status, outcome.error_class) == ("failed", "timeout")
    assert 0.1 <= time.monotonic() - started < 2.5
    if target == "wait":
        await asyncio.sleep(0.05)
        assert value(await call("seen")) == ["late"]


async def test_a_call_that_waits_for_a_thread_until_its_timeout_was_not_begun(make: Make) -> None:
    call = calling(await make(tools_threads=1))
    busy = asyncio.ensure_future(call("sleep", {"seconds": 0.4}))
    await asyncio.sleep(0.05)
    outcome = await call("echo", {"value": 1}, timeout=100_000)
    assert outcome.error_class == "overloaded"
    assert (await busy).status == "succeeded"


@pytest.mark.parametrize("target", ["sleep", "wait"])
async def test_a_cancelled_call_is_cancelled_in_the_host_and_leaves_room(make: Make, target: str) -> None:
    call = calling(await make(tools_threads=1))
    await call("echo", {"value": 1})
    arguments = {"seconds": 2} if target == "sleep" else {"seconds": 2, "name": "gone"}
    running = asyncio.ensure_future(call(target, arguments))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert value(await call("echo", {"value": 2}, timeout=900_000)) == 2  # the lost thread was made up for
    if target == "wait":
        await asyncio.sleep(0.05)
        assert value(await call("seen")) == ["gone"]


async def test_a_call_cancelled_before_it_began_never_begins(make: Make, tmp_path: Path) -> None:
    call = calling(await make(tools_threads=1))
    busy = asyncio.ensure_future(call("sleep", {"seconds": 0.3}))
    await asyncio.sleep(0.05)
    doomed = asyncio.ensure_future(call("die"))
    await asyncio.sleep(0.05)
    doomed.cancel()
    assert (await busy).status == "succeeded"
    assert value(await call("echo", {"value": 1})) == 1  # die would have ended the host


async def test_numbers_of_calls_are_used_again_only_after_their_answer(make: Make) -> None:
    call = calling(await make())
    late = [asyncio.ensure_future(call("sleep", {"seconds": 0.3}, timeout=50_000)) for _ in range(5)]
    assert [(await task).error_class for task in late] == ["timeout"] * 5
    answers = await asyncio.gather(*(call("echo", {"value": n}) for n in range(50)))
    assert [value(answer) for answer in answers] == list(range(50))
    await asyncio.sleep(0.4)
    answers = await asyncio.gather(*(call("echo", {"value": n}) for n in range(50)))
    assert [value(answer) for answer in answers] == list(range(50))


async def test_what_tools_print_goes_to_the_log(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "millrace.tools")
    call = calling(await make())
    assert value(await call("say", {"out": "to out\nand more", "err": "to err"})) is None
    await until(lambda: "and more" in caplog.text)
    levels = {record.getMessage(): record.levelname for record in caplog.records}
    assert levels["to out"] == levels["and more"] == "INFO"
    await call("say", {"err": "\n"})
    await until(lambda: "to err" in caplog.text)


async def test_a_line_without_end_is_logged_in_parts(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "millrace.tools")
    call = calling(await make())
    await call("say", {"err": "z" * 200_000})
    await until(lambda: caplog.text.count("z") > 100_000)


async def test_tools_see_neither_our_settings_nor_our_packages(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In an environment of the user's own, where nothing of ours is installed."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    monkeypatch.setenv("MILLRACE_SECRET_TOKEN", "s3cret-value")
    monkeypatch.setenv("THEIR_OWN", "yes")
    call = calling(await make(tools_python=str(tmp_path / "env/bin/python")))
    names = ["steps", "schemas", "workflow", "orjson", "calls", "host", "json", "millrace"]
    assert value(await call("importable", {"names": names})) == ["json", "millrace"]
    assert value(await call("environment", {"name": "MILLRACE_SECRET_TOKEN"})) is None
    assert value(await call("environment", {"name": "THEIR_OWN"})) == "yes"


@pytest.mark.parametrize("entry", [TOOLBOX, TOOLBOX / "sample_tools.py"])
async def test_tools_are_found_in_folders_and_single_files(make: Make, entry: Path) -> None:
    call = calling(await make(tools_path=(str(entry),)))
    assert value(await call("echo", {"value": 1})) == 1


async def test_a_single_file_does_not_open_its_neighbours(make: Make) -> None:
    from steps.context import Context
    from tests.steps.scheduled import scheduled

    executor = await make(tools_path=(str(TOOLBOX / "broken_tools.py"),))
    outcome = await executor.run(scheduled("tool", "sample_tools.echo", {"value": 1}), Context())
    assert "there is no module `sample_tools`" in outcome.message


async def test_modules_of_the_environment_are_found_by_name(make: Make, tmp_path: Path) -> None:
    from steps.context import Context
    from tests.steps.scheduled import scheduled

    executor = await make(tools_path=("json",))
    outcome = await executor.run(scheduled("tool", "json.dumps"), Context())
    assert "`json.dumps` is not a tool" in outcome.message
    outcome = await executor.run(scheduled("tool", "json.decoder.nothing"), Context())
    assert "`json.decoder` has no `nothing`; its tools are: none" in outcome.message


async def test_without_a_place_to_look_every_tool_is_refused(make: Make) -> None:
    outcome = await calling(await make(tools_path=()))("echo", {"value": 1})
    assert "`tools_path` is empty" in outcome.message


async def test_a_warm_call_is_quick(make: Make) -> None:
    """The aim is 0.3 ms (0.1 measured); this bound is for a machine that does other things at the same time."""
    call = calling(await make())
    took = []
    for _ in range(300):
        started = time.perf_counter()
        await call("echo", {"value": 1})
        took.append(time.perf_counter() - started)
    assert sorted(took)[len(took) // 2] < 0.005
