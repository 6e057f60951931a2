"""The plainest value that meets a JSON Schema, for models without a script."""

import re
from typing import Any

_PLAIN: dict[str, Any] = {"string": "text", "boolean": False, "null": None, "array": []}


def sample(schema: dict[str, Any]) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return sample(schema[choice][0])
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    match kind:
        case "object":
            properties = schema.get("properties", {})
            return {name: sample(properties.get(name, {})) for name in schema.get("required", properties)}
        case "integer" | "number":
            return _bound(schema, "minimum")
        case "array":
            return [sample(schema.get("items", {})) for _ in range(_bound(schema, "minItems"))]
    return _PLAIN[kind]


def _bound(schema: dict[str, Any], name: str) -> Any:
    """As the schema has it, or says it in words: not every provider takes bounds."""
    if name in schema:
        return schema[name]
    said = re.search(rf"\b{name}: (\d+)", schema.get("description", ""))
    return int(said.group(1)) if said else 0
