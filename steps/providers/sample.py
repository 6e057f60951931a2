"""The plainest value that meets a JSON Schema, for scripted models without a script."""

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
            return schema.get("minimum", 0)
        case "array":
            return [sample(schema.get("items", {})) for _ in range(schema.get("minItems", 0))]
    return _PLAIN[kind]
