"""Expressions: what is refused at publish, with the column and a remedy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflow.expression import compiled, error, failure, value


@pytest.mark.parametrize(
    ("source", "column", "says", "remedy"),
    [
        ("inputs.n + inputs.x", 10, "`+` can't be applied to (int, double)", "double(…)"),
        ("'a' + 1", 5, "`+` can't be applied to (string, int)", "string(…)"),
        ("steps.judge.output.scor", 20, "`steps.judge.output` has no field `scor`", "write `score`"),
        ("steps.later.output", 7, "step `later` can't be read here", "it runs later"),
        ("steps.nope.output", 7, "there is no step `nope`", "judge, skipped"),
        ("inputs.m", 8, "there is no input `m`", "known here"),
        ("judge.output", 1, "`judge` is a step", "`steps.judge.output`"),
        ("later.output", 1, "`later` is a step", "`steps.later.output`"),
        ("n > 1", 1, "`n` is an input", "`inputs.n`"),
        ("foo", 1, "`foo` is unknown", "known here"),
        ("round.index", 1, "`round` isn't in scope here", "`loop`"),
        ("step.output", 1, "`step` isn't in scope here", "`steps.ID.output`"),
        ("steps.judge.?usage.cost", 20, "`steps.judge.usage` has no field `cost`", "usd"),
        ("event.data", 1, "`event` isn't in scope here", "topic"),
        ("secrets.token", 1, "a secret can't be part of an expression", "{{ secrets.NAME }}"),
        ("inputs.s.foo", 10, "`inputs.s` is a string and has no field `foo`", "as it is"),
        ("inputs.items.name", 14, "`inputs.items` is a list of object and has no field `name`", "inputs.items[0]"),
        ("inputs.items[0].nam", 17, "there is no field `nam`", "name, score"),
        ("inputs.lines[0].x", 17, "a string has no field `x`", "as it is"),
        ("inputs.map.map(k, k)", 12, "`map` can't go through a mapping", "keys(…)"),
        ("inputs.s.map(k, k)", 10, "`map` goes through a list, not a string", "list"),
        ("steps.skipped.output.id", 15, "`steps.skipped.output` may be absent", "has(steps.skipped.output)"),
        ("inputs.?note", 12, "the value may be none", ".orValue(…)"),
        ("sha256(inputs.?note)", 8, "an optional value can't be passed on", ".orValue(…)"),
        ("sha256(inputs.nope)", 15, "there is no input `nope`", "write `note`"),
        ("now()", 1, "`now` is a value, not a function", "without parentheses"),
        ("foo(1)", 4, "there is no function `foo`", "known here"),
        ("summ([1])", 5, "there is no function `summ`", "write `sum`"),
        ("inputs.yes ? 1 : 'a'", 12, "both values of `? :` must have one type", "one type"),
        ("inputs.s[0]", 9, "an index can't be used on (string, int)", "one type"),
        ("sum('a')", 4, "`sum` can't take (string)", "one type"),
        ("1 / 0", 1, "this can never give a value: divide by zero", "correct it"),
        ("inputs.n +\n  inputs.s", 10, "`+` can't be applied to (int, string)", "one type"),
        ("+".join(["inputs.n"] * 40), 1, "recursion depth", "several steps"),
        ("has(1)", 5, "field selection", ""),
        ("inputs.?note.orValue()", 21, "`orValue` can't be called like this", "how many arguments"),
        ("inputs.items.keys()", 18, "`keys` can't be called like this", "keys(mapping)"),
        ("", 1, "the expression is empty", "remove it"),
        ("   ", 1, "the expression is empty", "remove it"),
        ("inputs.n = 3", 10, "`=` has no meaning here", "`==`"),
        ("inputs.yes and inputs.yes", 12, "`and` does not fit here", "&&"),
        ("inputs.s == ‘a’", 13, "has no meaning here", "quotes"),
        ("'abc", 1, "this string is not closed", ""),
        ("'a\nb'", 1, "this string is not closed", ""),
        ("inputs.in", 8, "`in` does not fit here: a field name has to follow the dot", ""),
        ("inputs.", 8, "the expression ends too early", ""),
        ("inputs.n[1", 11, "`]` is missing after the index", ""),
        ("sum([1)", 7, "`]` is missing to close the list", ""),
        ("sum([1]", 8, "`)` is missing after the arguments", ""),
        ("{'a' 1}", 6, "`:` is missing between key and value", ""),
        ("{'a': 1", 8, "`}` is missing to close the mapping", ""),
        ("(1", 3, "`)` is missing to close the group", ""),
        ("inputs.yes ? 1", 15, "`:` is missing after the first value", ""),
        ("for", 1, "`for` is a reserved word", ""),
        ("Foo{a: 1}", 4, "objects of a named kind can't be made here", ""),
        ("1 2", 3, "`2` does not fit here", ""),
        ("* 2", 1, "`*` does not fit here: a value is expected", ""),
        ("(" * 40 + "1" + ")" * 40, 33, "nested deeper than 32", ""),
        ("'" + "a" * 17_000 + "'", 1, "longer", ""),
    ],
)
def test_what_is_wrong_is_told_at_publish_with_its_column(source, column, says, remedy):
    problem = error(source)
    assert says in problem.message
    assert remedy in problem.remedy
    assert problem.place.column == column


def test_arithmetic_on_an_untyped_value_warns():
    expression, problems = compiled("inputs.any.a.z + 1")
    assert expression is not None
    assert [problem.severity for problem in problems] == ["warning"]
    assert "double(…)" in problems[0].remedy
    assert compiled("inputs.any.a.z + 'x'")[1] == []
    assert compiled("inputs.any.a.z * inputs.any.a.z")[1][0].code == "untyped"


@pytest.mark.parametrize(
    "source",
    [
        "has(steps.skipped.output) ? steps.skipped.output.id : 'none'",
        "!has(steps.skipped.output) ? 'none' : steps.skipped.output.id",
        "has(steps.skipped.output) && steps.skipped.output.id == 'a' ? 'a' : 'none'",
        "steps.skipped.output.id == 'a' && has(steps.skipped.output) ? 'a' : 'none'",
        "!has(steps.skipped.output) || steps.skipped.output.id == 'a' ? 'none' : 'a'",
        "steps.skipped.status == 'succeeded' ? steps.skipped.output.id : 'none'",
        "'succeeded' == steps.skipped.status ? steps.skipped.output.id : 'none'",
        "has(steps.skipped.output.id) ? steps.skipped.output.id : 'none'",
        "steps.skipped.?output.?id.orValue('none')",
        "steps.?skipped.?output.?id.orValue('none')",
        "default_text(steps.skipped.output, 'none')",
    ],
)
def test_a_guarded_read_of_an_absent_output_passes(source):
    assert value(source) == "none"


@pytest.mark.parametrize(
    "source",
    [
        "has(steps.skipped.output) || steps.skipped.output.id == 'a'",
        "has(steps.skipped.output) ? 'x' : steps.skipped.output.id",
        "steps.skipped.status == 'failed' && steps.skipped.output.id == 'a'",
        "inputs.s == 'succeeded' && steps.skipped.output.id == 'a'",
        "has({'a': 1}.a) && steps.skipped.output.id == 'a'",
    ],
)
def test_a_guard_that_proves_nothing_is_none(source):
    assert error(source).code == "may_be_absent"


def test_an_optional_field_read_without_a_guard_warns():
    expression, problems = compiled("inputs.note + '!'")
    assert expression is not None
    assert [(problem.code, problem.severity) for problem in problems] == [("may_be_absent", "warning")]
    assert failure("inputs.note + '!'") == "`inputs.note` is absent"
    assert failure("inputs.note") == "`inputs.note` is absent"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(
    "inputs.n inputs.any inputs.?note 'a' 1 2.5 i [ ] [? { } ( ) . .? , : ? + - * / % == < && || ! in "
    "sum( keys( .map(i, .orValue( has( size( ) ) // ` \\ now steps.judge.output".split(" ")
), max_size=9))  # fmt: skip
def test_any_text_compiles_or_is_refused_with_a_reason(words):
    expression, problems = compiled(" ".join(words))
    assert (expression is None) == any(problem.severity == "error" for problem in problems)
