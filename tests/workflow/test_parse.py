"""Workflow files: what they become."""

from tests.workflow.flow import SECOND, flow, render, step
from workflow.definition import NO_RETRY, Retry, Steps
from workflow.errors import Place
from workflow.parse.load import load
from workflow.types import DYN, INT, STRING, object_of


def test_a_workflow_knows_its_parts():
    found = load(
        """
name: support/triage
description: Answer.
inputs: {ticket: string, urgency: {type: integer, default: 3}}
secrets: [token]
deadline: 3d
labels: {team: support}
defaults: {model: claude-haiku-4-5, timeout: 60s}
steps:
  - {id: a, prompt: "About {{ inputs.ticket }}"}
outputs: {answer: "{{ steps.a.output }}"}
""",
        "triage.yaml",
    )
    assert (found.name, found.description, found.file) == ("support/triage", "Answer.", "triage.yaml")
    assert found.inputs.fill({"ticket": "x"}) == {"ticket": "x", "urgency": 3}
    assert found.secrets == ("token",)
    assert found.deadline == 3 * 86_400 * SECOND
    assert found.labels == {"team": "support"}
    assert found.outputs is not None
    assert found.outputs.type == object_of({"answer": STRING})
    assert found.keys["steps"] == Place("triage.yaml", 9, 1)
    assert found.document["defaults"] == {"model": "claude-haiku-4-5", "timeout": "60s"}
    assert found.source.startswith("\nname:")
    assert found.on_failure is None
    assert found.warnings == ()


def test_a_workflow_without_inputs_takes_none():
    found = flow("- {id: a, transform: 1}")
    assert found.inputs.check({}) == []
    assert found.inputs.check({"x": 1}) != []
    assert found.outputs is None


def test_comments_and_layout_do_not_change_the_version_but_values_and_order_do():
    first = load("name: t\nsteps: [{id: a, transform: {x: 1, y: 2}}]\n").version_hash
    assert len(first) == 32
    assert load('# c\nname: "t"\nsteps:\n  - id: a\n    transform: {x: 1, y: 2}\n').version_hash == first
    assert load("name: t\nsteps: [{id: a, transform: {x: 1, y: 3}}]\n").version_hash != first
    assert load("name: t\nsteps: [{id: a, transform: {y: 2, x: 1}}]\n").version_hash != first


def test_a_step_waits_for_the_one_written_before_it():
    steps = flow("- {id: a, transform: 1}\n- {id: b, transform: 1}\n- {id: c, transform: 1}").steps
    assert [each.needs for each in steps.order] == [(), ("a",), ("b",)]
    assert steps.roots == ("a",)
    assert steps.dependents == {"a": ("b",), "b": ("c",), "c": ()}
    assert steps.last.id == "c"


def test_needs_replaces_the_order_for_one_step_alone():
    steps = flow(
        """
- {id: a, transform: 1}
- {id: b, needs: [], transform: 1}
- {id: c, needs: [a, b, a], transform: 1}
- {id: d, transform: 1}
- {id: e, needs: [f], transform: 1}
- {id: f, needs: [a], transform: 1}
"""
    ).steps
    assert {each.id: each.needs for each in steps.order} == {
        "a": (), "b": (), "c": ("a", "b"), "d": ("c",), "e": ("f",), "f": ("a",),
    }  # fmt: skip
    assert steps.roots == ("a", "b")
    assert steps.dependents["a"] == ("c", "f")


def test_a_step_that_says_nothing_has_the_built_in_policies():
    assert step("- {id: a, tool: m.f}").retry == Retry(3, SECOND, 2.0, 60 * SECOND, None)
    for kind in ("transform: 1", "wait: {for: 1s}", "parallel: {x: [{id: b, transform: 1}]}"):
        assert step(f"- {{id: a, {kind}}}").retry == NO_RETRY


def test_defaults_hold_for_the_kinds_that_leave_the_process():
    head = (
        "defaults: {model: m-1, timeout: 60s, retry: {attempts: 4, on: [timeout]}, "
        "max_tokens: 9, queue: gpu, priority: 2}\n"
    )
    found = {
        each.id: each
        for each in flow(
            """
- {id: asked, prompt: hello}
- {id: told, model: [m-2, m-3], prompt: x, timeout: 5s, retry: {attempts: 1, backoff: 2s}, max_tokens: 3}
- {id: tool, tool: m.f}
- {id: made, transform: 1}
- {id: sent, http: "https://x.example"}
""",
            head,
        ).steps.order
    }
    assert found["asked"].models == ("m-1",)
    assert render(found["asked"]) == {"prompt": "hello", "max_tokens": 9}
    assert found["told"].models == ("m-2", "m-3")
    assert render(found["told"])["max_tokens"] == 3
    assert found["told"].timeout == 5 * SECOND
    assert found["told"].retry == Retry(1, 2 * SECOND, 2.0, 60 * SECOND, frozenset({"timeout"}))
    assert (found["tool"].timeout, found["tool"].queue, found["tool"].priority) == (60 * SECOND, "gpu", 2)
    assert found["tool"].models == ()
    assert render(found["tool"]) == {}
    assert (found["made"].timeout, found["made"].queue) == (None, None)
    assert found["sent"].retry.attempts == 4


def test_parallel_branches_have_lists_of_their_own():
    found = step(
        """
- id: p
  parallel:
    left: [{id: a, transform: 1}, {id: b, transform: "{{ steps.a.output }}"}]
    right: [{id: c, transform: x}]
"""
    )
    assert list(found.branches) == ["left", "right"]
    assert found.branches["left"].last.needs == ("a",)


def test_steps_for_an_error_see_the_error():
    found = step(
        """
- id: a
  tool: m.f
  on_error: [{id: b, transform: "{{ error.message }}"}]
"""
    )
    assert isinstance(found.on_error, Steps)
    assert step("- {id: a, tool: m.f, on_error: continue}").on_error == "continue"
    assert step("- {id: a, tool: m.f, on_error: fail}").on_error == "fail"


def test_what_runs_at_the_end_sees_the_failed_run():
    found = load(
        """
name: t
steps: [{id: a, transform: 1}]
on_failure:
  - id: page
    tool: pager.page
    with: {why: "{{ run.error.message }}", had: "{{ default_text(steps.a.output, '') }}"}
finally: [{id: close, tool: crm.close}]
ending: {deadline: 5m, usd: 0.05}
"""
    )
    assert found.on_failure is not None
    assert found.finally_ is not None
    assert found.settings["ending"] == {"deadline": "5m", "usd": 0.05}


def test_triggers_see_what_fired_them():
    found = load(
        """
name: t
inputs: {ticket: string}
steps: [{id: a, transform: 1}]
triggers:
  - {schedule: "0 6 * * 1-5", timezone: Europe/Berlin, with: {ticket: "daily-{{ fire.time }}"}}
  - {topic: tickets.new, filter: "event.data.lang == 'en'", with: {ticket: "{{ event.data.id }}"}}
"""
    )
    schedule, topic = found.triggers
    assert (schedule.kind, schedule.target, schedule.config) == (
        "schedule",
        "0 6 * * 1-5",
        {"timezone": "Europe/Berlin"},
    )
    assert topic.filter is not None
    assert schedule.filter is None


def test_extending_workflows_read_their_parameters():
    found = flow("- {id: a, transform: '{{ template.tone }}'}", "extends: base/x@3\nwith: {tone: friendly}\n")
    assert found.settings == {"extends": "base/x@3", "with": {"tone": "friendly"}}
    assert found.steps.last.config.type == DYN


def test_a_chain_of_many_steps_is_read():
    text = "".join(f"- {{id: s{n}, transform: {n}}}\n" for n in range(500))
    steps = flow(text).steps
    assert steps.last.needs == ("s498",)


def test_a_list_around_is_seen_from_inside_and_the_other_way_only_as_a_whole():
    found = flow(
        """
- {id: a, transform: 1}
- id: e
  each: "{{ [1, 2] }}"
  steps:
    - {id: b, transform: "{{ item + steps.a.output }}"}
    - {id: f, each: "{{ [index] }}", as: inner, steps: [{id: c, transform: "{{ inner + item + steps.b.output }}"}]}
- {id: z, transform: "{{ steps.e.output[0][0] + 1 }}"}
"""
    )
    assert found.steps.by_id["z"].config.type == INT
    assert len(list(found.steps.by_id)) == 3
