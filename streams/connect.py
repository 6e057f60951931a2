"""Kafka clients whose every wait is bounded, and one exception for a broker that can't be reached."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from aiokafka.errors import KafkaError

from streams.broker_features import BrokerUnreachable

#: Seconds until a broker that does not answer counts as unreachable.
CONNECT_WITHIN = 10.0

#: What aiokafka's clients take for encryption and authentication.
Auth = Mapping[str, Any]


class _Startable(Protocol):
    async def start(self) -> None: ...


C = TypeVar("C", bound=_Startable)


async def start(client: _Startable, bootstrap: str) -> None:
    """Start an aiokafka client; what was opened of it is closed again when that fails. Raises BrokerUnreachable."""
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            await client.start()
    except (KafkaError, OSError, TimeoutError) as error:
        await stop(client)
        reason = str(error) or f"no answer within {CONNECT_WITHIN:g} s"
        raise BrokerUnreachable(f"no Kafka broker answers at {bootstrap}: {reason}") from error
    except BaseException:
        await stop(client)
        raise


async def stop(client: Any) -> None:
    """Stop an aiokafka client of any kind (the admin client calls it `close`)."""
    await (client.close() if hasattr(client, "close") else client.stop())


@asynccontextmanager
async def opened(client: C, bootstrap: str) -> AsyncIterator[C]:
    """The client, started; stopped at the end."""
    await start(client, bootstrap)
    try:
        yield client
    finally:
        await stop(client)
