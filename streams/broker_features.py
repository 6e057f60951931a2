"""What a broker can do, found out by asking it."""

import asyncio
import struct
from collections.abc import Mapping
from typing import Any

API_VERSIONS = 18
_REQUEST = struct.pack(">hhih8s", API_VERSIONS, 0, 1, 8, b"millrace")
#: The coordinator is loading, isn't there yet, or is another one: error codes of a broker that has just started.
_NOT_YET = {14, 15, 16}


class BrokerUnreachable(ConnectionError):
    """No Kafka broker answers where one was expected."""


async def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether a Kafka broker, and not just an open port, answers without encryption at this address."""
    try:
        async with asyncio.timeout(timeout):
            return await _api_versions(host, port)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def _api_versions(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(struct.pack(">i", len(_REQUEST)) + _REQUEST)
        size = struct.unpack(">i", await reader.readexactly(4))[0]
        correlation, error = struct.unpack(">ih", await reader.readexactly(6))
        return bool(size > 6 and correlation == 1 and error == 0)
    finally:
        writer.close()


async def idempotence_available(bootstrap: str, auth: Mapping[str, Any] | None = None, timeout: float = 10.0) -> bool:
    """Whether the broker hands out producer ids, so that a produce that is sent again is not stored again.

    The list of requests it claims to know is no answer: the embedded broker lists InitProducerId and then fails it.
    So one id is drawn and left unused, which costs a broker nothing. `auth` is what aiokafka's clients take.
    """
    from aiokafka.client import AIOKafkaClient
    from aiokafka.errors import KafkaError

    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout * 1000), **(auth or {}))
    try:
        async with asyncio.timeout(timeout):
            await client.bootstrap()
            return await _draws_producer_id(client)
    except (OSError, KafkaError, TimeoutError) as error:
        raise BrokerUnreachable(
            f"{bootstrap}: could not ask the Kafka broker whether it supports idempotent producers: "
            f"{type(error).__name__}: {error}. Is it running, and is its advertised address reachable from here?"
        ) from error
    finally:
        await client.close()


async def _draws_producer_id(client: Any) -> bool:
    from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
    from aiokafka.protocol.transaction import InitProducerIdRequest

    while True:
        try:
            response = await client.send(client.get_random_node(), InitProducerIdRequest(None, 60_000))
        except (NodeNotReadyError, KafkaConnectionError):  # of a cluster, another broker may be there
            await asyncio.sleep(0.1)
            continue
        if response.error_code == 0:
            return True
        if response.error_code not in _NOT_YET:
            return False
        await asyncio.sleep(0.1)  # a broker that has just started may not have its block of ids yet
