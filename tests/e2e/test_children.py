"""Child runs on a broker: their starts, results and cancellations arrive, though everybody is killed."""

import asyncio
import signal

import orjson
import pytest

from schemas import events as e
from schemas import partition as p
from streams.client import Client
from streams.topics import ensure_topics
from tests.running import Running, running, worker_process, worker_settings

NOTE = '{id: a, tool: t.note, idempotent: true, with: {ledger: "{{ inputs.ledger }}", line: l, seconds: 0.05}}'
LEAF = f"name: leaf\ninputs: {{ledger: string, n: integer}}\nsteps: [{NOTE}]\noutputs: '{{{{ inputs.n }}}}'\n"
ASK = 'workflow: leaf, with: {ledger: "{{ inputs.ledger }}", n: %d}'
TREE = f"""
name: tree
inputs: {{ledger: string}}
steps:
  - id: both
    parallel:
      one: [{{id: x, {ASK % 1}}}]
      two: [{{id: y, {ASK % 2}}}]
  - {{id: z, {ASK % 3}}}
outputs: {{both: "{{{{ steps.both.output }}}}", z: "{{{{ steps.z.output }}}}"}}
"""
PATIENT = "name: patient\nsteps: [{id: w, wait: {for: 1h}}]"
OUTER = "name: outer\nsteps: [{id: c, workflow: patient}]"


MADE = """
name: made
inputs: {plan: any}
steps:
  - id: run
    workflow: {define: "{{ inputs.plan }}"}
    with: {n: 3}
    on_error: [{id: no, transform: "{{ error.class }}"}]
outputs: "{{ steps.run.output }}"
"""
PLAN = "name: plan\ninputs: {n: integer}\nsteps: [{id: a, tool: t.echo, with: {value: '{{ inputs.n + 1 }}'}}]"


async def test_a_definition_that_a_run_made_is_run_and_one_that_is_none_is_refused(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await world.publish(MADE)
        ended = await world.run("made", plan=PLAN)
        assert isinstance(ended, e.RunSucceeded) and ended.outputs == b"4"
        ended = await world.run("made", plan="steps: [{id: a, tol: x}]")
        assert isinstance(ended, e.RunSucceeded) and ended.outputs == b'"malformed"'
        assert (await world.until(e.StepFailed))[0].message.count("remedy: ") == 2


async def test_a_cancelled_parent_takes_its_child_along(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await world.publish(PATIENT)
        await world.publish(OUTER)
        run_id = await world.client.start("outer")
        child = (await world.until(e.ChildStarted))[0].child
        await world.client.cancel(run_id)
        assert isinstance(await world.client.wait(child, 10), e.RunCancelled)
        assert (await world.until(p.RunForgotten))[0].run_id == child


@pytest.mark.timeout(180)
@pytest.mark.brokers("kafka")
async def test_children_and_parents_survive_kills_on_both_sides(broker, topic_prefix, tmp_path):
    """Two workers hold parents and children of each other; each is killed and comes back, over and over."""
    settings, ledger = worker_settings(broker, topic_prefix), tmp_path / "ledger"
    await ensure_topics(settings.bootstrap, topic_prefix, settings.partitions)
    workers = {seat: await worker_process(settings, seat) for seat in ("seat-1", "seat-2")}
    try:
        async with Client(broker.bootstrap, topic_prefix) as client:
            world = Running(settings, client)
            await world.publish(LEAF)
            await world.publish(TREE)
            runs = [await client.start("tree", {"ledger": str(ledger)}) for _ in range(40)]
            for kill in range(4):
                await world.until(e.RunSucceeded, 10 * kill + 5, timeout=60)
                seat = ("seat-1", "seat-2")[kill % 2]
                workers[seat].send_signal(signal.SIGKILL)
                await workers[seat].wait()
                workers[seat] = await worker_process(settings, seat)
            await world.until(e.RunSucceeded, 160, timeout=90)
            forgotten = await world.until(p.RunForgotten, 120, timeout=60)
            records = await world.records()
    finally:
        for process in workers.values():
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)
    ended = [r for r in records if isinstance(r, e.RunSucceeded)]
    assert len(ended) == len({r.run_id for r in ended}) == 160, "a run ended twice, or not at all"
    assert not [r for r in records if isinstance(r, e.RunFailed | e.RunRefused | p.RunQuarantined)]
    started = [r.run_id for r in records if isinstance(r, e.RunStarted)]
    assert len(started) == len(set(started)) == 160, "a child was started twice"
    for outputs in (r.outputs for r in ended if r.run_id in runs):
        assert orjson.loads(outputs) == {"both": {"one": 1, "two": 2}, "z": 3}
    children = {r.child for r in records if isinstance(r, e.ChildRequested)}
    assert {r.run_id for r in forgotten} == children == set(started) - set(runs)
