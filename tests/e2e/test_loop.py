"""A start published by anyone runs to its end: the whole loop, on each broker."""

import asyncio
import json

import pytest

from schemas import events as e
from schemas import partition as p
from schemas.codec import encode
from schemas.commands import StartRun
from schemas.topics import DEADLETTERS, EVENTS
from streams.home import partition_of
from tests.running import running

HELLO = """
name: hello
inputs: {name: string, n?: integer}
steps:
  - {id: draft, model: claude-haiku-4-5, prompt: "Greet {{ inputs.name }}", max_tokens: 100}
  - {id: shout, tool: t.echo, with: {value: "{{ steps.draft.output }}!"}}
outputs: {text: "{{ steps.shout.output }}"}
"""


@pytest.mark.core
async def test_a_run_through_model_and_tool(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await world.publish(HELLO)
        ended = await world.run("hello", name="Ada")
        assert isinstance(ended, e.RunSucceeded)
        assert json.loads(ended.outputs)["text"].endswith("!")
        told = [record for record in await world.records() if record.run_id == ended.run_id]
        assert [type(record).__name__ for record in told] == [
            "RunStarted",
            "StepScheduled",
            "StepSucceeded",
            "StepScheduled",
            "StepSucceeded",
            "RunSucceeded",
        ]
        call = told[2].calls[0]
        assert call.model == "claude-haiku-4-5" and call.input_tokens > 0 and call.cost > 0


@pytest.mark.core
async def test_every_form_of_a_start_becomes_a_run(broker, topic_prefix):
    """JSON, CloudEvents structured and binary, Avro: from plain clients, with and without a run id."""
    body = {"workflow": "hello", "inputs": {"name": "Ada"}}
    structured = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "millrace.StartRun", "data": body}
    binary = [("ce_specversion", b"1.0"), ("ce_id", b"8"), ("ce_source", b"/shop"), ("ce_type", b"millrace.StartRun")]
    async with running(broker, topic_prefix) as world:
        await world.publish(HELLO)
        await world.produce(json.dumps({"type": "StartRun", **body}).encode())
        await world.produce(json.dumps({"run_id": "named", **body}).encode(), key=b"named")
        await world.produce(
            json.dumps(structured).encode(), headers=[("content-type", b"application/cloudevents+json")]
        )
        await world.produce(json.dumps(body).encode(), headers=[*binary, ("content-type", b"application/json")])
        await world.produce(encode(StartRun(workflow="hello", inputs=b'{"name": "Ada"}')))
        ended = await world.until(e.RunSucceeded, 5)
        assert len({event.run_id for event in ended}) == 5 and "named" in {event.run_id for event in ended}
        # delivered again: the same command id, so the same run
        await world.produce(json.dumps(structured).encode())
        refused = await world.until(p.CommandRefused, 1)
        assert refused[0].command_id == "/shop|7"
        assert len(await world.until(e.RunStarted, 5)) == 5


BAD = [
    (b"\x00garbage", "undecodable"),
    (b"{", "undecodable"),
    (b"[1]", "not_a_command"),
    (b"\xc3\x01nothing like it", "unknown_schema"),
    (b'{"type": "StartRum", "workflow": "hello"}', "not_a_command"),
]
REFUSED = [
    ({"workflow": "hello", "input": {}}, "unknown_field"),
    ({"workflow": "hello", "inputs": {}}, "inputs_invalid"),
    ({"workflow": "hello", "inputs": {"name": 5}}, "inputs_invalid"),
    ({"workflow": "hello", "inputs": {"name": "x" * 100_000}}, "inputs_too_large"),
    ({"workflow": "hello", "inputs": {"name": "x" * 2_000_000}}, "command_too_large"),
    ({"type": "CancelRun", "run_id": "nobody"}, "unknown_run"),
    ({"type": "CancelRun"}, "run_id_missing"),
    ({"workflow": "hello", "run_id": "not/allowed"}, "run_id_invalid"),
]


@pytest.mark.core
async def test_nothing_that_comes_in_disappears_or_stops_anything(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await world.publish(HELLO)
        places = [await world.produce(value, partition=0) for value, _ in BAD]
        for document, _ in REFUSED:
            await world.produce(json.dumps(document).encode())
        await world.produce(b'{"workflow": "unheard-of"}')
        rejected = await world.until(p.InputRejected, len(BAD))
        assert [event.reason for event in sorted(rejected, key=lambda r: r.n)] == [reason for _, reason in BAD]
        assert [event.cause.offset for event in sorted(rejected, key=lambda r: r.n)] == [offset for _, offset in places]
        refused = await world.until(p.CommandRefused, len(REFUSED))
        assert sorted(event.reason for event in refused) == sorted(reason for _, reason in REFUSED)
        assert (await world.until(e.RunRefused))[0].reason == "unknown_workflow"
        letters = await world.records(DEADLETTERS.name)
        assert sorted(letter.value for letter in letters) == sorted(value for value, _ in BAD)
        assert isinstance(await world.run("hello", name="Ada"), e.RunSucceeded)


async def test_a_start_that_another_partitioner_placed_reaches_its_home(broker, topic_prefix):
    """librdkafka's default partitioner is not murmur2: the command is forwarded, once."""
    from confluent_kafka import Producer

    async with running(broker, topic_prefix) as world:
        await world.publish(HELLO)
        away = next(f"r{n}" for n in range(99) if partition_of(f"r{n}", world.settings.partitions) != 0)
        producer = Producer({"bootstrap.servers": broker.bootstrap, "partitioner": "consistent_random"})
        topic = world.settings.topic("workflow.commands")
        for number in range(20):
            producer.produce(topic, json.dumps({"workflow": "hello", "inputs": {"name": "x"}}), key=f"lib-{number}")
        await asyncio.to_thread(producer.flush, 20)
        await world.produce(b'{"workflow": "hello", "inputs": {"name": "x"}}', key=away.encode(), partition=0)
        ended = await world.until(e.RunSucceeded, 21)
        assert {event.run_id for event in ended} == {away, *(f"lib-{number}" for number in range(20))}
        assert await world.until(p.CommandForwarded, 1, run_id=away)


async def test_two_records_a_step_and_one_ack_a_transition(broker, topic_prefix, monkeypatch):
    batches = []
    from streams.producer import Producer

    send = Producer.send_batch

    async def counted(self, topic, partition, records):
        if topic.endswith(EVENTS.name):
            batches.append([key.decode() for key, _ in records])
        return await send(self, topic, partition, records)

    monkeypatch.setattr(Producer, "send_batch", counted)
    chain = "".join(f"  - {{id: s{number}, tool: t.noop}}\n" for number in range(10))
    async with running(broker, topic_prefix) as world:
        await world.publish(f"name: chain\nsteps:\n{chain}")
        run_id = (await world.run("chain")).run_id
        # the start and the first schedule; nine outcomes with the next schedule; the last outcome and the end
        assert [len(batch) for batch in batches if run_id in batch] == [2] * 11


async def test_a_failing_tool_is_tried_again_and_a_wait_waits(broker, topic_prefix, tmp_path):
    text = f"""
name: patient
steps:
  - {{id: a, tool: t.fails_until, with: {{ledger: "{tmp_path}/n", times: 2}}, retry: {{attempts: 4, backoff: 100ms}}}}
  - {{id: w, wait: {{for: 300ms}}}}
  - {{id: b, transform: "{{{{ steps.a.attempts }}}}"}}
"""
    async with running(broker, topic_prefix) as world:
        await world.publish(text)
        ended = await world.run("patient")
        assert isinstance(ended, e.RunSucceeded) and ended.outputs == b"3"
        told = [record for record in await world.records() if record.run_id == ended.run_id]
        waiting = next(record for record in told if isinstance(record, e.StepWaiting))
        woken = next(record for record in told if isinstance(record, e.StepSucceeded) and record.path == "w")
        assert 0 <= woken.time - waiting.until < 500_000


async def test_cancel_ends_a_run_at_once(broker, topic_prefix):
    async with running(broker, topic_prefix) as world:
        await world.publish("name: long\nsteps: [{id: a, tool: t.slow, with: {seconds: 60}}]")
        run_id = await world.client.start("long")
        await world.until(e.StepScheduled)
        await world.client.cancel(run_id, "changed my mind")
        ended = await world.client.wait(run_id, 10)
        assert isinstance(ended, e.RunCancelled) and ended.reason == "changed my mind"
        assert (await world.until(e.OutcomeIgnored))[0].path == "a"
