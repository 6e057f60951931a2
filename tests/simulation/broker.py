"""A broker in memory: logs, and what befalls the requests on their way."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from streams.producer import PRODUCE_TIMEOUT
from tests.simulation.loop import Agenda

Headers = list[tuple[str, bytes]] | None


@dataclass(slots=True)
class Record:
    """One record of a log."""

    key: bytes | None
    value: bytes | None
    headers: Headers = None


@dataclass(slots=True)
class Trouble:
    """How likely what befalls a produce is; all 0 in calm times."""

    lost: float = 0.0
    unacked: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    refused: float = 0.0
    slow: float = 0.0

    def any(self) -> float:
        return self.lost + self.unacked + self.late + self.twice + self.refused


class Broker:
    """Partition logs. What reads them subscribes, and is told of each append."""

    def __init__(self, agenda: Agenda, random: Random, story: Callable[..., None]) -> None:
        self.agenda, self.random, self._story = agenda, random, story
        self.logs: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self.readers: dict[tuple[str, int], list[Callable[[], None]]] = defaultdict(list)
        self.on_append: Callable[[str, int, int, list[Record]], None] = lambda *_: None
        self.committed: dict[int, int] = {}
        """Of each partition, the offset of its latest mark: what the recovery group has committed."""
        self.trouble = Trouble()
        self.away_until = 0.0
        self.produced = 0

    def append(self, topic: str, partition: int, records: list[Record]) -> int:
        """Land a batch; the offset of its first record."""
        log = self.logs[topic, partition]
        base = len(log)
        log += records
        self.on_append(topic, partition, base, records)
        for told in self.readers.get((topic, partition), ()):
            told()
        return base

    def lag(self) -> float:
        """Seconds that a message is on its way."""
        random = self.random.random
        lag = 0.0002 + 0.002 * random()
        return lag + random() if self.trouble.slow and random() < self.trouble.slow else lag

    def delay(self) -> float:
        """Seconds until the broker has a request; it may be away."""
        away = self.away_until - self.agenda.now
        return self.lag() if away <= 0 else away + 0.1 * self.random.random()

    def send(
        self, topic: str, partition: int, records: list[Record], answer: Callable[[int | Exception], None]
    ) -> None:
        """Produce: `answer` is called with the first offset or the error; the batch lands when it pleases."""
        self.produced += 1
        to, back = self.delay(), self.lag()
        agenda = self.agenda
        pick = self.random.random()
        if pick >= self.trouble.any():
            if to + back > PRODUCE_TIMEOUT:
                agenda.after(PRODUCE_TIMEOUT, answer, KafkaTimeoutError("no ack in time"))
                agenda.after(to, self.append, topic, partition, records)
            else:
                agenda.after(to, self._land, topic, partition, records, answer, back)
            return
        self._befall(pick, topic, partition, records, answer, to, back)

    def _befall(
        self,
        pick: float,
        topic: str,
        partition: int,
        records: list[Record],
        answer: Callable[[int | Exception], None],
        to: float,
        back: float,
    ) -> None:
        trouble, random, after = self.trouble, self.random, self.agenda.after
        error = KafkaTimeoutError("no ack came") if random.random() < 0.5 else KafkaConnectionError("reset")
        wait = PRODUCE_TIMEOUT if random.random() < 0.3 else to + 2.0 * random.random()
        kinds = ("lost", "unacked", "late", "twice", "refused")
        weights = [getattr(trouble, kind) for kind in kinds]
        kind = random.choices(kinds, weights)[0]
        self._story("broker", f"a produce to {topic}[{partition}] is {kind}: {len(records)} records")
        if kind in ("lost", "refused"):
            after(wait if kind == "lost" else to + back, answer, error)
        elif kind == "unacked":
            after(to, self.append, topic, partition, records)
            after(max(wait, to), answer, error)
        elif kind == "late":
            after(wait, answer, error)
            after(wait + 8.0 * random.random() ** 3, self.append, topic, partition, records)
        else:
            after(to, self._land, topic, partition, records, answer, back)
            after(to + 3.0 * random.random() ** 3, self.append, topic, partition, records)

    def _land(
        self, topic: str, partition: int, records: list[Record], answer: Callable[[int | Exception], None], back: float
    ) -> None:
        base = self.append(topic, partition, records)
        self.agenda.after(back, answer, base)

    def end(self, topic: str, partition: int) -> int:
        return len(self.logs[topic, partition])
