"""Logs as owners write them: several partitions and owners, zombies, doubled records, runs of every course."""

import random
from collections.abc import Iterator
from typing import Any, TypeVar

from projections.intake import Intake, Raw
from projections.store import Store
from schemas import events as e
from schemas import partition as p
from schemas.codec import encode
from schemas.message import Cause, Event, ModelCall, Positions

E = TypeVar("E", bound=Event)

SECOND = 1_000_000
BEGIN = 1_790_000_000 * SECOND
MODELS = (("anthropic", "claude-haiku-4-5"), ("google", "gemini-2.5-flash"), ("google", "gemini-2.5-pro"), ("own", "x"))


class Log:
    """The partitions of `workflow.events`, with one clock for all who write."""

    def __init__(self, partitions: int = 2) -> None:
        self.partitions: list[list[bytes | None]] = [[] for _ in range(partitions)]
        self.now = BEGIN

    def records(self) -> list[Raw]:
        """All of it, in an order that a reader may meet."""
        return [
            Raw(number, offset, value) for number, part in enumerate(self.partitions) for offset, value in _of(part)
        ]

    def tick(self, micros: int = SECOND) -> int:
        self.now += micros
        return self.now


def _of(part: list[bytes | None]) -> Iterator[tuple[int, bytes | None]]:
    return enumerate(part)


class Owner:
    """Writes to one partition: claims it, then counts."""

    def __init__(self, log: Log, partition: int, name: str, epoch: int = 1) -> None:
        self.log, self.partition, self.name, self.epoch, self.n = log, partition, name, epoch, 0
        self.seqs: dict[str, int] = {}

    def claim(self) -> "Owner":
        self._append(p.PartitionClaimed("", 0, self.epoch, self.name, 0, self.log.tick(), _because(), 7, Positions()))
        return self

    def write(self, event_class: type[E], run_id: str = "", /, *, seq: int | None = None, **fields: Any) -> E:
        self.n += 1
        if seq is None:
            seq = self.seqs[run_id] = self.seqs.get(run_id, 0) + 1
        event = event_class(run_id, seq, self.epoch, self.name, self.n, self.log.tick(), _because(), **fields)
        self._append(event)
        return event

    def start(self, run_id: str, workflow: str = "hello", **fields: Any) -> e.RunStarted:
        self.seqs[run_id] = 0
        given = {"inputs": b'{"name": "Ada"}', "labels": {"team": "a"}} | fields
        return self.write(
            e.RunStarted, run_id, command_id=f"c-{run_id}", workflow=workflow, version=3, definition="d3",
            incarnation=self.log.now + SECOND, **given,
        )  # fmt: skip

    def schedule(self, run_id: str, path: str, attempt: int = 1, kind: str = "model", target: str = "m") -> None:
        self.write(
            e.StepScheduled, run_id, path=path, step=path.rpartition("/")[2], attempt=attempt, kind=kind,
            worker=self.name, target=target, input=b'{"prompt": "hi"}', incarnation=1,
        )  # fmt: skip

    def succeed(self, run_id: str, path: str, attempt: int = 1, calls: list[ModelCall] | None = None) -> None:
        now = self.log.now
        self.write(
            e.StepSucceeded, run_id, path=path, attempt=attempt, output=b'{"text": "hello", "n": 1}', worker=self.name,
            started=now + 1000, ended=now + 900_000, calls=calls or [],
        )  # fmt: skip

    def fail(
        self, run_id: str, path: str, attempt: int = 1, *, again: bool, calls: list[ModelCall] | None = None
    ) -> None:
        now = self.log.now
        self.write(
            e.StepFailed, run_id, path=path, attempt=attempt, error_class="overloaded", message="too many requests",
            retry_at=now + 5 * SECOND if again else None, worker=self.name, started=now + 1000, ended=now + 2000,
            calls=calls or [],
        )  # fmt: skip

    def ask(self, run_id: str, path: str) -> None:
        asked = {"by": ["finance", "ada"], "prompt": "Sure?", "value": b"1", "until": self.log.now + 3600 * SECOND}
        self.write(e.ApprovalRequested, run_id, path=path, step=path, **asked)

    def ignore(self, run_id: str, path: str, attempt: int, calls: list[ModelCall]) -> None:
        self.write(
            e.OutcomeIgnored, run_id, seq=0, path=path, attempt=attempt, status="succeeded", reason="late",
            worker=self.name, calls=calls,
        )  # fmt: skip

    def _append(self, event: Event) -> None:
        self.log.partitions[self.partition].append(encode(event))


def call(log: Log, cost: int | None, model: tuple[str, str] = MODELS[0], tokens: int = 1000) -> ModelCall:
    """A call that began now and took half a second."""
    return ModelCall(
        *model, input_tokens=tokens, output_tokens=tokens // 4, cache_read_tokens=tokens // 10, cost=cost,
        started=log.now, ended=log.now + SECOND // 2, stop="end", request_id=f"r{log.now}", raw=b'{"in": 1}',
    )  # fmt: skip


def _because() -> Cause:
    return Cause("command", 7, 3, "c1")


def project(store: Store, records: list[Raw], at_once: int | None = None, said: bool = False) -> Intake:
    """Take records into a store, in batches of a size; a line on stdout for each if `said`."""
    intake = Intake(store.positions(), store.open_runs(), store.incarnations)
    size = at_once or max(1, len(records))
    for start in range(0, len(records), size):
        store.apply(intake.take(records[start : start + size]))
        if said:
            print(start, flush=True)
    return intake


class Story:
    """A random log: what owners, zombies and broken producers may write, in any order."""

    def __init__(self, seed: int, length: int = 120) -> None:
        self.dice = random.Random(seed)
        self.log = Log()
        self.owners = [Owner(self.log, number, f"w{number}").claim() for number in range(2)]
        self.zombies: list[Owner] = []
        self.open: list[tuple[Owner, str]] = []
        self.ended: list[tuple[int, str]] = []
        self.paths: dict[str, dict[str, int]] = {}
        self.calls: dict[str, list[tuple[str, int, list[ModelCall]]]] = {}
        self.homes: dict[str, int] = {}
        self.count = 0
        for _ in range(length):
            self.dice.choice(_ACTS)(self)

    def begin(self) -> None:
        owner = self.dice.choice(self.owners)
        again = [run_id for number, run_id in self.ended if number == owner.partition]
        self.count += 1
        run_id = self.dice.choice(again) if again and self.dice.random() < 0.3 else f"run-{self.count}"
        self.log.now += 3600 * SECOND if self.dice.random() < 0.2 else 0
        owner.start(run_id, self.dice.choice(["hello", "triage"]))
        self.ended = [known for known in self.ended if known[1] != run_id]
        self.open.append((owner, run_id))
        self.homes[run_id] = owner.partition
        self.paths[run_id] = {}

    def step(self) -> None:
        if not self.open:
            return self.begin()
        owner, run_id = self.dice.choice(self.open)
        owner = self.owners[owner.partition]
        path = self.dice.choice(["a", "b", "c/left/d", "e[2]/f"])
        attempt = self.paths[run_id][path] = self.paths[run_id].get(path, 0) + 1
        owner.schedule(run_id, path, attempt, target=self.dice.choice(MODELS)[1])
        made = [
            call(self.log, self.dice.choice([None, 0, 1, 123_456_789]), self.dice.choice(MODELS))
        ] * self.dice.randint(0, 2)
        self.dice.choice([
            lambda: owner.succeed(run_id, path, attempt, made),
            lambda: owner.fail(run_id, path, attempt, again=True, calls=made),
            lambda: owner.fail(run_id, path, attempt, again=False, calls=made),
            lambda: owner.write(e.StepReleased, run_id, path=path, attempt=attempt, worker=owner.name),
            lambda: owner.write(e.StepCancelled, run_id, path=path, attempt=attempt, reason="enough"),
            lambda: None,
        ])()  # fmt: skip
        self.calls.setdefault(run_id, []).append((path, attempt, made))

    def shape(self) -> None:
        if self.open:
            owner, run_id = self.dice.choice(self.open)
            owner = self.owners[owner.partition]
            self.dice.choice([
                lambda: owner.write(e.StepOpened, run_id, path="c", step="c", kind="parallel"),
                lambda: owner.write(e.StepOpened, run_id, path="a", step="a", kind="on_error"),
                lambda: owner.write(e.StepSkipped, run_id, path="s", step="s"),
                lambda: owner.write(e.StepWaiting, run_id, path="w", step="w", until=self.log.now),
                lambda: owner.succeed(run_id, "w", 0),
                lambda: owner.ask(run_id, "ok"),
                lambda: owner.write(e.ApprovalAnswered, run_id, path="ok", approved=False, by="ada", value=b"2"),
                lambda: owner.write(e.SignalReceived, run_id, name="go", value=b"{}", sent_by="ada"),
                lambda: owner.write(p.RunQuarantined, run_id, seq=0, reason="folding", traceback="…"),
                lambda: owner.write(p.Held, run_id, seq=0, message_kind="StepReported", value=b"\xc3\x01\x00"),
                lambda: owner.write(p.RunReleased, run_id, seq=0),
            ])()  # fmt: skip

    def late(self) -> None:
        """An outcome again, or of a run that nobody knows."""
        run_id = self.dice.choice([*self.calls, "nobody"]) if self.calls else "nobody"
        path, attempt, made = self.dice.choice(self.calls.get(run_id, [("a", 1, [call(self.log, 5)])]))
        self.owners[self.homes.get(run_id, 0)].ignore(run_id, path, attempt, made)

    def finish(self) -> None:
        if self.open:
            owner, run_id = self.open.pop(self.dice.randrange(len(self.open)))
            owner = self.owners[owner.partition]
            self.dice.choice([
                lambda: owner.write(e.RunSucceeded, run_id, outputs=b'"done"'),
                lambda: owner.write(e.RunFailed, run_id, error_class="fatal", message="no", path="a"),
                lambda: owner.write(e.RunCancelled, run_id, reason="enough"),
                lambda: owner.write(e.RunRefused, run_id, reason="unknown_workflow", message="no such"),
            ])()  # fmt: skip
            self.ended.append((owner.partition, run_id))

    def refuse(self) -> None:
        owner = self.dice.choice(self.owners)
        owner.write(p.CommandRefused, "", seq=0, command="StartRun", command_id="c", reason="r", message="m")
        owner.write(
            p.InputRejected, "", seq=0, topic="workflow.commands", reason="json", message="m", size=3, deadletter=0
        )
        owner.write(p.PartitionMarked, "", seq=0, log=7, low=0, positions=Positions(), epoch_at_low=1, owner_at_low="w",
                    n_at_low=0)  # fmt: skip

    def take_over(self) -> None:
        number = self.dice.randrange(2)
        old = self.owners[number]
        self.zombies.append(old)
        fresh = Owner(self.log, number, f"w{self.log.now}", old.epoch + 1).claim()
        fresh.seqs = old.seqs
        self.owners[number] = fresh

    def haunt(self) -> None:
        """What is void: an owner that was, a claim that comes second, a record twice, bytes of nobody."""
        number = self.dice.randrange(2)
        part = self.log.partitions[number]
        if self.zombies:
            zombie = self.dice.choice(self.zombies)
            zombie.write(e.RunSucceeded, "run-1", seq=9, outputs=b"1")
            Owner(self.log, zombie.partition, "late", zombie.epoch + 1).claim()
        part.append(self.dice.choice(part))
        part.append(self.dice.choice([None, b"", b"garbage", b'{"type": "StartRun"}']))


_ACTS = [
    Story.begin, Story.step, Story.step, Story.step, Story.step, Story.shape, Story.late, Story.finish, Story.refuse,
    Story.take_over, Story.haunt,
]  # fmt: skip
