"""Which schemas of other writers are learnt: those under which decoding costs no more than the bytes are worth."""

from typing import Any

#: Levels of records, lists and maps inside each other; ours have three.
MAX_DEPTH = 32


class SchemaRefused(ValueError):
    """A schema that no record of ours could have, and whose records could stop whoever decodes them."""


def admit(schema: Any) -> None:
    """Raises SchemaRefused for a parsed schema that is no record, refers to itself, or has values without bytes.

    The decoder recurses in C without a bound and believes the counts it reads: a schema that contains itself would
    overflow the stack, a list of values that take no bytes would fill the memory, both from a few bytes.
    """
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise SchemaRefused("it is no record")
    _walk(schema, set(), 0)


def _walk(schema: Any, known: set[str], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise SchemaRefused(f"it nests deeper than {MAX_DEPTH} levels")
    if isinstance(schema, list):
        for branch in schema:
            if branch != "null":
                _walk(branch, known, depth + 1)
    elif isinstance(schema, str):
        _named(schema, known)
    elif schema["type"] == "record":
        _record(schema, known, depth)
    elif schema["type"] in ("array", "map"):
        _walk(schema["items" if schema["type"] == "array" else "values"], known, depth + 1)
    elif schema["type"] in ("enum", "fixed"):
        if schema.get("size") == 0:
            raise SchemaRefused(f"{schema['name']} takes no bytes")
        known.add(schema["name"])
    else:
        _walk(schema["type"], known, depth)


_PRIMITIVES = frozenset({"string", "bytes", "int", "long", "float", "double", "boolean"})


def _named(name: str, known: set[str]) -> None:
    """A name of a type that is complete already; one that is still open would contain itself."""
    if name == "null":
        raise SchemaRefused("it has values that take no bytes (null outside a union)")
    if name not in _PRIMITIVES and name not in known:
        raise SchemaRefused(f"{name} contains itself")


def _record(schema: dict[str, Any], known: set[str], depth: int) -> None:
    if not schema["fields"]:
        raise SchemaRefused(f"{schema['name']} takes no bytes")
    for field in schema["fields"]:
        _walk(field["type"], known, depth + 1)
    known.add(schema["name"])
