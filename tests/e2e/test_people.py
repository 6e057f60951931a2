"""Signals and approvals on a broker: their times come, and what was said is there after a restart."""

import orjson

from schemas import events as e
from schemas import partition as p
from tests.running import running

QUICK = """
name: quick
steps: [{id: ok, approve: {by: ada, prompt: "Sure?"}, timeout: 300ms, on_timeout: deny}]
outputs: "{{ steps.ok.output.reason }}"
"""
WAIT = "wait: {signal: go}"
LATE = f"name: late\nsteps: [{{id: a, tool: t.slow, with: {{seconds: 1}}}}, {{id: w, {WAIT}}}, {{id: x, {WAIT}}}]"
CHILD = "name: child\nsteps: [{id: c, workflow: waits, deadline: 300ms}]"
WAITS = "name: waits\nsteps: [{id: w, wait: {signal: never}}]"


async def test_a_question_that_nobody_answers_is_denied_and_a_child_that_takes_too_long_is_given_up(
    broker, topic_prefix
):
    async with running(broker, topic_prefix) as world:
        for text in (QUICK, CHILD, WAITS):
            await world.publish(text)
        ended = await world.run("quick")
        assert isinstance(ended, e.RunSucceeded) and orjson.loads(ended.outputs) == "no answer came in time"
        failed = await world.run("child")
        assert isinstance(failed, e.RunFailed) and failed.error_class == "timeout"
        assert await world.until(p.RunForgotten)  # cancelled, or ended by the same deadline


async def test_signals_that_came_early_are_there_after_a_restart(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await world.publish(LATE)
        run_id = await world.client.start("late")
        for value in (1, 2):
            await world.client.answer_to(run_id, await world.client.signal(run_id, "go", value), 10)
        await world.end()
        await world.begin()
        ended = await world.client.wait(run_id, 30)
        assert isinstance(ended, e.RunSucceeded) and ended.outputs == b"2"
        waited = [r.output for r in await world.records() if isinstance(r, e.StepSucceeded) and r.path in "wx"]
        assert waited == [b"1", b"2"]
