"""Types: the short form, JSON Schema, what values they take, and what is known before there is one."""

from typing import Any

import pytest

from workflow import yaml
from workflow.errors import Problem, Problems
from workflow.parse.schema import read_schema
from workflow.schema import Schema, SchemaInvalid
from workflow.types import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    LIST,
    MAP,
    NULL,
    STRING,
    Type,
    coercion,
    from_schema,
    list_of,
    object_of,
    of_value,
)


def read(text: str) -> tuple[Schema | None, list[Problem]]:
    problems = Problems(text)
    node = yaml.read(text, "f", problems)
    assert node is not None
    return read_schema(node, problems), problems.found


def schema(text: str) -> Schema:
    found, problems = read(text)
    assert found is not None, problems
    return found


@pytest.mark.parametrize(
    ("text", "json"),
    [
        ("string", {"type": "string"}),
        ("string?", {"type": ["string", "null"]}),
        ("null", {"type": "null"}),
        ("any", {}),
        ("object", {"type": "object"}),
        ("[integer]", {"type": "array", "items": {"type": "integer"}}),
        ("[[any]]", {"type": "array", "items": {"type": "array", "items": {}}}),
        ("{enum: [a, b]}", {"enum": ["a", "b"]}),
        ("{type: integer, minimum: 1}", {"type": "integer", "minimum": 1}),
        ("{type: [string, 'null']}", {"type": ["string", "null"]}),
        ("{$ref: '#/$defs/a', $defs: {a: {type: string}}}", {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
        (
            "{a: string, b?: number}",
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "number"}},
                "additionalProperties": False,
                "required": ["a"],
            },
        ),
        (
            "{type: string, name: string}",
            {"type": "string", "name": "string"},
        ),
        (
            "{type: {enum: [x]}}",
            {
                "type": "object",
                "properties": {"type": {"enum": ["x"]}},
                "additionalProperties": False,
                "required": ["type"],
            },
        ),
        ("{a?: {b: [string]}}", {
            "type": "object",
            "properties": {"a": {
                "type": "object",
                "properties": {"b": {"type": "array", "items": {"type": "string"}}},
                "additionalProperties": False,
                "required": ["b"],
            }},
            "additionalProperties": False,
        }),
        ("{n: {type: integer, default: 3}}", {
            "type": "object", "properties": {"n": {"type": "integer", "default": 3}}, "additionalProperties": False,
        }),
    ],
)  # fmt: skip
def test_the_short_form_stands_for_a_json_schema(text, json):
    assert schema(text).json == json


@pytest.mark.parametrize(
    ("text", "says", "remedy"),
    [
        ("str", "`str` is no type", "write `string`"),
        ("{a: int}", "`int` is no type", "write `integer`"),
        ("{a: strnig}", "`strnig` is no type", "write `string`"),
        ("{a: array}", "`array` is no type", "write `[any]`"),
        ("{a: 5}", "`5` is no type", "known here"),
        ("{a: }", "a type is missing", "known here"),
        ("{a: true}", "`true` is no type", "known here"),
        ("[string, integer]", "a list type has one type in it", "enum"),
        ("[]", "here are 0", "enum"),
        ("{a: string, a?: string}", "with and without `?`", "keep one"),
        ("{type: string, pattern: '('}", "no JSON Schema", "2020-12"),
        ("{$ref: 'https://example.com/x'}", "a $ref begins with #", "2020-12"),
        ("{$ref: '#/nope'}", "no JSON Schema", "2020-12"),
        ("{enum: 5}", "no JSON Schema", "2020-12"),
        ("[" * 40 + "string" + "]" * 40, "nested too deep", "flatten"),
    ],
)
def test_what_is_no_type_is_told_with_a_remedy(text, says, remedy):
    found, problems = read(text)
    assert found is None
    assert any(says in problem.message and remedy in problem.remedy for problem in problems), problems


def test_a_value_is_checked_and_each_message_names_its_place():
    found = schema("{a: {b: [integer]}, c: string}")
    assert found.check({"a": {"b": [1]}, "c": "x"}) == []
    assert found.check({"a": {"b": [1, "x"]}, "c": "x"}) == ['a.b[1]: "x" is not of type "integer"']
    assert found.check({"a": {"b": []}}) == ['"c" is a required property']
    assert "Additional properties" in found.check({"a": {"b": []}, "c": "x", "d": 1})[0]


def test_a_long_message_is_cut():
    assert len(schema("integer").check("x" * 5_000)[0]) <= 301


def test_defaults_fill_what_is_missing_and_leave_the_rest():
    found = schema(
        "{n: {type: integer, default: 3}, in?: {properties: {m: {default: [1]}}}, "
        "of?: {items: {properties: {k: {default: 0}}}}}"
    )
    assert found.fill({}) == {"n": 3}
    assert found.fill({"n": 1, "in": {}, "of": [{}, {"k": 2}, 5]}) == {
        "n": 1,
        "in": {"m": [1]},
        "of": [{"k": 0}, {"k": 2}, 5],
    }
    assert found.fill("no object") == "no object"
    assert found.fill({"of": "no list", "in": 5}) == {"n": 3, "of": "no list", "in": 5}


def test_a_value_without_defaults_is_passed_on_as_it_is():
    given: dict[str, Any] = {"a": "x"}
    assert schema("{a: string}").fill(given) is given


def test_equal_schemas_are_equal():
    assert Schema({"type": "string"}) == Schema({"type": "string"})
    assert Schema({"type": "string"}) != Schema({"type": "integer"})
    assert Schema({}) != {}
    assert repr(Schema({})) == "Schema({})"
    with pytest.raises(SchemaInvalid):
        Schema({"type": "strnig"})


@pytest.mark.parametrize(
    ("json", "expected"),
    [
        ({"type": "string"}, STRING),
        ({"type": ["integer", "null"]}, Type("int", nullable=True)),
        ({"type": ["integer", "string"]}, DYN),
        ({"type": "null"}, NULL),
        ({"type": ["null"]}, NULL),
        ({"type": "array"}, LIST),
        ({"items": {"type": "number"}}, list_of(DOUBLE)),
        ({"enum": ["a", "b"]}, STRING),
        ({"enum": ["a", None]}, Type("string", nullable=True)),
        ({"enum": [None]}, NULL),
        ({"enum": [1, "a"]}, DYN),
        ({"enum": []}, DYN),
        ({"enum": 5}, DYN),
        ({"const": 1.5}, DOUBLE),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, Type("string", nullable=True)),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, DYN),
        ({"anyOf": 5}, DYN),
        ({"anyOf": [{"type": ["string", "null"]}]}, Type("string", nullable=True)),
        ({"type": "object"}, MAP),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, Type("map", element=INT)),
        ({"properties": {"a": {"type": "string"}}}, object_of({"a": STRING}, frozenset({"a"}), closed=False)),
        ({"properties": {"a": {}}, "patternProperties": {"b": {}}}, MAP),
        (
            {"properties": {"a": {"type": "boolean"}, "b": {"default": 1}}, "additionalProperties": False},
            object_of({"a": BOOL, "b": DYN}, frozenset({"a"})),
        ),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "string"}}}, STRING),
        ({"$ref": "#/nope/nope"}, DYN),
        ({"$ref": "other"}, DYN),
        ({"$ref": 5}, DYN),
        (True, DYN),
        ({"type": "nope"}, DYN),
    ],
)
def test_the_static_type_behind_a_schema(json, expected):
    assert from_schema(json) == expected


def test_a_schema_that_refers_to_itself_has_a_type():
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    assert from_schema(tree).kind == "map"


def test_the_type_of_a_constant():
    assert of_value({"a": [1, 2], "b": None, "c": [1, "x"], "d": []}) == object_of(
        {"a": list_of(INT), "b": NULL, "c": LIST, "d": LIST}
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (INT, "integer"),
        (list_of(object_of({})), "list of object"),
        (LIST, "list"),
        (Type("double", nullable=True), "number or null"),
        (DYN, "value of unknown type"),
        (STRING, "string"),
    ],
)
def test_a_type_reads_as_words(found, words):
    assert str(found) == words


def test_numbers_become_what_was_declared_wherever_they_are():
    found = from_schema(
        {
            "type": "object",
            "properties": {
                "x": {"type": "number"},
                "n": {"type": "integer"},
                "l": {"type": "array", "items": {"type": "number"}},
                "m": {"type": "object", "additionalProperties": {"type": "number"}},
            },
        }
    )
    coerce = coercion(found)
    assert coerce is not None
    changed = coerce({"x": 1, "n": 2.0, "l": [1, 2.5, "x"], "m": {"k": 3}, "other": 1})
    assert repr(changed) == "{'x': 1.0, 'n': 2, 'l': [1.0, 2.5, 'x'], 'm': {'k': 3.0}, 'other': 1}"
    assert coerce("no object") == "no object"
    assert coerce({"l": "no list", "n": 2.5, "x": True}) == {"l": "no list", "n": 2.5, "x": True}
    assert coercion(list_of(STRING)) is None
    assert coercion(object_of({"a": STRING})) is None
    assert coercion(MAP) is None
