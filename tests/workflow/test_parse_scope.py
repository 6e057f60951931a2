"""Workflow files: what a step may read of the others."""

import pytest

from tests.workflow.flow import problem


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says", "remedy"),
    [
        ("- {id: a, transform: '{{ steps.b.output }}'}\n"
         "- {id: b, transform: 1}",
         "unseen_step", 3, 34, "`b` can't be read here", "in `needs`"),
        ("- {id: a, transform: '{{ steps.a.output }}'}", "unseen_step", 3, 34, "`a` can't be read here", "itself"),
        ("- {id: a, transform: '{{ steps.q.output }}'}\n", "unknown_step", 3, 34, "no step `q`", "nothing is known"),
        ("- {id: a, parallel: {x: [{id: b, transform: 1}]}}\n"
         "- {id: c, transform: '{{ steps.b.output }}'}",
         "unseen_step", 4, 34, "`b`", "read `steps.a.output`"),
        ("- {id: a, parallel: {x: [{id: b, transform: 1}], y: [{id: c, transform: '{{ steps.b.output "
         "}}'}]}}",
         "unseen_step", 3, 85, "`b`", "another list"),
        ("- {id: a, parallel: {x: [{id: b, parallel: {y: [{id: d, transform: 1}]}}]}}\n"
         "- {id: c, transform: '{{ steps.d.output }}'}",
         "unseen_step", 4, 34, "`d`", "read `steps.a.output`"),
        ("- {id: a, needs: [], transform: 1}\n"
         "- {id: b, needs: [], transform: '{{ steps.a.output }}'}",
         "unseen_step", 4, 45, "`a`", "`needs`"),
        ("- {id: a, when: inputs.x, transform: 1}",
         "unknown_input", 3, 26, "no input `x`", "declare it: `inputs: {x: string}`"),
        ("- {id: a, when: '1 == 2 ? 1 : 2', transform: 1}", "type", 3, 20, "must be true or false", ""),
        ("- {id: a, transform: '{{ round.index }}'}", "unknown_name", 3, 28, "isn't in scope", "loop"),
        ("- {id: a, transform: '{{ error.message }}'}", "unknown_name", 3, 28, "isn't in scope", "on_error"),
        ("- {id: a, when: run.name == 'x', transform: 1}\n"
         "- {id: b, transform: '{{ steps.a.output }}'}",
         "may_be_absent", 4, 36, "`steps.a.output` may be absent", "has(steps.a.output)"),
        ("- {id: a, tool: m.f, on_error: continue}\n"
         "- {id: b, transform: '{{ steps.a.output }}'}",
         "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, wait: {signal: s}, on_timeout: continue}\n"
         "- {id: b, transform: '{{ steps.a.output }}'}",
         "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, switch: [{when: 'run.id == \"x\"', steps: [{id: b, transform: 1}]}]}\n"
         "- {id: c, transform: '{{ steps.a.output }}'}",
         "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, switch: [{else: true, steps: [{id: b, tool: m.f, on_error: continue}]}]}\n"
         "- {id: c, transform: '{{ steps.a.output }}'}",
         "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, tool: m.f, on_error: [{id: b, when: 'run.id == \"x\"', transform: 1}]}\n"
         "- {id: c, transform: '{{ steps.a.output }}'}",
         "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, loop: {while: 'false', max: 2}, steps: [{id: b, tool: m.f, on_error: continue}]}\n"
         "- {id: c, transform: '{{ steps.a.output }}'}",
         "may_be_absent", 4, 36, "absent", "has"),
    ],
)  # fmt: skip
def test_what_a_step_may_not_read_is_told_with_place_and_remedy(text, code, line, column, says, remedy):
    found = problem(text)
    assert (found.code, found.place.line, found.place.column) == (code, line, column)
    assert says in found.message
    assert remedy in found.remedy
