"""Signals: a step waits for one by name, what comes early is kept in order, and too many are refused."""

import pytest

from schemas.commands import SignalRun
from tests.story import Story, same
from workflow.signals import KEPT

WAITS = 'name: s\nsteps: [{id: w, wait: {signal: paid}, timeout: 1h%s}, {id: t, transform: "{{ steps.w.%s }}"}]'
PAID = WAITS % ("", "output.sum")


def test_a_signal_is_the_output_of_the_step_that_waits_for_it():
    story = Story(PAID).start().then("RunStarted", "StepWaiting w")
    story.signal("paid", {"sum": 7})
    story.then("SignalReceived paid", 'StepSucceeded w {"sum":7}', "StepSucceeded t 7", "RunSucceeded 7")
    assert story.events[0].sent_by == "ada"


def test_a_signal_of_another_name_is_kept_and_wakes_nobody():
    story = Story(PAID).start().signal("cancelled").then("SignalReceived cancelled")
    assert story.run().signals == {"cancelled": [b"null"]} and same(story.replayed(), story.partition)


def test_signals_that_come_before_their_wait_are_taken_in_order():
    text = """
name: s
steps:
  - {id: a, tool: t.x}
  - {id: b, wait: {signal: go}}
  - {id: c, wait: {signal: "{{ 'g' + 'o' }}"}}
"""
    story = Story(text).start().signal("go", 1).signal("go", 2).then("SignalReceived go").succeed("a")
    story.then(
        *("StepSucceeded a null", "StepWaiting b", "StepSucceeded b 1", "StepWaiting c"),
        *("StepSucceeded c 2", "RunSucceeded 2"),
    )


def test_the_step_that_began_to_wait_first_takes_the_signal_first():
    text = "name: s\nsteps: [{id: a, wait: {signal: go}}, {id: b, needs: [], wait: {signal: go}}]"
    story = Story(text).start().signal("go", 1)
    story.then("SignalReceived go", "StepSucceeded a 1").signal("go", 2)
    story.then("SignalReceived go", "StepSucceeded b 2", "RunSucceeded 2")


def test_a_signal_is_taken_by_no_step_that_has_been_given_up():
    text = """
name: s
steps:
  - id: p
    on_error: continue
    parallel: {x: [{id: a, wait: {signal: go}}], y: [{id: b, tool: t.x}]}
  - {id: c, tool: t.x}
  - {id: d, wait: {signal: go}}
"""
    story = Story(text).start().fail("p/y/b")
    assert story.run().expected == {}
    story.signal("go", 1).then("SignalReceived go").succeed("c")
    story.then("StepSucceeded c null", "StepWaiting d", "StepSucceeded d 1", "RunSucceeded 1")


@pytest.mark.parametrize(
    ("key", "output", "then"),
    [
        ("", "output", ["StepFailed w timeout", "RunFailed timeout"]),
        (", on_timeout: deny", "output", ["StepSucceeded w null", "StepSucceeded t null", "RunSucceeded null"]),
        (
            ", on_timeout: continue",
            "status",
            ["StepSkipped w", 'StepSucceeded t "skipped"', 'RunSucceeded "skipped"'],
        ),
    ],
)
def test_without_a_signal_in_time_on_timeout_decides(key, output, then):
    story = Story(WAITS % (key, output)).start().timer("w").then(*then)
    assert same(story.replayed(), story.partition)


def test_a_signal_after_its_wait_timed_out_is_kept():
    text = "name: s\nsteps: [{id: w, wait: {signal: go}, timeout: 1s, on_timeout: continue}, {id: b, tool: t.x}]"
    story = Story(text).start().timer("w").signal("go").then("SignalReceived go")
    assert story.run().kept == 1


def test_a_signal_that_cannot_be_kept_is_refused():
    story = Story("name: s\nsteps: [{id: b, tool: t.x}]").start()
    for number in range(KEPT):
        story.signal("go", number)
    story.signal("go").then("CommandRefused too_many_signals")
    kept = f"{KEPT} signals ({story.run().kept_bytes} bytes) wait for a step that takes them"
    assert story.events[0].message == f"{kept}; a run keeps at most 1000 and 524288 bytes"
    large = Story("name: s\nsteps: [{id: b, tool: t.x}]").start()
    for _ in range(8):
        large.signal("go", "x" * 64_000)
    large.signal("go", "x" * 64_000).then("CommandRefused too_many_signals")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("", b"1", "name_invalid"),
        ("n" * 129, b"1", "name_invalid"),
        ("go", b"{", "value_invalid"),
        ("go", b'"' + b"x" * 65_536 + b'"', "value_too_large"),
    ],
)
def test_a_signal_that_cannot_be_meant_is_refused(name, value, reason):
    story = Story(PAID).start().command(SignalRun("c", "r", name=name, value=value))
    story.then(f"CommandRefused {reason}")


def test_a_signal_for_a_run_that_is_not_open_is_refused():
    story = Story(PAID).signal("paid").then("CommandRefused unknown_run")
    story.start().cancel().signal("paid").then("CommandRefused run_ended")


def test_the_same_signal_sent_twice_counts_once():
    story = Story(PAID).start()
    again = SignalRun("c", "r", name="other")
    story.command(again).then("SignalReceived other").command(again).then("CommandRefused duplicate")


def test_a_name_that_is_no_text_fails_the_step():
    text = 'name: s\ninputs: {n: any}\nsteps: [{id: w, wait: {signal: "{{ inputs.n }}"}}]'
    story = Story(text).start(n=5).then("RunStarted", "StepFailed w fatal", "RunFailed fatal")
    assert "1 to 128 characters" in story.events[1].message


def test_a_wait_until_an_instant_ends_then():
    story = Story('name: s\nsteps: [{id: w, wait: {until: "1970-01-01T00:00:09Z"}}]').start()
    assert story.events[-1].until == 9_000_000
    story.timer("w").then("StepSucceeded w null", "RunSucceeded null")
