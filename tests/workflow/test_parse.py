"""Workflow files: what they become, and everything that may be wrong with them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.definition import NO_RETRY, Retry, Step, Steps, Workflow
from workflow.errors import DefinitionInvalid, Place, Problem
from workflow.parse.load import load
from workflow.types import BOOL, DOUBLE, DYN, INT, STRING, list_of, object_of

SECOND = 1_000_000


def flow(steps: str, head: str = "") -> Workflow:
    return load(f"name: t\n{head}steps:\n{indented(steps)}")


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.strip("\n").split("\n"))


def step(text: str, head: str = "") -> Step:
    return flow(text, head).steps.last


def problems(steps: str, head: str = "") -> list[Problem]:
    with pytest.raises(DefinitionInvalid) as caught:
        flow(steps, head)
    assert str(caught.value)
    return [problem for problem in caught.value.problems if problem.severity == "error"]


def problem(steps: str, head: str = "") -> Problem:
    found = problems(steps, head)
    assert len(found) == 1, [str(each) for each in found]
    return found[0]


def render(found: Step, **context: Any) -> Any:
    def look(path: tuple[str, ...]) -> Any:
        value: Any = context
        for name in path:
            value = value[name]
        return value

    return found.config.render(look)[0]


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
    head = "defaults: {model: m-1, timeout: 60s, retry: {attempts: 4, on: [timeout]}, max_tokens: 9, queue: gpu, priority: 2}\n"
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
- {id: e, each: "{{ steps.q.output }}", as: row, at_most: 8, failed: keep, steps: [{id: e1, transform: "{{ row.days + index }}"}]}
- id: l
  loop: {while: round.output.score < 8, max: 5, first: {score: 0}}
  steps: [{id: l1, model: m-1, prompt: "{{ round.index }} {{ round.output.score }}", output: {score: number}}]
- id: c
  switch:
    - {when: steps.ok.output.approved, steps: [{id: c1, transform: 1}]}
    - {else: true, steps: [{id: c2, transform: 2}]}
- {include: page}
- {id: z, transform: "{{ steps.c.output + 1 }} {{ steps.l.output.score }}", cache: {for: 1h}, budget: {usd: 1}, labels: {a: b}}
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


def test_what_runs_at_the_end_sees_the_failed_run():
    found = load(
        """
name: t
steps: [{id: a, transform: 1}]
on_failure: [{id: page, tool: pager.page, with: {why: "{{ run.error.message }}", had: "{{ default_text(steps.a.output, '') }}"}}]
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


def test_files_are_read_once_and_pinned():
    asked = []

    def read(path: str) -> str:
        asked.append(path)
        return "Judge {{ inputs.n }}\nnow"

    text = "name: t\ninputs: {n: integer}\nsteps:\n  - {id: a, model: m, system: {file: p.md}, prompt: {file: p.md}}\n"
    found = load(text, read=read)
    assert asked == ["p.md"]
    assert found.files == {"p.md": "Judge {{ inputs.n }}\nnow"}
    assert render(found.steps.last, inputs={"n": 3})["prompt"] == "Judge 3\nnow"
    assert load(text, read=lambda _: "other").version_hash != found.version_hash


def test_a_problem_in_a_file_is_shown_there():
    with pytest.raises(DefinitionInvalid) as caught:
        load("name: t\nsteps: [{id: a, model: m, prompt: {file: p.md}}]\n", read=lambda _: "one\ntwo {{ inputs.x }}")
    found = caught.value.problems[0]
    assert found.place == Place("p.md", 2, 15)
    assert found.source == "two {{ inputs.x }}"


@pytest.mark.parametrize(
    "error", [FileNotFoundError("gone"), KeyError("p.md"), UnicodeDecodeError("utf-8", b"", 0, 1, "x")]
)
def test_a_file_that_cannot_be_read_is_a_problem(error):
    def read(_: str) -> str:
        raise error

    with pytest.raises(DefinitionInvalid, match="can't be read"):
        load("name: t\nsteps: [{id: a, model: m, prompt: {file: p.md}}]\n", read=read)
    assert problem("- {id: a, model: m, prompt: {file: p.md}}").code == "file"


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says", "remedy"),
    [
        # keys
        ("- {id: a, model: m, promt: x, prompt: y}", "unknown_key", 3, 23, "`promt` is no key of a `model` step", "`prompt`"),
        ("- {id: a, tool: m.f, url: x}", "misplaced_key", 3, 24, "`url` does not belong to a `tool` step", "inside `http`"),
        ("- {id: a, tool: m.f, prompt: x}", "misplaced_key", 3, 24, "`prompt` does not", "`model` or `agent`"),
        ("- {id: a, http: {url: u, timeout: 1s}}", "misplaced_key", 3, 28, "`timeout` does not belong to `http`", "to a step"),
        ("- {id: a, tool: m.f, inputs: {}}", "misplaced_key", 3, 24, "`inputs`", "top of the file"),
        ("- {id: a, transform: 1, attempts: 3}", "misplaced_key", 3, 27, "`attempts`", "inside `retry`"),
        ("- {id: a, transform: 1, <<: {}}", "unknown_key", 3, 27, "no merge key", "defaults"),
        ("- {tool: m.f}", "missing_key", 3, 5, "a step needs an id", "id: …"),
        ("- {id: a, http: {method: GET}}", "missing_key", 3, 19, "`url` is missing in `http`", "url: …"),
        ("- {id: a, model: m}", "missing_key", 3, 5, "needs something to ask", "prompt"),
        ("- {id: a, prompt: x}", "missing_key", 3, 5, "names no model", "defaults"),
        ("- {id: a, each: '{{ [1] }}'}", "missing_key", 3, 5, "`steps` is missing", "steps"),
        ("- {id: a, wait: {}}", "missing_key", 3, 19, "takes one of `for`, `until`, `signal`", "add one"),
        ("- {id: a, wait: {for: 1s, until: '2026-03-01T09:00:00Z'}}", "conflict", 3, 29, "not 2", "keep one"),
        ("- {id: a, tool: m.f, undo: {}}", "missing_key", 3, 30, "`undo` takes one of", "add one"),
        # kinds
        ("- {id: a, description: x}", "kind", 3, 5, "this step has no kind", "model"),
        ("- {id: a, transfrom: x}", "kind", 3, 5, "no kind", "write `transform` for `transfrom`"),
        ("- {id: a, tool: m.f, http: u}", "kind", 3, 24, "has tool and http", "several steps"),
        ("- just text", "type", 3, 5, "a step is a mapping", "{id: …"),
        # ids
        ("- {id: A, tool: m.f}", "type", 3, 10, "`id` takes a name of small letters, digits and _, not 'A'", ""),
        ("- {id: for, tool: m.f}", "reserved", 3, 10, "reserved word of CEL", "another name"),
        ("- {id: in, tool: m.f}", "reserved", 3, 10, "reserved word of CEL", "another name"),
        ("- {id: a, tool: m.f}\n- {id: a, tool: m.f}", "duplicate_id", 4, 10, "used twice; first in line 3", "unique"),
        ("- {id: a, each: '{{ [1] }}', as: inputs, steps: [{id: b, transform: 1}]}", "reserved", 3, 36, "has a meaning", ""),
        ("- {id: a, each: '{{ [1] }}', as: index, steps: [{id: b, transform: 1}]}", "reserved", 3, 36, "has a meaning", ""),
        # needs
        ("- {id: a, needs: [b], tool: m.f}", "needs", 3, 13, "there is no step `b`", "nothing is known"),
        ("- {id: a, needs: [a], tool: m.f}", "needs", 3, 13, "can't wait for itself", "remove"),
        ("- {id: a, needs: [b], tool: m.f}\n- {id: b, tool: m.f}", "needs", 4, 5, "wait for each other", "remove"),
        # values
        ("- {id: a, tool: m.f, timeout: soon}", "type", 3, 33, "`timeout` takes a duration", "30s"),
        ("- {id: a, tool: m.f, timeout: 30}", "type", 3, 33, "not 30", "30s"),
        ("- {id: a, tool: m.f, timeout: Pfoo}", "type", 3, 33, "'Pfoo' is no duration", "30s"),
        ("- {id: a, tool: m.f, retry: 3}", "type", 3, 31, "`retry` takes a mapping", "attempts"),
        ("- {id: a, tool: m.f, retry: {attempts: 0}}", "type", 3, 42, "a whole number from 1", ""),
        ("- {id: a, tool: m.f, retry: {on: [nope]}}", "type", 3, 36, "a list of error classes", ""),
        ("- {id: a, tool: m.f, on_error: ignore}", "type", 3, 34, "fail, continue, or a list of steps", ""),
        ("- {id: a, when: , tool: m.f}", "type", 3, 19, "`when` takes an expression", ""),
        ("- {id: a, tool: nope}", "tool", 3, 19, "no name of a tool", "module.function"),
        ("- {id: a, tool: m.f, with: text}", "type", 3, 30, "`with` is a mapping, not a string", "{name: value}"),
        ("- {id: a, http: {url: u, method: FETCH}}", "type", 3, 36, "`FETCH` is no HTTP method", "GET"),
        ("- {id: a, model: 'm-{{ 1 }}', prompt: x}", "model", 3, 20, "known when it is published", "choose"),
        ("- {id: a, model: [m, ''], prompt: x}", "model", 3, 24, "known when it is published", "choose"),
        ("- {id: a, model: {choose: [m]}, prompt: x}", "missing_key", 3, 20, "`by` is missing", ""),
        ("- {id: a, wait: {for: 1y}}", "type", 3, 25, "`for` takes a duration", ""),
        ("- {id: a, wait: {for: Pfoo}}", "type", 3, 25, "no duration", "correct it"),
        ("- {id: a, wait: {until: tomorrow}}", "type", 3, 27, "no instant", "correct it"),
        ("- {id: a, wait: 10m}", "type", 3, 19, "`wait` takes a mapping", ""),
        ("- {id: a, http: 5}", "type", 3, 19, "`http` takes an address", ""),
        ("- {id: a, each: '{{ 1 }}', steps: [{id: b, transform: 1}]}", "type", 3, 19, "goes through a list, not a integer", "one `{{ }}`"),
        ("- {id: a, each: '{{ {\"k\": 2} }}', steps: [{id: b, transform: 1}]}", "type", 3, 19, "not a object", "keys(…)"),
        ("- {id: a, each: 5, steps: [{id: b, transform: 1}]}", "type", 3, 19, "a list or a template", ""),
        ("- {id: a, parallel: {}}", "type", 3, 23, "no branch", "name: [steps]"),
        ("- {id: a, parallel: {x: 5}}", "type", 3, 27, "the branch `x` is a list of steps", ""),
        ("- {id: a, parallel: 5}", "type", 3, 23, "`parallel` takes a mapping", ""),
        ("- {id: a, switch: [5]}", "type", 3, 22, "a case is a mapping", ""),
        ("- {id: a, switch: 5}", "type", 3, 21, "`switch` takes a list", ""),
        ("- {id: a, switch: [{else: true, steps: [{id: b, transform: 1}]}, {when: 'true', steps: [{id: c, transform: 1}]}]}", "order", 3, 22, "never reached", "end"),
        ("- {id: a, switch: [{steps: [{id: b, transform: 1}]}]}", "missing_key", 3, 22, "takes one of `when`, `else`", ""),
        ("- {id: a, loop: 5, steps: [{id: b, transform: 1}]}", "type", 3, 19, "`loop` takes a mapping", ""),
        ("- {id: a, tool: m.f, output: strnig}", "schema", 3, 32, "no type", "`string`"),
        ("- {id: a, tool: m.f, labels: {a: '{{ 1 }}'}}", "type", 3, 32, "fixed texts", ""),
        ("- {id: a, sql: 5}", "type", 3, 18, "`sql` takes a mapping", ""),
        ("- {id: a, tool: 5}", "type", 3, 19, "`tool` takes text", ""),
        ("- {id: a, workflow: 5}", "type", 3, 23, "`workflow` takes name@alias", ""),
        # what steps see
        ("- {id: a, transform: '{{ steps.b.output }}'}\n- {id: b, transform: 1}", "unseen_step", 3, 34, "`b` can't be read here", "in `needs`"),
        ("- {id: a, transform: '{{ steps.a.output }}'}", "unseen_step", 3, 34, "`a` can't be read here", "itself"),
        ("- {id: a, transform: '{{ steps.q.output }}'}\n", "unknown_step", 3, 34, "no step `q`", "nothing is known"),
        ("- {id: a, parallel: {x: [{id: b, transform: 1}]}}\n- {id: c, transform: '{{ steps.b.output }}'}", "unseen_step", 4, 34, "`b`", "read `steps.a.output`"),
        ("- {id: a, parallel: {x: [{id: b, transform: 1}], y: [{id: c, transform: '{{ steps.b.output }}'}]}}", "unseen_step", 3, 85, "`b`", "another list"),
        ("- {id: a, needs: [], transform: 1}\n- {id: b, needs: [], transform: '{{ steps.a.output }}'}", "unseen_step", 4, 45, "`a`", "`needs`"),
        ("- {id: a, when: inputs.x, transform: 1}", "unknown_input", 3, 26, "no input `x`", "declare it: `inputs: {x: string}`"),
        ("- {id: a, when: '1 == 2 ? 1 : 2', transform: 1}", "type", 3, 20, "must be true or false", ""),
        ("- {id: a, transform: '{{ round.index }}'}", "unknown_name", 3, 28, "isn't in scope", "loop"),
        ("- {id: a, transform: '{{ error.message }}'}", "unknown_name", 3, 28, "isn't in scope", "on_error"),
        # what may be absent
        ("- {id: a, when: run.name == 'x', transform: 1}\n- {id: b, transform: '{{ steps.a.output }}'}", "may_be_absent", 4, 36, "`steps.a.output` may be absent", "has(steps.a.output)"),
        ("- {id: a, tool: m.f, on_error: continue}\n- {id: b, transform: '{{ steps.a.output }}'}", "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, wait: {signal: s}, on_timeout: continue}\n- {id: b, transform: '{{ steps.a.output }}'}", "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, switch: [{when: 'run.id == \"x\"', steps: [{id: b, transform: 1}]}]}\n- {id: c, transform: '{{ steps.a.output }}'}", "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, switch: [{else: true, steps: [{id: b, tool: m.f, on_error: continue}]}]}\n- {id: c, transform: '{{ steps.a.output }}'}", "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, tool: m.f, on_error: [{id: b, when: 'run.id == \"x\"', transform: 1}]}\n- {id: c, transform: '{{ steps.a.output }}'}", "may_be_absent", 4, 36, "absent", "has"),
        ("- {id: a, loop: {while: 'false', max: 2}, steps: [{id: b, tool: m.f, on_error: continue}]}\n- {id: c, transform: '{{ steps.a.output }}'}", "may_be_absent", 4, 36, "absent", "has"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_step_is_told_with_place_and_remedy(text, code, line, column, says, remedy):
    found = problem(text)
    assert (found.code, found.place.line, found.place.column) == (code, line, column)
    assert says in found.message
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("[1]", "type", 1, 1, "a workflow is a mapping"),
        ("name: t\n", "missing_key", 1, 1, "`steps` is missing"),
        ("name: t\nsteps: []\n", "type", 2, 8, "`steps` takes a list of steps"),
        ("steps: [{id: a, transform: 1}]\n", "missing_key", 1, 1, "`name` is missing"),
        ("name: T!\nsteps: [{id: a, transform: 1}]\n", "type", 1, 7, "`name` takes a name of small letters"),
        ("name: t\nstep: []\nsteps: [{id: a, transform: 1}]\n", "unknown_key", 2, 1, "`step` is no key of a workflow"),
        ("name: t\nprompt: x\nsteps: [{id: a, transform: 1}]\n", "misplaced_key", 2, 1, "`prompt` does not belong"),
        ("name: t\ninputs: string\nsteps: [{id: a, transform: 1}]\n", "schema", 2, 9, "lists names and types"),
        ("name: t\ninputs: {a: strnig}\nsteps: [{id: a, transform: 1}]\n", "schema", 2, 13, "no type"),
        ("name: t\nsecrets: [a, a]\nsteps: [{id: a, transform: 1}]\n", "duplicate_key", 2, 1, "listed twice"),
        ("name: t\nbudget: {euro: 1}\nsteps: [{id: a, transform: 1}]\n", "unknown_key", 2, 10, "`euro` is no key of `budget`"),
        ("name: t\ndefaults: {model: m, queu: x}\nsteps: [{id: a, transform: 1}]\n", "unknown_key", 2, 22, "`queu`"),
        ("name: t\ndefaults: {retry: {attempts: x}}\nsteps: [{id: a, transform: 1}]\n", "type", 2, 30, "`attempts`"),
        ("name: t\noutputs: '{{ steps.b.output }}'\nsteps: [{id: a, transform: 1}]\n", "unknown_step", 2, 20, "no step `b`"),
        (
            "name: t\noutputs: '{{ steps.b.output }}'\nsteps: [{id: a, parallel: {x: [{id: b, transform: 1}]}}]\n",
            "unseen_step", 2, 20, "`b` can't be read here",
        ),
        (
            "name: t\nsteps: [{id: a, transform: 1}]\nfinally: [{id: b, transform: '{{ steps.a.output }}'}]\n",
            "may_be_absent", 3, 42, "may be absent",
        ),
        ("name: t\nsteps: [{id: a, transform: 1}]\ntriggers: [5]\n", "type", 3, 12, "a trigger is a mapping"),
        ("name: t\nsteps: [{id: a, transform: 1}]\ntriggers: [{with: {}}]\n", "missing_key", 3, 12, "takes one of"),
        (
            "name: t\nsteps: [{id: a, transform: 1}]\ntriggers: [{topic: x, catch_up: 1}]\n",
            "misplaced_key", 3, 23, "belongs to a trigger with `schedule`",
        ),
        (
            "name: t\nsteps: [{id: a, transform: 1}]\ntriggers: [{schedule: '* * * * *', filter: 'true'}]\n",
            "misplaced_key", 3, 36, "belongs to a trigger with `topic`",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_with_its_place(text, code, line, column, says):
    with pytest.raises(DefinitionInvalid) as caught:
        load(text, "f")
    found = [each for each in caught.value.problems if each.severity == "error"]
    assert len(found) == 1, [str(each) for each in found]
    assert (found[0].code, found[0].place) == (code, Place("f", line, column))
    assert says in found[0].message


def test_all_problems_are_told_at_once_in_the_order_of_the_file():
    found = problems("- {id: a, tool: nope, tiemout: 1s}\n- {id: a, transform: '{{ inputs.x }}'}\n- 5")
    assert [(each.place.line, each.code) for each in found] == [
        (3, "tool"), (3, "unknown_key"), (4, "duplicate_id"), (4, "unknown_input"), (5, "type"),
    ]  # fmt: skip


def test_a_step_guarded_by_its_condition_may_read_what_the_condition_asked_for():
    flow(
        """
- {id: a, when: run.name == "x", transform: {k: 1}}
- {id: b, when: has(steps.a.output), transform: "{{ steps.a.output.k }}"}
- id: c
  switch:
    - {when: has(steps.a.output), steps: [{id: d, transform: "{{ steps.a.output.k }}"}]}
    - {else: true, steps: [{id: e, transform: 0}]}
- {id: f, when: true, transform: 1}
- {id: g, transform: "{{ steps.f.output + steps.c.output }}"}
"""
    )


def test_warnings_do_not_refuse_a_file():
    found = flow("- {id: a, transform: '{{ inputs.x + 1 }}'}", "inputs: {x: any, y?: string}\n")
    assert [each.severity for each in found.warnings] == ["warning"]
    assert "warning: " in str(found.warnings[0])


def test_extending_workflows_read_their_parameters():
    found = flow("- {id: a, transform: '{{ template.tone }}'}", "extends: base/x@3\nwith: {tone: friendly}\n")
    assert found.settings == {"extends": "base/x@3", "with": {"tone": "friendly"}}
    assert found.steps.last.config.type == DYN


def test_a_chain_of_many_steps_is_read():
    text = "".join(f"- {{id: s{n}, transform: {n}}}\n" for n in range(2_000))
    steps = flow(text).steps
    assert steps.last.needs == ("s1998",)


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


MUTATIONS = st.lists(
    st.tuples(st.integers(0, 900), st.sampled_from(["", "{", "}", "[", ":", "- ", "\n", "'", '"', "x", "  ", "&a ", "*a", "!t ", "0"])),
    min_size=1,
    max_size=4,
)  # fmt: skip
SAMPLE = """
name: t
inputs: {n: integer, items: [string]}
defaults: {model: m, retry: {attempts: 2, backoff: 1s}}
steps:
  - id: p
    when: inputs.n > 1
    parallel:
      x: [{id: a, tool: m.f, with: {v: "{{ inputs.n }}"}}]
      y: [{id: b, prompt: "{{ inputs.items[0] }} and", output: {score: number}}]
  - {id: e, each: "{{ inputs.items }}", as: one, steps: [{id: c, transform: "{{ one + 'x' }}"}]}
  - {id: w, wait: {for: 10s}, needs: [e], on_error: continue}
  - {id: h, http: {url: u, method: POST, body: {k: v}}, on_error: [{id: o, transform: "{{ error.class }}"}]}
outputs: {r: "{{ steps.h.output }}"}
"""


@settings(max_examples=80, deadline=None)
@given(MUTATIONS)
def test_any_file_becomes_a_workflow_or_is_refused_with_reasons(mutations):
    text = SAMPLE
    for at, put in mutations:
        text = text[:at] + put + text[at + 1 :]
    try:
        load(text)
    except DefinitionInvalid as refused:
        assert refused.problems
        assert str(refused)
