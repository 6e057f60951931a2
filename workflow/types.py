"""What is known of a value before it exists: the static type behind a JSON Schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Json = Any

JSON_TYPES = ("string", "integer", "number", "boolean", "null", "object", "array")
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Type:
    """A static type; `fields` is None for a mapping whose keys nobody declared."""

    kind: str
    element: "Type | None" = None
    fields: Mapping[str, "Type"] | None = None
    missing: frozenset[str] = field(default_factory=frozenset)
    closed: bool = False
    nullable: bool = False

    def __str__(self) -> str:
        if self.kind == "list" and self.element is not None and self.element.kind != "dyn":
            return f"list of {self.element}"
        return NAMES.get(self.kind, self.kind) + (" or null" if self.nullable else "")


NAMES = {"int": "integer", "double": "number", "bool": "boolean", "map": "object", "dyn": "value of unknown type"}

DYN = Type("dyn")
NULL = Type("null")
BOOL = Type("bool")
INT = Type("int")
DOUBLE = Type("double")
STRING = Type("string")
BYTES = Type("bytes")
TIMESTAMP = Type("timestamp")
DURATION = Type("duration")
TYPE = Type("type")
MAP = Type("map")
LIST = Type("list", element=DYN)

_SCALARS = {"string": STRING, "integer": INT, "number": DOUBLE, "boolean": BOOL, "null": NULL}


def list_of(element: Type) -> Type:
    return Type("list", element=element)


def object_of(fields: Mapping[str, Type], missing: frozenset[str] = frozenset(), closed: bool = True) -> Type:
    return Type("map", fields=dict(fields), missing=missing, closed=closed)


def optional_of(element: Type) -> Type:
    return Type("optional", element=element)


def join(left: Type | None, right: Type) -> Type:
    """The type of a value that has one of two types."""
    return right if left is None or left == right else DYN


def from_schema(schema: Json, root: Json = None, depth: int = 0) -> Type:
    """The static type of a JSON Schema; what can't be told is `dyn`."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return DYN
    if "$ref" in schema:
        return from_schema(_resolve(schema["$ref"], root), root, depth + 1)
    if "enum" in schema or "const" in schema:
        return _of_values(schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema or "oneOf" in schema:
        return _of_choices(schema.get("anyOf", schema.get("oneOf")), root, depth)
    return _of_type(schema, root, depth)


def _resolve(reference: Json, root: Json) -> Json:
    """What a reference inside the same schema points to; anything else isn't followed."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    target = root
    for part in reference[1:].split("/")[1:]:
        target = target.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
    return target


def _of_values(values: Json) -> Type:
    joined: Type | None = None
    nullable = False
    for value in values if isinstance(values, list) else []:
        nullable = nullable or value is None
        joined = joined if value is None else join(joined, of_value(value))
    return _nullable(joined or (NULL if nullable else DYN), nullable)


def of_value(value: Json) -> Type:
    """The type of a constant."""
    if value is None:
        return NULL
    if isinstance(value, list):
        joined: Type | None = None
        for item in value:
            joined = join(joined, of_value(item))
        return list_of(joined or DYN)
    if isinstance(value, dict):
        return object_of({key: of_value(item) for key, item in value.items()})
    return {bool: BOOL, int: INT, float: DOUBLE, str: STRING}.get(type(value), DYN)


def _of_choices(choices: Json, root: Json, depth: int) -> Type:
    joined: Type | None = None
    nullable = False
    for choice in choices if isinstance(choices, list) else []:
        found = from_schema(choice, root, depth + 1)
        nullable = nullable or found.nullable or found.kind == "null"
        joined = joined if found.kind == "null" else join(joined, found)
    return _nullable(joined or DYN, nullable)


def _of_type(schema: dict[str, Json], root: Json, depth: int) -> Type:
    named = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else None)
    names = [named] if isinstance(named, str) else list(named or ())
    nullable = "null" in names and len(names) > 1
    rest = [name for name in names if name != "null"] if nullable else names
    if len(rest) != 1:
        return DYN
    return _nullable(_of_name(rest[0], schema, root, depth), nullable)


def _of_name(name: str, schema: dict[str, Json], root: Json, depth: int) -> Type:
    if name == "array":
        return list_of(from_schema(schema.get("items"), root, depth + 1))
    if name == "object":
        return _of_object(schema, root, depth)
    return _SCALARS.get(name, DYN)


def _of_object(schema: dict[str, Json], root: Json, depth: int) -> Type:
    others = schema.get("additionalProperties", True)
    properties = schema.get("properties")
    if not isinstance(properties, dict) or "patternProperties" in schema:
        return MAP if not isinstance(others, dict) else replace(MAP, element=from_schema(others, root, depth + 1))
    fields = {key: from_schema(value, root, depth + 1) for key, value in properties.items()}
    required = set(schema.get("required", ())) | {key for key, value in properties.items() if _has_default(value)}
    return object_of(fields, frozenset(fields) - required, closed=others is False)


def _has_default(schema: Json) -> bool:
    return isinstance(schema, dict) and "default" in schema


def _nullable(found: Type, nullable: bool) -> Type:
    return replace(found, nullable=True) if nullable and found.kind not in ("dyn", "null") else found


Coerce = Callable[[Json], Json]


def coercion(found: Type) -> Coerce | None:
    """What makes JSON's numbers ints and doubles as declared; None where nothing has to be done."""
    if found.kind == "double":
        return lambda value: float(value) if type(value) is int else value
    if found.kind == "int":
        return lambda value: int(value) if type(value) is float and value.is_integer() else value
    if found.kind == "list" and found.element is not None:
        return _each_item(coercion(found.element))
    if found.kind == "map":
        return _each_field(found)
    return None


def _each_item(coerce: Coerce | None) -> Coerce | None:
    if coerce is None:
        return None
    return lambda value: [coerce(item) for item in value] if isinstance(value, list) else value


def _each_field(found: Type) -> Coerce | None:
    by_key = {key: coerce for key, item in (found.fields or {}).items() if (coerce := coercion(item))}
    others = coercion(found.element) if found.element is not None else None
    if not by_key and others is None:
        return None

    def coerce_fields(value: Json) -> Json:
        if not isinstance(value, dict):
            return value
        return {key: use(item) if (use := by_key.get(key, others)) else item for key, item in value.items()}

    return coerce_fields
