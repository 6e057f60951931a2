"""`millrace show`: one run whole, from the projections."""

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from console.story import RunStory
    from projections.lines import AttemptLine, Quarantined, RunView

_JSON_TEXTS = ("inputs", "outputs", "labels", "output")


def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON: steps, attempts, calls, refusals.")] = False,
) -> None:
    """Show one run: its steps on a time line, with attempts, tokens, dollars and errors.

    Read from the snapshot that the projector publishes every few seconds; `millrace watch` reads the log itself.

    Examples:
      millrace show hello-7f3k9q2x0a
      millrace show hello-7f3k9q2x0a --json | jq '.steps[] | {path, usd}'
    """
    from console.render import print_json
    from console.render import show as print_picture
    from console.settings import load
    from console.snapshot import asking

    settings = load()
    with asking():
        from projections.runs import show_run

        view = show_run(settings.snapshot, run_id)
    if json:
        print_json(record(view))
        return
    from console.render_timeline import timeline

    print_picture(timeline(story(view, run_id), time.time_ns() // 1_000))


def story(view: "RunView", run_id: str) -> "RunStory":
    """The run as the time line shows it."""
    from console.render_values import instant, microseconds
    from console.story import RunStory

    told = RunStory(run_id)
    if (run := view.run) is not None:
        told.workflow, told.version, told.state = run.workflow or "", run.version or 0, run.status
        told.started, told.ended = microseconds(run.started_at or run.accepted_at), microseconds(run.ended_at)
        told.outputs = None if run.outputs is None else run.outputs.encode()
        told.error_class, told.error = run.error_class or "", run.error_message or ""
        told.error_path = run.error_path or ""
        told.labels = _parsed(run.labels) or {}
    told.steps = {line.path: _step(line, told.ended) for line in view.steps}
    for call in view.calls:
        if call.path not in told.steps or not told.steps[call.path].status:
            _bill_a_stranger(told, call)
    for refusal in view.refusals:
        when = microseconds(refusal.refused_at)
        what = refusal.command or refusal.kind
        said = f"{what} was refused ({refusal.reason}): {refusal.message}"
        told.notes.append(said if when is None else f"{instant(when)}  {said}")
    told.notes += [
        _in_doubt(line, run_id) for line in view.attempts if line.status == "unsure" and _is_asked(view, line)
    ]
    if view.quarantine is not None:
        told.notes += _set_aside(view.quarantine, run_id)
    return told


def _is_asked(view: "RunView", attempt: "AttemptLine") -> bool:
    return any(s.path == attempt.path and s.status == "unsure" and s.attempts == attempt.attempt for s in view.steps)


def _in_doubt(attempt: "AttemptLine", run_id: str) -> str:
    """Which call may have been made, and billed; whose it was, since when, and how to go on."""
    from console.render_values import instant, microseconds

    since = microseconds(attempt.ended_at)
    call = f"{attempt.path}#{attempt.attempt} with {attempt.target or 'no target'} on {attempt.worker}"
    remedy = f"millrace resolve {run_id} {attempt.path} retry|fail|succeed --attempt {attempt.attempt}"
    return (
        f"{'' if since is None else instant(since)}  unknown, maybe billed: {call} ({attempt.error_message}); {remedy}"
    )


def _set_aside(known: "Quarantined", run_id: str) -> list[str]:
    """Why, since when, and what to do about it; the traceback is what somebody needs who is to mend it."""
    from console.render_values import instant, microseconds

    since, released = microseconds(known.quarantined_at), microseconds(known.released_at)
    when = "" if since is None else f"{instant(since)}  "
    if not known.still_set_aside:
        return [f"{when}set aside: {known.reason}", f"{instant(released)}  released" if released else "released"]
    remedy = f"once a version runs that does not raise: millrace release {run_id}"
    return [f"{when}set aside: {known.reason}; {known.held} messages held", known.traceback or "", remedy]


def _step(line: Any, run_ended: int | None) -> Any:
    from console.render_values import microseconds
    from console.story import StepLine

    began = microseconds(line.scheduled_at) or microseconds(line.started_at)
    return StepLine(
        path=line.path,
        kind=line.kind or "",
        target=" ".join(part for part in (line.target, line.child_run) if part),
        status="running" if line.status in ("scheduled", "open") else line.status,
        attempts=line.attempts or 0,
        started=began,
        ended=microseconds(line.ended_at) or run_ended,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        calls=line.calls,
        cost=int((line.usd or Decimal(0)) * 1_000_000_000),
        unpriced=line.unpriced,
        error=_error(line),
    )


def _bill_a_stranger(told: "RunStory", call: Any) -> None:
    """A late outcome may be of a step that the run does not know; it was paid for all the same."""
    from console.story import StepLine

    line = told.steps.setdefault(call.path, StepLine(call.path))
    line.calls, line.unpriced = line.calls + 1, line.unpriced + call.unpriced
    line.input_tokens, line.output_tokens = (
        line.input_tokens + call.input_tokens,
        line.output_tokens + call.output_tokens,
    )
    line.cost += int((call.usd or Decimal(0)) * 1_000_000_000)


def _error(line: Any) -> str:
    return ": ".join(part for part in (line.last_error_class, line.last_error_message) if part)


def record(view: "RunView") -> dict[str, Any]:
    """Everything about the run, for programs."""
    from dataclasses import asdict

    whole = asdict(view)
    for line in (*([whole["run"]] if whole["run"] else []), *whole["steps"]):
        for name in _JSON_TEXTS:
            if name in line:
                line[name] = _parsed(line[name])
    totals = {"usd": view.usd, "unpriced": view.unpriced}
    return {**whole, "total": {**totals, "input_tokens": view.input_tokens, "output_tokens": view.output_tokens}}


def _parsed(text: str | None) -> Any:
    import orjson

    return None if text is None else orjson.loads(text)
