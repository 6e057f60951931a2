"""A worker that is told to end while it has steps in hand: each of them is answered for, and nobody waits for it."""

import asyncio
import collections

import pytest

from schemas import events as e
from schemas.topics import WORKERS
from streams.compacted import CompactedReader
from tests.e2e.test_workers import world_for
from tests.running import Running, worker_process

#: How many steps the worker runs at once; it is given one more of them that must wait.
AT_ONCE = 3
LONG = """
name: {name}
inputs: {{seconds: number}}
steps: [{{id: a, tool: t.slow, with: {{seconds: "{{{{ inputs.seconds }}}}"}}, idempotent: {idempotent}}}]
"""


async def stands_for(world: Running, worker: str) -> bytes | None:
    """The last that `workflow.workers` says of a worker: None is its goodbye."""
    said: dict[bytes | None, bytes | None] = {}
    topic = world.settings.topic(WORKERS.name)
    async with CompactedReader(
        world.settings.bootstrap, topic, lambda key, value, _: said.update({key: value})
    ) as read:
        await read.read_to_end()
    assert worker.encode() in said, "the worker never beat"
    return said[worker.encode()]


@pytest.mark.timeout(120)
async def test_what_outlasts_the_grace_period_is_reported_and_what_waits_is_given_back(broker, topic_prefix):
    world = await world_for(broker, topic_prefix, grace=1.0, concurrency=AT_ONCE)
    process = await worker_process(world.settings, "seat-1")
    try:
        for name in ("again", "once"):
            await world.publish(LONG.format(name=name, idempotent=str(name == "again").lower()))
        runs = {"again": [], "once": [], "waits": []}
        for kind, workflow, count in (("again", "again", 2), ("once", "once", 1), ("waits", "once", 1)):
            for _ in range(count):
                runs[kind].append(await world.client.start(workflow, {"seconds": 300.0}))
                await world.until(e.StepScheduled, sum(map(len, runs.values())))
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0
        told = collections.defaultdict(list)
        for record in await world.records():
            told[record.run_id].append(record)
        for run_id in runs["again"]:
            failed = next(r for r in told[run_id] if isinstance(r, e.StepFailed))
            assert (failed.error_class, failed.message) == (
                "worker_lost",
                "the worker was shut down before it finished",
            )
            assert failed.retry_at is not None and failed.started
        (failed,) = [r for r in told[runs["once"][0]] if isinstance(r, e.StepFailed)]
        assert failed.error_class == "unknown" and "the step is not `idempotent: true`" in failed.message
        waited = told[runs["waits"][0]]
        assert not [r for r in waited if isinstance(r, e.StepFailed)], "a step that never began has failed"
        scheduled = {r.attempt for r in waited if isinstance(r, e.StepScheduled)}
        assert {r.attempt for r in waited if isinstance(r, e.StepReleased)} == scheduled
        assert await stands_for(world, failed.worker) is None, "it left without a goodbye"
    finally:
        if process.returncode is None:
            process.kill()
        await world.client.__aexit__()
