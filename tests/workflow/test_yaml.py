"""YAML 1.2 with places: what is read, what is refused, and where it says so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow import yaml
from workflow.errors import Place, Problem, Problems
from workflow.places import place_in


def read(text: str) -> tuple[yaml.Node | None, list[Problem]]:
    problems = Problems(text)
    return yaml.read(text, "f", problems), problems.found


def value(text: str):
    node, problems = read(text)
    assert not problems
    assert node is not None
    return yaml.plain(node)


def only_problem(text: str) -> Problem:
    _, problems = read(text)
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("2026-03-01", "2026-03-01"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("+3", 3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".", "."),
        ("-", None),
        ("1.2.3", "1.2.3"),
        ("'5'", "5"),
        ('"true"', "true"),
    ],
)
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text, expected):
    if text == "-":
        assert value("a:\n-\n") == {"a": [None]}
    else:
        assert value(f"a: {text}\n") == {"a": expected}


def test_every_key_and_value_knows_its_place():
    node, _ = read("a: 1\nb:\n  - x\n  - {c: d}\n")
    assert isinstance(node, yaml.Mapping)
    assert node.keys["b"] == Place("f", 2, 1)
    items = node.entries["b"]
    assert isinstance(items, yaml.Sequence)
    assert items.items[1].place == Place("f", 4, 5)


def test_a_byte_order_mark_does_not_shift_places():
    node, _ = read('\ufeffa: "x {{ y }}"\n')
    assert isinstance(node, yaml.Mapping)
    scalar = node.entries["a"]
    assert isinstance(scalar, yaml.Scalar)
    assert scalar.raw == '"x {{ y }}"'


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", 3, 1, "the first stands in line 1, column 1"),
        ("each: {{ x }}\n", "key", 1, 8, "a mapping can't be a key"),
        ("? [a]\n: 1\n", "key", 1, 3, "a list can't be a key"),
        ("when: !x\n", "tag", 1, 7, "the tag `!x`"),
        ("a: .inf\n", "number", 1, 4, "no number of JSON"),
        ("a: 1e999\n", "number", 1, 4, "larger than any number"),
        ("a: 9223372036854775808\n", "number", 1, 4, "64 bits"),
        ("a: " + "9" * 5000 + "\n", "number", 1, 4, "64 bits"),
        ("a: *b\n", "aliases", 1, 4, "defined nowhere"),
        ("a: &a [*a]\n", "aliases", 1, 8, "refers to itself"),
        ("a: 1\n---\nb: 2\n", "yaml", 2, 1, "second document"),
        ("a: b: c\n", "yaml", 1, 5, "not YAML"),
        ("\ta: 1\n", "yaml", 1, 1, "not YAML"),
        ("a: {{ x[0] }}\n", "yaml", 1, 8, "not YAML"),
        ('a: "x', "yaml", 1, 6, "not YAML"),
        ("# only a comment\n", "empty", 1, 1, "only comments"),
        ("  \n", "empty", 1, 1, "empty"),
        ("a: \0", "yaml", 1, 1, "may not stand in YAML"),
        ("a: \ud800", "yaml", 1, 1, "half a character"),
        ("[" * 70, "too_deep", 1, 65, "nested deeper than 64"),
        ("a: " + "x" * (1 << 20), "too_large", 1, 1, "larger than 1 MiB"),
    ],
)
def test_what_is_refused_says_why_and_where(text, code, line, column, says):
    problem = only_problem(text)
    assert (problem.code, problem.place.line, problem.place.column) == (code, line, column)
    assert says in problem.message
    assert problem.remedy
    assert str(problem)


@pytest.mark.parametrize("text", ["each: {{ x }}\n", "a: {{ x[0] }}\n", "- {{ x }}\n"])
def test_a_template_without_quotes_is_told_to_take_quotes(text):
    assert "put quotes around it" in only_problem(text).remedy


def test_tabs_are_named_as_the_cause():
    assert "tabs" in only_problem("a:\n\tb: 1\n").remedy


def test_aliases_share_what_they_name():
    assert value("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


def test_more_than_a_hundred_aliases_are_refused():
    text = "a: &x 1\nb: [" + ", ".join(["*x"] * 101) + "]\n"
    assert only_problem(text).code == "aliases"


def test_aliases_that_grow_are_refused_before_they_are_written_out():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    assert only_problem("\n".join(lines)).message.startswith("with its aliases written out")


def test_the_problem_shows_the_line_and_a_caret_under_the_column():
    shown = str(only_problem("a: 1\nb: 2\na: 3\n")).split("\n")
    assert shown[0].startswith("f:3:1: ")
    assert shown[1:3] == ["    a: 3", "    ^"]
    assert shown[3].startswith("  remedy: ")


def test_a_problem_without_remedy_or_source_is_one_line():
    assert str(Problem("code", "it is wrong", "", Place("f", 1, 2))) == "f:1:2: it is wrong"


def test_a_long_line_is_shown_around_its_column():
    shown = str(only_problem("[" * 400)).split("\n")
    assert len(shown[1]) <= 150
    assert shown[2].index("^") <= 150


PIECES = [
    ('a: "x\\n\\u00e9 {{ q }}"\n', 1, 15),
    ("a: 'it''s {{ q }}'\n", 1, 11),
    ("a: plain {{ q }}\n", 1, 10),
    ("a: plain\n   folded {{ q }}\n", 2, 11),
    ("a: plain\n   {{ q }}\n", 2, 4),
    ("a: |\n    one\n      two {{ q }}\n", 3, 11),
    ("a: |\n\n    {{ q }}\n", 3, 5),
    ("a: >\n   one\n   two {{ q }}\n", 3, 8),
    ("a: >-\n   {{ q }}\n", 2, 4),
    ('a: "one\n\n   two {{ q }}"\n', 3, 8),
    ('a: "one \\\n   two {{ q }}"\n', 2, 8),
    ('a: "\\x41\\U0001F600{{ q }}"\n', 1, 19),
]


@pytest.mark.parametrize(("text", "line", "column"), PIECES)
def test_a_character_of_a_scalar_is_found_in_the_file(text, line, column):
    node, problems = read(text)
    assert isinstance(node, yaml.Mapping)
    assert not problems
    scalar = node.entries["a"]
    assert isinstance(scalar, yaml.Scalar)
    assert place_in(scalar, scalar.text.index("{{")) == Place("f", line, column)


def test_an_empty_block_has_no_indentation():
    node, _ = read("a: |\n\nb: 1\n")
    assert isinstance(node, yaml.Mapping)
    scalar = node.entries["a"]
    assert isinstance(scalar, yaml.Scalar)
    assert place_in(scalar, 0).line == 2


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab{}[]:,-'\"&*!|>%@`#\t\n ?~01é\0\u2028", max_size=60))
def test_any_text_gives_a_tree_or_a_reason(text):
    node, problems = read(text)
    assert node is not None or problems
    for problem in problems:
        assert str(problem)
