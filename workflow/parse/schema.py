"""Types as people write them: the short form, or JSON Schema."""

from typing import Any

from workflow.cel.paths import suggestion
from workflow.errors import Problems
from workflow.schema import Schema, SchemaInvalid
from workflow.types import JSON_TYPES, MAX_DEPTH
from workflow.yaml import Mapping, Node, Scalar, Sequence, plain

Json = Any

_MARKS = frozenset({"$ref", "properties", "enum", "const", "anyOf", "items"})
_OTHER_NAMES = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "dict": "object",
    "map": "object",
    "list": "[any]",
    "array": "[any]",
}


def read_schema(node: Node, problems: Problems) -> Schema | None:
    """The schema that a type stands for; None (and a problem) where it is none."""
    before = len(problems.errors)
    json = _type(node, problems, 0)
    if len(problems.errors) > before:
        return None
    try:
        return Schema(json)
    except SchemaInvalid as error:
        problems.add("schema", f"this is no JSON Schema: {error}", "see json-schema.org, draft 2020-12", node.place)
        return None


def _type(node: Node, problems: Problems, depth: int) -> Json:
    if depth > MAX_DEPTH:
        problems.add("schema", "a type is nested too deep", "flatten it", node.place)
        return {}
    if isinstance(node, Sequence):
        return _list(node, problems, depth)
    if isinstance(node, Mapping):
        return plain(node) if is_json_schema(node) else _object(node, problems, depth)
    return _named(node, problems)


def is_json_schema(node: Mapping) -> bool:
    """Whether a mapping is JSON Schema; otherwise it lists properties."""
    named = node.entries.get("type")
    return bool(_MARKS & node.entries.keys()) or (named is not None and _names_json_types(plain(named)))


def _names_json_types(named: Json) -> bool:
    names = named if isinstance(named, list) else [named]
    return bool(names) and all(isinstance(name, str) and name in JSON_TYPES for name in names)


def _list(node: Sequence, problems: Problems, depth: int) -> Json:
    if len(node.items) != 1:
        message = f"a list type has one type in it, as in [string]; here are {len(node.items)}"
        problems.add("schema", message, "write {enum: […]} for one of several values", node.place)
        return {}
    return {"type": "array", "items": _type(node.items[0], problems, depth + 1)}


def _object(node: Mapping, problems: Problems, depth: int) -> Json:
    properties = {name.removesuffix("?"): _type(item, problems, depth + 1) for name, item in node.entries.items()}
    required = [name for name in node.entries if not name.endswith("?") and "default" not in _mapping(properties[name])]
    if len(properties) < len(node.entries):
        problems.add("schema", "a property is listed with and without `?`", "keep one of the two", node.place)
    schema: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _mapping(json: Json) -> dict[str, Json]:
    return json if isinstance(json, dict) else {}


def _named(node: Scalar, problems: Problems) -> Json:
    text = "null" if node.value is None and node.text == "null" else node.value
    name = text.removesuffix("?") if isinstance(text, str) else ""
    nullable = isinstance(text, str) and text.endswith("?")
    if name == "any":
        return {}
    if name in JSON_TYPES and name != "array":
        return {"type": [name, "null"] if nullable else name}
    remedy = f"write `{_OTHER_NAMES[name]}`" if name in _OTHER_NAMES else suggestion(name, _KNOWN)
    shown = f"`{node.text}` is no type" if node.text else "a type is missing"
    problems.add("schema", shown, remedy, node.place)
    return {}


_KNOWN = ("string", "integer", "number", "boolean", "null", "object", "any", "[string]", "string?")
