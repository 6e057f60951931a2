"""Expressions: what they see, what they give, how they fail, and how much they may touch."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workflow.cel.scope import Scope, root_scope, step_type
from workflow.errors import ExpressionFailed, ExpressionTooLarge, Place, Problem, Problems
from workflow.expressions import ABSENT, Expression, compile_expression, paths_known_if
from workflow.types import BOOL, DOUBLE, DYN, INT, LIST, MAP, STRING, Type, list_of, object_of

ITEM = object_of({"score": DOUBLE, "name": STRING})
INPUTS = object_of(
    {
        "n": INT,
        "x": DOUBLE,
        "s": STRING,
        "yes": BOOL,
        "items": list_of(ITEM),
        "lines": list_of(STRING),
        "any": DYN,
        "map": MAP,
        "numbers": Type("map", element=DOUBLE),
        "maybe": Type("list", element=DYN, nullable=True),
        "note": STRING,
    },
    frozenset({"note"}),
)
JUDGE = step_type(object_of({"verdict": STRING, "score": DOUBLE}), False)
SKIPPED = step_type(object_of({"id": STRING}), True)
SCOPE = root_scope(INPUTS, ["token"]).with_steps({"judge": JUDGE, "skipped": SKIPPED}, {"later": "it runs later"})
SCOPE = SCOPE.with_roots({"item": DYN})
STARTED = 1_700_000_000_000_000

CONTEXT: dict[str, Any] = {
    "inputs": {
        "n": 3,
        "x": 7,
        "s": "hé",
        "yes": True,
        "items": [{"score": 1, "name": "b"}, {"score": 2.5, "name": "a"}],
        "lines": ["b", "a"],
        "any": {"b": [2, 1, 2], "a": {"z": 1, "y": None}},
        "map": {"k": 1},
        "numbers": {"one": 1},
        "maybe": None,
    },
    "steps": {
        "judge": {"output": {"verdict": "refund", "score": 7}, "status": "succeeded", "attempts": 2},
        "skipped": {"status": "skipped"},
    },
    "run": {"id": "r1", "started": STARTED},
    "now": STARTED,
    "item": [1, 2],
}


def lookup(path: tuple[str, ...]) -> Any:
    value: Any = CONTEXT
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def compiled(source: str, scope: Scope = SCOPE, *, condition: bool = False) -> tuple[Expression | None, list[Problem]]:
    problems = Problems(source)

    def locate(offset: int) -> Place:
        return Place("f", source[:offset].count("\n") + 1, offset - source[:offset].rfind("\n"))

    return compile_expression(source, locate, scope, problems, condition=condition), problems.found


def good(source: str, scope: Scope = SCOPE) -> Expression:
    expression, problems = compiled(source, scope)
    assert expression is not None, problems
    return expression


def value(source: str) -> Any:
    return good(source).evaluate(lookup)


def error(source: str, *, condition: bool = False) -> Problem:
    expression, problems = compiled(source, condition=condition)
    assert expression is None
    return problems[0]


def failure(source: str, look: Any = lookup) -> str:
    with pytest.raises(ExpressionFailed) as caught:
        good(source).evaluate(look)
    assert caught.value.kind == "fatal"
    assert source in str(caught.value)
    return caught.value.message


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("inputs.n + 1", 4),
        ("inputs.n > 2 && inputs.s == 'hé'", True),
        ("-inputs.n", -3),
        ("!inputs.yes", False),
        ("inputs.s.size()", 2),
        ("inputs.s + '!'", "hé!"),
        ("inputs.s in ['hé']", True),
        ("inputs['s']", "hé"),
        ("inputs.any['a'].z + 0", 1),
        ("inputs.items[1].name", "a"),
        ("inputs.items.filter(i, i.score > 2).map(i, i.name)", ["a"]),
        ("inputs.items.exists(i, i.name == 'a')", True),
        ("inputs.items.map(inputs, inputs.name)", ["b", "a"]),
        ("inputs.n == 3 ? 'a' : 'b'", "a"),
        ("[1, 2u, 0x1F]", [1, 2, 31]),
        ("'%d items'.format([inputs.n])", "3 items"),
        ("math.greatest(inputs.n, 5)", 5),
        ("inputs.lines.join('-')", "b-a"),
        ("inputs.s.replace('h', 'x')", "xé"),
        ("inputs.lines.map(l, l == 'a', l + '!')", ["a!"]),
        ("r'\\d' + '''q'''", "\\dq"),
        ("{'b': 1, 'a': 2}['a']", 2),
        ("{'k': 1}.k", 1),
        ("inputs.map.k + 1", 2),
        ("inputs.numbers.one + 1", 2.0),
        ("string(inputs.n)", "3"),
        ("has({'a': 1}.a)", True),
        ("inputs.items.all(i, has(i.name))", True),
        ("'a,b'.split(',')", ["a", "b"]),
        ("optional.of(1).orValue(2)", 1),
        ("inputs.?note.or(optional.of('x')).orValue('y')", "x"),
        ("inputs.?s.optMap(s, s + '!').orValue('')", "hé!"),
        ("inputs.?any.?b[?0].orValue(9)", 2),
        ("inputs.?note.hasValue()", False),
        ("[?inputs.?note, 'x']", ["x"]),
        ("{?'a': inputs.?note, 'b': 1}", {"b": 1}),
        ("inputs.?items.orValue([])[0].name", "b"),
        ("inputs.any.b.map(i, i).size()", 3),
        ("inputs.any.?b.orValue([]).map(i, i)", [2, 1, 2]),
        ("[inputs.any][0].b.filter(i, i == 1)", [1]),
        ("item[0] == 1", True),
        ("inputs.n // a comment\n + 1", 4),
    ],
)
def test_cel_as_it_is_known(source, expected):
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("sum([1, 2, 3])", 6),
        ("sum(inputs.items.map(i, i.score))", 3.5),
        ("sum([])", 0),
        ("min([2, 1])", 1),
        ("max(['a', 'b'])", "b"),
        ("max(1, 2.5)", 2.5),
        ("min(inputs.s, 'a')", "a"),
        ("max(now, timestamp('2000-01-01T00:00:00Z'))", "2023-11-14T22:13:20Z"),
        ("avg([1, 2])", 1.5),
        ("sort(inputs.lines)", ["a", "b"]),
        ("sort([true, false])", [False, True]),
        ("sort(inputs.items, 'name').map(i, i.name)", ["a", "b"]),
        ("distinct([1, 2, 1, 'a', 'a'])", [1, 2, "a"]),
        ("flatten([[1], [2, 3]])", [1, 2, 3]),
        ("flatten([1, [2]])", [1, 2]),
        ("range(3)", [0, 1, 2]),
        ("range(2, 4)", [2, 3]),
        ("keys(inputs.any)", ["a", "b"]),
        ("items({'b': 1, 'a': 2})", [{"key": "a", "value": 2}, {"key": "b", "value": 1}]),
        ("merge({'a': 1}, {'b': 2})", {"a": 1, "b": 2}),
        ("json(inputs.any)", '{"a":{"y":null,"z":1},"b":[2,1,2]}'),
        ("json(duration('90m'))", '"90m"'),
        ("parse_json('{\"a\": [1]}').a", [1]),
        ("default_text(inputs.note, 'none')", "none"),
        ("default_text(inputs.?note.orValue(''), 'none')", "none"),
        ("default_text(steps.skipped.output.id, 'none')", "none"),
        ("default_text(inputs.s, 'none')", "hé"),
        ("default_text(inputs.n, 'none')", "3"),
        ("sha256('a').substring(0, 8)", "ca978112"),
        ("sha256({'b': 1, 'a': 2}) == sha256({'a': 2, 'b': 1})", True),
    ],
)
def test_the_languages_own_functions(source, expected):
    assert value(source) == expected


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
    ("source", "expected"),
    [
        ("inputs.x < 8", True),
        ("inputs.x == 7", True),
        ("inputs.x * 2 + 1", 15.0),
        ("1 + inputs.x", 8.0),
        ("inputs.x > -1", True),
        ("inputs.x in [1, 7]", True),
        ("inputs.x == 0x7", True),
        ("inputs.items.map(i, i.score * 2)", [2.0, 5.0]),
        ("inputs.yes ? inputs.x : 0", 7.0),
        ("inputs.yes ? 0 : inputs.x", 0.0),
        ("steps.judge.?output.?score.orValue(0)", 7.0),
        ("inputs.yes ? 1 : 1.5", 1.0),
    ],
)
def test_an_integer_literal_beside_a_number_is_a_double(source, expected):
    found = value(source)
    assert found == expected
    assert type(found) is type(expected)


def test_whole_numbers_are_ints_whatever_json_wrote():
    assert good("inputs.n + 1").evaluate(lambda _: 3.0) == 4
    assert failure("inputs.n + 1", lambda _: 3.5) == "a number with a fraction was declared as integer"


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


def test_a_condition_tells_what_is_there_when_it_holds():
    assert ("steps", "skipped", "output") in paths_known_if("has(steps.skipped.output.id) && inputs.n > 1")
    assert paths_known_if("inputs.n > 1") == frozenset()


def test_only_the_paths_that_are_named_are_looked_up():
    asked = []

    def look(path: tuple[str, ...]) -> Any:
        asked.append(path)
        return lookup(path)

    expression = good("steps.judge.output.score < 8.0 && inputs.n > 2 && inputs.n < 9")
    assert expression.evaluate(look) is True
    assert asked == [("steps", "judge", "output", "score"), ("inputs", "n")]
    assert expression.paths == tuple(asked)


def test_a_bare_path_is_read_without_cel_and_keeps_its_order():
    given = {"z": 1, "a": 2}
    assert good("inputs.any").evaluate(lambda _: given) is given
    assert list(good("(inputs.any)").evaluate(lambda _: given)) == ["z", "a"]


def test_a_mapping_out_of_any_other_expression_is_sorted_by_key():
    given = {"z": {"y": 1, "b": 2}, "a": 2}
    found = good("[inputs.any][0]").evaluate(lambda _: given)
    assert list(found) == ["a", "z"]
    assert list(found["z"]) == ["b", "y"]


def test_times_are_recorded_microseconds_and_read_as_rfc_3339():
    assert value("now") == "2023-11-14T22:13:20Z"
    assert value("run.started") == "2023-11-14T22:13:20Z"
    assert value("now + duration('1h30m')") == "2023-11-14T23:43:20Z"
    assert value("now - run.started") == "0s"
    assert value("duration('-90s')") == "-90s"
    assert value("string(now)") == "2023-11-14T22:13:20Z"
    assert good("now.getFullYear()").evaluate(lambda _: "2024-02-29T12:00:00+01:00") == 2024
    assert good("now").evaluate(lambda _: "2024-02-29T12:00:00Z") == "2024-02-29T12:00:00Z"
    assert failure("now", lambda _: 10**30) == f"{10**30} is no instant"
    assert "is no instant" in failure("now.getFullYear()", lambda _: "yesterday")
    assert "null" in failure("now.getFullYear()", lambda _: None)


def test_a_constant_is_evaluated_once_at_publish():
    expression = good("'{{'")
    assert expression.constant
    assert expression.evaluate(lambda _: pytest.fail("a constant reads nothing")) == "{{"


def test_a_condition_has_to_be_true_or_false():
    assert "a condition must be true or false, this is a string" in error("inputs.s", condition=True).message
    expression, _ = compiled("inputs.any", condition=True)
    assert expression is not None
    assert expression.holds(lambda _: False) is False
    with pytest.raises(ExpressionFailed, match="true or false"):
        expression.holds(lambda _: "false")
    assert repr(expression) == "Expression('inputs.any')"


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


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(
    "inputs.n inputs.any inputs.?note 'a' 1 2.5 i [ ] [? { } ( ) . .? , : ? + - * / % == < && || ! in "
    "sum( keys( .map(i, .orValue( has( size( ) ) // ` \\ now steps.judge.output".split(" ")
), max_size=9))  # fmt: skip
def test_any_text_compiles_or_is_refused_with_a_reason(words):
    expression, problems = compiled(" ".join(words))
    assert (expression is None) == any(problem.severity == "error" for problem in problems)


def test_unknown_lists_have_the_types_they_can_have():
    assert good("inputs.items.filter(i, i.score > 1)").type == list_of(ITEM)
    assert good("inputs.any.filter(i, true)").type == LIST
    assert good("inputs.lines + ['a']").type == list_of(STRING)
    assert good("inputs.lines + inputs.any.b").type.kind in ("dyn", "list")
    assert good("inputs.lines.map(l, {'l': l})[0].l").type == STRING
    assert good("{inputs.s: 1}").type == MAP
    assert good("[1, 'a']").type == LIST
    assert good("[]").type == LIST
    assert good("inputs.lines + [1 == 1 ? 'a' : 'b']").type == list_of(STRING)
