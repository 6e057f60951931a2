"""Workflow files: what is wrong with a whole file, and the files that it names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflow.flow import flow, problem, problems, render
from workflow.errors import DefinitionInvalid, Place
from workflow.parse.load import load
from workflow.parse.visible import Unseen


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
        ("name: t\nbudget: {euro: 1}\nsteps: [{id: a, transform: 1}]\n", "unknown_key", 2, 10, "no key of `budget`"),
        ("name: t\ndefaults: {model: m, queu: x}\nsteps: [{id: a, transform: 1}]\n", "unknown_key", 2, 22, "`queu`"),
        ("name: t\ndefaults: {retry: {attempts: x}}\nsteps: [{id: a, transform: 1}]\n", "type", 2, 30, "`attempts`"),
        ("name: t\noutputs: '{{ steps.b }}'\nsteps: [{id: a, transform: 1}]\n", "unknown_step", 2, 20, "no step `b`"),
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
    "prompt",
    [
        "{file: p.md}",
        "{ file : 'p.md' }  # why",
        "\n      file: p.md\n",
        "\n      file: p.md   # why\n\n",
        "&p {file: p.md}",
        "{file: &f p.md}",
    ],
)
@pytest.mark.parametrize(
    "text", ["one line", 'a "b" {{ inputs.n }}\n\ttab \\ \r\nend\n', "\x85\u2028\x7f\ufeff😀 ''", "x" * 5_000, ""]
)
def test_a_version_is_whole_without_the_files_it_was_made_from(prompt, text):
    source = f"name: t\ninputs: {{n: integer}}\nsteps:\n  - id: a\n    prompt: {prompt}\n    model: m\n"
    found = load(source, "f", read=lambda _: text)
    again = load(found.source, "f")
    assert again.version_hash == found.version_hash
    assert again.source == found.source
    assert again.document["steps"][0]["prompt"] == text
    assert found.source.count("\n") == source.count("\n")


def test_a_file_named_by_an_alias_is_pinned_too():
    source = (
        "name: t\nsteps:\n  - {id: a, model: m, prompt: {file: &f p.md}}\n"
        "  - id: b\n    model: m\n    prompt:\n      file: *f\n    max_tokens: 3\n"
    )
    found = load(source, read=lambda _: "text")
    assert [step["prompt"] for step in found.document["steps"]] == ["text", "text"]


def test_files_that_make_a_workflow_too_large_are_refused():
    with pytest.raises(DefinitionInvalid, match="with the texts of its files"):
        load("name: t\nsteps: [{id: a, model: m, prompt: {file: p.md}}]\n", read=lambda _: "x" * (1 << 20))


def test_a_file_with_half_a_character_is_refused():
    with pytest.raises(DefinitionInvalid, match="can't be read"):
        load("name: t\nsteps: [{id: a, model: m, prompt: {file: p.md}}]\n", read=lambda _: "\ud800")


def test_an_empty_mapping_has_a_span():
    with pytest.raises(DefinitionInvalid, match="takes a text"):
        load("name: t\nsteps: [{id: a, model: m, prompt: {file: [x]}}, {id: b, model: m, prompt: {}}]\n")


def test_a_problem_in_a_file_is_shown_there():
    with pytest.raises(DefinitionInvalid) as caught:
        load("name: t\nsteps: [{id: a, model: m, prompt: {file: p.md}}]\n", read=lambda _: "one\ntwo {{ inputs.x }}")
    found = caught.value.problems[0]
    assert found.place == Place("p.md", 2, 15)
    assert found.source == "two {{ inputs.x }}"


def test_files_are_read_once_and_pinned():
    asked = []

    def read(path: str) -> str:
        asked.append(path)
        return "Judge {{ inputs.n }}\nnow"

    text = "name: t\ninputs: {n: integer}\nsteps:\n  - {id: a, model: m, system: {file: p.md}, prompt: {file: p.md}}\n"
    found = load(text, read=read)
    assert asked == ["p.md"]
    assert 'system: "Judge {{ inputs.n }}\\nnow"' in found.source
    assert render(found.steps.last, inputs={"n": 3})["prompt"] == "Judge 3\nnow"
    assert load(text, read=lambda _: "other").version_hash != found.version_hash


PUT = ["", "{", "}", "[", ":", "- ", "\n", "'", '"', "x", "  ", "&a ", "*a", "!t ", "0"]
MUTATIONS = st.lists(
    st.tuples(st.integers(0, 900), st.sampled_from(PUT)),
    min_size=1,
    max_size=4,
)
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


def test_the_reasons_for_what_cannot_be_read_are_listed_by_step():
    reasons = Unseen(None, {})
    assert (len(reasons), list(reasons), "a" in reasons) == (0, [], False)
