"""The log's produce path: nothing twice when an answer is lost, nobody held up by another's failure."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.topics import EVENTS
from streams.log_producer import LogProducer
from streams.topics import ensure_topics


class Between:
    """A relay before a broker: loses answers, or passes nothing on."""

    def __init__(self, host: str, port: int) -> None:
        self._broker, self.lose, self.frozen = (host, port), 0, False
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Between":
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for end in self._ends:
            end.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._broker)
        self._ends |= {writer, back}
        await asyncio.gather(self._pass(reader, back, False), self._pass(there, writer, True))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while got := await source.read(1 << 16):
                if answers and self.lose:
                    self.lose -= 1
                    break
                if not self.frozen:
                    sink.write(got)
            sink.close()


@contextlib.asynccontextmanager
async def through_a_relay(broker, prefix, *, idempotent, timeout=5.0):
    """A LogProducer that speaks to the broker through a relay, and the client that knows the leaders."""
    await ensure_topics(broker.bootstrap, prefix, 2)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as plain:
        real = plain.client
        node = next(iter(real.cluster.brokers()))
        async with Between(node.host, node.port) as relay:
            cluster = SimpleNamespace(
                leader_for_partition=real.cluster.leader_for_partition,
                broker_metadata=lambda node: SimpleNamespace(host="127.0.0.1", port=relay.port),
            )
            asked = ("send", "get_random_node", "add_topic", "force_metadata_update")
            client = SimpleNamespace(cluster=cluster, **{name: getattr(real, name) for name in asked})
            producer = LogProducer(client, idempotent=idempotent, auth={}, max_batch=1_000_000, timeout=timeout)
            try:
                yield producer, relay
            finally:
                producer.close()


def one(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"k", value)]


@pytest.mark.brokers("kafka")
async def test_a_batch_whose_answer_was_lost_is_sent_again_and_stands_once(broker, topic_prefix):
    topic = topic_prefix + EVENTS.name
    async with through_a_relay(broker, topic_prefix, idempotent=True) as (producer, relay):
        assert await producer.append(topic, 0, [*one(b"1"), *one(b"2")]) == 0
        relay.lose = 1
        assert await producer.append(topic, 0, one(b"3")) == 2  # the broker knows it by its sequence number
        assert await producer.append(topic, 0, one(b"4")) == 3


async def test_without_producer_ids_a_lost_answer_is_told(broker, topic_prefix):
    topic = topic_prefix + EVENTS.name
    async with through_a_relay(broker, topic_prefix, idempotent=False) as (producer, relay):
        assert await producer.append(topic, 0, one(b"1")) == 0
        relay.lose = 1
        with pytest.raises(KafkaConnectionError):
            await producer.append(topic, 0, one(b"2"))
        assert await producer.append(topic, 0, one(b"3")) == 2  # so the second was appended: its fate was unknown


async def test_a_broker_that_does_not_answer_in_time_is_spoken_to_on_a_new_connection(broker, topic_prefix):
    topic = topic_prefix + EVENTS.name
    async with through_a_relay(broker, topic_prefix, idempotent=broker.idempotent, timeout=1.0) as (producer, relay):
        assert await producer.append(topic, 0, one(b"1")) == 0
        relay.frozen = True
        with pytest.raises(TimeoutError):
            await producer.append(topic, 0, one(b"2"))
        relay.frozen = False
        assert await producer.append(topic, 0, one(b"3")) == 1


async def test_what_the_broker_refuses_in_one_partition_does_not_disturb_another(broker, topic_prefix):
    topic = topic_prefix + EVENTS.name
    async with through_a_relay(broker, topic_prefix, idempotent=broker.idempotent, timeout=2.0) as (producer, _):
        results = await asyncio.gather(
            producer.append(topic, 0, one(b"1")),
            producer.append(topic, 7, one(b"of a partition that there is not")),
            producer.append(topic, 1, one(b"2")),
            return_exceptions=True,
        )
        assert (results[0], results[2]) == (0, 0)
        assert isinstance(results[1], KafkaError | TimeoutError)
        assert await producer.append(topic, 0, one(b"3")) == 1
