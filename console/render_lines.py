"""An event as a line of text, for output that is no terminal."""

from console.render_values import dollars, duration, tokens
from console.story import RunStory
from schemas import events as e
from schemas import partition as p
from schemas.message import Event


def line(event: Event, story: RunStory) -> str:
    """`+1.20 s  judge  succeeded …`; the story has taken the event already."""
    return f"+{duration(max(0, event.time - (story.started or event.time))):>9}  {_said(event, story)}"


def _said(event: Event, story: RunStory) -> str:
    match event:
        case e.RunStarted():
            return f"{event.run_id} started: {event.workflow}@{event.version}"
        case e.StepScheduled():
            attempt = f", attempt {event.attempt}" if event.attempt > 1 else ""
            return f"{event.path}: {event.kind} {event.target}{attempt}".rstrip()
        case e.StepSucceeded():
            return f"{event.path}: succeeded{_used(story, event.path)}"
        case e.StepFailed():
            again = f", again in {duration(event.retry_at - event.time)}" if event.retry_at is not None else ""
            return f"{event.path}: {event.error_class}: {event.message}{again}"
        case e.RunFailed():
            return f"{event.run_id} failed: {event.error_class}: {event.message}"
        case e.RunCancelled():
            return f"{event.run_id} cancelled {event.reason}".rstrip()
        case e.RunRefused():
            return f"{event.run_id} refused: {event.message}"
        case p.CommandRefused():
            return f"{event.command} refused: {event.message}"
        case p.RunQuarantined():
            return f"{event.run_id} set aside: {event.reason}"
    return _of_others(event, story) or _plainly(event)


def _of_others(event: Event, story: RunStory) -> str:
    """What people are asked, answer and tell, and what other runs are asked for."""
    if isinstance(event, e.ChildRequested):
        return f"{event.path}: workflow {event.workflow} runs as {event.child}"
    if isinstance(event, e.ApprovalRequested):
        return f"{event.path}: {', '.join(event.by)} asked: {event.prompt}"
    return story.notes[-1] if isinstance(event, e.SignalReceived | e.ApprovalAnswered) else ""


def _plainly(event: Event) -> str:
    """Of the rest: the kind's own words, such as `a/b: skipped`."""
    kind = type(event).__name__
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in kind).split()
    return f"{getattr(event, 'path', '') or event.run_id}: {words[-1]}"


def _used(story: RunStory, path: str) -> str:
    step = story.steps[path]
    took = "" if step.ended is None or step.started is None else f" in {duration(step.ended - step.started)}"
    if not step.calls:
        return took
    price = dollars(step.cost) if step.unpriced < step.calls else "no price"
    return f"{took}, {tokens(step.input_tokens, step.output_tokens)} tokens, {price}"
