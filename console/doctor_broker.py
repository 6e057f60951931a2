"""What the doctor asks of the broker: does it answer, what is it, are the topics there and as they must be?"""

import time
from dataclasses import dataclass
from typing import Any

from console.doctor_finding import Finding
from console.settings import Settings

#: Until anybody has set it, the name of a cluster that is the embedded broker's.
_EMBEDDED = "tansu"


@dataclass(frozen=True, slots=True)
class Answered:
    """The findings, and whether the topics are there, so that more can be asked."""

    findings: list[Finding]
    usable: bool = False


async def look(settings: Settings) -> Answered:
    """The broker, then its topics. Never raises for a broker that is away."""
    from streams.broker_features import BrokerUnreachable, idempotence_available

    began = time.monotonic()
    try:
        cluster, brokers = await _cluster(settings)
        took = (time.monotonic() - began) * 1000
        idempotent = await idempotence_available(settings.broker, settings.kafka_auth())
    except BrokerUnreachable as error:
        return Answered([_unreachable(settings, str(error))])
    embedded = str(cluster).startswith(_EMBEDDED)
    kind = "embedded broker (in memory)" if embedded else f"Kafka, cluster {cluster}"
    several = f"{brokers} broker{'' if brokers == 1 else 's'}"
    said = f"{kind} at {settings.broker}: {several}, connected in {took:.0f} ms"
    facts = {"cluster": cluster, "brokers": brokers, "embedded": embedded, "idempotent": idempotent}
    findings = [Finding("Broker", "broker", "ok", said, facts=facts), _idempotence(idempotent, embedded)]
    return await _with_topics(settings, findings)


def _unreachable(settings: Settings, why: str) -> Finding:
    remedy = "check --broker and the security settings (`millrace config`), or start one: millrace dev, scripts/kafka"
    return Finding("Broker", "broker", "fail", why, remedy, {"bootstrap": settings.broker})


def _idempotence(idempotent: bool, embedded: bool) -> Finding:
    if idempotent:
        return Finding("Broker", "idempotence", "ok", "a produce that is sent again is not stored again")
    said = "not offered: a produce sent again may be stored twice; such records are void to every reader"
    return Finding("Broker", "idempotence", "ok" if embedded else "warn", said)


async def _cluster(settings: Settings) -> tuple[Any, int]:
    from aiokafka.admin import AIOKafkaAdminClient

    from streams.connect import opened

    async with opened(
        AIOKafkaAdminClient(bootstrap_servers=settings.broker, **settings.kafka_auth()), settings.broker
    ) as admin:
        described = await admin.describe_cluster()
    return described.get("cluster_id"), len(described.get("brokers", ()))


async def _with_topics(settings: Settings, findings: list[Finding]) -> Answered:
    from schemas.topics import TOPICS
    from streams.topics import TopicMismatch, TopicsMissing, ensure_topics, partition_counts

    auth, prefix = settings.kafka_auth(), settings.topic_prefix
    try:
        counts = await partition_counts(settings.broker, [prefix + topic.name for topic in TOPICS], auth)
        await ensure_topics(
            settings.broker, prefix, settings.partitions, settings.replication, auth
        )  # all exist: a look
    except TopicsMissing as error:
        said = f"missing: {', '.join(error.names)}"
        remedy = "start a worker, which creates them (millrace worker), or correct topic_prefix"
        return Answered([*findings, Finding("Broker", "topics", "fail", said, remedy, {"missing": error.names})])
    except TopicMismatch as error:
        found = [Finding("Broker", "topics", "fail", *problem.partition(": ")[::2]) for problem in error.problems]
        return Answered([*findings, *found])
    said = f"all {len(TOPICS)}, with the settings they must have; {settings.partitions} partitions of runs"
    return Answered([*findings, Finding("Broker", "topics", "ok", said, facts={"partitions": counts})], usable=True)


async def ends(settings: Settings) -> dict[int, int]:
    """Where each partition of `workflow.events` ends now.

    Asked for it, the embedded broker tells the second offset of the last batch. With a fetch any broker tells the
    true end, so each partition that holds something is fetched from just before the end that was told.
    """
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from schemas.topics import EVENTS
    from streams.connect import opened

    topic = settings.topic_prefix + EVENTS.name
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.broker,
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=1,
        **settings.kafka_auth(),
    )
    async with opened(consumer, settings.broker):
        told = await consumer.end_offsets([TopicPartition(topic, number) for number in range(settings.partitions)])
        holding = [place for place, end in told.items() if end > 0]
        consumer.assign(holding)
        for place in holding:
            consumer.seek(place, told[place] - 1)
        while any(consumer.highwater(place) is None for place in holding):
            await consumer.getmany(timeout_ms=200)
        return {place.partition: max(end, consumer.highwater(place) or 0) for place, end in told.items() if end > 0}
