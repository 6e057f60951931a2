import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import events as e
from schemas.codec import decode, encode, schemas
from schemas.commands import COMMANDS as COMMAND_RECORDS
from schemas.commands import CancelRun, StartRun
from schemas.message import Cause, Event, Positions
from schemas.partition import CommandRefused, PartitionClaimed
from schemas.topics import COMMANDS, EVENTS, SCHEMAS
from streams.broker_features import BrokerUnreachable
from streams.client import Client, CommandWasRefused, RunNotFound, TopicsMissing, new_run_id
from streams.home import partition_of
from streams.topics import ensure_topics
from tests.brokers import Broker

PARTITIONS = 3


class Owner:
    """Writes what an owner would: a claim, then events in order."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, run_id: str) -> None:
        self.producer, self.topic, self.run_id = producer, topic, run_id
        self.n = self.seq = 0

    async def claim(self) -> None:
        await self._write(PartitionClaimed("", 0, 1, "w", 0, 0, Cause("owner"), 7, Positions()))

    async def tell(self, kind: type[Event], cause: Cause | None = None, *, fact: bool = False, **fields: Any) -> None:
        self.n += 1
        self.seq += not fact
        seq = 0 if fact else self.seq
        await self._write(kind(self.run_id, seq, 1, "w", self.n, 0, cause or Cause("step"), **fields))

    async def begin(self, command_id: str = "c1") -> None:
        fields = {"command_id": command_id, "workflow": "hello", "version": 1, "definition": "h", "inputs": b"{}"}
        await self.tell(e.RunStarted, Cause("command", 7, 0, command_id), **fields)

    async def refuse(self, command: str, command_id: str) -> None:
        cause = Cause("command", 7, 0, command_id)
        fields = {"command": command, "command_id": command_id, "reason": "run_exists", "message": "it is there"}
        await self.tell(CommandRefused, cause, fact=True, **fields)

    async def _write(self, event: Event) -> None:
        home = partition_of(self.run_id, PARTITIONS)
        await self.producer.send_and_wait(self.topic, value=encode(event), partition=home)


@asynccontextmanager
async def client_and_owner(broker: Broker, prefix: str, run_id: str = "r") -> AsyncIterator[tuple[Client, Owner]]:
    await ensure_topics(broker.bootstrap, prefix, PARTITIONS)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        owner = Owner(producer, prefix + EVENTS.name, run_id)
        await owner.claim()
        async with Client(broker.bootstrap, prefix, sent_by="somebody") as client:
            yield client, owner


async def records(broker: Broker, topic: str, partition: int) -> list[Any]:
    place = TopicPartition(topic, partition)
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False) as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end = (await consumer.end_offsets([place]))[place]
        found: list[Any] = []
        while len(found) < end:
            found += (await consumer.getmany(place, timeout_ms=200)).get(place, [])
        return found


@pytest.mark.core
async def test_a_start_stands_at_the_home_of_its_run(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, _):
        assert client.partitions == PARTITIONS
        run_id = await client.start("hello@production", {"name": "Ada"}, labels={"a": "b"}, command_id="c7")
        assert run_id.startswith("hello-")
        home = partition_of(run_id, PARTITIONS)
        (record,) = await records(broker, topic_prefix + COMMANDS.name, home)
        assert record.key == run_id.encode()
        assert decode(record.value) == StartRun(
            "c7", run_id, "somebody", workflow="hello@production", inputs=b'{"name":"Ada"}', labels={"a": "b"}
        )


async def test_the_schemas_of_commands_are_published_before_the_first_and_once(
    broker: Broker, topic_prefix: str
) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, _):
        await client.start("hello", run_id="r")
        await client.cancel("r")
    async with Client(broker.bootstrap, topic_prefix) as another:
        await another.start("hello", run_id="r2")
    found = await records(broker, topic_prefix + SCHEMAS.name, 0)
    kinds = [schemas()[record.key]["name"] for record in found]
    assert sorted(kinds) == sorted(record.__name__ for record in COMMAND_RECORDS)


async def test_a_cancel_says_why_and_who(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, _):
        command_id = await client.cancel("r", "enough")
        (record,) = await records(broker, topic_prefix + COMMANDS.name, partition_of("r", PARTITIONS))
        assert decode(record.value) == CancelRun(command_id, "r", "somebody", reason="enough")


@pytest.mark.core
async def test_a_run_is_followed_as_it_happens_and_waited_for(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, owner):
        await owner.begin()

        async def follow() -> list[str]:
            return [type(event).__name__ async for event in client.follow("r")]

        following = asyncio.create_task(follow())
        waiting = asyncio.create_task(client.wait("r", 10, command_id="c1"))
        await owner.tell(e.StepSkipped, path="a", step="a")
        await owner.tell(e.RunSucceeded, outputs=b"{}")
        assert await following == ["RunStarted", "StepSkipped", "RunSucceeded"]
        assert isinstance(await waiting, e.RunSucceeded)
        assert await follow() == ["RunStarted", "StepSkipped", "RunSucceeded"]


async def test_following_without_the_past_begins_now(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, owner):
        await owner.begin()
        told: list[str] = []
        async with aclosing(client.follow("r", from_beginning=False)) as events:
            first = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0.5)
            await owner.tell(e.RunFailed, error_class="fatal", message="broken")
            told = [type(await first).__name__]
        assert told == ["RunFailed"]


async def test_waiting_ends_in_time(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, owner):
        await owner.begin()
        with pytest.raises(TimeoutError):
            await client.wait("r", 0.3)


async def test_a_refused_start_is_told_to_who_waits(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, owner):
        await owner.begin("c1")
        await owner.refuse("StartRun", "c2")
        with pytest.raises(CommandWasRefused, match=r"StartRun was refused \(run_exists\): it is there") as refused:
            await client.wait("r", 5, command_id="c2")
        assert refused.value.refusal.command_id == "c2"


async def test_commands_are_answered(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, owner):
        await owner.begin("c1")
        assert isinstance(await client.answer_to("r", "c1", 5), e.RunStarted)
        await owner.refuse("CancelRun", "c3")
        with pytest.raises(CommandWasRefused):
            await client.answer_to("r", "c3", 5)
        with pytest.raises(TimeoutError):
            await client.answer_to("r", "c4", 0.2)


async def test_a_run_that_is_not_in_the_log_is_not_waited_for_where_it_must_exist(
    broker: Broker, topic_prefix: str
) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, _):
        with pytest.raises(RunNotFound):
            await anext(client.follow("nobody", must_exist=True))


@pytest.mark.core
async def test_definitions_are_published_and_read_by_others(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (client, _):
        first = await client.publish_workflow("hello", "h1", "name: hello", file="hello.yaml", aliases=("production",))
        assert (first.version, first.new, first.moved) == (1, True, ("latest", "production"))
        again = await client.publish_workflow("hello", "h1", "name: hello")
        assert (again.version, again.new, again.moved) == (1, False, ())
        async with Client(broker.bootstrap, topic_prefix) as other:
            catalogue = await other.definitions()
            assert catalogue.resolve("hello@production") == ("hello", 1, "h1")
            await client.publish_workflow("hello", "h2", "name: hello # 2")
            assert (await other.definitions()).resolve("hello") == ("hello", 2, "h2")
            source = catalogue.source("h1")
            assert source is not None and (source.source, source.file, source.by) == (
                "name: hello",
                "hello.yaml",
                "somebody",
            )


async def test_clients_that_publish_one_name_at_once_agree_on_its_versions(broker: Broker, topic_prefix: str) -> None:
    async with client_and_owner(broker, topic_prefix) as (one, _), Client(broker.bootstrap, topic_prefix) as two:
        publications = await asyncio.gather(
            *(client.publish_workflow("hello", f"h{n}", f"# {n}") for n, client in enumerate((one, two, one, two)))
        )
        assert sorted(p.version for p in publications) == [1, 2, 3, 4]
        for client in (one, two):
            catalogue = await client.definitions()
            for p in publications:
                assert catalogue.resolve(f"hello@{p.version}") == ("hello", p.version, p.definition)


async def test_without_topics_the_client_says_which(broker: Broker, topic_prefix: str) -> None:
    with pytest.raises(TopicsMissing, match=f"{topic_prefix}workflow.events"):
        async with Client(broker.bootstrap, topic_prefix):
            raise AssertionError("it opened")


async def test_without_a_broker_the_client_says_so(unused_tcp_port: int) -> None:
    with pytest.raises(BrokerUnreachable):
        async with Client(f"127.0.0.1:{unused_tcp_port}"):
            raise AssertionError("it opened")


def test_a_run_id_is_named_after_its_workflow_and_holds_what_run_ids_may() -> None:
    first, second = new_run_id("base/support@3"), new_run_id("base/support@3")
    assert first.startswith("base-support-") and first != second
    assert len(new_run_id("x" * 300)) <= 128
