"""Puts virtual clocks and watchers into the real modules, for as long as worlds run."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import structlog

import steps.clock
import streams.appender
import streams.beats
import streams.clock
import streams.marks
import streams.recovery
import workflow.watermark
from schemas import partition as p
from schemas.codec import decode, encode
from schemas.outcomes import ChildReported
from streams.elsewhere import Elsewhere
from streams.parts import Parts
from tests.simulation.patience import check_loss
from tests.simulation.truth import digest
from tests.story import told as told_event
from workflow.transition import Transition

if TYPE_CHECKING:
    from tests.simulation.world import World

#: Where the calendars of all worlds begin, in microseconds.
EPOCH = 1_800_000_000_000_000

_world: "World | None" = None
_records: dict[bytes, Any] = {}


def _wall() -> int:
    loop: Any = asyncio.get_running_loop()
    return EPOCH + int(loop.agenda.now * 1e6) + int(loop.skew)


def _elapsed() -> int:
    return int(asyncio.get_running_loop().time() * 1e6)


def _now() -> int:
    loop: Any = asyncio.get_running_loop()
    return int(loop.steady.now())


def _uptime() -> float:
    return 1_000.0 + asyncio.get_running_loop().time()


def _encode(record: Any) -> bytes:
    value = encode(record)
    _records[value] = record
    return value


def decoded(value: bytes) -> Any:
    """The record in these bytes; each is decoded once."""
    record = _records.get(value)
    if record is None:
        record = _records[value] = decode(value)
    return record


class Remembering:
    """A decoder that knows what was encoded here: most worlds spare themselves the bytes."""

    decode = staticmethod(decoded)


def bounds(random: Random) -> list[tuple[Any, str, Any]]:
    """Marks and snapshots come as often as it takes to matter in small worlds."""
    most = random.choice((60, 200, 50_000))
    return [
        (streams.marks, "EVERY_RECORDS", random.choice((15, 100, 5_000))),
        (streams.marks, "EVERY_SECONDS", random.choice((0.5, 5.0, 60.0))),
        (workflow.watermark, "MOST_RECORDS", most),
        (workflow.watermark, "SLACK", most // 4),
    ]


_append = Transition._append
_declare_lost = Elsewhere.declare_lost


def _watched_append(self: Transition, kind: Any, seq: int, fields: dict[str, Any]) -> Any:
    event = _append(self, kind, seq, fields)
    world = _world
    if world is not None and (event.n % world.sampled == 0):
        key = (self.partition.number, event.epoch, event.owner, event.n)
        world.truth.expected[key] = digest(self.partition, event.run_id)
    return event


def _watched_declare_lost(self: Elsewhere, worker: str) -> None:
    world = _world
    if world is not None:
        me, number = self._owner.parts.id, self._owner.number
        world.truth.declared[me, number, worker] = world.agenda.now
        world.story(me, f"finds {worker} lost in partition {number}")
        check_loss(world, worker)
    _declare_lost(self, worker)


def _log_id() -> int:
    assert _world is not None
    return _world.random.randrange(1, 1 << 31)


#: Errors that no trouble of a broker explains, whoever caught them.
_OUR_FAULT = re.compile("AttributeError|TypeError|NameError|AssertionError|KeyError")


def _logged(_logger: Any, method: str, entry: dict[str, Any]) -> Any:
    world = _world
    if world is not None and (method in ("error", "critical") or _OUR_FAULT.search(str(entry.get("why", "")))):
        world.truth.wrong(f"logged as an error: {entry}")
    elif world is not None:
        loop: Any = asyncio._get_running_loop()
        facts = " ".join(f"{name}={value}" for name, value in entry.items() if name != "event")
        world.story(loop.name if loop else "?", f"{entry['event']}: {facts}")
    raise structlog.DropEvent


def told(event: Any) -> str:
    """An event, for a trace."""
    by = f"[{event.owner} {event.epoch}/{event.n}]"
    if isinstance(event, p.PartitionClaimed):
        return f"{by} PartitionClaimed {event.positions.commands}, {event.positions.outcomes}"
    because = f"{event.cause.kind} {event.cause.offset if event.cause.offset >= 0 else event.cause.id}"
    return f"{by} {event.run_id}: {told_event(event)} ({because})"


def reported(report: Any) -> str:
    """What lands in `workflow.outcomes`, for a trace."""
    if isinstance(report, ChildReported):
        return f"{report.run_id}:{report.path} child {report.child} {report.status}"
    return f"{report.run_id}:{report.path}#{report.attempt} {report.status}"


@contextmanager
def installed(trace: bool = False) -> Iterator[None]:
    """The patches, around any number of worlds."""
    before = structlog.get_config()
    level = 20 if trace else 30
    structlog.configure(processors=[_logged], wrapper_class=structlog.make_filtering_bound_logger(level))
    with (
        patch.object(streams.clock, "wall", _wall),
        patch.object(streams.clock, "elapsed", _elapsed),
        patch.object(streams.clock, "now", _now),
        patch.object(steps.clock, "now", _now),
        patch.object(steps.clock, "uptime", _uptime),
        patch.object(streams.beats, "uptime", _uptime),
        patch.object(streams.beats, "encode", _encode),
        patch.object(streams.appender, "encode", _encode),
        patch.object(Transition, "_append", _watched_append),
        patch.object(Elsewhere, "declare_lost", _watched_declare_lost),
        patch.object(streams.recovery, "time", SimpleNamespace(monotonic=_uptime)),
        patch.object(Parts, "new_log_id", staticmethod(_log_id)),
    ):
        try:
            yield
        finally:
            structlog.configure(**before)


@contextmanager
def current(world: "World") -> Iterator[None]:
    """The world that is running."""
    global _world
    _world = world
    with ExitStack() as stack:
        for module, name, value in world.bounds:
            stack.enter_context(patch.object(module, name, value))
        try:
            yield
        finally:
            _world = None
            _records.clear()
