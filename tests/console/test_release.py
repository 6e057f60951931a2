"""A run that cannot be decided or folded is set aside alone, and goes on once a version runs that can."""

import asyncio
import json
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from projections.projector import run_projector
from schemas import events as e
from schemas import partition as p
from schemas.codec import MARKER, fingerprint, without_logical_types
from schemas.record import avro_schema
from schemas.topics import EVENTS, SCHEMAS
from streams.client import CommandWasRefused
from streams.home import partition_of
from tests.console.conftest import Said
from tests.running import PARTITIONS, Running, running
from workflow import outcomes

TWO = "name: two\nsteps: [{id: a, tool: t.echo, with: {value: 1}}, {id: b, tool: t.echo, with: {value: 2}}]"
PATIENT = "name: patient\nsteps: [{id: a, wait: {signal: go}}, {id: b, tool: t.noop}]"
BAD, GOOD = (next(n for n in (f"{stem}{i}" for i in range(99)) if partition_of(n, PARTITIONS) == 0) for stem in "bg")


async def projected(world: Running) -> None:
    """The snapshot as of now."""
    folder = world.settings.data_dir
    await run_projector(
        bootstrap=world.settings.bootstrap,
        prefix=world.settings.prefix,
        path=folder / "live.duckdb",
        snapshot_path=folder / "snapshot.duckdb",
        stop=asyncio.Event(),
        until_end=True,
    )


@pytest.mark.brokers("embedded", "kafka")
async def test_a_run_whose_decision_raises_is_set_aside_alone_and_released_after_the_upgrade(
    broker, topic_prefix, ask, monkeypatch
):
    go_on = outcomes.progress

    def faulty(t: Any) -> None:
        if t.run_id == BAD:
            raise ZeroDivisionError("the planted fault")
        go_on(t)

    async with running(broker, topic_prefix) as world:
        call = ask(world)
        await world.publish(TWO)
        monkeypatch.setattr(outcomes, "progress", faulty)
        await world.client.start("two", run_id=BAD)
        (aside,) = await world.until(p.RunQuarantined)
        assert aside.run_id == BAD and "the planted fault" in aside.traceback
        await world.client.start("two", run_id=GOOD)
        assert isinstance(await world.client.wait(GOOD, 20), e.RunSucceeded)  # the partition goes on
        said: Said = await call("release", BAD)
        assert said.code == 1 and "still_failing" in said.err and "the planted fault" in said.err

        await projected(world)
        listed = json.loads((await call("runs", "--quarantined", "--json")).out)
        assert [(line["run_id"], line["status"]) for line in listed] == [(BAD, "quarantined")]
        shown = (await call("show", BAD)).out
        assert "deciding raised ZeroDivisionError: the planted fault" in shown and "in faulty" in shown
        assert f"millrace release {BAD}" in shown

        await world.end()
        monkeypatch.setattr(outcomes, "progress", go_on)
        await world.begin()
        assert (await call("release", BAD)).out == f"{BAD} goes on\n"
        assert isinstance(await world.client.wait(BAD, 20), e.RunSucceeded)
        done = [(event.path, event.attempt) for event in await world.records() if isinstance(event, e.StepSucceeded)]
        assert sorted(done) == sorted([("a", 1), ("b", 1)] * 2)
        await projected(world)
        assert (await call("runs", "--quarantined")).out == "no runs like that\n"
        assert "released" in (await call("show", BAD)).out
        said = await call("release", BAD)
        assert (said.code == 1 and "run_ended" in said.err) or "not_quarantined" in said.err


@pytest.mark.brokers("embedded")
async def test_a_record_of_a_later_version_sets_its_run_aside_until_that_version_runs(
    broker, topic_prefix, ask, monkeypatch
):
    """What comes for the run meanwhile is held in the log, so that the later version finds it there."""
    async with running(broker, topic_prefix) as world:
        call = ask(world)
        await world.publish(PATIENT)
        await world.client.start("patient", run_id=BAD)
        await world.until(e.StepWaiting)
        await world.end()
        schema, value = await twisted(world)
        producer_of = world.client._producer
        await producer_of.send_and_wait(
            world.settings.topic(SCHEMAS.name), key=fingerprint(schema), value=json.dumps(schema).encode()
        )
        await producer_of.send_and_wait(world.settings.topic(EVENTS.name), key=BAD.encode(), value=value, partition=0)
        await world.begin()
        (aside,) = await world.until(p.RunQuarantined)
        assert aside.run_id == BAD and "does not know RunTwisted" in aside.reason
        await world.client.signal(BAD, "go", 1)
        assert (await world.until(p.Held))[0].message_kind == "SignalRun"
        with pytest.raises(CommandWasRefused, match="still_failing"):
            await world.client.answer_to(BAD, await world.client.release(BAD), 20)

        await world.end()
        know(monkeypatch)
        await world.begin()
        assert (await call("release", BAD)).code == 0
        assert isinstance(await world.client.wait(BAD, 20), e.RunSucceeded)


async def twisted(world: Running) -> tuple[dict[str, Any], bytes]:
    """The next record of the run, as a later version's owner wrote it: its schema and its bytes."""
    last = (await world.records_of(0))[-1]
    schema = {**avro_schema(e.RunAccepted), "name": "RunTwisted"}
    schema["fields"] = schema["fields"][:7]
    body, cause = BytesIO(), {"kind": "step", "log": 0, "offset": -1, "id": ""}
    claims = [event for event in await world.records_of(0) if isinstance(event, p.PartitionClaimed)]
    values = {
        "run_id": BAD,
        "seq": 3,
        "epoch": last.epoch,
        "owner": claims[-1].owner,
        "n": last.n + 1,
        "time": last.time,
    }
    schemaless_writer(body, parse_schema(without_logical_types(schema), named_schemas={}), {**values, "cause": cause})
    return schema, MARKER + fingerprint(schema) + body.getvalue()


def know(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version to come: for it the record counts as an event of the run that changes nothing else."""
    from schemas.envelope import UnknownEvent
    from workflow import evolve, partition

    class Nothing:
        """No event is of this kind any more."""

    monkeypatch.setattr(partition, "UnknownEvent", Nothing)
    monkeypatch.setitem(evolve._FOLDS, UnknownEvent, lambda run, event: None)
