from collections.abc import Iterable
from typing import Any

import pytest
from rich.console import Console

from console.render_lines import line
from console.render_timeline import bar, timeline
from console.story import RunStory
from schemas import events as e
from schemas import partition as p
from schemas.message import Cause, Event, ModelCall

SECOND = 1_000_000
BEGIN = 1_795_503_048 * SECOND


class Teller:
    """Events of one run, a second apart unless told otherwise."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = BEGIN

    def tell(self, kind: type[Event], after: float = 1.0, /, **fields: Any) -> "Teller":
        self.now += int(after * SECOND)
        number = len(self.events) + 1
        self.events.append(kind("r-1", number, 1, "w", number, self.now, Cause("step"), **fields))
        return self

    def begin(self) -> "Teller":
        return self.tell(
            e.RunStarted,
            0,
            command_id="c",
            workflow="hello",
            version=3,
            definition="h",
            inputs=b"{}",
            labels={"a": "b"},
        )

    def schedule(self, path: str, attempt: int = 1, kind: str = "tool", target: str = "t.x") -> "Teller":
        step = path.rpartition("/")[2]
        return self.tell(e.StepScheduled, path=path, step=step, attempt=attempt, kind=kind, worker="w", target=target)


def story(events: Iterable[Event]) -> RunStory:
    told = RunStory("r-1")
    for event in events:
        told.take(event)
    return told


def picture(told: RunStory, now: int = BEGIN, limit: int | None = None) -> str:
    plain = Console(width=200, no_color=True, highlight=False)
    with plain.capture() as captured:
        plain.print(timeline(told, now, limit))
    return captured.get()


def calls(*costs: int | None) -> list[ModelCall]:
    return [ModelCall("anthropic", "claude", input_tokens=10, output_tokens=3, cost=cost) for cost in costs]


def test_a_run_that_went_well() -> None:
    run = Teller().begin().schedule("a", kind="model", target="claude")
    run.tell(e.StepSucceeded, path="a", attempt=1, output=b"1", kind="model", calls=calls(1500))
    run.tell(e.StepSkipped, path="b", step="b").tell(e.RunSucceeded, outputs=b'{"x":1}')
    told = story(run.events)
    assert (told.status, told.over, told.outputs) == ("succeeded", True, b'{"x":1}')
    step = told.steps["a"]
    assert (step.status, step.ended and step.started and step.ended - step.started) == ("succeeded", SECOND)
    assert (step.calls, step.input_tokens, step.output_tokens, step.cost) == (1, 10, 3, 1500)
    said = picture(told)
    assert "r-1  hello@3  succeeded  began 2026-11-24 06:50:48 UTC, took 4.00 s  a=b" in said
    assert "✓ a" in said and "model claude" in said and "10 → 3" in said and "$0.0000015" in said
    assert "– b" in said
    assert "1 model call, 10 → 3 tokens, $0.0000015" in said
    assert 'outputs  {"x":1}' in said


def test_attempts_that_failed_are_counted_and_their_error_is_shown_while_it_stands() -> None:
    run = Teller().begin().schedule("a")
    failed = {"path": "a", "error_class": "unavailable", "message": "no answer"}
    run.tell(e.StepFailed, attempt=1, retry_at=run.now + 5 * SECOND, **failed)
    told = story(run.events)
    assert told.steps["a"].status == "retrying" and told.steps["a"].ended is None
    assert "unavailable: no answer" in picture(told, run.now)
    run.schedule("a", 2)
    assert story(run.events).steps["a"].status == "running"
    run.tell(e.StepFailed, attempt=2, **failed).tell(
        e.RunFailed, error_class="unavailable", message="no answer", path="a"
    )
    told = story(run.events)
    assert (told.status, told.error_path, told.steps["a"].attempts) == ("failed", "a", 2)
    said = picture(told)
    assert "✗ a" in said and "failed at a  unavailable: no answer" in said


def test_an_error_that_was_overcome_is_not_shown() -> None:
    run = Teller().begin().schedule("a")
    run.tell(e.StepFailed, path="a", attempt=1, error_class="timeout", message="late", retry_at=run.now)
    run.schedule("a", 2).tell(e.StepSucceeded, path="a", attempt=2, output=b"1")
    assert "timeout" not in picture(story(run.events), run.now)


def test_calls_without_a_price_are_told_and_late_ones_are_counted() -> None:
    run = Teller().begin().schedule("a").schedule("b").schedule("c")
    run.tell(e.StepSucceeded, path="a", attempt=1, output=b"1", calls=calls(None))
    run.tell(e.StepSucceeded, path="b", attempt=1, output=b"1", calls=calls(None, 2_000))
    run.tell(e.OutcomeIgnored, path="c", attempt=1, status="succeeded", reason="late", calls=calls(7))
    said = picture(story(run.events), run.now)
    assert "no price" in said
    assert "$0.000002 + ?" in said
    assert "4 model calls, 40 → 12 tokens, $0.000002007 + ?" in said


def test_inner_steps_stand_under_the_step_around_them() -> None:
    run = Teller().begin().tell(e.StepOpened, path="both", step="both", kind="parallel")
    run.schedule("both/left/x").schedule("after").schedule("both/right/y").schedule("both")
    rows = [
        row.split()[1] for row in picture(story(run.events), run.now).splitlines() if " tool " in row or "both" in row
    ]
    assert rows == ["both", "left/x", "right/y", "after"]


@pytest.mark.parametrize(
    ("kind", "fields", "status", "said"),
    [
        (e.RunCancelled, {"reason": "enough"}, "cancelled", "cancelled  enough"),
        (
            e.RunRefused,
            {"reason": "unknown_workflow", "message": "no such"},
            "refused",
            "refused  unknown_workflow: no such",
        ),
        (p.RunQuarantined, {"reason": "broken", "traceback": ""}, "quarantined", "set aside: broken"),
    ],
)
def test_other_ends(kind: type[Event], fields: dict[str, Any], status: str, said: str) -> None:
    run = Teller().begin().schedule("a").tell(kind, **fields)
    told = story(run.events)
    assert told.status == status
    assert said in picture(told, run.now)


def test_steps_that_wait_are_given_back_or_are_cancelled() -> None:
    run = Teller().begin().tell(e.StepWaiting, path="w", step="w", until=BEGIN)
    run.schedule("a").tell(e.StepReleased, path="a", attempt=1).schedule("b").tell(e.StepCancelled, path="b", attempt=1)
    steps = story(run.events).steps
    assert [steps[path].status for path in ("w", "a", "b")] == ["waiting", "waiting", "cancelled"]


def test_a_child_run_is_named_in_its_step() -> None:
    run = Teller().begin().tell(e.ChildRequested, path="c", step="c", attempt=1, child="r-1.5/c#1", workflow="leaf@2")
    step = story(run.events).steps["c"]
    assert (step.kind, step.target, step.status, step.attempts) == ("workflow", "leaf@2 r-1.5/c#1", "running", 1)
    assert line(run.events[-1], RunStory("r-1")).endswith("c: workflow leaf@2 runs as r-1.5/c#1")


def test_signals_and_answers_are_noted() -> None:
    run = Teller().begin().tell(e.SignalReceived, name="go", value=b"1", sent_by="ada@here")
    run.tell(e.ApprovalRequested, path="ok", step="ok", by=["finance"], prompt="Sure?")
    run.tell(e.StepWaiting, path="w", step="w", signal="paid")
    steps = story(run.events).steps
    assert (steps["ok"].kind, steps["ok"].status, steps["ok"].target) == ("approve", "waiting", "finance")
    assert (steps["w"].kind, steps["w"].target) == ("wait", "paid")
    run.tell(e.ApprovalAnswered, path="ok", approved=True, by="ada", role="finance", reason="he is right")
    run.tell(e.ApprovalAnswered, path="other", approved=False)
    assert story(run.events).notes == [
        "signal go came from ada@here",
        "ada as finance approved ok: he is right",
        "the timeout denied other",
    ]


def test_a_run_that_was_accepted_refused_something_and_was_released() -> None:
    run = Teller().tell(e.RunAccepted, command_id="c", workflow="hello", inputs=b"{}")
    assert story(run.events).status == "accepted"
    run.tell(p.RunQuarantined, reason="x", traceback="").tell(p.RunReleased)
    run.tell(p.CommandRefused, command="StartRun", command_id="c2", reason="run_exists", message="it is there")
    told = story(run.events)
    assert told.status == "accepted"
    assert told.notes == ["set aside: x", "released", "StartRun was refused (run_exists): it is there"]


def test_of_too_many_steps_those_under_way_are_shown() -> None:
    run = Teller().begin().schedule("early")
    for number in range(20):
        run.schedule(f"s{number}").tell(e.StepSucceeded, path=f"s{number}", attempt=1, output=b"1")
    said = picture(story(run.events), run.now, limit=4)
    assert "early" in said and "s19" in said and "s2 " not in said
    assert "… and 17 more" in said


def test_long_outputs_are_cut_and_say_so() -> None:
    run = Teller().begin().tell(e.RunSucceeded, outputs=b'"' + b"x" * 5000 + b'"')
    assert "… 5,002 characters, --json shows all" in " ".join(picture(story(run.events)).split())


@pytest.mark.parametrize(
    ("start", "end", "drawn"), [(0, 10, "█" * 10), (5, 10, " " * 5 + "█" * 5), (10, 10, " " * 9 + "▏"), (0, 0, "▏")]
)
def test_bars_lie_within_their_line(start: int, end: int, drawn: str) -> None:
    assert bar(start, end, 10, width=10) == drawn


def test_a_bar_of_almost_nothing_is_thin() -> None:
    assert bar(500, 501, 1000, width=10) == " " * 5 + "▏"


def test_events_as_lines() -> None:
    run = Teller().begin().schedule("a", kind="model", target="claude")
    run.tell(e.StepFailed, path="a", attempt=1, error_class="timeout", message="late", retry_at=run.now + 3 * SECOND)
    run.schedule("a", 2).tell(e.StepSucceeded, path="a", attempt=2, output=b"1", calls=calls(5)).schedule("b")
    run.tell(e.StepSucceeded, path="b", attempt=1, output=b"1").tell(e.StepSkipped, path="c", step="c")
    run.tell(p.CommandRefused, command="CancelRun", command_id="c", reason="x", message="no")
    run.tell(p.RunQuarantined, reason="odd", traceback="").tell(e.RunRefused, reason="x", message="gone")
    run.tell(e.ApprovalRequested, path="ok", step="ok", by=["finance"], prompt="Sure?")
    run.tell(e.ApprovalAnswered, path="ok", approved=True, by="ada").tell(e.SignalReceived, name="go", value=b"1")
    run.tell(e.RunFailed, error_class="fatal", message="bad").tell(e.RunCancelled, reason="enough")
    run.tell(e.RunSucceeded, outputs=b"{}")
    told = RunStory("r-1")
    lines = []
    for event in run.events:
        told.take(event)
        lines.append(line(event, told).split("  ")[-1])
    assert lines == [
        "r-1 started: hello@3",
        "a: model claude",
        "a: timeout: late, again in 2.00 s",
        "a: tool t.x, attempt 2",
        "a: succeeded in 3.00 s, 10 → 3 tokens, $0.000000005",
        "b: tool t.x",
        "b: succeeded in 1.00 s",
        "c: skipped",
        "CancelRun refused: no",
        "r-1 set aside: odd",
        "r-1 refused: gone",
        "ok: finance asked: Sure?",
        "ada approved ok",
        "signal go came",
        "r-1 failed: fatal: bad",
        "r-1 cancelled enough",
        "r-1: succeeded",
    ]
    assert line(run.events[1], told).startswith("+   1.00 s  ")
