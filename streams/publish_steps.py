"""`publish` steps: a record on a topic of the user's, known by the key of its step however often it is sent."""

import re
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka.errors import KafkaError, KafkaTimeoutError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from schemas.events import StepScheduled
from schemas.message import Cause
from schemas.outcomes import StepReported
from schemas.topics import COMMANDS, TOPICS
from streams import clock

if TYPE_CHECKING:
    from streams.parts import Parts

#: The header that a receiver knows a record by: the same in all attempts of a step, and when one is sent again.
ID_HEADER = "millrace-id"
#: Microseconds that a record may take to arrive where its step has no `timeout`.
TIMEOUT = 30_000_000

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")

Headers = list[tuple[str, bytes]]


async def published(scheduled: StepScheduled, parts: "Parts") -> StepReported:
    """Publish what a step asks for; its outcome. Raises what the same record may be sent again after."""
    began, asked = clock.now(), orjson.loads(scheduled.input)
    topic = str(asked["topic"])
    if problem := _topic_problem(topic, parts):
        return _report(scheduled, began, error_class="fatal", message=problem)
    try:
        at = await parts.producer.send_and_wait(
            topic, _bytes(asked.get("value")), _bytes(asked.get("key")), headers=_headers(scheduled, asked)
        )
    except (KafkaError, TimeoutError) as error:
        failure = _failure(error, topic, clock.now() >= scheduled.time + (scheduled.timeout or TIMEOUT))
        if failure is None:
            raise
        return _report(scheduled, began, error_class=failure[0], message=failure[1])
    return _report(scheduled, began, output=orjson.dumps({"partition": at[0], "position": at[1]}))


def cause_of(report: StepReported) -> Cause:
    """The own step, as for what the pool executes."""
    return Cause("step", 0, -1, f"{report.path}#{report.attempt}")


def _topic_problem(topic: str, parts: "Parts") -> str | None:
    if not _TOPIC.fullmatch(topic):
        return f"{topic[:260]!r} is no name of a topic: 1 to 249 of the characters A-Z a-z 0-9 . _ -"
    if topic in {parts.settings.topic(ours.name) for ours in TOPICS if ours is not COMMANDS}:
        return f"{topic} is written by Millrace alone; publish to a topic of your own"
    return None


def _bytes(value: Any) -> bytes | None:
    """Text as it is, other values as JSON."""
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def _headers(scheduled: StepScheduled, asked: dict[str, Any]) -> Headers:
    given = {name: _bytes(value) or b"" for name, value in (asked.get("headers") or {}).items()}
    return [*given.items(), (ID_HEADER, scheduled.key.encode())]


def _failure(error: Exception, topic: str, late: bool) -> tuple[str, str] | None:
    """(class, message) of what sending again does not mend, or for which it is too late."""
    why = f"publishing to {topic}: {type(error).__name__}: {error}"
    if isinstance(error, UnknownTopicOrPartitionError):
        return "fatal", f"the topic {topic} does not exist; create it"
    if isinstance(error, TopicAuthorizationFailedError):
        return "auth", why
    if isinstance(error, KafkaError) and not (error.retriable or isinstance(error, KafkaTimeoutError)):
        return "fatal", why
    return ("timeout", why) if late else None


def _report(scheduled: StepScheduled, began: int, **told: Any) -> StepReported:
    status = "failed" if "error_class" in told else "succeeded"
    return StepReported(
        scheduled.run_id,
        scheduled.path,
        scheduled.attempt,
        scheduled.worker,
        status,
        scheduled.incarnation,
        started=began,
        ended=clock.now(),
        **told,
    )
