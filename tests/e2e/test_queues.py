"""Steps of a queue run on its workers; a worker that dies with a hundred of them in hand loses none."""

import asyncio
import collections
import contextlib
import signal
from dataclasses import replace

import pytest

from schemas import events as e
from schemas import pending
from tests.running import running, worker_process

NOTED = """
name: noted
inputs: {ledger: string, seconds: number}
steps:
  - id: p
    parallel:
BRANCHES
"""
STEP = (
    "      b{n}: [{{id: k{n}, tool: t.note, queue: gpu, idempotent: true, retry: {{attempts: 5, backoff: 100ms}},"
    ' with: {{ledger: "{{{{ inputs.ledger }}}}", line: l, seconds: "{{{{ inputs.seconds }}}}"}}}}]'
)
HUNDRED = NOTED.replace("BRANCHES", "\n".join(STEP.format(n=n) for n in range(100)))


@contextlib.asynccontextmanager
async def serving(world, slots: int, *seats: str):
    """Workers of the queue `gpu`, each in a process of its own."""
    settings = replace(world.settings, concurrency=slots)
    workers = [await worker_process(settings, seat, "gpu") for seat in seats]
    try:
        yield workers
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.terminate()
        for worker in workers:
            await asyncio.wait_for(worker.wait(), 30)


@pytest.mark.timeout(120)
async def test_a_worker_of_a_queue_that_dies_with_a_hundred_steps_in_hand_loses_none(broker, topic_prefix, tmp_path):
    ledger = tmp_path / "ledger"
    async with running(broker, topic_prefix) as world:
        await world.publish(HUNDRED)
        run = await world.client.start("noted", {"ledger": str(ledger), "seconds": 3.0})
        await world.until(pending.StepQueued, 100)
        async with serving(world, 100, "q1") as (first,):
            await world.until(e.StepScheduled, 100)
            first.send_signal(signal.SIGKILL)
            await first.wait()
        async with serving(world, 40, "q2", "q3"):
            assert isinstance(await world.client.wait(run, 80), e.RunSucceeded)
        records = await world.records()
    scheduled = {r.worker for r in records if isinstance(r, e.StepScheduled)}
    lost = [r for r in records if isinstance(r, e.StepFailed)]
    done_before = [r for r in records if isinstance(r, e.StepSucceeded) and r.attempt == 1]  # on a slow machine
    assert len(scheduled) == 3 and {r.error_class for r in lost} == {"worker_lost"}
    assert len(lost) + len(done_before) == 100
    completed = {f"{r.path}#{r.attempt}" for r in records if isinstance(r, e.StepSucceeded) and r.attempt}
    done = collections.Counter(line.split()[-1] for line in ledger.read_text().splitlines())
    assert len(completed) == 100 and all(done[attempt] == 1 for attempt in completed)


@pytest.mark.brokers("embedded")
async def test_a_step_waits_until_a_worker_of_its_queue_has_room(broker, topic_prefix, tmp_path):
    ledger = tmp_path / "ledger"
    async with running(broker, topic_prefix) as world:
        await world.publish(HUNDRED)
        run = await world.client.start("noted", {"ledger": str(ledger), "seconds": 0.0})
        await world.until(pending.StepQueued, 100)
        assert not [r for r in await world.records() if isinstance(r, e.StepScheduled)]
        async with serving(world, 7, "q1"):
            assert isinstance(await world.client.wait(run, 60), e.RunSucceeded)
        records = await world.records()
    assert not [r for r in records if isinstance(r, e.StepReleased)]  # nobody was given more than there was room for
    under_way = most = 0
    for record in records:
        under_way += isinstance(record, e.StepScheduled)
        under_way -= isinstance(record, e.StepSucceeded) and record.attempt > 0
        most = max(most, under_way)
    assert most == 7


@pytest.mark.brokers("kafka")
async def test_a_cancelled_step_is_stopped_where_it_runs(broker, topic_prefix):
    slow = "name: slow\nsteps: [{id: a, tool: t.slow, queue: gpu, with: {seconds: 60}}]"
    async with running(broker, topic_prefix) as world:
        await world.publish(slow)
        async with serving(world, 1, "q1"):
            run = await world.client.start("slow")
            await world.until(e.StepScheduled, 1)
            await world.client.cancel(run)
            ignored = await world.until(e.OutcomeIgnored, 1, run_id=run)
            assert ignored[0].status == "failed"
            again = await world.client.start("slow")  # there is room again
            await world.until(e.StepScheduled, 1, run_id=again)
            await world.client.cancel(again)
            await world.until(e.OutcomeIgnored, 1, run_id=again)


@pytest.mark.brokers("kafka")
async def test_a_worker_of_a_queue_that_stops_in_order_gives_back_what_it_cannot_finish(broker, topic_prefix):
    slow = "name: slow\nsteps: [{id: a, tool: t.slow, queue: gpu, idempotent: true, with: {seconds: 8}}]"
    async with running(broker, topic_prefix) as world:
        await world.publish(slow)
        async with serving(world, 1, "q1"):
            run = await world.client.start("slow")
            await world.until(e.StepScheduled, 1)
        (failed,) = await world.until(e.StepFailed, 1, run_id=run)  # after its 5 s of grace
        assert failed.error_class == "worker_lost" and failed.retry_at is not None
        async with serving(world, 1, "q2"):
            assert isinstance(await world.client.wait(run, 40), e.RunSucceeded)


@pytest.mark.brokers("kafka")
@pytest.mark.timeout(120)
async def test_a_worker_of_a_queue_that_stops_in_order_costs_no_step_an_attempt(broker, topic_prefix, tmp_path):
    """Steps that must not be done twice: whatever was sent to it and has not begun is given back, not lost."""
    async with running(broker, topic_prefix) as world:
        await world.publish(HUNDRED.replace("idempotent: true, ", ""))
        run = await world.client.start("noted", {"ledger": str(tmp_path / "ledger"), "seconds": 0.1})
        for count, seat in ((10, "q1"), (40, "q2")):
            async with serving(world, 5, seat):
                await world.until(e.StepSucceeded, count)
        async with serving(world, 20, "q3"):
            assert isinstance(await world.client.wait(run, 60), e.RunSucceeded)
        assert not [r for r in await world.records() if isinstance(r, e.StepFailed)]
    assert len((tmp_path / "ledger").read_text().splitlines()) == 100
