"""A JSON Schema as Claude can be held to it: closed objects, and no bounds, which stand in words instead."""

from typing import Any

_BOUNDS = {
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
}
_NAMED = {"properties", "$defs", "definitions"}
_LISTED = {"anyOf", "allOf", "oneOf"}


def held(schema: dict[str, Any]) -> dict[str, Any]:
    """The answer is checked against the schema itself, so nothing is lost by what is left out here."""
    found = {key: _below(key, value) for key, value in schema.items() if key not in _BOUNDS}
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        found.setdefault("additionalProperties", False)
    if bounds := ", ".join(f"{key}: {schema[key]}" for key in sorted(_BOUNDS & schema.keys())):
        found["description"] = f"{schema['description']} ({bounds})" if "description" in schema else bounds
    return found


def _below(key: str, value: Any) -> Any:
    if key in _NAMED and isinstance(value, dict):
        return {name: held(each) for name, each in value.items()}
    if key in _LISTED and isinstance(value, list):
        return [held(each) for each in value]
    return held(value) if key == "items" and isinstance(value, dict) else value
