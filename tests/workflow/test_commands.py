"""Commands: applied once, refused with a reason."""

import pytest

from schemas.commands import Command
from tests.story import Story
from workflow.parse.load import load

ONE = "name: one\ninputs: {n: integer, who?: string}\nsteps: [{id: a, tool: t.one}]"


def test_a_second_start_with_the_same_command_id_is_a_duplicate():
    story = Story(ONE).start(n=1, command_id="c").start(n=1, command_id="c").then("CommandRefused duplicate")
    assert story.events[0].seq == 0


def test_a_run_id_is_used_once():
    Story(ONE).start(n=1).start(n=1).then("CommandRefused run_exists")
    Story(ONE).start(n=1).succeed("a").start(n=1).then("CommandRefused run_exists")


def test_after_the_dedupe_window_a_run_id_is_a_new_incarnation():
    story = Story(ONE).start(n=1)
    first = story.events[0].incarnation
    story.succeed("a").wait(601).start(n=1).then("RunStarted", "StepScheduled a#1")
    assert story.events[0].incarnation > first
    assert story.events[1].key != f"r.{first:x}/a"


@pytest.mark.parametrize(
    ("inputs", "reason", "words"),
    [
        ({}, "inputs_invalid", "n"),
        ({"n": "three"}, "inputs_invalid", "n"),
        ({"n": 1, "x": 2}, "inputs_invalid", "x"),
        ({"n": 1, "who": "w" * 70_000}, "inputs_too_large", "65536"),
    ],
)
def test_inputs_are_checked(inputs, reason, words):
    story = Story(ONE).start(**inputs).then(f"CommandRefused {reason}")
    assert words in story.events[0].message and not story.partition.runs


def test_inputs_that_are_no_json_are_refused():
    from schemas.commands import StartRun

    Story(ONE).command(StartRun("c", "r", workflow="one", inputs=b"{")).then("CommandRefused inputs_invalid")


def test_an_unknown_workflow_is_refused_only_after_the_definitions_were_read():
    story = Story(ONE).start(workflow="later", n=1).then("RunAccepted")
    story.read_definitions().then("RunRefused unknown_workflow")
    assert not story.partition.runs and "later" in story.events[0].message


def test_a_workflow_published_meanwhile_is_started():
    story = Story(ONE).start(workflow="later", n=1)
    story.shelf.publish("name: later\ninputs: {n: integer}\nsteps: [{id: a, transform: 1}]")
    story.read_definitions().then("RunStarted", "StepSucceeded a 1", "RunSucceeded 1")
    story.read_definitions().then_nothing()


def test_an_accepted_run_whose_inputs_are_wrong_is_refused():
    story = Story(ONE).start(workflow="later", n=1)
    story.shelf.publish("name: later\ninputs: {m: integer}\nsteps: [{id: a, transform: 1}]")
    story.read_definitions().then("RunRefused inputs_invalid")


def test_a_name_that_points_nowhere_is_refused():
    story = Story(ONE)
    story.shelf.by_hash.clear()
    story.start(n=1).then("CommandRefused unknown_workflow")


def test_defaults_are_filled_in_and_recorded():
    story = Story(
        'name: d\ninputs: {n: {type: integer, default: 3}}\nsteps: [{id: a, transform: "{{ inputs.n }}"}]'
    ).start()
    story.then("RunStarted", "StepSucceeded a 3", "RunSucceeded 3")
    assert story.events[0].inputs == b'{"n":3}'


def test_cancel_ends_a_run_and_what_is_under_way():
    story = Story(ONE).start(n=1).cancel().then("StepCancelled a", "RunCancelled")
    assert story.events[1].reason == "enough"
    story.cancel().then("CommandRefused run_ended")
    story.cancel("nobody").then("CommandRefused unknown_run")


def test_an_accepted_run_can_be_cancelled():
    Story(ONE).start(workflow="later").cancel().then("RunCancelled")


def test_a_command_of_a_later_version_is_refused():
    Story(ONE).command(Command("c", "r")).then("CommandRefused unknown_command")


def test_only_so_many_command_ids_are_remembered():
    story = Story("name: w\nsteps: [{id: w, wait: {for: 1h}}]").start(command_id="first")
    for number in range(1_005):
        story.partition.runs["r"].commands[f"c{number}"] = None
    assert len(story.run().commands) > 1_000


def test_a_text_that_is_no_workflow_is_refused_whoever_published_it(monkeypatch):
    """Else the run would be set aside, for something that no upgrade of ours mends."""
    story = Story(ONE)

    def load_again(definition):
        return load("name: one\nsteps: [{id: a, tool: t.one, no: 1}]")

    monkeypatch.setattr(story.shelf, "get", load_again)
    story.start(n=1).then("CommandRefused definition_invalid")
    assert "points to" in story.events[0].message and ":2:" in story.events[0].message
