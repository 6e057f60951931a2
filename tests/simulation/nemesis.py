"""What befalls processes and the broker, until it is calm."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from streams.producer import PRODUCE_TIMEOUT
from tests.simulation.broker import Trouble
from tests.simulation.machine import Machine

if TYPE_CHECKING:
    from tests.simulation.world import World

#: What may happen, and how often against each other.
BLOWS = {
    "kill": 3,
    "kill in the middle": 3,
    "freeze": 3,
    "freeze in the middle": 1,
    "terminate": 1,
    "join": 1,
    "usurp": 1,
    "rebalance": 3,
    "away": 2,
    "requests": 4,
    "clock": 1,
}


class Nemesis:
    """Strikes at random times; each blow is a method of its own."""

    def __init__(self, world: "World", until: float, every: float) -> None:
        self._world, self._until, self._every = world, until, every
        self._blows, self._weights = list(BLOWS), list(BLOWS.values())
        self._next()

    def _next(self) -> None:
        world = self._world
        when = world.agenda.now + world.random.expovariate(1.0 / self._every)
        if when < self._until:
            world.agenda.at(when, self._strike)

    def _strike(self) -> None:
        blow = self._world.random.choices(self._blows, self._weights)[0]
        self._world.trouble(1.0)
        getattr(self, "_" + blow.replace(" ", "_"))()
        self._next()

    def _victim(self) -> Machine | None:
        up = [machine for machine in self._world.machines if machine.up]
        return self._world.random.choice(up) if up else None

    def _kill(self) -> None:
        if (victim := self._victim()) is not None:
            self._world.story(victim.id, "is killed")
            victim.kill()

    def _kill_in_the_middle(self) -> None:
        if (victim := self._victim()) is not None:
            victim.loop.fuse = (self._world.random.randint(1, 30), self._burnt(victim, "is killed in the middle"))

    def _burnt(self, victim: Machine, what: str) -> Callable[[], None]:
        def kill() -> None:
            self._world.story(victim.id, what)
            victim.kill()

        return kill

    def _seconds(self) -> float:
        """Of a freeze: shorter and longer than everybody's patience."""
        return self._world.random.choice((0.3, 3.0, 8.0, 14.0, 25.0)) * (0.5 + self._world.random.random())

    def _freeze(self) -> None:
        if (victim := self._victim()) is not None:
            seconds = self._seconds()
            self._world.story(victim.id, f"freezes for {seconds:.1f} s")
            victim.freeze(seconds)

    def _freeze_in_the_middle(self) -> None:
        if (victim := self._victim()) is not None:
            seconds = self._seconds()

            def freeze() -> None:
                self._world.story(victim.id, f"freezes in the middle for {seconds:.1f} s")
                victim.freeze(seconds)

            victim.loop.fuse = (self._world.random.randint(1, 30), freeze)

    def _terminate(self) -> None:
        if (victim := self._victim()) is not None:
            self._world.story(victim.id, "is told to end")
            victim.terminate()

    def _join(self) -> None:
        if sum(1 for machine in self._world.machines if machine.alive) < 5:
            self._world.start_machine()

    def _usurp(self) -> None:
        """Somebody starts a second process on a seat that is taken."""
        if (victim := self._victim()) is not None:
            self._world.start_machine(victim.seat)

    def _rebalance(self) -> None:
        self._world.group.change()

    def _away(self) -> None:
        world = self._world
        seconds = world.random.choice((0.5, 3.0, 12.0, 16.0, 20.0)) * (0.5 + world.random.random())
        world.story("broker", f"is away for {seconds:.1f} s")
        world.broker.away_until = world.agenda.now + seconds
        world.trouble(seconds + 1.0)

    def _requests(self) -> None:
        """A while in which requests fail."""
        world = self._world
        some = [0.3 * world.random.random() ** 2 for _ in range(6)]
        world.broker.trouble = Trouble(*some)
        world.agenda.after(3.0 * world.random.random(), self._calm)
        world.trouble(3.0 + 2 * PRODUCE_TIMEOUT)
        world.requests_fail_until = world.troubled_until

    def _calm(self) -> None:
        self._world.broker.trouble = Trouble()

    def _clock(self) -> None:
        if (victim := self._victim()) is not None:
            jump = self._world.random.choice((-3_600, -5, -1, 1, 5, 30)) * 1_000_000
            self._world.story(victim.id, f"finds its clock set by {jump // 1_000_000} s")
            victim.loop.skew += jump
