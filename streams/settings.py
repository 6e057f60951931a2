"""What a worker is told from outside."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.topics import PARTITIONS
from steps.settings import StepSettings


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Filled by the console from file, environment and flags. Times in seconds."""

    bootstrap: str = "127.0.0.1:9092"
    prefix: str = ""
    app: str = "millrace"
    #: The place that this process takes; a restart on the same seat is its predecessor's goodbye. "" picks a free one.
    seat: str = ""
    partitions: int = PARTITIONS
    replication: int = 1
    auth: dict[str, Any] = field(default_factory=dict)
    data_dir: Path = Path(".millrace")
    #: The folder of the event archive (dev mode): an event is acted on once it stands there.
    archive: Path | None = None
    concurrency: int = 500
    grace: float = 10.0
    session: float = 6.0
    steps: StepSettings = field(default_factory=StepSettings)

    def topic(self, name: str) -> str:
        """A topic's name on the broker."""
        return self.prefix + name
