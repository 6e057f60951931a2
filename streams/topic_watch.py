"""Looks at the topics while a worker runs: one that is deleted or set otherwise would lose events in silence."""

import asyncio
from collections.abc import Iterable

import structlog
from aiokafka.errors import KafkaError

from schemas.topics import TOPICS, Topic
from streams.broker_features import BrokerUnreachable
from streams.settings import WorkerSettings
from streams.topics import TopicMismatch, TopicsMissing, verify_topics

logger = structlog.get_logger("millrace.worker")

#: Seconds between two looks.
EVERY = 15.0


async def watch_topics(settings: WorkerSettings, topics: Iterable[Topic] = TOPICS) -> None:
    """Raises TopicsMissing or TopicMismatch once two looks in a row have seen the same; else looks on."""
    before = ""
    while True:
        await asyncio.sleep(EVERY)
        try:
            await verify_topics(settings.bootstrap, settings.prefix, settings.partitions, settings.auth, topics)
            before = ""
        except (TopicsMissing, TopicMismatch) as error:
            if str(error) == before:
                raise
            before = str(error)
            logger.error("the topics are not as they must be", why=before)
        except (BrokerUnreachable, KafkaError, TimeoutError) as error:  # it says nothing about its topics
            logger.debug("the topics could not be looked at", why=str(error))
