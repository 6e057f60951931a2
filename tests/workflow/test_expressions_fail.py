"""Expressions: how they fail in a run, and how much they may touch."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.workflow.expression import SCOPE, compiled, failure, good
from workflow.errors import ExpressionFailed, ExpressionTooLarge
from workflow.expressions import ABSENT
from workflow.types import DYN


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("sum(inputs.lines)", "sum takes numbers, but an item is text"),
        ("sum([true])", "an item is a boolean"),
        ("avg(inputs.any.b.filter(i, i > 5))", "avg of an empty list"),
        ("max(inputs.any.b.filter(i, i > 5))", "max of an empty list"),
        ("sort([1, 'a'])", "numbers only or texts only, not a int, text"),
        ("sort([null, inputs.n])", "not a int, null"),
        ("sort(inputs.any.b, 'x')", "an item has no such field"),
        ("range(inputs.n * 1000)", "1,000 numbers, not 3,000"),
        ("parse_json(inputs.s)", "parse_json: Expecting value"),
        ("parse_json('NaN' + inputs.s)", "parse_json"),
        ("parse_json('[' + inputs.s)", "parse_json"),
        ("[inputs.any][0].map(i, i)", "a mapping can't be gone through"),
        ("inputs.any.map(i, i)", "`inputs.any` is no list to go through; write keys(inputs.any)"),
        ("inputs.any.a.z.map(i, i)", "`inputs.any.a.z` is no list to go through"),
        ("inputs.n / 0", "divide by zero"),
        ("inputs.items[9].name", "index=9"),
        ("inputs.any.a.nope + 1", "`inputs.any.a.nope` is absent"),
        ("inputs.any['no' + 'pe']", "there is no field `nope`"),
        ("inputs.any.b[0] + 'x'", "`+` can't be applied to (int, string)"),
        ("size(inputs.any.b[0])", "`size` can't take (int)"),
        ("inputs.s.matches('(' + inputs.s)", "invalid regular expression"),
        ("double(inputs.n) / 0.0", "inf"),
        ("b'x' + bytes(inputs.s)", "bytes"),
        ("type(inputs.n)", "which JSON has no word for"),
        ("{inputs.n: 1}", "the key 3"),
        ("inputs.yes ? inputs.?note : inputs.?n", "the result is an optional value"),
        ("inputs.any.?nope", "optional"),
        ("item.?x", "optional"),
        ("parse_json('\"a\\\\u0000' + '\"') + inputs.s", "NUL"),
        ('[parse_json(\'{"a": ["\\\\u0000"]}\')] + [inputs.n]', "NUL"),
        ("range(200).map(i, range(200).map(j, inputs.n))", "10,000 rounds"),
    ],
)
def test_what_only_a_run_can_tell_fails_with_a_reason(source, says):
    scope = SCOPE.with_roots({"item": DYN})
    expression, problems = compiled(source, scope)
    if expression is None:
        assert any("orValue" in problem.remedy or says in problem.message for problem in problems)
        return
    assert says in failure(source)


def test_nesting_too_deep_for_json_fails_with_a_reason():
    assert "parse_json: nested too deep" in failure("parse_json(inputs.s)", lambda _: "[" * 60_000)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("a\0b", "NUL"),
        ({"a\0": 1}, "NUL"),
        (["x" * 70_000], "64 KiB"),
        ({"a": ["x" * 40_000, {"b": "x" * 40_000}]}, "64 KiB"),
        ([0] * 1_001, "1,000 list items"),
        ([[0] * 600, [0] * 600], "1,000 list items"),
        ([0.5] * 999 + [list(range(3))], "1,000 list items"),
        (2**64, "64 bits"),
        (["\ud800"], "no Unicode"),
    ],
)
def test_more_than_an_expression_may_touch_is_refused(given, says):
    assert says in failure("[inputs.any].size()", lambda _: given)


def test_what_is_too_large_can_be_told_from_what_is_wrong():
    with pytest.raises(ExpressionTooLarge):
        good("[inputs.any].size()").evaluate(lambda _: [0] * 1_001)
    assert good("[inputs.any].size()").evaluate(lambda _: [0] * 1_000) == 1
    assert good("inputs.any").evaluate(lambda _: [0] * 5_000) == [0] * 5_000


@pytest.mark.parametrize(
    "source",
    [
        "range(1000).map(i, inputs.s + inputs.s)",
        "range(100).map(i, range(90).map(j, inputs.s))",
        "range(1000).map(i, inputs.s).join(inputs.s)",
        "inputs.s.replace('', inputs.s)",
        "[1].map(i, range(900)).map(l, l.map(k, inputs.s + string(k)))",
    ],
)
def test_text_that_multiplies_is_stopped_before_it_is_made(source):
    expression = good(source)
    with pytest.raises(ExpressionTooLarge, match="copy more text"):
        expression.evaluate(lambda _: "x" * 60_000)
    assert expression.evaluate(lambda _: "x")


def test_copying_every_item_once_is_no_multiplication():
    lines = ["x" * 60] * 1_000
    assert len(good("inputs.lines.map(l, l + '!')").evaluate(lambda _: lines)) == 1_000
    large = good("inputs.lines.map(l, inputs.lines.size() > 1 ? l + inputs.s + inputs.s : l)")
    assert large.evaluate(lambda path: "y" if path[-1] == "s" else lines[:10])
    assert good("[{'a': inputs.any}].map(m, m.a)").evaluate(lambda _: {"b": ["c"]}) == [{"b": ["c"]}]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "`inputs.items` is null, but was declared as list"),
        ([3], "`inputs.items[0]` is a number, but was declared as object"),
        ([{"score": "x"}], "can't be applied to (string, double)"),
        ({}, "`inputs.items` is a mapping, but was declared as list"),
    ],
)
def test_a_value_that_isnt_what_was_declared_fails_by_name(given, says):
    assert says in failure("inputs.items.map(i, i.score * 2)", lambda _: given)


def test_numbers_that_fit_nowhere_fail():
    assert "64 bits" in failure("inputs.n + 1", lambda _: 2**70)
    assert "too large" in failure("inputs.x + 1.0", lambda _: 10**400)


def test_a_nullable_list_is_asked_before_it_is_gone_through():
    assert "`inputs.maybe` is no list to go through" in failure("inputs.maybe.map(i, i)")
    assert "`inputs.maybe` is absent" in failure("inputs.maybe.map(i, i)", lambda _: ABSENT)
    assert good("inputs.maybe.map(i, i)").evaluate(lambda _: [1]) == [1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
SOURCES = st.sampled_from(
    [
        "[inputs.any]",
        "inputs.any == inputs.any",
        "json(inputs.any)",
        "inputs.any.map(i, i)",
        "size(inputs.any)",
        "default_text(inputs.any, 'x')",
        "inputs.n + 1",
        "inputs.x * 2",
        "inputs.items.filter(i, i.score > 1)",
        "sort(inputs.lines)",
        "now > run.started",
        "inputs.any.?a.orValue(1)",
    ]
)


@settings(max_examples=150, deadline=None)
@given(source=SOURCES, given_value=JSON)
@example(source="[inputs.any]", given_value={"z": [1, {"b": None, "a": 1.5}], "a": ""})
def test_any_value_gives_json_or_a_reason_and_always_the_same(source, given_value):
    expression = good(source)
    results = []
    for _ in range(2):
        try:
            results.append(repr(expression.evaluate(lambda _: given_value)))
        except ExpressionFailed as failed:
            results.append(failed.message)
    assert results[0] == results[1]
