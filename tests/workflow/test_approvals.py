"""Approvals: who is asked, who answered, when and why; the first answer stands."""

import orjson
import pytest

from schemas import events as e
from schemas.commands import AnswerApproval
from tests.story import Story, same, told

ASKS = """
name: a
inputs: {sum: integer}
steps:
  - id: ok
    approve: {by: [finance, ada], prompt: "Refund {{ inputs.sum }}?", value: {sum: "{{ inputs.sum }}"}}
    timeout: 2d
"""
REFUND = ASKS + "  - {id: refund, when: steps.ok.output.approved, transform: '{{ steps.ok.output.value.sum }}'}\n"


def output(story: Story) -> dict:
    return orjson.loads(next(event for event in story.events if isinstance(event, e.StepSucceeded)).output)


def test_an_approval_asks_those_who_may_answer():
    story = Story(REFUND).start(sum=5).then("RunStarted", "ApprovalRequested ok")
    asked = story.events[1]
    assert (asked.by, asked.prompt, asked.value) == (["finance", "ada"], "Refund 5?", b'{"sum":5}')
    assert asked.until == asked.time + 2 * 86_400_000_000


def test_an_answer_says_who_when_and_why():
    story = Story(REFUND).start(sum=5).approve("ok", reason="it is his")
    story.then(
        *("ApprovalAnswered ok yes", f"StepSucceeded ok {story.events[1].output.decode()}"),
        *("StepSucceeded refund 5", "RunSucceeded 5"),
    )
    said = {"approved": True, "by": "ada", "reason": "it is his", "time": "1970-01-01T00:00:01Z", "value": {"sum": 5}}
    assert output(story) == said


def test_a_denial_is_an_output_and_no_failure():
    story = Story(REFUND).start(sum=5).deny("ok")
    assert story.events[-1].outputs == b"null" and output(story)["approved"] is False


def test_an_answer_may_carry_another_value():
    story = Story(REFUND).start(sum=5).approve("ok", value={"sum": 3})
    assert output(story)["value"] == {"sum": 3} and story.events[-1].outputs == b"3"


def test_a_person_answers_for_a_group():
    story = Story(REFUND).start(sum=5).approve("ok", by="grace").then("CommandRefused not_allowed")
    assert story.events[0].message == "ok is answered by finance, ada; this answer is by grace"
    story.approve("ok", by="grace", role="finance")
    assert (story.events[0].by, story.events[0].role, output(story)["by"]) == ("grace", "finance", "grace")


def test_who_sent_the_command_answers_unless_it_names_another():
    story = Story(REFUND).start(sum=5).command(AnswerApproval("c", "r", "ada", path="ok", approved=True))
    assert output(story)["by"] == "ada"


@pytest.mark.parametrize("second", [Story.approve, Story.deny])
def test_a_second_answer_is_refused_and_names_the_first(second):
    story = Story(REFUND + "  - {id: more, tool: t.x}\n").start(sum=5).deny("ok", reason="too much")
    second(story, "ok").then("CommandRefused answered_already")
    assert story.events[0].message == "ada denied ok at 1970-01-01T00:00:01Z: too much"


@pytest.mark.parametrize(
    ("on_timeout", "then"),
    [
        ("fail", ["StepFailed ok timeout", "RunFailed timeout"]),
        ("deny", ["ApprovalAnswered ok no", "StepSucceeded ok", "RunSucceeded"]),
        ("continue", ["StepSkipped ok", "RunSucceeded"]),
    ],
)
def test_without_an_answer_in_time_on_timeout_decides(on_timeout, then):
    story = Story(f"{ASKS}    on_timeout: {on_timeout}\n").start(sum=5).timer("ok")
    assert [line.partition(" {")[0].removesuffix(" null") for line in map(told, story.events)] == then
    assert same(story.replayed(), story.partition)
    if on_timeout == "deny":
        assert output(story)["reason"] == "no answer came in time" and output(story)["by"] == ""


def test_an_answer_that_came_too_late_is_told_what_happened():
    more = "    on_timeout: %s\n  - {id: more, tool: t.x}\n"
    story = Story(ASKS + more % "deny").start(sum=5).timer("ok").approve("ok").then("CommandRefused answered_already")
    assert story.events[0].message.startswith("the timeout denied ok at ")
    story = Story(ASKS + more % "continue").start(sum=5).timer("ok").approve("ok").then("CommandRefused not_waiting")
    assert story.events[0].message == "ok waits for no answer: it is skipped"


def test_an_answer_to_what_nobody_asked_is_refused():
    story = Story(REFUND).start(sum=5).approve("refund").then("CommandRefused unknown_approval")
    assert "no step 'refund' has asked" in story.events[0].message
    story.approve("ok").approve("ok").then("CommandRefused run_ended")


@pytest.mark.parametrize(
    ("value", "reason"), [(b"{", "value_invalid"), (b'"' + b"x" * 65_536 + b'"', "value_too_large")]
)
def test_a_value_that_is_none_is_refused(value, reason):
    story = Story(REFUND).start(sum=5)
    story.command(AnswerApproval("c", "r", "ada", path="ok", approved=True, value=value))
    story.then(f"CommandRefused {reason}")


def test_a_cancelled_approval_waits_for_nobody():
    story = Story(
        "name: a\nsteps: [{id: p, on_error: continue, parallel: {x: [{id: ok, approve: {by: ada, prompt: x}}], "
        "y: [{id: b, tool: t.x}]}}, {id: c, tool: t.x}]"
    ).start()
    story.fail("p/y/b").approve("p/x/ok").then("CommandRefused unknown_approval")
