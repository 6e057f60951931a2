"""Several workers, kills and restarts: every accepted run finishes, and no completed step is done again."""

import asyncio
import collections
import signal

import pytest

from schemas import events as e
from schemas import partition as p
from streams import clock
from streams.beats import LOST
from streams.client import Client
from streams.topics import ensure_topics
from tests.running import Running, worker_process, worker_settings

ARGUMENTS = '{ledger: "{{ inputs.ledger }}", line: l, seconds: "{{ inputs.seconds }}"}'
STEPS = "".join(f"  - {{id: s{n}, tool: t.note, idempotent: true, with: {ARGUMENTS}}}\n" for n in range(3))
NOTED = f"name: noted\ninputs: {{ledger: string, seconds: {{type: number, default: 0.05}}}}\nsteps:\n{STEPS}"


def check_ledger(ledger: str, records: list) -> collections.Counter:
    """Each recorded success was done once; whatever else was done had been under way when its worker was lost."""
    done = collections.Counter(tuple(line.split()[1:]) for line in ledger.splitlines())
    completed = {(r.run_id, f"{r.path}#{r.attempt}") for r in records if isinstance(r, e.StepSucceeded) and r.attempt}
    lost = {(r.run_id, f"{r.path}#{r.attempt}") for r in records if isinstance(r, e.StepFailed)}
    assert all(done[attempt] == 1 for attempt in completed), "a completed step was done again, or never"
    assert set(done) - completed <= lost
    return collections.Counter((run, step.partition("#")[0]) for run, step in completed)


async def world_for(broker, prefix: str, **changes) -> Running:
    settings = worker_settings(broker, prefix, **changes)
    await ensure_topics(settings.bootstrap, prefix, settings.partitions)
    client = await Client(broker.bootstrap, prefix).__aenter__()
    return Running(settings, client)


@pytest.mark.timeout(180)
async def test_a_second_worker_joins_and_the_first_is_killed(broker, topic_prefix, tmp_path):
    world, ledger = await world_for(broker, topic_prefix), tmp_path / "ledger"
    first = await worker_process(world.settings, "seat-1")
    second = None
    try:
        await world.publish(NOTED)
        inputs = {"ledger": str(ledger), "seconds": 0.6}  # long enough for the second to take its share
        runs = [await world.client.start("noted", inputs) for _ in range(200)]
        second = await worker_process(world.settings, "seat-2")
        await world.until(e.RunSucceeded, 20)
        first.send_signal(signal.SIGKILL)
        await first.wait()
        ended = await world.until(e.RunSucceeded, 200, timeout=90)
        assert {event.run_id for event in ended} == set(runs)
        assert len(ended) == 200
        records = await world.records()
        times = check_ledger(ledger.read_text(), [r for r in records if r.run_id])
        assert set(times.values()) == {1} and len(times) == 600
        owners = {r.owner for r in records if isinstance(r, p.PartitionClaimed)}
        assert len(owners) == 2
    finally:
        for process in (first, second):
            if process is not None and process.returncode is None:
                process.terminate()
                await asyncio.wait_for(process.wait(), 30)
        await world.client.__aexit__()


@pytest.mark.timeout(120)
async def test_a_killed_worker_that_starts_again_goes_on_at_once(broker, topic_prefix, tmp_path):
    """A newer start on the seat is the goodbye of the old one: nobody waits for ten beats."""
    world, ledger = await world_for(broker, topic_prefix), tmp_path / "ledger"
    process = await worker_process(world.settings, "seat-1")
    try:
        await world.publish(NOTED)
        await world.publish("name: waits\nsteps: [{id: w, wait: {for: 8s}}, {id: t, transform: 1}]")
        waiting = await world.client.start("waits")
        for _ in range(40):
            await world.client.start("noted", {"ledger": str(ledger), "seconds": 0.5})
        await world.until(e.StepSucceeded, 10)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        process = await worker_process(world.settings, "seat-1")
        ready = clock.now()
        await world.until(e.RunSucceeded, 40, timeout=60)
        records = await world.records()
        claims = {r.epoch: r for r in records if isinstance(r, p.PartitionClaimed)}
        lost = [r for r in records if isinstance(r, e.StepFailed) and r.error_class == "worker_lost"]
        assert lost and {r.cause.kind for r in lost} == {"lost"} and {r.cause.id for r in lost} == {claims[1].owner}
        assert {r.owner for r in lost} == {claims[2].owner}
        print(f"taken up {(max(r.time for r in lost) - ready) / 1e6:.2f} s after the worker was ready")
        taken_up = max(r.time for r in lost) - ready
        assert taken_up < LOST * 1e6, "it was waited for as if nobody had sat on its seat"
        assert isinstance(await world.client.wait(waiting, 20), e.RunSucceeded)
        check_ledger(ledger.read_text(), [r for r in await world.records() if r.run_id])
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
        await world.client.__aexit__()


@pytest.mark.timeout(120)
async def test_a_worker_that_stops_in_order_finishes_what_runs_and_leaves_nothing_behind(
    broker, topic_prefix, tmp_path
):
    world, ledger = await world_for(broker, topic_prefix), tmp_path / "ledger"
    await world.begin()
    try:
        await world.publish(NOTED)
        runs = [await world.client.start("noted", {"ledger": str(ledger)}) for _ in range(20)]
        await world.until(e.StepSucceeded, 5)
        await world.end()
        records = [r for r in await world.records() if r.run_id]
        scheduled = {(r.run_id, r.path, r.attempt) for r in records if isinstance(r, e.StepScheduled)}
        answered = {
            (r.run_id, r.path, r.attempt)
            for r in records
            if isinstance(r, e.StepSucceeded | e.StepFailed | e.StepReleased)
        }
        assert scheduled <= answered
        await world.begin()
        ended = await world.until(e.RunSucceeded, len(runs), timeout=40)
        assert {event.run_id for event in ended} == set(runs)
        times = check_ledger(ledger.read_text(), [r for r in await world.records() if r.run_id])
        assert set(times.values()) == {1}
    finally:
        await world.end()
        await world.client.__aexit__()
