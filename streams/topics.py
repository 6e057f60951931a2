"""Makes the topics that are missing, and refuses those that would lose or scatter events."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from schemas.topics import COMMANDS, EVENTS, OUTCOMES, PARTITIONS, TOPICS, WORKERS, Topic
from streams.connect import Auth, opened

log = logging.getLogger(__name__)

#: Seconds for all of it: creating, and seeing every partition led.
WITHIN = 30.0
#: Seconds in which a worker that makes the topics has made all of them.
MADE_WITHIN = 3.0
_EXISTS = 36
_POLL = 0.05


class TopicsMissing(Exception):
    """Topics that nobody has created yet."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"there are no topics {', '.join(names)}")
        self.names = names


class TopicsNotCreated(Exception):
    """The broker refused to create topics, or did not bring them up in time."""


class TopicMismatch(Exception):
    """Topics that exist with settings under which Millrace would lose or scatter events."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


async def ensure_topics(
    bootstrap: str,
    prefix: str = "",
    partitions: int = PARTITIONS,
    replication: int = 1,
    auth: Auth | None = None,
    topics: Iterable[Topic] = TOPICS,
) -> list[str]:
    """Create what is missing and check what is there; the names of those this call created.

    Any number of workers may do this at once. Raises TopicsNotCreated, TopicMismatch, BrokerUnreachable.
    """
    wanted = {prefix + topic.name: topic for topic in topics}
    async with opened(AIOKafkaAdminClient(bootstrap_servers=bootstrap, **(auth or {})), bootstrap) as admin:
        try:
            async with asyncio.timeout(WITHIN):
                there = await _known(admin, prefix)
                missing = {name: topic for name, topic in wanted.items() if name not in there}
                created = await _create(admin, missing, partitions, replication) if missing else []
                there = await _all_led(admin, wanted)
                await _check(admin, wanted, there, partitions)
        except TimeoutError as error:
            message = f"after {WITHIN:g} s not every partition of {prefix}workflow.* has a leader"
            raise TopicsNotCreated(message) from error
    return created


async def verify_topics(
    bootstrap: str, prefix: str, partitions: int, auth: Auth | None = None, topics: Iterable[Topic] = TOPICS
) -> None:
    """Create nothing, check what is there. Raises TopicsMissing, TopicMismatch, BrokerUnreachable."""
    wanted = {prefix + topic.name: topic for topic in topics}
    async with opened(AIOKafkaAdminClient(bootstrap_servers=bootstrap, **(auth or {})), bootstrap) as admin:
        async with asyncio.timeout(WITHIN):
            there = await _partitions(admin)
            if missing := [name for name in wanted if name not in there]:
                raise TopicsMissing(missing)
            await _check(admin, wanted, there, partitions)


async def partition_counts(bootstrap: str, names: Iterable[str], auth: Auth | None = None) -> dict[str, int]:
    """How many partitions each topic has. Raises TopicsMissing; creates nothing, whatever the broker is set to."""
    async with opened(AIOKafkaAdminClient(bootstrap_servers=bootstrap, **(auth or {})), bootstrap) as admin:
        async with asyncio.timeout(WITHIN):
            there = await _partitions(admin)
    if missing := [name for name in names if name not in there]:
        raise TopicsMissing(missing)
    return {name: len(there[name]) for name in names}


async def _known(admin: AIOKafkaAdminClient, prefix: str) -> dict[str, list[int]]:
    """What is there. Raises TopicMismatch where runs' topics were deleted: made anew, they would begin all runs again.

    Who made the topics made this one too; another worker may be making them at this moment.
    """
    sign = prefix + WORKERS.name
    for _ in range(round(MADE_WITHIN / _POLL)):
        there = await _partitions(admin)
        gone = [prefix + t.name for t in (COMMANDS, OUTCOMES, EVENTS) if prefix + t.name not in there]
        if not gone or sign not in there:
            return there
        await asyncio.sleep(_POLL)
    remedy = f"restore it from an archive, or delete all topics {prefix}workflow.* to begin with nothing"
    raise TopicMismatch([f"{name} was deleted ({sign} is still there): {remedy}" for name in gone])


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, list[int]]:
    """Every topic's partition leaders. All are asked for: naming one may create it with the broker's defaults."""
    described = await admin.describe_topics(None)
    return {topic["topic"]: [p["leader"] for p in topic["partitions"]] for topic in described}


async def _create(
    admin: AIOKafkaAdminClient, missing: Mapping[str, Topic], partitions: int, replication: int
) -> list[str]:
    new = [
        NewTopic(name, topic.partitions or partitions, replication, topic_configs=_config(topic, replication))
        for name, topic in missing.items()
    ]
    answer = await admin.create_topics(new, timeout_ms=int(WITHIN * 1000))
    refused = [error for error in answer.topic_errors if error[1] not in (0, _EXISTS)]
    if refused:
        raise TopicsNotCreated("; ".join(_refusal(*error) for error in refused))
    return [error[0] for error in answer.topic_errors if error[1] == 0]


def _refusal(name: str, code: int, message: str | None = None) -> str:
    return f"{name}: {message or for_code(code).__name__} (Kafka error {code})"


def _config(topic: Topic, replication: int) -> dict[str, str]:
    """With three replicas an ack means two of them have it, and no replica without it may lead (PROTOCOL.md, 23)."""
    safe = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"} if replication >= 3 else {}
    return {**topic.config, **safe}


async def _all_led(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, list[int]]:
    while True:
        there = await _partitions(admin)
        if all(there.get(name) and min(there[name]) >= 0 for name in names):
            return there
        await asyncio.sleep(_POLL)


async def _check(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic], there: Mapping[str, list[int]], partitions: int
) -> None:
    problems = []
    for name, topic in wanted.items():
        expected, found = topic.partitions or partitions, len(there[name])
        if found != expected:
            problems.append(_count_problem(name, topic, found, expected))
    configs = await _configs(admin, wanted)
    for name, topic in wanted.items():
        problems += _config_problems(name, topic.config, configs.get(name, {}))
    if problems:
        raise TopicMismatch(problems)


def _count_problem(name: str, topic: Topic, found: int, expected: int) -> str:
    remedy = "delete the topic, or choose another topic_prefix"
    if topic.partitions is None:
        remedy = f"set `partitions = {found}` (it can't be changed in place), or choose another topic_prefix"
    return f"{name} has {found} partitions, not {expected}: {remedy}"


def _config_problems(name: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What would lose records. A broker that does not tell a setting is believed."""
    problems = []
    policy, kept = found.get("cleanup.policy"), found.get("retention.ms")
    if policy is not None and set(policy.split(",")) != set(wanted["cleanup.policy"].split(",")):
        problems.append(_config_problem(name, "cleanup.policy", policy, wanted))
    if kept is not None and wanted.get("retention.ms") == "-1" != kept:
        problems.append(_config_problem(name, "retention.ms", kept, wanted))
    return problems


def _config_problem(name: str, setting: str, found: str, wanted: Mapping[str, str]) -> str:
    value = wanted[setting]
    remedy = f"kafka-configs --alter --entity-type topics --entity-name {name} --add-config '{setting}=[{value}]'"
    return f"{name} has {setting}={found}, not {value}: {remedy}"


async def _configs(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The settings of the topics, as far as the broker tells them to us."""
    try:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    except KafkaError as error:
        log.debug("the broker does not describe its topics' settings: %s", error)
        return {}
    resources: list[Any] = [resource for answer in answers for resource in answer.resources]
    return {r[3]: {entry[0]: entry[1] for entry in r[4]} for r in resources if r[0] == 0}
