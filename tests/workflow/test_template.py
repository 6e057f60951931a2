"""Templates: values with expressions in them, and where secrets may go."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow import yaml
from workflow.cel.scope import root_scope
from workflow.errors import ExpressionFailed, Problem, Problems
from workflow.expressions import ABSENT
from workflow.template import Template, compile_condition, compile_template, constant, split
from workflow.types import DOUBLE, DYN, INT, NULL, STRING, list_of, object_of

INPUTS = object_of({"name": STRING, "n": INT, "x": DOUBLE, "any": DYN})
SCOPE = root_scope(INPUTS, ["token", "other"])
CONTEXT = {
    ("inputs", "name"): "Ada",
    ("inputs", "n"): 3,
    ("inputs", "x"): 1,
    ("inputs", "any"): {"b": [1, None], "a": "é"},
    ("now",): 1_700_000_000_000_000,
}


def lookup(path: tuple[str, ...]) -> Any:
    return CONTEXT.get(path, ABSENT)


def compiled(text: str, *places: str, extra: Any = None) -> tuple[Template, list[Problem]]:
    problems = Problems(text)
    node = yaml.read(text, "f", problems)
    assert node is not None
    return compile_template(node, SCOPE, problems, places, extra), problems.found


def rendered(text: str) -> Any:
    template, problems = compiled(text)
    assert not problems, problems
    return template.render(lookup)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a: "{{ inputs.n }}"', {"a": 3}),
        ('a: "{{inputs.any}}"', {"a": {"b": [1, None], "a": "é"}}),
        ('a: "Hello {{ inputs.name }}!"', {"a": "Hello Ada!"}),
        ('a: " {{ inputs.n }}"', {"a": " 3"}),
        ('a: "{{ inputs.name }}{{ inputs.n }}"', {"a": "Ada3"}),
        ('a: "x {{ inputs.any }} {{ inputs.n > 1 }} {{ null }}"', {"a": 'x {"b":[1,null],"a":"é"} true null'}),
        ("a: \"at {{ now }} for {{ duration('90m') }}\"", {"a": "at 2023-11-14T22:13:20Z for 90m"}),
        ("a: \"{{ '{{' }} and }} {{ '}}' }}\"", {"a": "{{ and }} }}"}),
        ("a: \"{{ {'k': {'l': 1}} }}\"", {"a": {"k": {"l": 1}}}),
        ("a: \"{{ {'k': {'l': inputs.n}}['k'] }}\"", {"a": {"l": 3}}),
        ("a: \"{{ r'}}' + '''}}''' }}\"", {"a": "}}}}"}),
        ('- [1, "{{ inputs.n }}"]\n- {b: ["{{ inputs.n }}"]}', [[1, 3], {"b": [3]}]),
        ("a: |\n  one\n  {{ inputs.n }}\n", {"a": "one\n3\n"}),
        ("a: null\nb: 1.5\nc: true\n", {"a": None, "b": 1.5, "c": True}),
        ('"{{ inputs.name }}"', "Ada"),
        ('a: "{{ inputs.bar }}" # not read\n'.replace("inputs.bar", "inputs.name"), {"a": "Ada"}),
    ],
)
def test_a_value_is_rendered(text, expected):
    assert rendered(text) == expected


def test_one_expression_keeps_type_and_order():
    assert list(rendered('"{{ inputs.any }}"')) == ["b", "a"]
    assert rendered('"{{ inputs.any }}"') is CONTEXT["inputs", "any"]


def test_a_constant_renders_without_work():
    template, _ = compiled("a: [1, {b: c}]\nd: \"{{ 1 + 1 }} {{ 'x' }}\"")
    assert template.constant
    value, secrets = template.render(lambda _: pytest.fail("nothing is read"))
    assert value == {"a": [1, {"b": "c"}], "d": "2 x"}
    assert value is template.render(lookup)[0]
    assert secrets == {}
    assert constant([1]).render(lookup) == ([1], {})


def test_rendering_leaves_the_template_as_it_was():
    template, _ = compiled('a: {b: "{{ inputs.n }}", c: [0, "{{ inputs.n }}"]}')
    first, _ = template.render(lookup)
    first["a"]["b"] = first["a"]["c"][1] = "changed"
    assert template.render(lookup)[0] == {"a": {"b": 3, "c": [0, 3]}}


def test_what_is_known_before_a_run_can_be_asked():
    template, _ = compiled('method: POST\nurl: "{{ inputs.name }}"')
    assert template.constant_at("method", "GET") == "POST"
    assert template.constant_at("url") is None
    assert template.constant_at("body", "nothing") == "nothing"
    assert constant(None).constant_at("a", 1) == 1


def test_the_paths_and_the_type_are_known():
    template, _ = compiled('a: "{{ inputs.n }}"\nb: "{{ inputs.x * 2 }} x"\nc: [1, 2]\nd: []\ne: null')
    assert template.paths == (("inputs", "n"), ("inputs", "x"))
    assert template.type == object_of(
        {"a": INT, "b": STRING, "c": list_of(INT), "d": list_of(DYN), "e": NULL},
    )


def test_what_goes_in_as_it_is_may_hold_braces():
    template, problems = compiled('a: "{{ inputs.n }}"', extra={"output": {"pattern": "{{ x }}"}})
    assert not problems
    assert template.render(lookup)[0] == {"a": 3, "output": {"pattern": "{{ x }}"}}


def test_a_failing_expression_fails_the_rendering():
    template, _ = compiled('a: "x {{ inputs.any.nope }}"')
    with pytest.raises(ExpressionFailed, match="absent"):
        template.render(lookup)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ('a: "{{ inputs.nope }}"', 1, 15, "there is no input `nope`"),
        ('a: "x {{ inputs.name }} {{ inputs.nope }}"', 1, 35, "there is no input `nope`"),
        ("a: |\n  one\n  two {{ inputs.nope }}\n", 3, 17, "there is no input `nope`"),
        ('a: "{{ inputs.n "', 1, 5, "not closed"),
        ('a: "{{ \'x }}"', 1, 5, "not closed"),
        ('a: "{{ }}"', 1, 7, "the expression is empty"),
        ('"{{ inputs.n }}": 1', 1, 1, "a key can't be a template"),
        ('a: "{{ secrets.token }}"', 1, 7, "a secret may not stand here"),
        ('with: "{{ secrets.nope }}"', 1, 10, "the secret `nope` is not declared"),
        ("with: \"{{ secrets.token + 'x' }}\"", 1, 11, "a secret can't be part of an expression"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, line, column, says):
    _, problems = compiled(text, "/with")
    assert says in problems[0].message
    assert (problems[0].place.line, problems[0].place.column) == (line, column)


def test_secrets_are_parts_beside_the_value():
    text = (
        'with:\n  a/b: "Bearer {{ secrets.token }} {{ inputs.n }}"\n'
        '  c: ["{{ secrets.other }}"]\n  d: "{{ inputs.any }}"'
    )
    template, problems = compiled(text, "/with")
    assert not problems
    assert not template.constant
    value, secrets = template.render(lookup)
    assert value["with"]["a/b"] is None
    assert value["with"]["c"] == [None]
    assert secrets == {
        "/with/a~1b": ["Bearer ", {"secret": "token"}, " ", "3"],
        "/with/c/0": [{"secret": "other"}],
    }


def test_secrets_among_fixed_texts_leave_a_template_constant():
    template, _ = compiled('a: "{{ secrets.token }}"', "")
    assert template.constant
    assert template.render(lookup) == ({"a": None}, {"/a": [{"secret": "token"}]})


def test_an_error_beside_a_secret_is_reported():
    _, problems = compiled('a: "{{ secrets.token }}{{ inputs.nope }}"', "")
    assert [problem.code for problem in problems] == ["unknown_input"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs.n > 2", True),
        ('"{{ inputs.n > 3 }}"', False),
        ('" {{ inputs.n == 3 }} "', True),
        ("true", True),
        ("|\n  inputs.n > 2 &&\n  inputs.n < 9\n", True),
    ],
)
def test_a_condition_is_cel_or_cel_in_braces(text, expected):
    node = yaml.read(text, "f", Problems(text))
    assert node is not None
    expression = compile_condition(node, SCOPE, Problems(text))
    assert expression is not None
    assert expression.holds(lookup) is expected


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ('"{{ inputs.n }} > 2"', 1, "a condition is one expression"),
        ('"{{ inputs.n > 2"', 1, "a condition is one expression"),
        ("[1]", 1, "a condition is an expression"),
        ("7", 1, "a condition is an expression"),
        ('"{{ inputs.nope }}"', 12, "there is no input"),
        ("inputs.n", 1, "this is a integer"),
    ],
)
def test_what_is_no_condition_is_told_with_its_place(text, column, says):
    problems = Problems(text)
    node = yaml.read(text, "f", problems)
    assert node is not None
    assert compile_condition(node, SCOPE, problems) is None
    assert says in problems.found[0].message
    assert problems.found[0].place.column == column


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="{}' \"ax\\", max_size=20))
def test_pieces_join_to_the_text_they_were_cut_from(text):
    try:
        pieces = split(text)
    except Exception as error:
        assert "not closed" in str(error)
        return
    assert "".join("{{" + piece.text + "}}" if piece.expression else piece.text for piece in pieces) == text
