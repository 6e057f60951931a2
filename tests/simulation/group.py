"""The consumer group in memory: who is a member, which partitions each has, and when it is told."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from aiokafka.errors import KafkaError

from schemas.topics import COMMANDS, OUTCOMES
from tests.simulation.broker import Broker
from tests.simulation.consumer import Consumer
from tests.simulation.loop import Agenda, Loop

#: Seconds without a heartbeat after which a member is put out.
SESSION = 6.0


class FencedInstanceIdError(KafkaError):
    """The broker's answer to a member whose name another has taken."""


class App:
    """What the Faust app is to a worker."""

    def __init__(self, group: "Group", broker: Broker, loop: Loop, seat: str, worker: Any) -> None:
        self.group, self.loop, self.seat, self.worker = group, loop, seat, worker
        self.consumer = Consumer(broker, loop, worker.hand_over)
        self.partitions: set[int] = set()
        self.joined = False
        self.crash_reason: BaseException | None = None
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        self.group.join(self)

    async def stop(self) -> None:
        self.group.leave(self)

    async def wait_until_stopped(self) -> None:
        await self._stopped.wait()

    def fenced(self) -> None:
        """Another joined under this one's name: the consumer can only end."""
        self.crash_reason = FencedInstanceIdError()
        self._stopped.set()

    def revoked(self) -> None:
        """A rebalance begins."""
        self.worker.revoked()

    def assigned(self, partitions: set[int]) -> None:
        """What the group says this member has from now on."""
        self.consumer.hold((COMMANDS.name, OUTCOMES.name), partitions)
        self.worker.assigned(partitions)


class Group:
    """Members in the order of joining. A frozen one is put out after the session; it learns that when it goes on."""

    def __init__(
        self, agenda: Agenda, random: Random, partitions: int, sticky: float, story: Callable[..., None]
    ) -> None:
        self.agenda, self.random, self.partitions, self._story = agenda, random, partitions, story
        self._sticky = sticky
        self.members: list[App] = []
        self._coming = False

    def join(self, app: App) -> None:
        """A process asks to be a member; on the seat of another it takes that one's place and partitions."""
        app.joined = True
        before = next((member for member in self.members if member.seat == app.seat), None)
        if before is not None and before is not app and self.random.random() < 0.7:
            self.members[self.members.index(before)] = app
            before.loop.call_soon(before.fenced)
            app.partitions = before.partitions
            self._tell(app, 0.2)
            return
        if app not in self.members:
            self.members.append(app)
        self.change()

    def leave(self, app: App) -> None:
        if app in self.members:
            self.members.remove(app)
            self.change()

    def silent(self, app: App) -> None:
        """The member's heartbeats have ended: unless they go on within the session, it is put out."""
        self.agenda.after(SESSION + self.random.random(), self._expire, app, self.agenda.now)

    def _expire(self, app: App, _since: float) -> None:
        if app in self.members and (app.loop.dead or app.loop.frozen):
            self._story("group", f"puts {app.loop.name} out")
            self.leave(app)

    def goes_on(self, app: App) -> None:
        """A frozen member goes on; one that was put out finds out at its next heartbeat, and joins again."""
        if app.joined and app not in self.members:
            self.agenda.after(2.0 * self.random.random(), self._rejoin, app)

    def _rejoin(self, app: App) -> None:
        if app.loop.dead or app in self.members:
            return
        app.loop.call_soon(app.revoked)
        self.join(app)

    def change(self) -> None:
        """Divide the partitions anew, soon."""
        if not self._coming:
            self._coming = True
            self.agenda.after(0.05 + self.random.random(), self._divide)

    def _divide(self) -> None:
        self._coming = False
        if not self.members:
            return
        shares = self._shares()
        self._story("group", "assigns " + ", ".join(f"{app.loop.name}: {sorted(got)}" for app, got in shares))
        for app, got in shares:
            self.agenda.after(0.1 * self.random.random(), app.loop.call_soon, app.revoked)
            app.partitions = got
            self._tell(app, 0.1 + 0.3 * self.random.random())

    def _shares(self) -> list[tuple[App, set[int]]]:
        """Sticky, mostly: each keeps what it had, up to its share."""
        most = -(-self.partitions // len(self.members))
        held: dict[int, App] = {}
        for app in self.members:
            for number in sorted(app.partitions)[:most]:
                if self.random.random() < self._sticky:
                    held.setdefault(number, app)
        counts = {id(app): sum(1 for at in held.values() if at is app) for app in self.members}
        for number in range(self.partitions):
            if number not in held:
                app = min(self.members, key=lambda member: (counts[id(member)], self.random.random()))
                held[number] = app
                counts[id(app)] += 1
        return [(app, {number for number, owner in held.items() if owner is app}) for app in self.members]

    def _tell(self, app: App, delay: float) -> None:
        self.agenda.after(delay, self._told, app, app.partitions)

    def _told(self, app: App, partitions: set[int]) -> None:
        if app in self.members and app.partitions is partitions:
            app.loop.call_soon(app.assigned, set(partitions))
