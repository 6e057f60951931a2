"""Given a workflow, when something arrives, then these events: the language of the core's tests."""

from typing import Any, Self

import orjson

from schemas import events as e
from schemas import partition as p
from schemas import pending
from schemas.commands import AnswerApproval, CancelRun, Command, ForgetRun, ReleaseRun, ResolveStep, SignalRun, StartRun
from schemas.message import Cause, Event, ModelCall, Positions
from schemas.outcomes import ChildReported, StepReported
from workflow.decide import decide
from workflow.definition import Workflow
from workflow.messages import (
    AttemptLost,
    CommandTaken,
    DefinitionsRead,
    Message,
    OutcomeTaken,
    Reread,
    Resume,
    RoomFound,
    TimerDue,
)
from workflow.parse.load import load
from workflow.partition import Partition, Quarantine
from workflow.run import Run

LOG = 7
SECOND = 1_000_000


class Shelf:
    """Published workflows, in memory."""

    def __init__(self, *sources: str) -> None:
        self.by_hash: dict[str, Workflow] = {}
        self.names: dict[str, tuple[str, int, str]] = {}
        for source in sources:
            self.publish(source)

    def publish(self, source: str) -> None:
        workflow = load(source)
        self.by_hash[workflow.version_hash] = workflow
        self.names[workflow.name] = (workflow.name, 1, workflow.version_hash)

    def get(self, definition: str) -> Workflow | None:
        return self.by_hash.get(definition)

    def resolve(self, reference: str) -> tuple[str, int, str] | None:
        return self.names.get(reference.partition("@")[0])


def claim(epoch: int = 1, owner: str = "w1", time: int = 0) -> p.PartitionClaimed:
    """The record that an owner begins with."""
    return p.PartitionClaimed("", 0, epoch, owner, 0, time, Cause("owner", LOG), LOG, Positions())


class Story:
    """One partition with one owner; each verb is a message, and `events` are what the last one brought."""

    def __init__(self, *sources: str, shelf: Shelf | None = None) -> None:
        self.shelf = shelf or Shelf(*sources)
        self.name = next(iter(self.shelf.names), "missing")
        self.partition = Partition(0, self.shelf)
        self.history: list[Event] = []
        self.events: list[Event] = []
        self.now = SECOND
        self.offset = {"command": 0, "outcome": 0}
        self._record([claim()])
        self.partition.read(self.history[0])

    def _record(self, events: list[Event]) -> None:
        self.events = events
        self.history += events

    def take(self, message: Message) -> Self:
        """Decide any message."""
        self._record(decide(self.partition, message, self.now))
        return self

    def run(self, run_id: str = "r") -> Run:
        return self.partition.runs[run_id]

    def cause(self, kind: str, name: str) -> Cause:
        self.offset[kind] += 1
        return Cause(kind, LOG, self.offset[kind] - 1, name)

    def command(self, command: Command) -> Self:
        return self.take(CommandTaken(command, self.cause("command", command.command_id)))

    def start(self, run_id: str = "r", workflow: str | None = None, command_id: str = "", **inputs: Any) -> Self:
        command_id = command_id or f"start-{self.offset['command']}"
        body = orjson.dumps(inputs)
        return self.command(StartRun(command_id, run_id, workflow=workflow or self.name, inputs=body))

    def start_child(self, run_id: str, parent: str, step: str) -> Self:
        """The start that a run's step asked another partition for."""
        named = {"workflow": self.name, "parent_run": parent, "parent_step": step, "depth": 1}
        return self.command(StartRun(f"{parent}:{run_id}", run_id, **named))

    def tell_child(self, path: str, status: str, run_id: str = "r", **fields: Any) -> Self:
        """What the child run of a step tells."""
        run = self.partition.runs.get(run_id)
        child = run.steps[path].child if run and path in run.steps else "nobody"
        return self.take(
            OutcomeTaken(ChildReported(run_id, path, child, status, **fields), self.cause("outcome", child))
        )

    def forget(self, run_id: str) -> Self:
        return self.command(ForgetRun(f"forget-{run_id}", run_id))

    def cancel(self, run_id: str = "r", command_id: str = "") -> Self:
        return self.command(CancelRun(command_id or f"cancel-{self.offset['command']}", run_id, reason="enough"))

    def signal(self, name: str, value: Any = None, run_id: str = "r") -> Self:
        command_id = f"signal-{self.offset['command']}"
        return self.command(SignalRun(command_id, run_id, "ada", name=name, value=orjson.dumps(value)))

    def approve(self, path: str, by: str = "ada", **fields: Any) -> Self:
        return self._answer(path, by, approved=True, **fields)

    def deny(self, path: str, by: str = "ada", **fields: Any) -> Self:
        return self._answer(path, by, approved=False, **fields)

    def _answer(self, path: str, by: str, **fields: Any) -> Self:
        if "value" in fields:
            fields["value"] = orjson.dumps(fields["value"])
        command_id = f"answer-{self.offset['command']}"
        return self.command(AnswerApproval(command_id, fields.pop("run_id", "r"), path=path, by=by, **fields))

    def resolve(self, path: str, decision: str, **fields: Any) -> Self:
        """Somebody says what became of the attempt in doubt."""
        if "output" in fields:
            fields["output"] = orjson.dumps(fields["output"])
        run_id = fields.pop("run_id", "r")
        state = self.run(run_id).steps.get(path)
        fields = {"attempt": state.attempt if state else 1, "by": "ada", **fields}
        command_id = f"resolve-{self.offset['command']}"
        return self.command(ResolveStep(command_id, run_id, path=path, decision=decision, **fields))

    def room(self, path: str, worker: str = "q1", inbox: int = 3, run_id: str = "r") -> Self:
        """A worker of its queue has room for a step."""
        return self.take(RoomFound(run_id, path, worker, inbox))

    def release(self, run_id: str = "r") -> Self:
        return self.command(ReleaseRun(f"release-{self.offset['command']}", run_id))

    def read_again(self, run_id: str = "r", found: Quarantine | None = None) -> Self:
        """What was asked to be released is read from the log again."""
        return self.take(Reread(run_id, found or self.replayed().quarantined[run_id]))

    def outcome(self, path: str, status: str, **fields: Any) -> Self:
        """An outcome of the attempt under way, or of the one named by `attempt`."""
        run_id = fields.pop("run_id", "r")
        run = self.partition.runs.get(run_id)
        state = run.steps.get(path) if run else None
        fields.setdefault("incarnation", run.incarnation if run else 0)
        attempt = fields.pop("attempt", state.attempt if state else 1)
        report = StepReported(run_id, path, attempt, "w1", status, **fields)
        return self.take(OutcomeTaken(report, Cause("step", LOG, -1, f"{path}#{attempt}")))

    def succeed(self, path: str, output: Any = None, **fields: Any) -> Self:
        return self.outcome(path, "succeeded", output=orjson.dumps(output), **fields)

    def fail(self, path: str, error_class: str = "fatal", message: str = "broken", **fields: Any) -> Self:
        return self.outcome(path, "failed", error_class=error_class, message=message, **fields)

    def give_back(self, path: str, run_id: str = "r") -> Self:
        return self.outcome(path, "released", message="too late", run_id=run_id)

    def lose(self, path: str, worker: str = "w1", run_id: str = "r") -> Self:
        return self.take(AttemptLost(run_id, path, self.run(run_id).steps[path].attempt, worker))

    def wait(self, seconds: float) -> Self:
        self.now += int(seconds * SECOND)
        return self

    def timer(self, path: str, due: int | None = None, run_id: str = "r") -> Self:
        """The timer that is armed for a path fires, at its time."""
        if due is None:
            run = self.run(run_id)
            due = run.deadline if path == "" else run.steps[path].due
        assert due is not None, f"no timer is armed for {path}"
        self.now = max(self.now, due)
        return self.take(TimerDue(run_id, path, due))

    def read_definitions(self, run_id: str = "r") -> Self:
        return self.take(DefinitionsRead(run_id))

    def resume(self, run_id: str = "r") -> Self:
        return self.take(Resume(run_id))

    def then(self, *expected: str) -> Self:
        """The last message brought exactly these events."""
        assert [told(event) for event in self.events] == list(expected)
        return self

    def then_nothing(self) -> Self:
        return self.then()

    def replayed(self) -> Partition:
        """What a reader of the whole history folds."""
        return replay(self.history, self.shelf)


def replay(history: list[Event], shelf: Shelf) -> Partition:
    """A partition folded from the log alone."""
    partition = Partition(0, shelf)
    for event in history:
        partition.read(event)
    return partition


def same(one: Partition, other: Partition) -> bool:
    """Whether two folds agree in everything that a decision reads."""
    return (
        one.runs == other.runs
        and one.ended.times == other.ended.times
        and one.positions == other.positions
        and (one.claim.epoch, one.claim.owner, one.claim.n) == (other.claim.epoch, other.claim.owner, other.claim.n)
        and one.outbox == other.outbox
        and one.quarantined.keys() == other.quarantined.keys()
    )


def call(**fields: Any) -> ModelCall:
    return ModelCall("anthropic", "claude-haiku-4-5", **fields)


def told(event: Event) -> str:
    """An event in a few words."""
    kind = type(event).__name__
    if isinstance(event, e.StepSucceeded):
        return f"{kind} {event.path} {event.output.decode()}"
    if isinstance(event, e.StepFailed):
        return f"{kind} {event.path} {event.error_class}" + (", again" if event.retry_at is not None else "")
    if isinstance(event, e.ApprovalAnswered):
        return f"{kind} {event.path} {'yes' if event.approved else 'no'}"
    return " ".join([kind, *_names(event)])


def _names(event: Event) -> list[str]:
    match event:
        case e.StepScheduled() | e.StepReleased() | e.OutcomeIgnored() | pending.StepUnsure():
            return [f"{event.path}#{event.attempt}"]
        case (
            e.StepWaiting()
            | e.StepOpened()
            | e.StepSkipped()
            | e.StepCancelled()
            | e.ApprovalRequested()
            | pending.StepQueued()
        ):
            return [event.path]
        case pending.StepResolved():
            return [event.path, event.decision]
        case e.RunSucceeded():
            return [event.outputs.decode()]
        case e.RunFailed():
            return [event.error_class]
        case e.SignalReceived():
            return [event.name]
        case e.ChildRequested() | e.ChildStarted():
            return [f"{event.path}#{event.attempt}"]
        case e.ChildIgnored():
            return [event.path, event.status]
        case p.CommandRefused() | e.RunRefused():
            return [event.reason]
        case _:
            return []
