"""The sample that a scripted model answers with meets the schema."""

from typing import Any

import jsonschema_rs
import pytest

from steps.providers.server.sample import sample


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"], "minimum": 3}, 3),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 7}, 7),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, 0),
        ({"oneOf": [{"type": "array"}, {"type": "null"}]}, []),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["text", "text"]),
        (
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "null"}}, "required": ["a"]},
            {"a": "text"},
        ),
        ({"properties": {"a": {"const": 1}}}, {"a": 1}),
    ],
)
def test_a_sample_is_plain_and_valid(schema: dict[str, Any], value: object) -> None:
    assert sample(schema) == value
    assert jsonschema_rs.is_valid(schema, value)
