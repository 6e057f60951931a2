"""Marks on real brokers: a restart reads what it needs, and knows what ended."""

import asyncio
import signal

import pytest
from structlog.testing import capture_logs

from schemas import events as e
from schemas import partition as p
from schemas.commands import StartRun
from streams.marks import Marks
from tests.running import running, worker_process

WIDE = "name: wide\nsteps:\n  - id: p\n    parallel:\n" + "".join(
    f"      b{n}: [{{id: k{n}, tool: t.noop}}]\n" for n in range(100)
)
CHAIN = "name: chain\nsteps: [{id: a, tool: t.noop}]"


async def ready(world) -> None:
    """Every owner has decided what its runs owe."""
    async with asyncio.timeout(30):
        while not (owners := world.worker.owners.values()) or not all(owner.resumed for owner in owners):
            await asyncio.sleep(0.02)


async def test_after_a_goodbye_next_to_nothing_is_read_and_ended_ids_are_known(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await world.publish(CHAIN)
        for number in range(8):
            await world.client.wait(await world.client.start("chain", {}, run_id=f"order-{number}"), 30)
        await world.end()
        await world.begin()
        await ready(world)
        progress = [owner.progress for owner in world.worker.owners.values()]
        assert all(read.start > 0 and read.of <= 2 for read in progress)
        assert all(owner.state.end > 4 for owner in world.worker.owners.values() if owner.state.ended.times)
        for number in range(8):
            await world.client.send(StartRun(run_id=f"order-{number}", workflow="chain"))
        refused = await world.until(p.CommandRefused, 8, reason="run_exists")
        assert {record.run_id for record in refused} == {f"order-{number}" for number in range(8)}
        assert len([r for r in await world.records() if isinstance(r, e.RunStarted)]) == 8


@pytest.mark.brokers("kafka")
async def test_after_a_kill_reading_begins_at_the_latest_mark(broker, topic_prefix):
    async with running(broker, topic_prefix, partitions=1) as world:
        await world.publish(WIDE)
        await world.publish("name: waits\nsteps: [{id: w, wait: {for: 1h}}]")
        await world.end()
        process = await worker_process(world.settings, "killed")
        run_ids = [await world.client.start("wide") for _ in range(27)]
        await asyncio.gather(*(world.client.wait(run_id, 60) for run_id in run_ids))
        waiting = await world.client.start("waits")
        await world.until(e.StepWaiting, 1)
        marks = Marks(world.settings)
        await marks.start()
        async with asyncio.timeout(20):
            while (committed := await marks.latest(0)) is None or committed < 5_000:
                await asyncio.sleep(0.1)
        await marks.stop()
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await world.begin()
        await ready(world)
        owner = world.worker.owners[0]
        assert owner.progress.start > 0 and owner.progress.of < owner.state.end
        assert list(owner.state.runs) == [waiting] and len(owner.state.ended.times) == 27


async def test_a_log_that_is_another_one_is_not_owned_and_the_reason_is_told(broker, topic_prefix):
    async with running(broker, topic_prefix, partitions=1) as world:
        await world.publish(CHAIN)
        await world.run("chain")
        await world.end()
        marks = Marks(world.settings)
        await marks.start()
        marks.stands(0, 1_000_000)
        await marks.commit()
        await marks.stop()
        with capture_logs() as lines:
            await world.begin()
            async with asyncio.timeout(20):
                while not (why := [line["why"] for line in lines if line["event"] == "the partition stands still"]):
                    await asyncio.sleep(0.05)
        assert "the log is shorter than its latest mark at offset 1000000; restore the log" in why[0]
        assert world.worker.owners[0].phase == "reading"
