"""One simulated history: processes, broker, clients and what befalls them, all from one seed."""

from dataclasses import dataclass, field
from random import Random
from time import process_time
from typing import Any

from schemas.codec import Decoder
from schemas.outcomes import StepReported
from schemas.topics import COMMANDS, EVENTS, OUTCOMES
from tests.simulation import harness
from tests.simulation.attempts import WorldExecutor
from tests.simulation.broker import Broker, Record, Trouble
from tests.simulation.clients import Clients
from tests.simulation.endings import check_ending
from tests.simulation.group import Group
from tests.simulation.loop import Agenda
from tests.simulation.machine import Machine
from tests.simulation.nemesis import Nemesis
from tests.simulation.patience import check_seats
from tests.simulation.truth import Truth
from tests.simulation.workflows import Shelf

#: Runs of a world.
SIZES = (20, 100, 200, 400)
#: Virtual seconds after the troubles within which everything must have ended.
PATIENCE = 1_500.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How big worlds are (0: as they are drawn); `every_prefix` compares live and replayed state at each event."""

    runs: int = 0
    every_prefix: bool = False
    trace: bool = False


@dataclass(slots=True)
class History:
    """How it went."""

    seed: int
    runs: int
    seconds: float
    cpu: float
    counts: dict[str, int]
    violations: list[str]
    trace: list[str] = field(default_factory=list)


class World:
    """Everything of one history."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.seed, self.plan = seed, plan
        self._began = process_time()
        self.random = random = Random(seed)
        self.agenda = Agenda()
        self.trace: list[str] = []
        self.partitions = random.choice((1, 2, 4))
        self.concurrency = random.choice((2, 5, 500))
        self.long_attempts = random.choice(((0.1, 8.0), (0.4, 25.0)))
        """How many attempts take long, and how long the longest."""
        self.sticky = random.choice((0.4, 0.9))
        """How likely a rebalance leaves a partition where it is."""
        self.grace = random.choice((0.2, 2.0, 10.0))
        self.shelf = Shelf()
        self.truth = Truth(self.partitions, self.shelf)
        self.broker = Broker(self.agenda, random, self.story)
        self.broker.on_append = self._appended
        self.group = Group(self.agenda, random, self.partitions, self.sticky, self.story)
        self.executor = WorldExecutor(self)
        self.decoder: Any = Decoder() if seed % 8 == 0 else harness.Remembering()
        self.machines: list[Machine] = []
        self.bounds = harness.bounds(random)
        self.chaos = random.choice((10.0, 20.0, 40.0))
        self.runs = plan.runs or random.choice(SIZES)
        self.clients = Clients(self, self.runs, self.chaos)
        self.sampled = 1 if plan.every_prefix else 64
        self.calm = False
        self.troubled_until = 0.0
        """When requests of the last trouble have ended one way or another."""
        self.requests_fail_until = 0.0
        self._done = False
        for _ in range(random.choice((1, 2, 3))):
            self.start_machine()
        Nemesis(self, self.chaos, random.choice((0.7, 2.0, 5.0)))
        self.agenda.at(self.chaos, self._grow_calm)
        self.agenda.at(1.0, self._look)

    def trouble(self, seconds: float) -> None:
        """Whatever is not as in calm times is over after so many seconds."""
        self.troubled_until = max(self.troubled_until, self.agenda.now + seconds)

    def machine(self, worker: str) -> Machine:
        return self.machines[int(worker[1:]) - 1]

    def story(self, who: str, what: str) -> None:
        if self.plan.trace:
            self.trace.append(f"{self.agenda.now:9.4f}  {who:8}  {what}")

    def start_machine(self, seat: str = "") -> None:
        number = len(self.machines) + 1
        machine = Machine(self, number, seat or f"seat-{number}")
        for other in self.machines:
            if other.alive and other.seat == machine.seat:  # who of the two is the newer start is not said yet
                other.usurped = machine.usurped = True
        self.machines.append(machine)
        self.story(machine.id, f"starts on {machine.seat}")
        machine.start()

    def died(self, machine: Machine) -> None:
        """Most come back on their seat; the last one always."""
        if machine.app is not None and machine.app in self.group.members:
            self.group.silent(machine.app)
        alone = not any(other.alive for other in self.machines)
        taken = any(other.alive and other.seat == machine.seat for other in self.machines)
        if alone or (not taken and self.random.random() < 0.6):
            self.agenda.after(0.2 + 4.0 * self.random.random() ** 2, self.start_machine, machine.seat)

    def went_wrong(self, who: str, context: dict[str, Any]) -> None:
        """What a process would log as an error that nobody foresaw."""
        if "destroyed" not in context["message"]:
            self.truth.wrong(f"{who}: {context['message']}: {context.get('exception')!r}")

    def _appended(self, topic: str, partition: int, base: int, records: list[Record]) -> None:
        if topic == EVENTS.name:
            for offset, record in enumerate(records, base):
                event = harness.decoded(record.value or b"")
                valid = self.truth.lands(partition, offset, event)
                if self.plan.trace:
                    self.story(f"log {partition}", f"{offset} {'' if valid else 'void '}{harness.told(event)}")
        elif topic == OUTCOMES.name:
            for record in records:
                report = harness.decoded(record.value or b"")
                if isinstance(report, StepReported):
                    self.truth.reports(report, self.agenda.now)
                self.story(f"outcomes {partition}", harness.reported(report))

    def _grow_calm(self) -> None:
        self.story("world", "it is calm from here on")
        self.broker.trouble = Trouble()
        for machine in self.machines:
            machine.loop.skew = 0
        self.calm = True

    def _look(self) -> None:
        """Each second: has everything ended?"""
        over = self.agenda.now > self.chaos + PATIENCE
        check_seats(self)
        self._done = over or bool(self.truth.violations) or (self.calm and self._quiet())
        self.agenda.after(1.0, self._look)

    def _quiet(self) -> bool:
        if any(machine.loop.frozen for machine in self.machines if machine.alive):
            return False
        return all(
            not (reader.partition.runs or reader.partition.outbox)
            and reader.taken["command"] + 1 == self.broker.end(COMMANDS.name, reader.partition.number)
            and reader.taken["outcome"] + 1 == self.broker.end(OUTCOMES.name, reader.partition.number)
            for reader in self.truth.readers
        )

    def run(self) -> History:
        with harness.current(self):
            self.agenda.run(lambda: self._done)
            check_ending(self)
        truth = self.truth
        counts = {**truth.counts, "void": sum(reader.void for reader in truth.readers)}
        counts["claims"] = sum(reader.epoch for reader in truth.readers)
        for machine in self.machines:
            machine.loop.kill()
        cpu = process_time() - self._began
        started = counts.get("RunStarted", 0)  # children too
        return History(self.seed, started, self.agenda.now, cpu, counts, truth.violations, self.trace)
