"""The producer of a worker: a failed batch is told, and does not stand in the way of the next."""

import pytest
from aiokafka.errors import KafkaError

from schemas.topics import EVENTS
from streams.producer import Producer
from streams.topics import ensure_topics


@pytest.mark.brokers("kafka")  # the embedded broker takes records of any size
async def test_after_a_batch_that_the_broker_refuses_the_next_one_is_appended(broker, topic_prefix):
    """An idempotent producer's sequence is broken then: it is replaced."""
    await ensure_topics(broker.bootstrap, topic_prefix, 1)
    topic = topic_prefix + EVENTS.name
    producer = Producer(broker.bootstrap, idempotent=broker.idempotent, auth={})
    await producer.start()
    try:
        assert await producer.send_batch(topic, 0, [(b"k", b"1"), (b"k", b"2")]) == 0
        with pytest.raises(KafkaError):
            await producer.send_batch(topic, 0, [(b"k", bytes(3_000_000))])
        assert await producer.send_batch(topic, 0, [(b"k", b"3")]) == 2
        with pytest.raises(ValueError, match="appender"):
            await producer.send_batch(topic, 0, [(b"k", bytes(900_000)), (b"k", bytes(900_000))])
    finally:
        await producer.stop()
