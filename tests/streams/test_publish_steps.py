"""What a `publish` step sends, and what its failures come to."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from schemas.events import StepScheduled
from schemas.message import Cause
from streams import clock
from streams.publish_steps import TIMEOUT, published


class Sender:
    """A producer that takes what it is given, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.sent = error, []

    async def send_and_wait(self, topic: str, value: bytes, key: bytes, headers: Any) -> tuple[int, int]:
        if self.error is not None:
            raise self.error
        self.sent.append((topic, key, value, dict(headers)))
        return 3, 41


def scheduled(asked: str, *, age: int = 0) -> StepScheduled:
    time = clock.now() - age
    return StepScheduled(
        "r", 2, 1, "w", 2, time, Cause("command"), "out", "out", 1, "publish", "", input=asked.encode(), key="r.5/out"
    )


async def publish(asked: str, error: Exception | None = None, age: int = 0) -> tuple[Any, Sender]:
    sender = Sender(error)
    parts: Any = SimpleNamespace(producer=sender, settings=SimpleNamespace(topic=lambda name: f"dev.{name}"))
    return await published(scheduled(asked, age=age), parts), sender


async def test_text_goes_out_as_it_is_and_other_values_as_json_with_the_id_of_the_step():
    report, sender = await publish('{"topic": "t", "key": "k", "value": {"n": 1}, "headers": {"lang": "en", "n": 2}}')
    assert sender.sent == [("t", b"k", b'{"n":1}', {"lang": b"en", "n": b"2", "millrace-id": b"r.5/out"})]
    assert (report.status, report.output, report.attempt) == ("succeeded", b'{"partition":3,"position":41}', 1)
    _, sender = await publish('{"topic": "t", "value": "plain"}')
    assert sender.sent[0][:3] == ("t", None, b"plain")


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("dev.workflow.events", "dev.workflow.events is written by Millrace alone; publish to a topic of your own"),
        ("a b", "'a b' is no name of a topic: 1 to 249 of the characters A-Z a-z 0-9 . _ -"),
    ],
)
async def test_a_topic_that_may_not_be_written_fails_the_step(topic, said):
    report, sender = await publish(f'{{"topic": "{topic}", "value": 1}}')
    assert (report.status, report.error_class, report.message) == ("failed", "fatal", said) and not sender.sent


async def test_starts_may_be_published():
    _, sender = await publish('{"topic": "dev.workflow.commands", "value": {"workflow": "hello"}}')
    assert sender.sent


@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        (UnknownTopicOrPartitionError(), "fatal"),
        (MessageSizeTooLargeError(), "fatal"),
        (TopicAuthorizationFailedError(), "auth"),
    ],
)
async def test_what_sending_again_does_not_mend_fails_at_once(error, error_class):
    report, _ = await publish('{"topic": "t", "value": 1}', error)
    assert (report.status, report.error_class) == ("failed", error_class) and "t" in report.message


@pytest.mark.parametrize("error", [KafkaConnectionError(), KafkaTimeoutError(), TimeoutError()])
async def test_a_broker_that_is_away_is_tried_until_the_time_is_over(error):
    with pytest.raises(type(error)):
        await publish('{"topic": "t", "value": 1}', error)
    report, _ = await publish('{"topic": "t", "value": 1}', error, age=TIMEOUT + 1)
    assert (report.status, report.error_class) == ("failed", "timeout")
