"""Kafka clients whose every wait is bounded, and one exception for a broker that can't be reached."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError

from streams import forgiving
from streams.broker_features import BrokerUnreachable

forgiving.install()  # before any client of ours is made

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
        raise BrokerUnreachable(f"no Kafka broker answers at {bootstrap}{_reason(error)}") from error
    except BaseException:
        await stop(client)
        raise


def _reason(error: Exception) -> str:
    """What is not said by the address alone; why a connection failed, aiokafka logs and does not tell."""
    if isinstance(error, TimeoutError):
        return f" within {CONNECT_WITHIN:g} s"
    return "" if isinstance(error, KafkaConnectionError) else f": {error}"


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
