import asyncio
import socket

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.topics import COMMANDS, DEFINITIONS, EVENTS, TOPICS
from streams.broker_features import BrokerUnreachable
from streams.topics import TopicMismatch, TopicsMissing, TopicsNotCreated, ensure_topics, partition_counts
from tests.brokers import Broker


async def described(broker: Broker, prefix: str) -> dict[str, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        found = await admin.describe_topics(None)
        return {t["topic"]: len(t["partitions"]) for t in found if t["topic"].startswith(prefix)}
    finally:
        await admin.close()


async def made_by_hand(broker: Broker, name: str, partitions: int, **config: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    settings = {key.replace("_", "."): value for key, value in config.items()}
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
    finally:
        await admin.close()


@pytest.mark.core
async def test_missing_topics_are_created_once_however_many_workers_begin_together(
    broker: Broker, topic_prefix: str
) -> None:
    created = await asyncio.gather(*(ensure_topics(broker.bootstrap, topic_prefix, 6) for _ in range(4)))
    names = sorted(name for some in created for name in some)
    assert names == sorted(topic_prefix + topic.name for topic in TOPICS)
    expected = {topic_prefix + topic.name: topic.partitions or 6 for topic in TOPICS}
    assert await described(broker, topic_prefix) == expected
    assert await ensure_topics(broker.bootstrap, topic_prefix, 6) == []


async def test_another_partition_count_is_refused_with_a_remedy(broker: Broker, topic_prefix: str) -> None:
    await ensure_topics(broker.bootstrap, topic_prefix, 3)
    with pytest.raises(TopicMismatch) as mismatch:
        await ensure_topics(broker.bootstrap, topic_prefix, 4)
    assert len(mismatch.value.problems) == 3
    said = f"{topic_prefix}{EVENTS.name} has 3 partitions, not 4: set `partitions = 3`"
    assert any(problem.startswith(said) for problem in mismatch.value.problems)


async def test_a_compacted_topic_of_several_partitions_is_refused(broker: Broker, topic_prefix: str) -> None:
    await made_by_hand(broker, topic_prefix + DEFINITIONS.name, 2, cleanup_policy="compact")
    with pytest.raises(TopicMismatch, match="has 2 partitions, not 1: delete the topic"):
        await ensure_topics(broker.bootstrap, topic_prefix, 2)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"cleanup_policy": "compact", "retention_ms": "-1"}, "cleanup.policy=compact, not delete"),
        ({"cleanup_policy": "delete", "retention_ms": "1000"}, "retention.ms=1000, not -1"),
    ],
)
async def test_settings_that_would_lose_events_are_refused(
    broker: Broker, topic_prefix: str, config: dict[str, str], said: str
) -> None:
    await made_by_hand(broker, topic_prefix + EVENTS.name, 2, **config)
    with pytest.raises(TopicMismatch, match=f"{topic_prefix}{EVENTS.name} has {said}") as mismatch:
        await ensure_topics(broker.bootstrap, topic_prefix, 2)
    assert "kafka-configs --alter" in str(mismatch.value)


@pytest.mark.brokers("kafka")
async def test_more_copies_than_brokers_are_refused_by_the_broker(broker: Broker, topic_prefix: str) -> None:
    with pytest.raises(TopicsNotCreated, match=r"[Rr]eplication factor"):
        await ensure_topics(broker.bootstrap, topic_prefix, 2, replication=3)


async def test_counting_partitions_creates_nothing(broker: Broker, topic_prefix: str) -> None:
    names = [topic_prefix + COMMANDS.name, topic_prefix + EVENTS.name]
    with pytest.raises(TopicsMissing) as missing:
        await partition_counts(broker.bootstrap, names)
    assert missing.value.names == names
    assert await described(broker, topic_prefix) == {}
    await ensure_topics(broker.bootstrap, topic_prefix, 5)
    assert await partition_counts(broker.bootstrap, names) == dict.fromkeys(names, 5)


async def test_no_broker_is_told_at_once(unused_tcp_port: int) -> None:
    with pytest.raises(BrokerUnreachable, match=f"no Kafka broker answers at 127.0.0.1:{unused_tcp_port}$"):
        await ensure_topics(f"127.0.0.1:{unused_tcp_port}")


async def test_a_broker_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.connect.CONNECT_WITHIN", 0.2)

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(BrokerUnreachable, match=r"within 0\.2 s"):
        await ensure_topics(f"127.0.0.1:{silent.getsockname()[1]}")
