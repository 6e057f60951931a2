"""Workflow files: the arguments and outputs of each kind of step."""

import pytest

from tests.workflow.flow import SECOND, flow, problem, render, step
from workflow.definition import Steps
from workflow.types import BOOL, DOUBLE, INT, STRING, list_of, object_of


def test_every_kind_of_step_is_read():
    steps = flow(
        """
- {id: m, model: {choose: [m-1, m-2], by: cost}, prompt: x}
- {id: a, agent: {tools: [t.x], max_turns: 3}, model: m-1, prompt: x, tools: [t.y]}
- {id: q, sql: {connection: "{{ secrets.db }}", query: select 1, args: [1]}}
- {id: o, object: {get: "s3://x"}}
- {id: p, publish: {topic: t, value: {a: 1}}}
- {id: w, workflow: other@production, with: {x: 1}}
- {id: g, workflow: {define: "{{ steps.o.output }}"}}
- {id: ok, approve: {by: finance, prompt: "Yes?"}, timeout: 2d, on_timeout: deny}
- {id: s, wait: {signal: paid}, on_timeout: continue, timeout: 1d}
- id: e
  each: "{{ steps.q.output }}"
  as: row
  at_most: 8
  failed: keep
  steps: [{id: e1, transform: "{{ row.days + index }}"}]
- id: l
  loop: {while: round.output.score < 8, max: 5, first: {score: 0}}
  steps: [{id: l1, model: m-1, prompt: "{{ round.index }} {{ round.output.score }}", output: {score: number}}]
- id: c
  switch:
    - {when: steps.ok.output.approved, steps: [{id: c1, transform: 1}]}
    - {else: true, steps: [{id: c2, transform: 2}]}
- {include: page}
- id: z
  transform: "{{ steps.c.output + 1 }} {{ steps.l.output.score }}"
  cache: {for: 1h}
  budget: {usd: 1}
  labels: {a: b}
""",
        "secrets: [db]\n",
    ).steps
    found = steps.by_id
    assert found["m"].models == ("m-1", "m-2")
    assert found["m"].settings["choice"]["by"] == "cost"
    assert found["a"].settings == {"tools": ["t.y"], "agent": {"tools": ["t.x"], "max_turns": 3}}
    assert found["q"].config.render(lambda _: None)[1] == {"/connection": [{"secret": "db"}]}
    assert found["w"].target == "other@production"
    assert found["g"].settings["define"] == {"define": "{{ steps.o.output }}"}
    assert (found["ok"].on_timeout, found["ok"].timeout) == ("deny", 2 * 86_400 * SECOND)
    assert (found["e"].bind, found["e"].at_most) == ("row", 8)
    assert isinstance(found["e"].body, Steps)
    assert found["l"].condition is not None
    assert found["l"].settings == {"max": 5, "on_max": "end"}
    assert [case.when is None for case in found["c"].cases] == [False, True]
    assert [each.kind for each in steps.order][-2] == "include"
    assert found["z"].settings == {"cache": {"for": "1h"}, "budget": {"usd": 1}}


def test_the_arguments_of_a_model():
    found = step(
        """
- id: a
  model: claude-haiku-4-5
  system: Be short.
  prompt: "{{ inputs.n }} things"
  temperature: 0.5
  stop: [END]
  output: {text: string, score: number}
""",
        "inputs: {n: integer}\n",
    )
    assert found.models == ("claude-haiku-4-5",)
    assert found.output is not None
    assert render(found, inputs={"n": 3}) == {
        "prompt": "3 things",
        "system": "Be short.",
        "temperature": 0.5,
        "stop": ["END"],
        "output": found.output.json,
    }
    assert render(step("- {id: a, model: m, messages: [{role: user, content: x}]}"))["messages"][0]["role"] == "user"


def test_the_arguments_of_the_other_kinds_that_run():
    assert render(step("- {id: a, tool: m.f, with: {x: [1]}}")) == {"x": [1]}
    assert step("- {id: a, tool: m.f}").target == "m.f"
    assert render(
        step("- {id: a, tool: m.f, with: '{{ inputs.v }}'}", "inputs: {v: object}\n"), inputs={"v": {"k": 1}}
    ) == {"k": 1}
    assert render(step("- {id: a, http: 'https://x.example/{{ 1 }}'}")) == {"url": "https://x.example/1"}
    assert render(step("- {id: a, http: {url: u, method: POST, query: {q: 1}, headers: {h: v}, body: [1]}}")) == {
        "url": "u", "method": "POST", "query": {"q": 1}, "headers": {"h": "v"}, "body": [1],
    }  # fmt: skip
    assert render(step("- {id: a, transform: [1, {b: null}]}")) == [1, {"b": None}]
    assert render(step("- {id: a, wait: {for: 10m}}")) == {"for": "10m"}
    assert render(step("- {id: a, wait: {until: '2026-03-01T09:00:00Z'}}")) == {"until": "2026-03-01T09:00:00Z"}
    waits = step("- {id: a, wait: {for: '{{ inputs.long }}'}}", "inputs: {long: string}\n")
    assert render(waits, inputs={"long": "5s"}) == {"for": "5s"}


def test_a_step_knows_its_key():
    found = step("- {id: a, when: size(step.key) > 1, tool: m.f, with: {key: '{{ step.key }}'}}")
    assert render(found, step={"key": "r1/a"}) == {"key": "r1/a"}


def test_secrets_go_into_tools_and_requests():
    head = "secrets: [token]\n"
    found = step("- {id: a, http: {url: u, headers: {authorization: 'Bearer {{ secrets.token }}'}}}", head)
    value, secrets = found.config.render(lambda _: pytest.fail("nothing is read"))
    assert value["headers"]["authorization"] is None
    assert secrets == {"/headers/authorization": ["Bearer ", {"secret": "token"}]}
    found = step("- {id: a, tool: m.f, with: {key: '{{ secrets.token }}'}}", head)
    assert found.config.render(lambda _: None)[1] == {"/key": [{"secret": "token"}]}
    for bad in (
        "- {id: a, model: m, prompt: '{{ secrets.token }}'}",
        "- {id: a, http: 'https://{{ secrets.token }}'}",
        "- {id: a, http: {url: '{{ secrets.token }}'}}",
        "- {id: a, transform: '{{ secrets.token }}'}",
    ):
        assert problem(bad, head).code == "secret"


def test_an_undo_sees_what_its_step_saw_and_what_it_gave():
    found = step(
        """
- {id: a, transform: x}
- id: b
  tool: pay.charge
  undo: {tool: pay.refund, with: {charge: "{{ steps.b.output }}", of: "{{ steps.a.output }}"}}
"""
    )
    assert found.undo is not None
    assert (found.undo.kind, found.undo.target) == ("tool", "pay.refund")
    assert step("- {id: a, tool: m.f, undo: {http: {url: u, method: DELETE}}}").undo is not None


def test_the_types_of_outputs_are_known_to_the_steps_after():
    transform = step(
        """
- {id: plain, model: m, prompt: x}
- {id: made, model: m, prompt: x, output: {score: number, tags: [string]}}
- {id: web, http: "https://x.example", output: {name: string}}
- {id: called, tool: m.f, output: boolean}
- {id: rest, transform: {a: 1, b: "{{ steps.called.output }}"}}
- {id: rows, sql: {connection: w, query: q}, output: {days: integer}}
- {id: some, each: "{{ steps.rows.output }}", steps: [{id: one, transform: "{{ item.days }}"}]}
- id: both
  parallel: {x: [{id: x1, transform: 1}], y: [{id: y1, when: steps.called.output, transform: 1}]}
- {id: sent, publish: {topic: t, value: 1}}
- id: end
  transform:
    plain: "{{ steps.plain.output }}"
    score: "{{ steps.made.output.score }}"
    tags: "{{ steps.made.output.tags }}"
    status: "{{ steps.web.output.status }}"
    name: "{{ steps.web.output.body.name }}"
    b: "{{ steps.rest.output.b }}"
    days: "{{ steps.some.output }}"
    x: "{{ steps.both.output.x }}"
    y: "{{ steps.both.?output.?y.orValue(0) }}"
    position: "{{ steps.sent.output.position }}"
    attempts: "{{ steps.web.attempts }}"
"""
    )
    assert transform.config.type == object_of(
        {
            "plain": STRING,
            "score": DOUBLE,
            "tags": list_of(STRING),
            "status": INT,
            "name": STRING,
            "b": BOOL,
            "days": list_of(INT),
            "x": INT,
            "y": INT,
            "position": INT,
            "attempts": INT,
        }
    )
