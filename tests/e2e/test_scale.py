"""Scale out and in under load: workers join and leave, nothing is lost or done twice, and nobody waits for a joiner."""

import asyncio
import time

import pytest

from schemas import events as e
from schemas import partition as p
from streams.client import Client
from streams.topics import ensure_topics
from tests.running import Running, worker_process, worker_settings

STEPS = "".join(f"  - {{id: s{n}, tool: t.slow, with: {{seconds: 0.1}}}}\n" for n in range(5))
LOAD = f"name: load\nsteps:\n{STEPS}"
#: Microseconds that a step runs.
RUNS = 100_000
#: Microseconds that a joining worker may add to the longest delay of an undisturbed time.
MOST = 1_000_000


async def start_runs(client: Client, until: asyncio.Event) -> list[str]:
    """Some runs a second, until it is enough."""
    runs = []
    while not until.is_set():
        runs.append(await client.start("load"))
        await asyncio.sleep(0.08)
    return runs


def delays(records: list, since: int, until: int) -> list[int]:
    """Between two events of one open run, beyond the time that its step runs, in microseconds."""
    last: dict[str, int] = {}
    found = [0]
    for record in records:
        if record.run_id and record.seq > 0:
            before = last.get(record.run_id)
            if before is not None and since <= before < until:
                found.append(record.time - before - RUNS)
            last[record.run_id] = record.time
    return found


def now() -> int:
    return time.time_ns() // 1_000


@pytest.mark.timeout(180)
@pytest.mark.brokers("kafka")
async def test_workers_join_and_leave_under_load(broker, topic_prefix, capsys):
    settings = worker_settings(broker, topic_prefix, partitions=8)
    await ensure_topics(settings.bootstrap, topic_prefix, settings.partitions)
    enough, workers = asyncio.Event(), [await worker_process(settings, "seat-1")]
    try:
        async with Client(broker.bootstrap, topic_prefix) as client:
            world = Running(settings, client)
            await world.publish(LOAD)
            load = asyncio.create_task(start_runs(client, enough))
            await world.until(e.StepSucceeded, 20)
            quiet = now()
            await asyncio.sleep(5)
            joining = now()
            workers.append(await worker_process(settings, "seat-2"))
            while len({r.owner for r in await world.records() if isinstance(r, p.PartitionClaimed)}) < 2:
                await asyncio.sleep(0.2)
            await asyncio.sleep(3)
            leaving = now()
            workers[1].terminate()
            await asyncio.wait_for(workers[1].wait(), 30)
            left = now()
            await asyncio.sleep(2)
            enough.set()
            runs = await load
            ended = await world.until(e.RunSucceeded, len(runs), timeout=60)
            records = await world.records()
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.terminate()
                await asyncio.wait_for(worker.wait(), 30)
    assert {event.run_id for event in ended} == set(runs) and len(ended) == len(runs)
    done = [(r.run_id, r.path) for r in records if isinstance(r, e.StepSucceeded)]
    assert len(done) == len(set(done)) == 5 * len(runs), "a step was lost or done twice"
    assert not [r for r in records if isinstance(r, e.StepFailed)]
    alone, joined = delays(records, quiet, joining), delays(records, joining, leaving)
    gone = delays(records, leaving, now())
    with capsys.disabled():
        print(
            f"\n{len(runs)} runs; between two events of a run at most {max(alone) / 1e3:.0f} ms more than its step "
            f"undisturbed, {max(joined) / 1e3:.0f} ms while a worker joined, {max(gone) / 1e3:.0f} ms after one left "
            f"(which took {(left - leaving) / 1e6:.1f} s)"
        )
    assert max(joined) <= MOST + max(alone), "a joining worker delayed a transition"
