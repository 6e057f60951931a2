import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import DEFINITIONS
from streams.broker_features import BrokerUnreachable
from streams.compacted import CompactedReader
from streams.topics import ensure_topics
from tests.brokers import Broker


async def test_a_topic_is_read_to_its_end_and_then_followed(broker: Broker, topic_prefix: str) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, 1)
    topic = topic_prefix + DEFINITIONS.name
    taken: list[tuple[bytes | None, bytes | None, int]] = []
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        for number in range(3):
            await producer.send_and_wait(topic, key=b"k%d" % number, value=b"v")
        async with CompactedReader(broker.bootstrap, topic, lambda *record: taken.append(record)) as reader:
            assert await reader.read_to_end() == 3
            assert taken == [(b"k0", b"v", 0), (b"k1", b"v", 1), (b"k2", b"v", 2)]
            await producer.send_and_wait(topic, key=b"k1", value=None)
            await asyncio.wait_for(reader.read_up_to(4), 5)
            assert taken[3:] == [(b"k1", None, 3)]
            assert reader.position == 4


async def test_an_empty_topic_has_its_end_at_once(broker: Broker, topic_prefix: str) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, 1)
    async with CompactedReader(broker.bootstrap, topic_prefix + DEFINITIONS.name, lambda *_: None) as reader:
        assert await reader.read_to_end() == 0


async def test_only_the_last_records_are_read_where_that_is_asked_for(broker: Broker, topic_prefix: str) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, 1)
    topic = topic_prefix + DEFINITIONS.name
    offsets: list[int] = []
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        for number in range(5):
            await producer.send_and_wait(topic, key=b"k", value=b"%d" % number)
    async with CompactedReader(
        broker.bootstrap, topic, lambda _k, _v, offset: offsets.append(offset), last=2
    ) as reader:
        await reader.read_to_end()
    assert offsets == [3, 4]


async def test_what_the_callback_raises_ends_the_reading_and_is_told_to_who_waits(
    broker: Broker, topic_prefix: str
) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, 1)
    topic = topic_prefix + DEFINITIONS.name

    def refuse(key: bytes | None, _value: bytes | None, _offset: int) -> None:
        raise ValueError(f"can't take {key!r}")

    async with CompactedReader(broker.bootstrap, topic, refuse) as reader:
        supervised = asyncio.create_task(reader.closed())
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
            await producer.send_and_wait(topic, key=b"bad", value=b"v")
        with pytest.raises(ValueError, match="can't take b'bad'"):
            await asyncio.wait_for(reader.read_up_to(1), 5)
        with pytest.raises(ValueError, match="can't take b'bad'"):
            await supervised


async def test_a_reader_that_could_not_connect_leaves_nothing_open(unused_tcp_port: int) -> None:
    reader = CompactedReader(f"127.0.0.1:{unused_tcp_port}", "any", lambda *_: None)
    with pytest.raises(BrokerUnreachable):
        await reader.start()
    with pytest.raises(RuntimeError, match="not started"):
        await reader.read_to_end()
    await reader.stop()
