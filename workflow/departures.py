"""What leaves a partition because of an event, until it is known to have arrived (PROTOCOL.md, 15)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from schemas import events as e
from schemas import partition as p
from schemas.commands import CancelRun, ForgetRun, StartRun
from schemas.definitions import WorkflowPublished
from schemas.message import Event
from schemas.outcomes import ChildReported
from schemas.topics import COMMANDS, DEFINITIONS, OUTCOMES, work
from schemas.workers import WorkCancelled, WorkItem
from workflow.run import CHILD_OPEN, Run
from workflow.values import WRITABLE_DEPTH, nests_within

if TYPE_CHECKING:
    from workflow.partition import Partition


#: Kinds of steps that no worker executes: what they do leaves the partition, and its arrival is their outcome.
LEAVES = frozenset({"publish"})
#: The worker of such an attempt: whoever owns the partition sends it, so that it is never lost with a worker.
NOBODY = ""


#: Characters of the run's id in an id: children of children have long names, and one sender counts its own n.
ID_TAIL = 160


@dataclass(frozen=True, slots=True)
class Departure:
    """One message to another partition or topic. `record` is encoded when it is sent; bytes go out as they are, and
    what a `StepScheduled` asks for is published.

    What is for the same `target` (the key, unless another is named) arrives in the order of its events. With a `path`
    it belongs to that attempt of a step of `run_id`, and is wanted only until the attempt has begun or is over.
    """

    topic: str
    key: str
    record: Any
    partition: int | None = None
    target: str = ""
    run_id: str = ""
    path: str = ""
    attempt: int = 0


Departures = tuple[Departure, ...]


def departures(event: Event, run: Run | None) -> Departures:
    """What leaves because of an event, in order; `run` is as it stands before the event."""
    leaving = _LEAVING.get(event.__class__)
    return () if leaving is None else leaving(event, run)


def departure_id(event: Event, index: int = 0) -> str:
    """The id that receivers know a message by: the same whenever it is sent again."""
    return f"{event.run_id[-ID_TAIL:]}:{event.epoch}/{event.n}/{index}"


def wanted(partition: "Partition", departure: Departure) -> bool:
    """Whether it is still worth sending: what belongs to an attempt goes with it."""
    if not departure.path:
        return True
    run = partition.runs.get(departure.run_id)
    state = None if run is None else run.steps.get(departure.path)
    return state is not None and state.phase in _TO_BEGIN and state.attempt == departure.attempt


_TO_BEGIN = frozenset({"scheduled", "requested"})


def _forwarded(event: p.CommandForwarded, _run: Run | None) -> Departures:
    return (Departure(COMMANDS.name, event.run_id, event.value, event.home),)


def _scheduled(event: e.StepScheduled, _run: Run | None) -> Departures:
    """What is published, or the item for the inbox of a worker of a queue."""
    if event.inbox < 0 and event.kind not in LEAVES:
        return ()
    attempt = {"run_id": event.run_id, "path": event.path, "attempt": event.attempt}
    if event.inbox >= 0:
        item = WorkItem(departure_id(event), event)
        return (Departure(work(event.queue).name, event.worker, item, event.inbox, **attempt),)  # type: ignore[arg-type]
    asked = orjson.loads(event.input)
    topic, key = str(asked.get("topic", "")), str(asked.get("key", ""))
    target = f"{topic}\0{key}" if key else departure_id(event)
    return (Departure(topic, key, event, target=target, **attempt),)  # type: ignore[arg-type]


def _child_requested(event: e.ChildRequested, run: Run | None) -> Departures:
    """The start of a child; before it, the definition that was made for it."""
    start = StartRun(
        departure_id(event, 1),
        event.child,
        traceparent=run.traceparent if run is not None else "",
        workflow=event.workflow,
        inputs=event.inputs,
        parent_run=event.run_id,
        parent_step=event.path,
        definition=event.definition,
        version=event.version,
        deadline=event.until,
        depth=event.depth,
    )
    attempt = {"target": event.child, "run_id": event.run_id, "path": event.path, "attempt": event.attempt}
    leaving = Departure(COMMANDS.name, event.child, start, **attempt)  # type: ignore[arg-type]
    if not event.source:
        return (leaving,)
    made = WorkflowPublished(event.workflow, 0, event.definition, event.source, "", event.time, event.run_id)
    return Departure(DEFINITIONS.name, event.definition, made, **attempt), leaving  # type: ignore[arg-type]


def _child_unwanted(event: e.StepCancelled | e.StepFailed, run: Run | None) -> Departures:
    """A step that was given up takes its child along."""
    reason = "the step that asked for it was given up" if isinstance(event, e.StepFailed) else event.reason
    return tuple(
        Departure(COMMANDS.name, child, CancelRun(departure_id(event), child, reason=reason))
        for child in _open_child(event.path, run)
    )


def _child_known(event: e.StepSucceeded, run: Run | None) -> Departures:
    """The end of a child stands in the log: its owner may forget it."""
    if run is None or not run.children:  # every step that succeeds comes by here
        return ()
    return tuple(_forgotten(event, child) for child in _open_child(event.path, run))


def _step_failed(event: e.StepFailed, run: Run | None) -> Departures:
    """With an attempt it is the end of a child that failed the step; without one, what goes on is told to stop."""
    return _child_known(event, run) if event.attempt else _unwanted(event, run)  # type: ignore[arg-type]


def _unwanted(event: e.StepCancelled | e.StepFailed, run: Run | None) -> Departures:
    return _child_unwanted(event, run) + _attempt_unwanted(event, run)


def _open_child(path: str, run: Run | None) -> list[str]:
    if run is None or not run.children:
        return []
    state = run.steps.get(path)
    return [state.child] if state is not None and state.phase in CHILD_OPEN else []


def _child_ignored(event: e.ChildIgnored, _run: Run | None) -> Departures:
    return () if event.status == "started" else (_forgotten(event, event.child),)


def _forgotten(event: Event, child: str) -> Departure:
    return Departure(COMMANDS.name, child, ForgetRun(departure_id(event), child))


def _started(event: e.RunStarted, _run: Run | None) -> Departures:
    return _to_parent(event.parent_run, event.parent_step, event.run_id, "started")


def _ended(status: str, tell: Callable[[Any], dict[str, Any]]) -> Callable[[Any, Run | None], Departures]:
    """A child's end goes to its parent; `tell` says what the event knows of it."""

    def leaving(event: Event, run: Run | None) -> Departures:
        if run is None or not run.parent:
            return ()
        return _to_parent(run.parent, run.parent_step, run.id, status, **tell(event))

    return leaving


def _asked_again(event: p.CommandRefused, run: Run | None) -> Departures:
    """The start of a child came once more: what was told then is told again."""
    if run is None or not run.parent or event.reason != "duplicate" or event.command != "StartRun":
        return ()
    if run.phase != "ended":
        return _to_parent(run.parent, run.parent_step, run.id, "started")
    error = {} if run.ending == "succeeded" else {"error_class": run.error_class, "message": run.message}
    return _to_parent(run.parent, run.parent_step, run.id, run.ending, output=run.outputs, **error)


def _to_parent(parent: str, path: str, child: str, status: str, **told: Any) -> Departures:
    if not parent:
        return ()
    if told.get("output") and not nests_within(orjson.loads(told["output"]), WRITABLE_DEPTH):
        status, told = "failed", {"error_class": "fatal", "message": f"its outputs nest beyond {WRITABLE_DEPTH} levels"}
    return (Departure(OUTCOMES.name, parent, ChildReported(parent, path, child, status, **told), target=child),)


def _attempt_unwanted(event: e.StepCancelled | e.StepFailed, run: Run | None) -> Departures:
    """The worker of a queue that has the attempt is told to stop. `attempt` 0: the step failed without its answer."""
    state = None if run is None else run.steps.get(event.path)
    if state is None or state.inbox < 0 or (isinstance(event, e.StepFailed) and event.attempt):
        return ()
    cancelled = WorkCancelled(state.worker, event.run_id, event.path, state.attempt)
    return (Departure(work(state.queue).name, state.worker, cancelled, state.inbox),)


_LEAVING: dict[type[Event], Callable[[Any, Run | None], Departures]] = {
    p.CommandForwarded: _forwarded,
    p.CommandRefused: _asked_again,
    e.StepScheduled: _scheduled,
    e.ChildRequested: _child_requested,
    e.ChildIgnored: _child_ignored,
    e.StepSucceeded: _child_known,
    e.StepFailed: _step_failed,
    e.StepCancelled: _unwanted,
    e.RunStarted: _started,
    e.RunSucceeded: _ended("succeeded", lambda event: {"output": event.outputs, "output_ref": event.outputs_ref}),
    e.RunFailed: _ended("failed", lambda event: {"error_class": event.error_class, "message": event.message}),
    e.RunCancelled: _ended("cancelled", lambda event: {"error_class": "fatal", "message": event.reason}),
    e.RunRefused: _ended(
        "refused", lambda event: {"error_class": "fatal", "message": f"{event.reason}: {event.message}"}
    ),
}
