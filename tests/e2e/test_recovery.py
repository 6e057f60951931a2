"""Recovery is reading: what a restart claims, takes up and does not do again."""

import asyncio
import collections
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas import events as e
from schemas import partition as p
from tests.running import running
from tests.story import same
from workflow.partition import Partition

CHAIN = "name: chain\nsteps:\n" + "".join(f"  - {{id: s{n}, tool: t.noop}}\n" for n in range(5))


async def test_a_restart_reads_to_the_end_and_claims_each_partition_once(broker, topic_prefix):
    """A log that is read short makes a void claim, and another one: two records too many at each start."""
    async with running(broker, topic_prefix) as world:
        await world.publish(CHAIN)
        for _ in range(12):
            await world.run("chain")
        for restart in range(2, 4):
            await world.end()
            await world.begin()
            await world.until(p.PartitionClaimed, world.settings.partitions * restart)
            await world.run("chain")
        claims = [record for record in await world.records(void=True) if isinstance(record, p.PartitionClaimed)]
        once = dict.fromkeys((1, 2, 3), world.settings.partitions)
        assert collections.Counter(claim.epoch for claim in claims) == once


async def test_live_state_equals_the_fold_of_the_real_log(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await world.publish(CHAIN)
        await world.publish("name: waits\nsteps: [{id: a, tool: t.noop}, {id: w, wait: {for: 1h}}]")
        for _ in range(5):
            await world.run("chain")
            await world.client.start("waits")
        await world.until(e.StepWaiting, 5)
        live = world.worker.owners
        await asyncio.sleep(0.3)
        for number, owner in live.items():
            reader = Partition(number, world.worker.parts.definitions)
            for record in await world.records_of(number):
                reader.read(record)
            assert same(reader, owner.state)


@asynccontextmanager
async def web_server(answers: list[int]) -> AsyncIterator[str]:
    """A server that answers with these statuses, then with 200, and tells the idempotency key that it got."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        key = next((line.split(": ")[1] for line in head.split("\r\n") if line.startswith("idempotency-key")), "")
        status, body = answers.pop(0) if answers else 200, json.dumps({"key": key}).encode()
        lines = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        writer.write(f"{lines}connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await server.wait_closed()


async def test_an_http_step_is_tried_again_with_the_same_key(broker, topic_prefix):
    text = """
name: web
inputs: {url: string}
steps:
  - id: a
    http: {url: "{{ inputs.url }}", method: POST, body: {x: 1}}
    idempotent: true
    retry: {attempts: 3, backoff: 50ms}
outputs: {status: "{{ steps.a.output.status }}", key: "{{ steps.a.output.body.key }}", tries: "{{ steps.a.attempts }}"}
"""
    async with web_server([503, 429]) as url, running(broker, topic_prefix) as world:
        await world.publish(text)
        ended = await world.run("web", url=url)
        assert isinstance(ended, e.RunSucceeded), ended
        outputs = json.loads(ended.outputs)
        assert outputs["status"] == 200 and outputs["tries"] == 3
        assert outputs["key"] == f"{ended.run_id}.{_incarnation(await world.records(), ended.run_id):x}/a"


def _incarnation(records, run_id):
    return next(r.incarnation for r in records if isinstance(r, e.RunStarted) and r.run_id == run_id)
