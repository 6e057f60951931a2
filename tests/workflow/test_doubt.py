"""Attempts of which nobody knows what became: tried again, failed, or somebody is asked."""

import pytest

from tests.story import Story, call

MODEL = "name: m\nsteps: [{{id: a, model: claude-haiku-4-5, prompt: hi, on_unknown: {policy}}}]"
TOOL = "name: t\nsteps: [{{id: a, tool: t.x, on_unknown: {policy}}}]"


@pytest.mark.parametrize("source", [MODEL, TOOL])
@pytest.mark.parametrize("error_class", ["worker_lost", "unknown"])
def test_retry_does_it_again_whatever_became_of_it(source, error_class):
    story = Story(source.format(policy="retry")).start().fail("a", error_class)
    story.then(f"StepFailed a {error_class}, again").timer("a").then("StepScheduled a#2")


@pytest.mark.parametrize("source", [MODEL, TOOL])
def test_fail_ends_the_step_and_says_why(source):
    story = Story(source.format(policy="fail")).start().lose("a").then("StepFailed a unknown", "RunFailed unknown")
    assert "whether it happened is not known, and the step says `on_unknown: fail`" in story.events[0].message


@pytest.mark.parametrize("source", [MODEL, TOOL])
def test_ask_leaves_the_step_in_doubt_and_the_run_open(source):
    story = Story(source.format(policy="ask")).start().lose("a").then("StepUnsure a#1")
    assert story.run().steps["a"].phase == "unsure" and story.events[0].worker == "w1"


def test_what_the_attempt_cost_is_counted_while_somebody_is_asked():
    story = Story(MODEL.format(policy="ask")).start().fail("a", "unknown", calls=[call(input_tokens=7, cost=3)])
    assert story.run().steps["a"].spent.cost == 3


@pytest.mark.parametrize(
    ("decision", "events"),
    [
        ("retry", ["StepResolved a retry", "StepScheduled a#2"]),
        ("fail", ["StepResolved a fail", "StepFailed a unknown", "RunFailed unknown"]),
        ("succeed", ["StepResolved a succeed", 'StepSucceeded a "done"', 'RunSucceeded "done"']),
    ],
)
def test_an_answer_decides(decision, events):
    story = Story(TOOL.format(policy="ask")).start().lose("a")
    fields = {"output": "done"} if decision == "succeed" else {}
    story.resolve("a", decision, reason="the ledger has it", **fields).then(*events)
    assert (story.events[0].by, story.events[0].reason) == ("ada", "the ledger has it")


def test_a_timeout_of_a_model_is_tried_again_and_that_of_a_tool_is_asked_about():
    Story(MODEL.format(policy="ask")).start().fail("a", "timeout").then("StepFailed a timeout, again")
    Story(TOOL.format(policy="ask")).start().fail("a", "timeout").then("StepUnsure a#1")


def test_an_answer_that_nobody_asked_for_is_refused_with_what_is():
    story = Story(TOOL.format(policy="ask")).start().resolve("a", "retry").then("CommandRefused not_unsure")
    assert story.events[0].message == "nobody asks what became of 'a': it is scheduled"
    story.lose("a").resolve("a", "retry", attempt=7).then("CommandRefused not_unsure")
    story.resolve("a", "guess").then("CommandRefused decision_invalid")
    story.resolve("a", "succeed", output="x" * 70_000).then("CommandRefused value_too_large")
    story.resolve("b", "fail").then("CommandRefused not_unsure")


def test_a_late_outcome_ends_the_doubt_unless_it_leaves_open_what_happened():
    story = Story(TOOL.format(policy="ask")).start().lose("a")
    story.fail("a", "unknown", calls=[call(cost=5)]).then("OutcomeIgnored a#1")
    assert story.events[0].calls[0].cost == 5
    story.succeed("a", 1).then("StepSucceeded a 1", "RunSucceeded 1")


def test_after_the_answer_a_late_outcome_is_counted_and_changes_nothing():
    story = Story(TOOL.format(policy="ask")).start().lose("a").resolve("a", "retry")
    story.succeed("a", 1, attempt=1).then("OutcomeIgnored a#1")


def test_without_a_policy_a_model_is_tried_again_and_a_tool_fails():
    Story("name: m\nsteps: [{id: a, model: m, prompt: hi}]").start().lose("a").then("StepFailed a worker_lost, again")
    Story("name: t\nsteps: [{id: a, tool: t.x}]").start().lose("a").then("StepFailed a unknown", "RunFailed unknown")
