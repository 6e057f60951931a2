"""The owner of a partition: takes over by reading, decides, appends, and acts on the ack (PROTOCOL.md, 1-7)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from schemas import partition as p
from schemas.message import Cause, Positions
from schemas.topics import COMMANDS, EVENTS, OUTCOMES
from streams import acts, clock
from streams.appender import Appender, Entry
from streams.elsewhere import Elsewhere
from streams.intake import Intake
from streams.log import LogCut
from streams.marks import Marking
from streams.outbox import Outbox
from streams.parts import Parts
from streams.recovery import Progress, Unreadable, take_over
from streams.timers import Timer
from streams.unsettled import settle
from workflow.decide import decide
from workflow.messages import Message, Resume, TimerDue
from workflow.partition import Partition

logger = structlog.get_logger("millrace.owner")

#: Seconds before a partition is read again after a surprise, growing to the second figure.
PAUSE, LONGEST_PAUSE = 0.05, 5.0
#: Seconds before a log that this version cannot read is tried again: somebody must mend it, or upgrade.
UNREADABLE_PAUSE = 60.0


class Owner:
    """One partition while this process owns it. `phase`: reading, claiming, live, closed."""

    def __init__(self, number: int, parts: Parts) -> None:
        self.number, self.parts = number, parts
        self.phase, self.resumed = "reading", False
        self.state = Partition(number, parts.definitions)
        self.appender: Appender | None = None
        self.intakes = {
            "command": Intake(self, "command", parts.settings.topic(COMMANDS.name)),
            "outcome": Intake(self, "outcome", parts.settings.topic(OUTCOMES.name)),
        }
        self.outbox: Outbox = Outbox(self)
        self.marking: Marking = Marking(self)
        self.elsewhere: Elsewhere = Elsewhere(self)
        self.progress = Progress()
        self.ahead = 0
        """Microseconds that the partition's time was ahead of our clock when this owner took over."""
        self._task: asyncio.Task[None] | None = None
        self._beside: dict[asyncio.Task[None], None] = {}
        self._pause = PAUSE
        self._epoch = 0
        self._log = logger.bind(partition=number)

    def start(self) -> None:
        """Take the partition over, in the background."""
        self._task = asyncio.get_running_loop().create_task(self._take_over())

    async def _take_over(self) -> None:
        """Read, then claim at the end that was read; the ack of the claim makes this owner live."""
        try:
            self.state, end = await take_over(self.number, self.parts, self.progress)
            if (epoch := self.state.claim.epoch) < self._epoch:
                raise Unreadable(f"the log ends in epoch {epoch}, and {self._epoch} stood in it: restore what was cut")
        except Exception as error:
            return self._surprise(error)
        topic = self.parts.settings.topic(EVENTS.name)
        self.ahead = max(0, self.state.time - clock.now())
        self.phase = "claiming"
        self.appender = Appender(
            lambda records: self.parts.producer.send_batch(topic, self.number, records),
            end,
            self._acked,
            self._surprise,
        )
        self.appender.append([self._claim()], None)

    def _claim(self) -> p.PartitionClaimed:
        state = self.state
        positions = Positions(state.positions["command"], state.positions["outcome"])
        now = max(self.now(), state.time)
        log = state.log or self.parts.new_log_id()
        cause = Cause("owner", log)
        return p.PartitionClaimed("", 0, state.claim.epoch + 1, self.parts.id, 0, now, cause, log, positions)

    def now(self) -> int:
        """The time of the partition, which goes on where its last owner's clock was ahead of ours."""
        return clock.now() + self.ahead

    def timer_due(self, timer: Timer) -> None:
        """A timer of this partition fired."""
        self.handle(TimerDue(timer.run_id, timer.path, timer.due + self.ahead))

    def handle(self, message: Message) -> None:
        """Decide, fold and queue; what follows happens on the ack."""
        if self.phase != "live" or self.appender is None:
            return
        try:
            events = decide(self.state, message, self.now())
            if events:
                self.appender.append(events, message)
        except Exception as error:  # what cannot be written was folded: only the log knows the state now
            self._surprise(error)

    def _acked(self, entries: list[Entry], base: int) -> None:
        if self.parts.archive is not None:
            self.parts.archive.append(self.number, base, [(entry.key, entry.value) for entry in entries])
        self._pause = PAUSE
        self.marking.acked(len(entries))
        for entry in entries:
            self.outbox.acked(entry.event)
            acts.act(self, entry.event)
        for intake in self.intakes.values():
            intake.wake()

    def _surprise(self, error: Exception) -> None:
        """Drop the state, remember what is unsettled, read again: the one way out of every doubt."""
        if self.phase == "closed":
            return
        why = f"{type(error).__name__}: {error}"
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        if isinstance(error, Unreadable | LogCut):
            pause = UNREADABLE_PAUSE
            self._log.error("the partition stands still", why=why, pause=pause)
        else:
            self._log.warning("reading the partition again", why=why, pause=pause)
        self._drop()
        self.phase = "reading"
        self._task = asyncio.get_running_loop().create_task(self._again(pause))

    async def _again(self, pause: float) -> None:
        await asyncio.sleep(pause)
        await self._take_over()

    def _drop(self) -> None:
        """Let go of everything but the duty to answer for what was sent (PROTOCOL.md, 6)."""
        self.resumed = False
        for task in list(self._beside):
            task.cancel()
        self.close_intakes()
        self.outbox.close()
        self.marking.close()
        self.parts.timers.forget(self.number)
        self.elsewhere.clear()
        if self.appender is not None:
            left, known_end = self.appender.close(), self.appender.expected
            self.appender = None
            if left:
                self.parts.spawn(settle(self.number, left, known_end, self.parts))

    def close(self) -> None:
        """Another worker owns the partition now, or this one ends."""
        if self.phase != "closed":
            self._drop()
            self.phase = "closed"
            if self._task is not None:
                self._task.cancel()

    def live(self, claim: p.PartitionClaimed) -> None:
        self.state.read(claim)
        self.phase, self._epoch = "live", claim.epoch
        self.outbox.take_over()
        self._log.info("owned", epoch=claim.epoch, open_runs=len(self.state.runs))
        self.beside(self._go_live)

    def beside(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do this while the claim stands; if it fails, reading again finds what is owed."""

        async def watched() -> None:
            try:
                await work()
            except Exception as error:
                self._surprise(error)

        task = self.parts.spawn(watched())
        self._beside[task] = None
        task.add_done_callback(lambda done: self._beside.pop(done, None))

    async def _go_live(self) -> None:
        """Take in what is waiting, then decide what each open run owes (PROTOCOL.md, 9)."""
        await self._open_intakes()
        await self.caught_up()
        await self._resume()
        self.resumed = True

    def intake_of(self, topic: str) -> Intake:
        """The intake of one of the two topics."""
        return next(intake for intake in self.intakes.values() if intake.topic == topic)

    def close_intakes(self) -> None:
        """Take in nothing; what was handed over and not decided will be read again."""
        for intake in self.intakes.values():
            intake.close()

    def open_intakes(self) -> None:
        """Read on where the log says; before this owner is live that happens on its way there."""
        if self.phase == "live":
            self.beside(self._open_intakes)

    async def _open_intakes(self) -> None:
        for intake in self.intakes.values():
            await self.parts.log.must_hold(intake.topic, self.number, self.state.positions[intake.kind])
            await intake.open(self.state.positions[intake.kind])

    async def caught_up(self) -> None:
        """Wait until commands and outcomes are taken in up to the ends that they have now."""
        for intake in self.intakes.values():
            end = await self.parts.log.end(intake.topic, self.number)
            while not await intake.reached(end):
                await asyncio.sleep(0.02)

    async def _resume(self) -> None:
        for run_id, known in list(self.state.quarantined.items()):
            self.handle(Resume(run_id))  # one that was set aside while reading gets its record
            if known.asked():
                acts.read_again(self, run_id)
        for run_id in list(self.state.runs):
            self.handle(Resume(run_id))
            if (run := self.state.runs.get(run_id)) is not None:
                acts.take_up(self, run)
            await asyncio.sleep(0)
        self.elsewhere.place()
