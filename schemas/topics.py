"""Each topic once: its key, its settings, who writes it."""

from dataclasses import dataclass, field

DAY = 86_400_000
#: Commands, outcomes and events have the same count, chosen once and never changed in place.
PARTITIONS = 24
#: The largest record that we write: the broker's default limit, less room for headers.
MAX_RECORD = 900_000
#: The largest value that stands in a record.
MAX_VALUE = 64 * 1024
#: The largest command that is meant: with its envelope it still fits in an event, forwarded or held.
MAX_COMMAND = 4 * MAX_VALUE
#: The largest report of an attempt; what follows from it is one event with the same content.
MAX_REPORT = MAX_RECORD - 2 * MAX_VALUE


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `partitions` None means: as many as the runs' topics."""

    name: str
    key: str
    about: str
    partitions: int | None = None
    config: dict[str, str] = field(default_factory=dict)


#: The largest message that a door lets in, so that it gets a reason and not a time-out.
MAX_INPUT = 8 * 1024 * 1024
_KEEP = {"cleanup.policy": "delete", "retention.ms": "-1"}
_COMPACT = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(DAY), "delete.retention.ms": str(7 * DAY)}

COMMANDS = Topic(
    "workflow.commands", "run id", "what others ask", config={**_KEEP, "max.message.bytes": str(MAX_INPUT)}
)
OUTCOMES = Topic("workflow.outcomes", "run id", "attempts reported by those who do not own the run", config=_KEEP)
EVENTS = Topic("workflow.events", "run id", "the truth", config=_KEEP)
DEFINITIONS = Topic("workflow.definitions", "hash, or NAME@ALIAS", "published workflows", 1, _COMPACT)
SETTINGS = Topic("workflow.settings", "setting", "runtime configuration", 1, _COMPACT)
SCHEMAS = Topic("workflow.schemas", "fingerprint", "writers' Avro schemas", 1, _COMPACT)
WORKERS = Topic(
    "workflow.workers",
    "worker id",
    "beats",
    1,
    {"cleanup.policy": "compact,delete", "retention.ms": str(DAY), "delete.retention.ms": str(DAY)},
)
DEADLETTERS = Topic(
    "workflow.deadletters",
    "original",
    "what no door could read",
    1,
    {"cleanup.policy": "delete", "retention.ms": str(30 * DAY), "max.message.bytes": str(MAX_INPUT + 1024 * 1024)},
)

TOPICS: tuple[Topic, ...] = (COMMANDS, OUTCOMES, EVENTS, DEFINITIONS, SETTINGS, SCHEMAS, WORKERS, DEADLETTERS)


def work(queue: str) -> Topic:
    """The topic of a named queue: an inbox partition for each of its workers."""
    config = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY)}
    return Topic(f"workflow.work.{queue}", "worker id", "steps sent to a queue", config=config)
