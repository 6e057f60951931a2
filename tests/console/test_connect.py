"""What goes wrong between the command line and a broker, told as it is meant to be told."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from console import answered
from console.connect import connected, run
from console.failure import Failure
from console.render import json_text
from console.settings import load
from streams.topics import TopicMismatch, TopicsNotCreated, ensure_topics
from tests.brokers import Broker

Millrace = Callable[..., Any]

pytestmark = pytest.mark.brokers("embedded")


@pytest.fixture
def topics(broker: Broker, topic_prefix: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics, but no worker."""
    monkeypatch.setenv("MILLRACE_BROKER", broker.bootstrap)
    monkeypatch.setenv("MILLRACE_TOPIC_PREFIX", topic_prefix)
    asyncio.run(ensure_topics(broker.bootstrap, topic_prefix, 2))


def test_topics_that_are_missing_are_named(
    broker: Broker, topic_prefix: str, millrace: Millrace, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MILLRACE_TOPIC_PREFIX", topic_prefix)
    said = millrace("start", "hello", "--broker", broker.bootstrap)
    assert said.code == 1
    assert said.err.startswith(f"error: there are no topics {topic_prefix}workflow.events")
    assert "millrace worker" in said.err


def test_nothing_is_published_yet_where_nothing_is(topics: None, millrace: Millrace) -> None:
    said = millrace("start", "hello")
    assert said.code == 1 and "remedy: publish it first: millrace publish FILE" in said.err


def test_a_cancel_that_nobody_takes_in_says_so_after_a_while(
    topics: None, millrace: Millrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered, "ANSWER_WITHIN", 0.3)
    said = millrace("cancel", "r-1")
    assert said.code == 1 and said.err.startswith("error: no answer within 0.3 s")
    assert millrace("cancel", "r-1", "--no-wait").out == "asked for the end of r-1\n"
    told = json.loads(millrace("cancel", "r-1", "--no-wait", "--json").out)
    assert told["run_id"] == "r-1" and told["status"] == "asked" and len(told["command_id"]) == 32


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TopicMismatch(["a has 2 partitions, not 3", "b is wrong"]), "  b is wrong"),
        (TopicsNotCreated("too many copies"), "cause:  too many copies"),
    ],
)
def test_topics_that_are_wrong_are_told_one_by_one(error: Exception, said: str) -> None:
    async def work() -> None:
        raise error

    with pytest.raises(Failure) as failure:
        run(work())
    assert said in str(failure.value).splitlines()[1:] or said in str(failure.value)


async def test_what_a_broker_refuses_is_told_as_it_says_it(topics: None) -> None:
    with pytest.raises(Failure, match="the broker refused") as failure:
        async with connected(load()):
            raise TopicAuthorizationFailedError("workflow.commands")
    assert "TopicAuthorizationFailedError" in failure.value.cause


def test_json_keeps_what_floats_would_lose() -> None:
    from decimal import Decimal

    assert json_text({"a": Decimal("0.1"), "b": Decimal("12345678901234567.123456789"), 3: b"x"}) == (
        '{"a":0.1,"b":"12345678901234567.123456789","3":"x"}'
    )
