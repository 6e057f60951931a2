"""Child runs: a run of its own, at its own home; its end is the outcome of the step that asked for it."""

import orjson

from schemas import events as e
from schemas import partition as p
from schemas.commands import ForgetRun, StartRun
from schemas.message import Cause
from schemas.outcomes import ChildReported
from tests.neighbours import Neighbours
from tests.story import SECOND, Story, same
from workflow.children import CHILDREN, DEPTH, ID_LENGTH
from workflow.messages import OutcomeTaken

PARENT = "name: parent\nsteps: [{id: c, workflow: child, with: {n: 2}%s}, {id: t, transform: '{{ steps.c.output }}'}]"
CHILD = """
name: child
inputs: {n: integer, m: {type: integer, default: 3}}
steps: [{id: a, tool: t.x, with: {n: "{{ inputs.n * inputs.m }}"}}]
"""


def begun(more: str = "", child: str = CHILD) -> tuple[Neighbours, Story, Story, str]:
    """A parent that waits for its child: the homes of both, and the child's id."""
    world = Neighbours(PARENT % more, child)
    parent = world.home("r").start()
    world.settle()
    child_id = world.events(e.ChildRequested)[0].child
    return world, parent, world.home(child_id), child_id


def test_a_child_runs_at_its_own_home_and_its_outputs_are_the_steps_output():
    world, parent, home, child = begun()
    run = home.run(child)
    assert child == f"{parent.run().key('c')}#1" and (run.parent, run.parent_step, run.depth) == ("r", "c", 1)
    assert orjson.loads(run.inputs) == {"n": 2, "m": 3}
    assert parent.run().steps["c"].phase == "running"
    home.succeed("a", {"k": 1}, run_id=child)
    world.settle()
    assert world.events(e.RunSucceeded)[-1].outputs == b'{"k":1}' and not world.runs()
    assert [event.run_id for event in world.events(p.RunForgotten)] == [child]
    assert same(parent.replayed(), parent.partition) and same(home.replayed(), home.partition)


def test_a_child_belongs_to_the_trace_of_its_parent():
    world = Neighbours(PARENT % "", CHILD)
    world.home("r").command(StartRun("s", "r", workflow="parent", traceparent="00-ab-cd-01"))
    world.settle()
    assert {event.traceparent for event in world.events(e.RunStarted)} == {"00-ab-cd-01"}


def test_the_parent_pins_the_version_that_the_name_stands_for_when_the_step_begins():
    world, _, home, child = begun()
    pinned = home.run(child).workflow
    world.shelf.publish(CHILD.replace("t.x", "t.y"))
    assert home.run(child).workflow is pinned
    asked = world.events(e.ChildRequested)[0]
    assert (asked.workflow, asked.version, asked.definition) == ("child@1", 1, pinned.version_hash)


def test_a_child_that_fails_fails_the_step_with_its_class_and_its_id():
    world, _, home, child = begun()
    home.fail("a", "auth", "no key", run_id=child)
    world.settle()
    failed = next(event for event in world.events(e.StepFailed) if event.run_id == "r")
    assert failed.error_class == "auth" and failed.message == f"child run {child} failed: no key"
    assert failed.worker == child and not world.runs()


def test_a_failed_child_is_run_again_only_where_the_step_says_so():
    world, parent, home, child = begun(", retry: {attempts: 2, backoff: 1s, on: [auth]}")
    home.fail("a", "auth", run_id=child)
    world.settle()
    assert parent.run().steps["c"].phase == "resting"
    parent.timer("c").then("ChildRequested c#2")
    world.settle()
    second = parent.run().steps["c"].child
    assert second == child[:-1] + "2" and world.runs() == {"r", second}
    world.home(second).succeed("a", 1, run_id=second)
    world.settle()
    assert not world.runs()


def test_cancelling_the_parent_cancels_the_child():
    world, parent, _, child = begun()
    parent.cancel().then("StepCancelled c", "RunCancelled")
    world.settle()
    assert {event.reason for event in world.events(e.RunCancelled)} == {"the run was cancelled", "enough"}
    assert not world.runs() and [event.status for event in world.events(e.ChildIgnored)] == ["cancelled"]
    assert {event.run_id for event in world.events(e.RunCancelled)} == {"r", child}


def test_a_child_that_was_not_begun_when_its_parent_was_cancelled_never_begins():
    world = Neighbours(PARENT % "", CHILD)
    world.home("r").start().cancel()
    world.settle()
    assert len(world.events(e.RunStarted)) == 1 and not world.runs()


def test_a_cancelled_child_fails_the_step():
    world, _, home, child = begun()
    home.cancel(child)
    world.settle()
    failed = world.events(e.StepFailed)[0]
    assert (failed.error_class, failed.message) == ("fatal", f"child run {child} was cancelled: enough")


def test_deadlines_reach_the_child():
    head = "deadline: 1h\n"
    world = Neighbours(head + PARENT % ", timeout: 2h", CHILD)
    parent = world.home("r").start()
    world.settle()
    (child,) = world.runs() - {"r"}
    assert world.home(child).run(child).deadline == parent.run().deadline == SECOND + 3600 * SECOND
    world = Neighbours(PARENT % ", timeout: 5m", "deadline: 1d\n" + CHILD)
    world.home("r").start()
    world.settle()
    (child,) = world.runs() - {"r"}
    assert world.home(child).run(child).deadline == SECOND + 300 * SECOND
    world.home(child).timer("", run_id=child)
    world.settle()
    failed = world.events(e.StepFailed)[0]
    assert (failed.run_id, failed.error_class) == ("r", "timeout")
    assert failed.message == f"child run {child} failed: the run's deadline passed"


def test_a_step_whose_deadline_passes_gives_its_child_up():
    world, parent, _, child = begun(", deadline: 1m")
    parent.timer("c", due=parent.run().steps["c"].deadline)
    world.settle()
    assert [event.run_id for event in world.events(e.RunCancelled)] == [child] and not world.runs()


def test_inputs_that_do_not_fit_fail_the_step_before_there_is_a_child():
    world = Neighbours(PARENT.replace("n: 2", "n: two") % "", CHILD)
    world.home("r").start().then("RunStarted", "StepFailed c fatal", "RunFailed fatal")
    message = world.events(e.StepFailed)[0].message
    assert message == 'the inputs of child do not fit: n: "two" is not of type "integer" (in `with of step c`)'


def test_inputs_that_no_door_would_let_in_fail_the_step():
    text = "name: p\nsteps: [{id: a, tool: t.x}, {id: c, workflow: child, with: {n: '{{ steps.a.output }}'}}]"
    deep: object = 1
    for _ in range(70):
        deep = [deep]
    story = Story(text).start().succeed("a", deep)
    assert story.events[1].message == "the inputs nest more than 64 levels deep (in `with of step c`)"


def test_outputs_that_nobody_could_write_again_fail_the_step():
    world, _, home, child = begun()
    home.outcome("a", "succeeded", run_id=child, output=b"[" * 255 + b"]" * 255)
    world.settle()
    message = world.events(e.StepFailed)[0].message
    assert message == f"child run {child} failed: its outputs nest beyond 254 levels" and not world.runs()


def test_outputs_that_are_not_as_declared_are_malformed():
    world, _, home, child = begun(", output: {k: string}")
    home.succeed("a", {"k": 1}, run_id=child)
    world.settle()
    failed = world.events(e.StepFailed)[0]
    assert failed.error_class == "malformed" and "k: 1 is not of type" in failed.message and not world.runs()


def test_an_unknown_workflow_is_refused_by_the_child_once_the_definitions_are_read():
    world = Neighbours(PARENT % "")
    world.home("r").start().then("RunStarted", "ChildRequested c#1")
    world.settle()
    failed = world.events(e.StepFailed)[0]
    assert failed.error_class == "fatal" and "was refused: unknown_workflow: no workflow 'child'" in failed.message
    assert not world.runs() and [event.reason for event in world.events(e.RunRefused)] == ["unknown_workflow"]


def test_a_child_published_meanwhile_is_found_by_its_own_home_which_checks_its_inputs():
    world = Neighbours(PARENT.replace("n: 2", "n: two") % "")
    world.home("r").start()
    world.shelf.publish(CHILD)
    world.settle()
    assert "was refused: inputs_invalid: n: " in world.events(e.StepFailed)[0].message and not world.runs()


def test_a_child_is_started_once_however_often_its_start_arrives():
    world, _, home, child = begun()
    start = next(d.record for d in world.home("r").partition.outbox[(1, 2)] if isinstance(d.record, StartRun))
    home.command(start).then("CommandRefused duplicate")
    world.settle()
    home.succeed("a", 1, run_id=child)
    home.command(start).then("CommandRefused duplicate")  # ended, and kept: its end is told once more
    world.settle()
    assert not world.runs()
    home.command(start).then("CommandRefused run_exists")
    world.settle()
    assert len([event for event in world.events(e.RunStarted) if event.run_id == child]) == 1


def test_a_child_whose_start_was_reported_is_not_asked_for_again_whatever_the_next_owner_sends():
    world, parent, _, child = begun()
    at = world.number("r")
    world.kill(at)
    parent.cancel()
    world.send(at)
    asked = [record for inbox in world.inboxes for record in inbox if record.run_id == child]
    assert [type(record).__name__ for record in asked] == ["CancelRun"]


def test_a_child_whose_start_nobody_reported_is_asked_for_again():
    world = Neighbours(PARENT % "", CHILD)
    world.home("r").start()
    child = world.events(e.ChildRequested)[0].child
    world.send(world.number("r"))
    world.kill(world.number("r"))
    assert [record.command_id for record in world.inboxes[world.number(child)]] == ["r:1/2/1"] * 2
    world.settle()
    assert [event.reason for event in world.events(p.CommandRefused)] == ["duplicate"]


def test_a_child_is_kept_until_its_parent_knows_its_end():
    _, _, home, child = begun()
    home.succeed("a", 1, run_id=child)
    run = home.run(child)
    assert (run.phase, run.ending, run.outputs) == ("ended", "succeeded", b"1")
    home.cancel(child).then("CommandRefused run_ended")
    home.succeed("a", 2, run_id=child, attempt=1).then("OutcomeIgnored a#1")
    home.resume(child).then_nothing()
    home.command(ForgetRun("f", child)).then("RunForgotten")
    home.command(ForgetRun("g", child)).then("CommandRefused unknown_run")
    assert same(home.replayed(), home.partition)


def test_a_run_under_way_is_not_forgotten():
    _, _, home, child = begun()
    home.command(ForgetRun("f", child)).then("CommandRefused not_ended")


def test_what_a_stranger_tells_changes_nothing_and_lets_it_be_forgotten():
    world, parent, _, _ = begun()
    parent.take(told("r", "c", "other", "succeeded")).then("ChildIgnored c succeeded")
    parent.take(told("r", "nowhere", "other", "started")).then("ChildIgnored nowhere started")
    parent.take(told("r", "c", parent.run().steps["c"].child, "started")).then("ChildIgnored c started")
    parent.take(told("gone", "c", "other", "failed")).then("ChildIgnored c failed")
    assert parent.events[0].reason == "the run is not open"
    forgotten = [d.record for leaving in parent.partition.outbox.values() for d in leaving if d.key == "other"]
    assert [type(record) for record in forgotten] == [ForgetRun, ForgetRun]
    world.settle()


def told(run_id: str, path: str, child: str, status: str) -> OutcomeTaken:
    return OutcomeTaken(ChildReported(run_id, path, child, status), Cause("outcome", 7, -1, child))


def test_children_of_children_end_at_a_depth():
    world = Neighbours("name: parent\nsteps: [{id: c, workflow: parent}]")
    world.home("r").start()
    world.settle()
    assert len(world.events(e.RunStarted)) == DEPTH + 1 and not world.runs()
    assert max(event.depth for event in world.events(e.RunStarted)) == DEPTH
    assert all("child runs are nested 8 deep at most" in event.message for event in world.events(e.StepFailed))


ASKS = "name: p\nsteps: [{id: a, tool: t.x}, {id: c, workflow: child}]"


def test_a_run_asks_for_so_many_children_and_no_more():
    story = Story(ASKS).start()
    story.run().children = CHILDREN
    story.succeed("a").then("StepSucceeded a null", "StepFailed c fatal", "RunFailed fatal")
    assert story.events[1].message == "a run may ask for 10000 child runs, and this one has (in `workflow of step c`)"


def test_the_ids_of_children_are_not_as_long_as_you_please():
    story = Story(ASKS).start("x" * ID_LENGTH).succeed("a", run_id="x" * ID_LENGTH)
    assert story.events[1].message.startswith("the id of the child would have 1010 characters; at most 1000 are")
