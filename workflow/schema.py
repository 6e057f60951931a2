"""A JSON Schema that checks values, fills defaults in, and knows its static type."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from workflow.types import MAX_DEPTH, Type, from_schema

Json = Any
Fill = Callable[[Json], Json]


class SchemaInvalid(ValueError):
    """A schema that is none."""


class Schema:
    """One compiled schema; compiling it never looks anything up on a network."""

    def __init__(self, json: Json) -> None:
        self.json = json
        try:
            self._validator = Draft202012Validator(json, retriever=_refuse)
        except (ValidationError, ValueError) as error:
            raise SchemaInvalid(_first_line(error)) from error
        self._fill = _filling(json, 0)

    @cached_property
    def type(self) -> Type:
        return from_schema(self.json)

    def check(self, value: Json) -> list[str]:
        """What is wrong with a value, each message beginning with the place in it."""
        if self._validator.is_valid(value):
            return []
        return [_message(error) for error in self._validator.iter_errors(value)]

    def fill(self, value: Json) -> Json:
        """The value with defaults where nothing was given; the same object where nothing is missing."""
        return value if self._fill is None else self._fill(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.json == other.json

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Schema({self.json!r})"


def _refuse(address: str) -> Json:
    raise ValueError(f"{address} is not part of this file: a $ref begins with #")


def _first_line(error: Exception) -> str:
    return str(getattr(error, "message", error)).split("\n")[0]


def _message(error: ValidationError) -> str:
    place = ""
    for part in error.instance_path:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    text = error.message if len(error.message) <= 300 else error.message[:300] + "…"
    return f"{place}: {text}" if place else text


def _filling(schema: Json, depth: int) -> Fill | None:
    """Compiles the defaults of a schema; a reference isn't followed."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    if isinstance(schema.get("properties"), dict):
        return _fill_object(schema["properties"], depth)
    items = _filling(schema.get("items"), depth + 1)
    if items is None:
        return None
    return lambda value: [items(item) for item in value] if isinstance(value, list) else value


def _fill_object(properties: dict[str, Json], depth: int) -> Fill | None:
    defaults = {
        key: item["default"] for key, item in properties.items() if isinstance(item, dict) and "default" in item
    }
    nested = {key: fill for key, item in properties.items() if (fill := _filling(item, depth + 1))}
    if not defaults and not nested:
        return None

    def fill_object(value: Json) -> Json:
        if not isinstance(value, dict):
            return value
        filled = {**value, **{key: default for key, default in defaults.items() if key not in value}}
        for key, fill in nested.items():
            if key in filled:
                filled[key] = fill(filled[key])
        return filled

    return fill_object
