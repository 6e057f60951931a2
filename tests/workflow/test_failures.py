"""Failures: retries, chains of models, on_error, shapes that fail, lost workers, deadlines."""

import pytest

from tests.story import SECOND, Story, call, claim

RETRIED = """
name: flaky
steps:
  - {id: a, tool: t.flaky, idempotent: true, retry: {attempts: 3, backoff: 1s, factor: 2, max: 30s}}
  - {id: b, transform: "{{ steps.a.attempts }}"}
"""


def test_a_failed_attempt_is_tried_again_after_a_wait():
    story = Story(RETRIED).start().fail("a", "unavailable").then("StepFailed a unavailable, again")
    assert 0.8 * SECOND <= story.events[0].retry_at - story.now <= 1.2 * SECOND
    story.timer("a").then("StepScheduled a#2")
    story.fail("a", "unavailable")
    assert 1.6 * SECOND <= story.events[0].retry_at - story.now <= 2.4 * SECOND
    story.timer("a").fail("a", "unavailable").then("StepFailed a unavailable", "RunFailed unavailable")
    assert story.events[1].path == "a"


def test_a_step_that_succeeds_in_the_end_goes_on():
    story = Story(RETRIED).start().fail("a", "timeout").timer("a").succeed("a", 1)
    story.then("StepSucceeded a 1", "StepSucceeded b 2", "RunSucceeded 2")


def test_the_wait_is_the_same_on_every_machine():
    waits = {Story(RETRIED).start().fail("a", "unavailable").events[0].retry_at for _ in range(3)}
    assert len(waits) == 1


def test_a_provider_can_ask_for_a_longer_wait_but_not_for_ever():
    story = Story(RETRIED).start().fail("a", "rate_limited", retry_after=60 * SECOND)
    assert story.events[0].retry_at - story.now == 60 * SECOND
    story = Story(RETRIED).start().fail("a", "rate_limited", retry_after=86_400 * SECOND)
    assert story.events[0].retry_at - story.now == 15 * 60 * SECOND


@pytest.mark.parametrize("error_class", ["fatal", "auth", "budget", "malformed", "refused"])
def test_some_failures_are_not_tried_again(error_class):
    Story(RETRIED).start().fail("a", error_class).then(f"StepFailed a {error_class}", f"RunFailed {error_class}")


def test_a_step_may_say_what_it_retries():
    only = "name: o\nsteps: [{id: a, tool: t.x, retry: {attempts: 2, backoff: 1s, on: [fatal]}}]"
    Story(only).start().fail("a", "fatal").then("StepFailed a fatal, again")
    Story(only).start().fail("a", "unavailable").then("StepFailed a unavailable", "RunFailed unavailable")


CHAIN = """
name: chain
steps: [{id: m, model: [claude-haiku-4-5, gemini-2.5-flash], prompt: hi, retry: {attempts: 2, backoff: 1s}}]
"""


def test_the_next_model_is_asked_at_once_and_after_the_last_the_first_again():
    story = Story(CHAIN).start()
    assert story.events[1].target == "claude-haiku-4-5"
    story.fail("m", "overloaded").then("StepFailed m overloaded, again", "StepScheduled m#2")
    assert story.events[1].target == "gemini-2.5-flash"
    story.fail("m", "overloaded").then("StepFailed m overloaded, again")
    story.timer("m").then("StepScheduled m#3")
    assert story.events[0].target == "claude-haiku-4-5" and story.events[0].tries == 2
    story.fail("m", "overloaded").fail("m", "overloaded").then("StepFailed m overloaded", "RunFailed overloaded")


def test_a_refusal_moves_on_only_where_the_step_says_so():
    Story(CHAIN).start().fail("m", "refused").then("StepFailed m refused", "RunFailed refused")
    says = CHAIN.replace("backoff: 1s", "backoff: 1s, on: [refused]")
    Story(says).start().fail("m", "refused").then("StepFailed m refused, again", "StepScheduled m#2")


@pytest.mark.parametrize(
    ("step", "again"),
    [
        ("tool: t.x", False),
        ("tool: t.x, idempotent: true", True),
        ("model: claude-haiku-4-5, prompt: hi", True),
        ('http: {url: "http://127.0.0.1/"}', True),
        ('http: {url: "http://127.0.0.1/", method: PUT}', True),
        ('http: {url: "http://127.0.0.1/", method: POST}', False),
    ],
)
def test_what_may_have_happened_is_repeated_only_where_it_does_no_harm(step, again):
    story = Story(f"name: x\nsteps: [{{id: a, {step}}}]").start().lose("a")
    if again:
        story.then("StepFailed a worker_lost, again")
    else:
        story.then("StepFailed a unknown", "RunFailed unknown")
        assert "idempotent" in story.events[0].message


def test_a_lost_attempt_that_is_no_longer_under_way_changes_nothing():
    story = Story(RETRIED).start()
    from workflow.messages import AttemptLost

    story.take(AttemptLost("r", "a", 9, "w0")).then_nothing()
    story.take(AttemptLost("gone", "a", 1, "w0")).then_nothing()


def test_a_late_outcome_changes_nothing_but_its_cost_is_counted():
    story = Story(RETRIED).start().fail("a", "timeout")
    story.succeed("a", 1, attempt=1, calls=[call(input_tokens=5)]).then("OutcomeIgnored a#1")
    assert story.events[0].calls[0].input_tokens == 5 and story.events[0].seq == 0
    story.succeed("nowhere", 1).then("OutcomeIgnored nowhere#1")
    story.succeed("a", 1, attempt=1, incarnation=3).then("OutcomeIgnored a#1")
    assert "earlier" in story.events[0].reason


def test_an_outcome_of_a_run_that_ended_is_ignored():
    Story(RETRIED).start().cancel().succeed("a", 1).then("OutcomeIgnored a#1")


def test_what_was_not_begun_is_given_back_and_scheduled_again_without_counting():
    story = Story(RETRIED).start().give_back("a").then("StepReleased a#1")
    story.timer("a").then("StepScheduled a#2")
    assert story.events[0].tries == 1


def test_what_another_worker_gave_back_is_scheduled_without_waiting():
    story = Story(RETRIED).start().give_back("a")
    assert story.events[0].retry_at > story.now
    story.timer("a")
    assert story.partition.read(claim(2, "w2", story.now))
    story.give_back("a").then("StepReleased a#2")
    assert story.events[0].retry_at == story.now


def test_continue_goes_on_without_the_output():
    text = 'name: c\nsteps: [{id: a, tool: t.x, on_error: continue}, {id: b, transform: "{{ has(steps.a.output) }}"}]'
    Story(text).start().fail("a").then("StepFailed a fatal", "StepSucceeded b false", "RunSucceeded false")


HANDLED = """
name: h
steps:
  - {id: a, tool: t.x, on_error: [{id: fix, transform: "{{ error.message }}"}]}
  - {id: b, transform: "{{ steps.a.output }}"}
"""


def test_on_error_steps_give_the_output_instead():
    story = Story(HANDLED).start().fail("a", "fatal", "oh no")
    story.then(
        "StepFailed a fatal",
        "StepOpened a",
        'StepSucceeded a/on_error/fix "oh no"',
        'StepSucceeded a "oh no"',
        'StepSucceeded b "oh no"',
        'RunSucceeded "oh no"',
    )


def test_a_handler_that_fails_fails_the_run():
    text = "name: h\nsteps: [{id: a, tool: t.x, on_error: [{id: fix, tool: t.y}]}]"
    story = Story(text).start().fail("a").then("StepFailed a fatal", "StepOpened a", "StepScheduled a/on_error/fix#1")
    story.fail("a/on_error/fix", "auth").then("StepFailed a/on_error/fix auth", "StepFailed a auth", "RunFailed auth")


SHAPE = """
name: s
steps:
  - id: p
    parallel:
      one: [{id: b, tool: t.x}]
      two: [{id: c, tool: t.x}]
    on_error: continue
  - {id: z, transform: 1}
"""


def test_a_failing_branch_fails_the_shape_and_ends_the_other_branches():
    story = Story(SHAPE).start().fail("p/one/b")
    story.then(
        "StepFailed p/one/b fatal", "StepCancelled p/two/c", "StepFailed p fatal", "StepSucceeded z 1", "RunSucceeded 1"
    )
    assert "p/one/b" in story.events[2].message


def test_a_failing_branch_fails_the_run_where_nothing_catches_it():
    story = Story(SHAPE.replace("    on_error: continue\n", "")).start().fail("p/one/b")
    story.then("StepFailed p/one/b fatal", "StepCancelled p/two/c", "StepFailed p fatal", "RunFailed fatal")


def test_a_steps_deadline_bounds_all_its_attempts():
    text = "name: d\nsteps: [{id: a, tool: t.x, idempotent: true, deadline: 10s, retry: {attempts: 9, backoff: 20s}}]"
    story = Story(text).start()
    deadline = story.events[1].deadline
    assert deadline == story.now + 10 * SECOND
    story.timer("a", due=deadline).then("StepFailed a timeout", "RunFailed timeout")
    Story(text).start().fail("a", "unavailable").then("StepFailed a unavailable", "RunFailed unavailable")


def test_a_runs_deadline_ends_it():
    story = Story("name: d\ndeadline: 10s\nsteps: [{id: a, tool: t.x}]").start()
    story.timer("", due=5).then_nothing()
    story.timer("").then("StepCancelled a", "RunFailed timeout")


def test_usage_of_all_attempts_adds_up():
    text = """
name: u
steps:
  - {id: m, model: claude-haiku-4-5, prompt: hi, retry: {attempts: 2, backoff: 1s}}
  - {id: t, transform: "{{ steps.m.usage.input_tokens }}"}
"""
    story = Story(text).start().fail("m", "timeout", calls=[call(input_tokens=5)]).timer("m")
    story.succeed("m", "x", calls=[call(input_tokens=7, cost=10)])
    story.then('StepSucceeded m "x"', "StepSucceeded t 12", "RunSucceeded 12")
