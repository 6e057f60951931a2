"""Asks something of the log: a client made from the settings, its errors told as ours."""

import asyncio
import getpass
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from console.failure import FAILED, UNREACHABLE, Failure
from console.settings import Settings

if TYPE_CHECKING:
    from streams.client import Client

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def run(work: Coroutine[Any, Any, T], loop_factory: LoopFactory | None = None) -> T:
    """Run it to its end. What is known to go wrong with brokers and topics becomes a Failure."""
    from streams.broker_features import BrokerUnreachable
    from streams.topics import TopicMismatch, TopicsMissing, TopicsNotCreated

    if not os.environ.get("MILLRACE_DEBUG"):
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would say, the failure below says
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(work)
    except BrokerUnreachable as error:
        raise unreachable(error) from error
    except TopicsMissing as error:
        remedy = "start a worker, which creates them (`millrace worker`, `millrace dev`), or check topic_prefix"
        raise Failure(str(error), remedy=remedy) from error
    except TopicMismatch as error:
        lines = tuple(f"  {problem}" for problem in error.problems)
        raise Failure("the topics are not as they must be", lines=lines) from error
    except TopicsNotCreated as error:
        remedy = "check the number of brokers against `replication`, and the rights of this user"
        raise Failure("topics could not be created", cause=str(error), remedy=remedy) from error


def unreachable(error: Exception) -> Failure:
    """No broker answers."""
    remedy = "check --broker and the security settings (`millrace config`), or start one: `millrace dev`, scripts/kafka"
    return Failure(str(error), remedy=remedy, code=UNREACHABLE)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator["Client"]:
    """A client of the log that these settings name."""
    from aiokafka.errors import KafkaError

    from streams.client import Client

    try:
        async with Client(settings.broker, settings.topic_prefix, settings.kafka_auth(), sent_by=who()) as client:
            yield client
    except KafkaError as error:
        remedy = "`millrace doctor` looks at the broker"
        raise Failure(
            "the broker refused", cause=f"{type(error).__name__}: {error}", remedy=remedy, code=FAILED
        ) from error


def who() -> str:
    """Who asks, for the record of each command."""
    return f"{user()}@{socket.gethostname()}"


def user() -> str:
    """Who is logged in."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        return str(os.getuid())
