"""Processes that were stopped, or whose seat was taken: they change no run and begin no step; their work is counted."""

import asyncio
import signal
from dataclasses import replace

import pytest

from console.story import RunStory
from schemas import events as e
from schemas.message import Event
from steps.clock import uptime
from steps.settings import StepSettings
from streams.beats import FRESH
from streams.seats import Superseded
from tests.e2e.test_workers import NOTED, check_ledger, world_for
from tests.running import TOOLS, Running, running, worker_process

MODEL = "name: asks\nsteps: [{id: a, model: claude-haiku-4-5, prompt: hi}]"
TOOL = """
name: works
inputs: {gate: string}
steps: [{id: a, tool: t.gate, with: {file: "{{ inputs.gate }}"}, idempotent: true}]
"""
#: Runs of short steps, the attempts that one process has under way at once, and the seconds that a model takes.
RUNS, AT_ONCE, DELAY = 40, 8, 4


async def told_late(world: Running, runs: set[str]) -> None:
    """Wait until attempts that nobody waits for any more are reported."""
    async with asyncio.timeout(30):
        while runs - {event.run_id for event in await world.records() if isinstance(event, e.OutcomeIgnored)}:
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
        slow = [await world.client.start("asks")]
        slow += [await world.client.start("works", {"gate": str(tmp_path / "gate")}) for _ in range(AT_ONCE - 1)]
        await world.until(e.StepScheduled, AT_ONCE)
        runs = [await world.client.start("noted", {"ledger": str(ledger), "seconds": 0.5}) for _ in range(RUNS)]
        await world.until(e.StepScheduled, AT_ONCE + RUNS)
        first.send_signal(signal.SIGSTOP)
        second = await worker_process(replace(world.settings, concurrency=500), "seat-2")
        await world.until(e.RunSucceeded, RUNS + 1, timeout=90)
        done = ledger.read_text().splitlines()
        first.send_signal(signal.SIGCONT)
        await asyncio.sleep(FRESH)  # its beats come back by now: it may begin steps again, but not these
        (tmp_path / "gate").touch()
        await told_late(world, {*slow, *runs})

        again = [await world.client.start("noted", {"ledger": str(tmp_path / "more")}) for _ in range(10)]
        ended = await world.until(e.RunSucceeded, RUNS + AT_ONCE + 10, timeout=60)
        assert {event.run_id for event in ended} == {*runs, *again, *slow} and len(ended) == RUNS + AT_ONCE + 10
        assert ledger.read_text().splitlines() == done, "a step was begun by a process whose beats had stopped"
        records = [r for r in await world.records() if r.run_id]
        check_ledger(ledger.read_text(), [r for r in records if r.run_id in set(runs)])
        zombie = next(r.owner for r in records if isinstance(r, e.RunStarted))
        late = [r for r in records if isinstance(r, e.OutcomeIgnored)]
        assert {r.worker for r in late} == {zombie} and {r.attempt for r in late} == {1}
        assert {r.run_id for r in late if r.status == "succeeded"} == set(slow), "what was done is counted"
        assert {r.run_id for r in late if r.status == "released"} == set(runs), "what waited is given back"
        assert told_by(records, slow[0]).steps["a"].calls == 2
        assert told_by(records, slow[0]).steps["a"].cost == 2 * late_cost(records, slow[0]) > 0
    finally:
        await gone(first, second)
        await world.client.__aexit__()


QUEUED = """
name: queued
inputs: {{ledger: string}}
steps: [{{id: a, tool: t.{tool}, queue: gpu, idempotent: true, with: {arguments}}}]
"""
NOTE = QUEUED.format(tool="note", arguments='{ledger: "{{ inputs.ledger }}", line: l}')
GATE = QUEUED.format(tool="gate", arguments='{file: "{{ inputs.ledger }}.gate"}').replace("queued", "gated")


@pytest.mark.brokers("kafka")
@pytest.mark.timeout(120)
async def test_a_stopped_worker_of_a_queue_that_goes_on_begins_nothing_of_what_it_was_sent(
    broker, topic_prefix, tmp_path
):
    """What it had begun is reported; what waits in its inbox was given to another meanwhile."""
    ledger = tmp_path / "ledger"
    async with running(broker, topic_prefix, concurrency=20) as world:
        for source in (NOTE, GATE):
            await world.publish(source)
        first, second = await worker_process(world.settings, "q1", "gpu"), None
        try:
            begun = [await world.client.start("gated", {"ledger": str(ledger)}) for _ in range(5)]
            await world.until(e.StepScheduled, 5)
            await asyncio.sleep(0.5)
            first.send_signal(signal.SIGSTOP)
            sent = [await world.client.start("queued", {"ledger": str(ledger)}) for _ in range(8)]
            await world.until(e.StepScheduled, 13)
            second = await worker_process(world.settings, "q2", "gpu")
            await world.until(e.RunSucceeded, 8, timeout=60)
            done = ledger.read_text().splitlines()
            first.send_signal(signal.SIGCONT)
            await asyncio.sleep(FRESH)
            (tmp_path / "ledger.gate").touch()
            await told_late(world, {*begun, *sent})
            ended = await world.until(e.RunSucceeded, 13)
            assert ledger.read_text().splitlines() == done, "a step was begun by a process whose beats had stopped"
            assert {event.run_id for event in ended} == {*begun, *sent} and len(ended) == 13
            late = [r for r in await world.records() if isinstance(r, e.OutcomeIgnored)]
            assert len({r.worker for r in late}) == 1 and {r.attempt for r in late} == {1}
            assert {r.run_id for r in late if r.status == "succeeded"} == set(begun)
            assert {r.run_id for r in late if r.status == "released"} == set(sent)
        finally:
            await gone(first, second)


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
