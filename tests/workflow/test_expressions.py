"""Expressions: what they give, in the same way every time."""

from typing import Any

import pytest

from tests.workflow.expression import ITEM, compiled, error, failure, good, lookup, value
from workflow.errors import ExpressionFailed
from workflow.expressions import paths_known_if
from workflow.types import LIST, MAP, STRING, list_of


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
        ("size({})", 0),
        ("[1].first().orValue(2)", 1),
        ("[inputs.numbers][0].one", 1.0),
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
    assert repr(lookup(("inputs", "nope"))) == "ABSENT"
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


def test_a_condition_tells_what_is_there_when_it_holds():
    assert ("steps", "skipped", "output") in paths_known_if("has(steps.skipped.output.id) && inputs.n > 1")
    assert paths_known_if("inputs.n > 1") == frozenset()


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
