"""What the end of an attempt makes happen: the outcome is recorded once, and the run goes on in the same batch."""

from schemas import events as e
from schemas.outcomes import ChildReported, StepReported
from schemas.topics import MAX_VALUE
from workflow import children, doubt
from workflow.messages import AttemptLost, OutcomeTaken, RoomFound, TimerDue
from workflow.progress import cancel_live, fail, progress, schedule, succeed
from workflow.retry import UNCERTAIN, Failure, Next, next_attempt
from workflow.run import CHILD_OPEN, Run, StepState
from workflow.transition import Transition

#: After a release by the owner itself the next schedule waits: who could not begin would not a moment later either.
RELEASE_PAUSE = 1_000_000


def take(t: Transition, message: OutcomeTaken) -> None:
    """Apply the outcome of an attempt, if that attempt is the one its step waits for."""
    outcome = message.outcome
    if isinstance(outcome, ChildReported):
        return _child_told(t, outcome)
    run = t.run
    if run is None or (reason := _ignored(run, outcome)) is not None:
        return _ignore(t, outcome, "the run is not open" if run is None else reason or "")
    _settle(t, run, outcome)


def _settle(t: Transition, run: Run, outcome: StepReported) -> None:
    if outcome.status == "succeeded":
        _succeeded(t, outcome)
    elif outcome.status == "released":
        _released(t, outcome)
    else:
        _failed(t, run, outcome)
    progress(t)


def _child_told(t: Transition, told: ChildReported) -> None:
    """A child run began, or ended: what it ended with is the outcome of the attempt that asked for it."""
    run, path = t.run, told.path
    state = None if run is None else run.steps.get(path)
    if run is None or state is None or state.child != told.child or state.phase not in CHILD_OPEN:
        why = "no step waits for it" if run is not None else "the run is not open"
        t.note(e.ChildIgnored, path=path, child=told.child, status=told.status, reason=why)
    elif told.status != "started":
        _settle(t, run, children.outcome_of(run, told))
    elif state.phase == "running":
        t.note(e.ChildIgnored, path=path, child=told.child, status=told.status, reason="it was known already")
    else:
        t.emit(e.ChildStarted, path=path, attempt=state.attempt, child=told.child)


def _ignored(run: Run, outcome: StepReported) -> str | None:
    """Why an outcome changes nothing, or None."""
    state = run.steps.get(outcome.path)
    if outcome.incarnation != run.incarnation:
        return "it belongs to an earlier run of this id"
    if state is None or state.attempt != outcome.attempt or state.phase not in ("scheduled", "unsure"):
        return "its attempt is not the one under way"
    if state.phase == "unsure" and outcome.status == "failed" and outcome.error_class in UNCERTAIN:
        return "somebody is asked about it already"
    return None


def _ignore(t: Transition, outcome: StepReported, reason: str) -> None:
    t.note(
        e.OutcomeIgnored,
        path=outcome.path,
        attempt=outcome.attempt,
        status=outcome.status,
        reason=reason,
        worker=outcome.worker,
        calls=outcome.calls,
    )


def _succeeded(t: Transition, outcome: StepReported) -> None:
    output = outcome.output if outcome.output is not None else b"null"
    if len(output) > MAX_VALUE:
        message = f"the output is {len(output)} bytes; at most {MAX_VALUE} fit in an event"
        return _fail_attempt(t, outcome, "fatal", f"{message}. Return a reference to it instead", None)
    t.emit(
        e.StepSucceeded,
        path=outcome.path,
        attempt=outcome.attempt,
        output=output,
        output_ref=outcome.output_ref,
        worker=outcome.worker,
        started=outcome.started,
        ended=outcome.ended,
        calls=outcome.calls,
    )


def _released(t: Transition, outcome: StepReported) -> None:
    t.emit(
        e.StepReleased,
        path=outcome.path,
        attempt=outcome.attempt,
        reason=outcome.message,
        worker=outcome.worker,
        retry_at=t.now + (RELEASE_PAUSE if outcome.worker == t.worker else 0),
    )


def _failed(t: Transition, run: Run, outcome: StepReported) -> None:
    step, state = run.definition(outcome.path), run.steps[outcome.path]
    error_class, message = outcome.error_class, outcome.message
    if doubt.asks(step, error_class):
        return doubt.ask(t, outcome)
    follows = next_attempt(step, _failure(run, outcome.path, state, error_class, outcome.retry_after))
    if follows is not None and _too_late(state, t.now + follows.wait):
        follows = None
    if follows is None and (why := doubt.unrepeatable(step, error_class)):
        message, error_class = f"{message} ({error_class}: whether it happened is not known, and {why})", "unknown"
    _fail_attempt(t, outcome, error_class, message, follows)


def _failure(run: Run, path: str, state: StepState, error_class: str, retry_after: int | None) -> Failure:
    attempt_id = f"{run.key(path)}#{state.attempt}"
    return Failure(error_class, state.tries, state.chain, attempt_id, retry_after)


def _too_late(state: StepState, at: int) -> bool:
    return state.deadline is not None and at >= state.deadline


def _fail_attempt(t: Transition, outcome: StepReported, error_class: str, message: str, follows: Next | None) -> None:
    run = t.run
    assert run is not None
    state = run.steps[outcome.path]
    t.emit(
        e.StepFailed,
        path=outcome.path,
        attempt=outcome.attempt,
        error_class=error_class,
        message=message,
        detail=outcome.detail,
        retry_at=None if follows is None else t.now + follows.wait,
        tries=state.tries if follows is None else follows.tries,
        chain=state.chain if follows is None else follows.chain,
        worker=outcome.worker,
        started=outcome.started,
        ended=outcome.ended,
        calls=outcome.calls,
    )
    if follows is not None and follows.wait == 0:
        schedule(t, outcome.path)


def attempt_lost(t: Transition, message: AttemptLost) -> None:
    """The worker is lost: the attempt fails as `worker_lost`, and the next one follows if the policy allows."""
    run = t.run
    state = None if run is None else run.steps.get(message.path)
    if run is None or state is None or state.phase != "scheduled" or state.attempt != message.attempt:
        return
    text = f"worker {message.worker} was lost while it had the step"
    lost = StepReported(
        run.id,
        message.path,
        message.attempt,
        message.worker,
        "failed",
        run.incarnation,
        error_class="worker_lost",
        message=text,
    )
    _failed(t, run, lost)
    progress(t)


def room_found(t: Transition, message: RoomFound) -> None:
    """A step that waited for room has it, if it still waits."""
    run = t.run
    state = None if run is None else run.steps.get(message.path)
    if run is not None and run.phase == "running" and state is not None and state.phase == "queued":
        schedule(t, message.path, message)
        progress(t)


def timer_due(t: Transition, message: TimerDue) -> None:
    """What was to happen at this time happens, unless it no longer matters."""
    run = t.run
    if run is None or run.phase != "running" or message.due > t.now:
        return
    if message.path == "":
        return _run_overdue(t, run, message.due)
    state = run.steps.get(message.path)
    if state is None or message.path not in run.live:
        return
    if state.deadline == message.due:
        cancel_live(t, message.path, "the step's deadline passed")
        fail(t, message.path, "timeout", "the step's deadline passed")
    elif state.due == message.due and state.phase == "waiting":
        _waited(t, run, message.path)
    elif state.due == message.due and state.phase == "resting":
        schedule(t, message.path)
    progress(t)


def _waited(t: Transition, run: Run, path: str) -> None:
    """The time of a wait has come; that of an answer has passed."""
    state, step = run.steps[path], run.definition(path)
    if not state.signal and state.approval is None:
        return succeed(t, path, b"null")
    if step.on_timeout == "continue":
        t.emit(e.StepSkipped, path=path, step=step.id)
    elif step.on_timeout == "fail":
        awaited = f"signal {state.signal!r}" if state.signal else "answer"
        fail(t, path, "timeout", f"no {awaited} came in time")
    elif state.approval is not None:
        value = state.approval.value
        t.emit(e.ApprovalAnswered, path=path, approved=False, reason="no answer came in time", value=value)
    else:
        succeed(t, path, b"null")


def _run_overdue(t: Transition, run: Run, due: int) -> None:
    if run.deadline != due:
        return
    cancel_live(t, "", "the run's deadline passed")
    t.emit(e.RunFailed, error_class="timeout", message="the run's deadline passed")
