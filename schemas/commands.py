"""What may be asked on `workflow.commands`: imperative, one record each."""

from dataclasses import field

from schemas.message import Origin
from schemas.record import Json, Micros, NanoUsd, record


@record
class Command:
    """What every command carries. Without an id of its own, the place where it stands in the topic is its id."""

    command_id: str = ""
    run_id: str = ""
    sent_by: str = ""
    traceparent: str = ""
    origin: Origin | None = None


@record
class StartRun(Command):
    """Start a run of `workflow` (NAME, NAME@VERSION or NAME@ALIAS), or of the very `definition` that it stood for.

    A child run also has the step that asked for it, the time by which it ends, and its depth below the first run.
    """

    workflow: str = ""
    inputs: Json = b"{}"
    labels: dict[str, str] = field(default_factory=dict)
    budget: NanoUsd | None = None
    parent_run: str = ""
    parent_step: str = ""
    definition: str = ""
    version: int = 0
    deadline: Micros | None = None
    depth: int = 0


@record
class CancelRun(Command):
    """End a run now: no further step starts, running ones are cancelled and their cost is counted."""

    reason: str = ""


@record
class ReleaseRun(Command):
    """Take a quarantined run up again; the messages held for it are applied in order."""


@record
class SignalRun(Command):
    """Tell a run something: `value` is the output of the step that waits for `name`, now or later."""

    name: str = ""
    value: Json = b"null"


@record
class AnswerApproval(Command):
    """Answer what the step at `path` asks: `by` says yes or no, as one of those who may (`role`), and why.

    With a `value` it puts this in the place of the value under review.
    """

    path: str = ""
    approved: bool = False
    by: str = ""
    role: str = ""
    reason: str = ""
    value: Json | None = None


@record
class ForgetRun(Command):
    """The end of a child run stands in its parent's events: its id and result need not be kept any more."""


@record
class ResolveStep(Command):
    """Say what became of an attempt in doubt: `retry` it, `fail` the step, or `succeed` with the output it had."""

    path: str = ""
    attempt: int = 0
    decision: str = ""
    output: Json | None = None
    by: str = ""
    reason: str = ""


COMMANDS: tuple[type[Command], ...] = (
    StartRun,
    CancelRun,
    ReleaseRun,
    SignalRun,
    AnswerApproval,
    ForgetRun,
    ResolveStep,
)
