import asyncio
import json
import sys
from collections.abc import AsyncIterator

import pytest

from console.story import RunStory
from console.watch import exit_code, told
from schemas import events as e
from schemas.message import Cause, Event


def event(kind: type[Event], seq: int, /, **fields: object) -> Event:
    return kind("r-1", seq, 1, "w", seq, 1_795_503_048_000_000 + seq * 1_000_000, Cause("step"), **fields)


STARTED = event(e.RunStarted, 1, command_id="c", workflow="hello", version=1, definition="h", inputs=b"{}")
SCHEDULED = event(e.StepScheduled, 2, path="a", step="a", attempt=1, kind="tool", worker="w", target="t.x")
DONE = event(e.StepSucceeded, 3, path="a", attempt=1, output=b"1", kind="tool")
SUCCEEDED = event(e.RunSucceeded, 4, outputs=b'{"x": 1}')


async def events() -> AsyncIterator[Event]:
    for found in (STARTED, SCHEDULED, DONE, SUCCEEDED):
        yield found
        await asyncio.sleep(0.06)


async def test_a_terminal_gets_a_picture_that_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    story = await told(events(), RunStory("r-1"), json=False)
    drawn = capsys.readouterr().out
    assert exit_code(story) == 0
    assert drawn.count("not begun") >= 1 and drawn.count("hello@1") >= 2
    last = drawn.rpartition("hello@1")[2]
    assert "succeeded" in last and "t.x" in last and 'outputs  {"x": 1}' in last


async def test_a_pipe_gets_a_line_an_event_and_the_picture_last(capsys: pytest.CaptureFixture[str]) -> None:
    await told(events(), RunStory("r-1"), json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[-1] for line in lines[:4]] == [
        "r-1 started: hello@1",
        "a: tool t.x",
        "a: succeeded in 1.00 s",
        "r-1: succeeded",
    ]
    assert lines[5].startswith("r-1  hello@1  succeeded  began 2026-11-24 06:50:49 UTC, took 3.00 s")


async def test_a_program_gets_a_line_of_json_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    await told(events(), RunStory("r-1"), json=True)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in found] == ["RunStarted", "StepScheduled", "StepSucceeded", "RunSucceeded"]
    assert found[-1]["outputs"] == {"x": 1}


@pytest.mark.parametrize("state", ["failed", "cancelled", "refused", ""])
def test_what_did_not_succeed_ends_with_1(state: str) -> None:
    assert exit_code(RunStory("r-1", state=state)) == 1
