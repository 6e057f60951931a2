"""The same messages through a worker on a broker: each one is answered in the log, and the worker goes on."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from choices import Choices
from definitions import changed_yaml
from documents import Message, command_message, report_message
from loop import HELLO
from values import odd_text
from writers import changed_schema

from schemas import events as e
from schemas import partition as p
from schemas.codec import encode
from schemas.definitions import WorkflowPublished
from schemas.topics import COMMANDS, DEADLETTERS, DEFINITIONS, OUTCOMES, SCHEMAS, SETTINGS, WORKERS
from schemas.workers import WorkerBeat
from tests.brokers import Broker
from tests.running import Running, running

#: Seconds until what was sent must have been answered.
WITHIN = 300.0
#: Of so many messages one goes to a topic that workers follow.
ASIDE = 20


@dataclass(slots=True)
class Answered:
    """What came of the messages that were sent; the door is all of them."""

    door: str
    records: int = 0
    seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    failure: str = ""

    @property
    def vanished(self) -> int:
        """Those that nothing in the log answers."""
        return self.records - sum(self.answers.values())


async def through_a_worker(broker: Broker, records: int, seed: int) -> Answered:
    """Send them all, wait until the positions are past them, and look for what each brought about."""
    began = time.perf_counter()
    async with running(broker, f"fuzz{seed}.") as world:
        await world.publish(HELLO)
        await world.until(p.PartitionClaimed, world.settings.partitions)
        sent = await _send(world, records, seed)
        await _taken_in(world)
        result = Answered(f"commands and outcomes on {broker.name}", len(sent), time.perf_counter() - began)
        result.answers, result.failure = await _look(world, sent)
    return result


Place = tuple[str, int, int]


async def _send(world: Running, records: int, seed: int) -> set[Place]:
    """What was sent to the two doors: (topic, partition, offset)."""
    producer, sent = world.worker.parts.producer, set[Place]()  # type: ignore[union-attr]
    for number in range(records):
        c = Choices(random.Random(f"{seed}/broker/{number}").randbytes(192))
        if c.one_in(ASIDE):
            topic, key, value = _aside(c)
            await producer.send_and_wait(world.settings.topic(topic), value, key, 0)
            continue
        partition = c.below(world.settings.partitions)
        message = report_message(c, partition, 0, None) if c.one_in(3) else command_message(c, partition, 0)
        topic = world.settings.topic(message.topic)
        key = message.key if message.value is not None else message.key or b"k"  # this client sends no nothing
        _, offset = await producer.send_and_wait(topic, message.value, key, partition, _sendable(message))
        sent.add((message.topic, partition, offset))
    return sent


def _sendable(message: Message) -> list[tuple[str, bytes | None]]:
    """Headers whose names this client can write; no value is as good as an empty one to it."""
    return [(name, value or b"") for name, value in message.headers if name.isprintable()]


def _aside(c: Choices) -> tuple[str, bytes, bytes | None]:
    """Something for a topic that workers follow."""
    topic = c.of((DEFINITIONS.name, SCHEMAS.name, WORKERS.name, SETTINGS.name))
    values = (
        None,
        c.take(40),
        encode(WorkflowPublished(odd_text(c), 1, "h", changed_yaml(c, HELLO))),
        encode(WorkerBeat(odd_text(c), odd_text(c), c.below(9), 1, 0, "0")),
        str(changed_schema(c)).encode(),
    )
    return topic, c.of((odd_text(c).encode(), c.take(8) or b"k")), c.of(values)


async def _taken_in(world: Running) -> None:
    """Wait until every partition is past what stands in its topics."""
    async with asyncio.timeout(WITHIN):
        for owner in list(world.worker.owners.values()):  # type: ignore[union-attr]
            await owner.caught_up()
            while owner.appender is None or owner.appender.backlog:
                await asyncio.sleep(0.05)


async def _look(world: Running, sent: set[Place]) -> tuple[dict[str, int], str]:
    """How each message was answered, and what is wrong."""
    topics = {"command": COMMANDS.name, "outcome": OUTCOMES.name}
    first: dict[Place, str] = {}
    rejected = 0
    for number in range(world.settings.partitions):
        for event in await world.records_of(number):
            rejected += isinstance(event, p.InputRejected)
            if (topic := topics.get(event.cause.kind)) is not None:
                first.setdefault((topic, number, event.cause.offset), type(event).__name__)
    answers = Counter(first[place] for place in sent if place in first)
    letters: list[Any] = [r for r in await world.records(DEADLETTERS.name) if isinstance(r, p.DeadLetter)]
    aside = [r for r in await world.records() if isinstance(r, p.RunQuarantined)]
    ended = await world.run("hello", name="Ada")
    wrong = [f"{len(letters)} dead letters for {rejected} rejected messages"] if len(letters) != rejected else []
    wrong += [f"a run was set aside: {event.traceback}" for event in aside[:1]]
    wrong += [] if isinstance(ended, e.RunSucceeded | e.RunFailed) else [f"after it a run ended with {ended}"]
    return dict(answers.most_common()), "; ".join(wrong)
