"""Items and rounds on a real broker, with a worker that is killed in the middle."""

import asyncio
import collections
import signal

import orjson
import pytest

from schemas import events as e
from streams.client import Client
from streams.topics import ensure_topics
from tests.running import Running, worker_process, worker_settings

NOTED = """
name: noted
inputs: {ledger: string}
steps:
  - id: all
    each: "{{ range(60) }}"
    at_most: 8
    steps:
      - id: call
        tool: t.note
        idempotent: true
        with: {ledger: "{{ inputs.ledger }}", line: "{{ string(item) }}", seconds: 0.05}
  - id: rounds
    loop: {while: round.index < 4, max: 9}
    steps:
      - id: again
        tool: t.note
        idempotent: true
        with: {ledger: "{{ inputs.ledger }}", line: "{{ string(round.index) }}"}
outputs: {items: "{{ size(steps.all.output) }}", last: "{{ steps.rounds.output }}"}
"""


@pytest.mark.brokers("kafka")
@pytest.mark.timeout(120)
async def test_items_and_rounds_go_on_after_a_kill_and_none_that_is_done_is_done_again(broker, topic_prefix, tmp_path):
    settings, ledger = worker_settings(broker, topic_prefix), tmp_path / "ledger"
    await ensure_topics(settings.bootstrap, topic_prefix, settings.partitions)
    async with Client(broker.bootstrap, topic_prefix) as client:
        world = Running(settings, client)
        process = await worker_process(settings, "seat-1")
        try:
            await world.publish(NOTED)
            run = await client.start("noted", {"ledger": str(ledger)})
            await world.until(e.StepSucceeded, 15)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            process = await worker_process(settings, "seat-1")
            ended = await client.wait(run, 60)
            assert isinstance(ended, e.RunSucceeded) and orjson.loads(ended.outputs) == {"items": 60, "last": "4"}
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)
        records = await world.records()
    done = collections.Counter(line.split()[-1] for line in ledger.read_text().splitlines())
    completed = [f"{r.path}#{r.attempt}" for r in records if isinstance(r, e.StepSucceeded) and r.attempt]
    assert len(completed) == 65 and all(done[attempt] == 1 for attempt in completed)
