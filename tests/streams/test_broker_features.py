import asyncio
import socket
from collections.abc import Iterator

import pytest
from aiokafka.protocol.transaction import InitProducerIdResponse_v0

from streams.broker_features import BrokerUnreachable, answers, idempotence_available
from tests.brokers import Broker


@pytest.mark.core
async def test_a_broker_tells_whether_it_takes_idempotent_producers_and_a_producer_agrees(broker: Broker) -> None:
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    available = await idempotence_available(broker.bootstrap)
    assert available == (broker.name != "embedded")
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True)
    try:
        await asyncio.wait_for(producer.start(), 5)
        works = True
    except (KafkaError, TimeoutError):
        works = False
    finally:
        await producer.stop()
    assert works == available


async def test_nobody_there_is_no_broker(unused_tcp_port: int) -> None:
    assert not await answers("127.0.0.1", unused_tcp_port)
    with pytest.raises(BrokerUnreachable, match=rf"127\.0\.0\.1:{unused_tcp_port}.*Is it running"):
        await idempotence_available(f"127.0.0.1:{unused_tcp_port}", timeout=1)


async def test_an_open_port_that_says_nothing_or_hangs_up_is_no_broker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not await answers("127.0.0.1", silent.getsockname()[1], timeout=0.1)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        assert not await answers("127.0.0.1", server.sockets[0].getsockname()[1])


async def test_a_broker_that_is_still_starting_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from aiokafka.client import AIOKafkaClient

    async def bootstrapped(self: AIOKafkaClient) -> None: ...

    monkeypatch.setattr(AIOKafkaClient, "bootstrap", bootstrapped)
    for codes, expected in (([14, 15, 0], True), ([15, -1], False)):
        answers_left = iter(codes)

        async def send(
            self: AIOKafkaClient, *_: object, left: Iterator[int] = answers_left
        ) -> InitProducerIdResponse_v0:
            return InitProducerIdResponse_v0(throttle_time_ms=0, error_code=next(left), producer_id=1, producer_epoch=0)

        monkeypatch.setattr(AIOKafkaClient, "send", send)
        assert await idempotence_available("127.0.0.1:9092") is expected
        assert list(answers_left) == []
