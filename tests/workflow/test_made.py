"""Definitions that a run makes itself: read like a file, limited, pinned on the log, or refused with what is wrong."""

import orjson
import pytest

from schemas import events as e
from tests.neighbours import Neighbours
from tests.story import Story
from workflow.made import BYTES, STEPS

DYNAMIC = """
name: dynamic
inputs: {plan: any}
steps:
  - {id: run, workflow: {define: "{{ inputs.plan }}"}, with: {n: 3}}
outputs: "{{ steps.run.output }}"
"""
PLAN = {
    "name": "plan",
    "inputs": {"n": "integer"},
    "steps": [{"id": "a", "tool": "t.x", "with": {"n": "{{ inputs.n + 1 }}"}}],
}


@pytest.mark.parametrize(
    "plan", [PLAN, orjson.dumps(PLAN).decode(), "name: plan\ninputs: {n: integer}\nsteps: [{id: a, tool: t.x}]"]
)
def test_a_mapping_or_a_text_becomes_a_child_run(plan):
    world = Neighbours(DYNAMIC)
    world.home("r").start(plan=plan).then("RunStarted", "ChildRequested run#1")
    asked = world.events(e.ChildRequested)[0]
    assert asked.source and asked.definition not in world.shelf.by_hash
    world.settle()
    child = world.home(asked.child)
    assert child.run(asked.child).workflow is world.shelf.by_hash[asked.definition]
    assert (child.run(asked.child).name, child.run(asked.child).version) == ("plan", 0)
    child.succeed("a", 7, run_id=asked.child)
    world.settle()
    assert world.events(e.RunSucceeded)[-1].outputs == b"7" and not world.runs()


def test_the_definition_arrives_before_the_start_although_the_owner_is_killed():
    world = Neighbours(DYNAMIC)
    world.home("r").start(plan=PLAN)
    world.kill(world.number("r"))
    world.settle()
    assert len(world.events(e.RunStarted)) == 2 and not world.events(e.RunRefused)


def refusal(plan: object) -> e.StepFailed:
    story = Story(DYNAMIC).start(plan=plan).then("RunStarted", "StepFailed run malformed", "RunFailed malformed")
    failed = story.events[1]
    assert isinstance(failed, e.StepFailed)
    return failed


def test_what_cannot_be_read_fails_the_step_with_its_place_and_the_remedy():
    text = "name: plan\nsteps:\n  - {id: a, tol: t.x}\n"
    assert refusal(text).message == (
        "the definition is refused:\n"
        "<defined>:3:5: this step has no kind\n"
        "      - {id: a, tol: t.x}\n"
        "        ^\n"
        "  remedy: write `tool` for `tol` (in `workflow of step run`)"
    )


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (7, "a definition is a mapping or YAML text (in `workflow of step run`)"),
        ("x" * (BYTES + 1), f"the definition is {BYTES + 1} bytes; at most {BYTES} are allowed"),
        ({"name": "plan", "steps": [{"id": "a", "sql": {"connection": "c", "query": "q"}}]}, "cannot run it yet"),
        (
            {"name": "plan", "steps": [{"id": f"a{n}", "transform": n} for n in range(STEPS + 1)]},
            f"the definition has {STEPS + 1} steps; at most {STEPS} are allowed",
        ),
    ],
)
def test_what_is_too_large_or_may_not_run_is_refused(plan, said):
    assert said in refusal(plan).message


def test_inputs_that_do_not_fit_what_was_made_fail_the_step():
    plan = {"name": "plan", "inputs": {"m": "integer"}, "steps": [{"id": "a", "transform": 1}]}
    story = Story(DYNAMIC).start(plan=plan).then("RunStarted", "StepFailed run fatal", "RunFailed fatal")
    assert "the inputs of plan do not fit: " in story.events[1].message


def test_lists_inside_lists_have_a_depth():
    step: dict = {"id": "q", "transform": 1}
    for n in range(8):
        step = {"id": f"p{n}", "parallel": {"x": [step]}}
    assert "lists of steps 9 deep; at most 8 are allowed" in refusal({"name": "plan", "steps": [step]}).message


def test_much_that_is_wrong_is_told_in_part():
    plan = {"name": "plan", "steps": [{"id": f"a{n}", "tol": "t"} for n in range(90)]}
    assert 2_000 < len(refusal(plan).message) < 2_100
