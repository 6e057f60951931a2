import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from fastavro import schemaless_writer

from schemas.codec import MARKER, Decoder, encode, fingerprint
from schemas.events import StepSkipped
from schemas.message import Cause, Event, Positions
from schemas.partition import PartitionClaimed
from schemas.record import avro_schema
from schemas.topics import EVENTS, SCHEMAS
from streams.history import EventUnreadable, History
from streams.topics import ensure_topics
from streams.vocabulary import Vocabulary
from tests.brokers import Broker

ANY = Cause("step")


def claimed(epoch: int, owner: str) -> Event:
    return PartitionClaimed("", 0, epoch, owner, 0, 0, ANY, 7, Positions())


def skipped(path: str, n: int, epoch: int = 1, owner: str = "w1") -> Event:
    return StepSkipped("r", 1, epoch, owner, n, 0, ANY, path, path)


def of_a_later_version(n: int) -> tuple[dict[str, Any], bytes]:
    """The schema and the bytes of an event that this version does not know."""
    schema = {**avro_schema(StepSkipped), "name": "StepDreamt"}
    from io import BytesIO

    body = BytesIO()
    cause = {"kind": "step", "log": 0, "offset": -1, "id": ""}
    envelope = {"run_id": "r", "seq": 1, "epoch": 1, "owner": "w1", "n": n, "time": 0, "cause": cause}
    schemaless_writer(body, _without_logical_types(schema), {**envelope, "path": "x", "step": "x"})
    return schema, MARKER + fingerprint(schema) + body.getvalue()


def _without_logical_types(schema: dict[str, Any]) -> dict[str, Any]:
    fields = [{**f, "type": "long"} if f["name"] == "time" else f for f in schema["fields"]]
    return {**schema, "fields": fields}


@asynccontextmanager
async def written(broker: Broker, prefix: str, *values: bytes) -> AsyncIterator[tuple[History, AIOKafkaProducer]]:
    """A history of these records, and a producer for more."""
    await ensure_topics(broker.bootstrap, prefix, 1)
    topic = prefix + EVENTS.name
    decoder = Decoder()
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(topic, value=value, partition=0)
        async with Vocabulary(broker.bootstrap, prefix, decoder) as vocabulary:
            yield History(broker.bootstrap, topic, 0, decoder, vocabulary), producer


async def paths_of_the_past(history: History) -> list[str]:
    found: list[str] = []
    async with aclosing(history.pieces()) as pieces:
        async for piece in pieces:
            if piece.live:
                return found
            found += [event.path for event in piece.events if isinstance(event, StepSkipped)]
    raise AssertionError("a log does not end")


async def test_only_valid_records_are_told_whatever_zombies_write(broker: Broker, topic_prefix: str) -> None:
    records = [
        skipped("before any claim", 1),
        claimed(1, "w1"),
        skipped("first", 1),
        skipped("doubled", 1),
        skipped("second", 2),
        claimed(3, "w3"),
        claimed(2, "w2"),
        skipped("late", 3),
        claimed(2, "w9"),
        skipped("third", 1, 2, "w2"),
        skipped("skips one", 3, 2, "w2"),
        skipped("fourth", 2, 2, "w2"),
    ]
    async with written(broker, topic_prefix, *map(encode, records)) as (history, _):
        assert await paths_of_the_past(history) == ["first", "second", "third", "fourth"]


async def test_what_comes_after_the_beginning_of_reading_is_live(broker: Broker, topic_prefix: str) -> None:
    records = [encode(claimed(1, "w1")), encode(skipped("past", 1))]
    async with written(broker, topic_prefix, *records) as (history, producer):
        told: list[tuple[bool, str]] = []
        async with aclosing(history.pieces()) as pieces:
            async for piece in pieces:
                told += [(piece.live, event.path) for event in piece.events if isinstance(event, StepSkipped)]
                if piece.live and len(told) == 1:
                    await producer.send_and_wait(
                        topic_prefix + EVENTS.name, value=encode(skipped("new", 2)), partition=0
                    )
                if len(told) == 2:
                    break
        assert told == [(False, "past"), (True, "new")]


async def test_bytes_that_are_no_record_are_void(broker: Broker, topic_prefix: str) -> None:
    records = [encode(claimed(1, "w1")), b"garbage", encode(skipped("a", 1))]
    async with written(broker, topic_prefix, *records) as (history, _):
        assert await paths_of_the_past(history) == ["a"]


async def test_an_event_of_a_later_version_counts_but_is_not_told(broker: Broker, topic_prefix: str) -> None:
    schema, value = of_a_later_version(1)
    records = [encode(claimed(1, "w1")), value, encode(skipped("after it", 2))]
    async with written(broker, topic_prefix, *records) as (history, producer):
        topic = topic_prefix + SCHEMAS.name
        await producer.send_and_wait(topic, key=b"notakey!", value=json.dumps(schema).encode())
        await producer.send_and_wait(topic, key=fingerprint(schema), value=json.dumps(schema).encode())
        assert await paths_of_the_past(history) == ["after it"]


async def test_an_event_whose_schema_nobody_published_ends_the_reading(broker: Broker, topic_prefix: str) -> None:
    _, value = of_a_later_version(1)
    async with written(broker, topic_prefix, encode(claimed(1, "w1")), value) as (history, _):
        with pytest.raises(EventUnreadable, match="partition 0, offset 1: no schema is known"):
            await paths_of_the_past(history)
