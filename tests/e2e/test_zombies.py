"""Processes that were stopped, or whose seat was taken: they change no run and begin no step; their work is counted."""

import asyncio
import signal

import pytest

from console.story import RunStory
from schemas import events as e
from schemas.message import Event
from schemas.outcomes import StepReported
from schemas.topics import OUTCOMES
from steps.clock import uptime
from steps.settings import StepSettings
from streams.worker import Superseded
from tests.e2e.test_workers import NOTED, check_ledger, world_for
from tests.running import TOOLS, Running, worker_process

MODEL = "name: asks\nsteps: [{id: a, model: claude-haiku-4-5, prompt: hi}]"
TOOL = "name: works\nsteps: [{id: a, tool: t.slow, with: {seconds: 4}, idempotent: true}]"
#: Runs of short steps, the attempts that one process has under way at once, and the seconds that a model takes.
RUNS, AT_ONCE, DELAY = 40, 8, 4


async def the_process_goes_on(world: Running, process: asyncio.subprocess.Process, late: set[str]) -> None:
    """SIGCONT; returns when the attempts that were under way at the stop are reported."""
    process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(30):
        while late - {event.run_id for event in await world.records() if isinstance(event, e.OutcomeIgnored)}:
            await asyncio.sleep(0.2)


def told_by(world_records: list[Event], run_id: str) -> RunStory:
    story = RunStory(run_id)
    for event in world_records:
        if event.run_id == run_id:
            story.take(event)
    return story


@pytest.mark.brokers("kafka")  # the embedded broker's groups wait for a stopped member for ever
@pytest.mark.timeout(180)
async def test_a_stopped_process_that_goes_on_changes_no_run_and_begins_no_step(broker, topic_prefix, tmp_path):
    """SIGSTOP for longer than everybody's patience, with attempts under way and others waiting for their turn."""
    replies, ledger = tmp_path / "replies.yaml", tmp_path / "ledger"
    replies.write_text(f"- {{reply: Hello, delay: {DELAY}}}", encoding="utf-8")
    steps = StepSettings(models="scripted", replies=replies, tools_path=(TOOLS,))
    world = await world_for(broker, topic_prefix, concurrency=AT_ONCE, steps=steps)
    first, second = await worker_process(world.settings, "seat-1"), None
    try:
        for source in (NOTED, MODEL, TOOL):
            await world.publish(source)
        slow = {name: await world.client.start(name) for name in ("asks", "works")}
        await world.until(e.StepScheduled, 2)
        runs = [await world.client.start("noted", {"ledger": str(ledger), "seconds": 0.5}) for _ in range(RUNS)]
        await world.until(e.StepScheduled, 3 * AT_ONCE)
        first.send_signal(signal.SIGSTOP)
        second = await worker_process(world.settings, "seat-2")
        await world.until(e.RunSucceeded, RUNS + 2, timeout=90)
        done = ledger.read_text().splitlines()
        await the_process_goes_on(world, first, set(slow.values()))

        again = [await world.client.start("noted", {"ledger": str(tmp_path / "more")}) for _ in range(10)]
        ended = await world.until(e.RunSucceeded, RUNS + 12, timeout=60)
        assert {event.run_id for event in ended} == {*runs, *again, *slow.values()} and len(ended) == RUNS + 12
        assert ledger.read_text().splitlines() == done, "a step was begun by a process whose beats had stopped"
        records = [r for r in await world.records() if r.run_id]
        check_ledger(ledger.read_text(), [r for r in records if r.run_id in set(runs)])
        zombie = next(r.owner for r in records if isinstance(r, e.RunStarted))
        reports = [r for r in await world.records(OUTCOMES.name) if isinstance(r, StepReported) and r.worker == zombie]
        given_back = [report for report in reports if "beat is too old" in report.message]
        assert given_back, "no attempt waited for its turn at the stop: this test has shown nothing"
        for run_id in slow.values():
            late = next(r for r in records if isinstance(r, e.OutcomeIgnored) and r.run_id == run_id)
            assert (late.worker, late.status, late.attempt) == (zombie, "succeeded", 1)
        assert told_by(records, slow["asks"]).steps["a"].calls == 2
        assert told_by(records, slow["asks"]).steps["a"].cost == 2 * late_cost(records, slow["asks"]) > 0
    finally:
        await gone(first, second)
        await world.client.__aexit__()


def late_cost(records: list[Event], run_id: str) -> int:
    late = next(r for r in records if isinstance(r, e.OutcomeIgnored) and r.run_id == run_id)
    return sum(call.cost or 0 for call in late.calls)


async def gone(*processes: asyncio.subprocess.Process | None) -> None:
    for process in processes:
        if process is not None and process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)


@pytest.mark.timeout(90)
async def test_a_process_whose_seat_was_taken_begins_nothing_more_and_ends(broker, topic_prefix):
    """A newer start on the seat is read as its own goodbye by the process that sat there (PROTOCOL.md, 10)."""
    world = await world_for(broker, topic_prefix, seat="one")
    await world.begin()
    second = None
    try:
        beats = world.worker.parts.beats
        assert beats.begin_by() > uptime()
        second = await worker_process(world.settings, "one")
        with pytest.raises(Superseded, match="one"):
            await asyncio.wait_for(world.task, 30)
        assert beats.begin_by() < uptime()
    finally:
        if second is not None:
            second.terminate()
            await asyncio.wait_for(second.wait(), 30)
        await world.client.__aexit__()
