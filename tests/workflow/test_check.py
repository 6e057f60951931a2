"""Publish: what can't be run yet is refused with a reason, all the rest may run."""

from pathlib import Path

import pytest

from workflow.check import check
from workflow.keys import KINDS
from workflow.parse.load import load
from workflow.supported import SUPPORTED_KINDS

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def not_yet(text: str) -> list[tuple[int, str]]:
    found = check(load(text))
    assert all(problem.code == "not_yet" and problem.remedy for problem in found), found
    return [(problem.place.line, problem.message.split(" is part of")[0]) for problem in found]


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.name != "replies.yaml"], ids=lambda path: path.name)
def test_the_examples_may_be_published(path):
    assert check(load(path.read_text(encoding="utf-8"), path.name)) == []


def test_the_kinds_that_run_are_kinds_of_the_language():
    assert KINDS.keys() > SUPPORTED_KINDS


def test_what_runs_is_not_refused():
    text = """
name: t
description: d
inputs: {n: integer}
secrets: [token]
deadline: 1h
labels: {a: b}
defaults: {model: m, timeout: 1s, deadline: 1m, retry: {attempts: 2}, max_tokens: 5, thinking: true, effort: low}
steps:
  - {id: a, prompt: x, system: y, temperature: 1, top_p: 1, stop: [z], output: {k: string}, description: d}
  - {id: aa, continue: a, prompt: x, thinking: 2048, effort: high, prompt_cache: 1h, attach: [{file: a.png}]}
  - {id: b, tool: m.f, with: {k: "{{ secrets.token }}"}, idempotent: true, deadline: 1m, on_error: continue}
  - {id: c, needs: [a], when: inputs.n > 1, http: "https://x.example", timeout: 1s, retry: {attempts: 1}}
  - {id: d, wait: {for: 1s}}
  - {id: e, parallel: {x: [{id: f, transform: 1}]}, on_error: [{id: g, wait: {until: "2026-03-01T09:00:00Z"}}]}
  - {id: h, approve: {by: ada, prompt: x, value: 1}, timeout: 1d, on_timeout: deny}
  - {id: i, wait: {signal: go}, timeout: 1d}
  - {id: k, publish: {topic: t, key: k, value: 1, headers: {a: b}}, idempotent: true, timeout: 1m}
  - {id: j, workflow: other@production, with: {n: 1}, output: string, timeout: 1h, deadline: 1d, retry: {attempts: 2}}
outputs: "{{ steps.e.output }}"
"""
    assert not_yet(text) == []


def test_a_step_that_may_wait_for_ever_is_warned_of():
    text = (
        "name: t\nsteps: [{id: a, wait: {signal: go}}, {id: b, parallel: {x: [{id: c, approve: {by: x, prompt: x}}]}}]"
    )
    assert [(problem.code, problem.severity) for problem in check(load(text))] == [("endless", "warning")] * 2
    assert check(load(text))[0].message == "`a` may wait for ever: neither it nor the workflow ends in time"
    assert check(load("deadline: 3d\n" + text)) == []


def test_everything_else_is_refused_at_its_place():
    text = """
name: t
budget: {usd: 1}
dedupe: {key: "{{ run.id }}"}
defaults: {model: m, content: none}
steps:
  - {id: a, agent: {}, prompt: x}
  - {id: c, prompt: x, content: none}
  - {id: d, model: {choose: [m], by: cost}, prompt: x}
  - id: e
    switch:
      - {when: run.id == "x", steps: [{id: f, include: x}]}
  - {id: g, each: "{{ [1] }}", steps: [{id: h, tool: m.f, cache: {for: 1h}}]}
  - id: i
    parallel: {x: [{id: j, tool: m.f, undo: {tool: m.g}}]}
    on_error: [{id: k, object: {get: x}}]
  - {id: l, transform: 1, timeout: 1s, queue: gpu}
  - {id: n, when: has(settings.x), transform: "{{ settings.y }}"}
on_failure: [{id: m, sql: {connection: c, query: q}}]
triggers: [{topic: t}]
"""
    assert not_yet(text) == [
        (3, "`budget`"),
        (4, "`dedupe`"),
        (5, "`content` in `defaults`"),
        (7, "`agent`"),
        (8, "`content`"),
        (9, "`model: {choose}`"),
        (12, "`include`"),
        (13, "`cache`"),
        (15, "`undo`"),
        (16, "`object`"),
        (17, "`timeout` of a `transform` step"),
        (17, "`queue` of a `transform` step"),
        (18, "`settings`"),
        (19, "`on_failure`"),
        (19, "`sql`"),
        (20, "`triggers`"),
    ]


def test_warnings_are_told_with_the_rest():
    found = check(load("name: t\ninputs: {x: any}\nsteps: [{id: a, transform: '{{ inputs.x + 1 }}', queue: q}]\n"))
    assert [(problem.code, problem.severity) for problem in found] == [("untyped", "warning"), ("not_yet", "error")]
    assert found[1].source.startswith("steps:")
