"""Publish: the children of a workflow are there, and are handed what they want."""

import pytest

from tests.workflow.flow import problem
from workflow.check_children import check_children
from workflow.parse.load import load

CHILD = load("""
name: child
inputs: {n: integer, text?: string, m: {type: integer, default: 1}, x?: number}
steps: [{id: a, transform: 1}]
""")


def found(call: str) -> list[tuple[str, str, str]]:
    text = f"name: t\ninputs: {{s: string, i: integer, any: any}}\nsteps:\n  - {{id: c, {call}}}\n"
    problems = check_children(load(text), {"child": CHILD, "child@2": CHILD}.get)
    assert all(problem.place.line == 4 and problem.source for problem in problems)
    return [(problem.code, problem.severity, problem.message) for problem in problems]


@pytest.mark.parametrize(
    "call",
    [
        "workflow: child, with: {n: 1}",
        "workflow: child@2, with: {n: '{{ inputs.i }}', text: x, m: 2, x: 1}",
        "workflow: child, with: {n: '{{ inputs.any }}'}",
        "workflow: child, with: '{{ inputs.any }}'",
        "workflow: {define: '{{ inputs.any }}'}",
        "transform: 1",
    ],
)
def test_what_fits_may_be_published(call):
    assert found(call) == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("workflow: child", "`child` wants `n` (integer)"),
        ("workflow: child, with: {n: 1, nn: 2}", "`child` has no input `nn`"),
        ("workflow: child, with: {n: '{{ inputs.s }}'}", "`child` wants `n` as integer, not string"),
        ("workflow: child, with: {n: 1, text: 5}", "`child` wants `text` as string, not integer"),
    ],
)
def test_what_cannot_fit_is_an_error_at_its_place(call, said):
    assert found(call) == [("child_inputs", "error", said)]


def test_what_is_not_published_is_a_warning():
    message = "no workflow `child@production` is published yet; the step fails unless it is when the step begins"
    assert found("workflow: child@production, with: {n: 1}") == [("unknown_workflow", "warning", message)]


def test_a_name_that_is_none_is_refused():
    wrong = problem("- {id: c, workflow: 'Child One'}")
    assert wrong.message == "`Child One` is no name of a workflow"
    assert wrong.remedy == "write name, name@3 or name@production; for a generated one {define: …}"


def test_a_secret_is_not_handed_to_a_child():
    assert problem("- {id: c, workflow: child, with: {k: '{{ secrets.s }}'}}", "secrets: [s]\n").code == "secret"
