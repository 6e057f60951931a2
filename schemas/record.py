"""What a record is: a dataclass whose Avro schema is derived from its fields."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

NAMESPACE = "millrace"

T = TypeVar("T")
type_ = type

#: Microseconds since 1970-01-01 UTC.
Micros = Annotated[int, "timestamp-micros"]
#: A JSON document in UTF-8.
Json = bytes
#: Billionths of a US dollar: exact for every published price, and summed without rounding.
NanoUsd = int

#: Every record by its name; filled by `record`.
RECORDS: dict[str, type[Any]] = {}

_PRIMITIVES: dict[Any, str] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    None: "null",
}


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Declare a record. Frozen for the type checker only: at run time freezing would double the cost of decoding."""
    made = dataclass(slots=True)(cls)
    RECORDS[made.__name__] = made
    return made


def avro_schema(cls: type[Any], spelled: Mapping[type[Any], str] | None = None) -> dict[str, Any]:
    """The Avro schema of a record, as it stands in `schemas/avro/NAME.avsc`; `spelled` names other types for it."""
    return _record_schema(cls, dict(spelled or {}))


def _record_schema(cls: type[Any], named: dict[Any, str]) -> dict[str, Any]:
    named[cls] = f"{NAMESPACE}.{cls.__name__}"
    hints = get_type_hints(cls, include_extras=True)
    return {
        "type": "record",
        "name": cls.__name__,
        "namespace": NAMESPACE,
        "doc": " ".join((cls.__doc__ or "").split()),
        "fields": [_field(f, hints[f.name], named) for f in fields(cls)],
    }


def _field(f: Any, hint: Any, named: dict[Any, str]) -> dict[str, Any]:
    spelled: dict[str, Any] = {"name": f.name, "type": _avro_type(hint, named)}
    default = f.default_factory() if f.default_factory is not MISSING else f.default
    if default is not MISSING:
        spelled["default"] = _as_json(default)
    return spelled


def _as_json(default: Any) -> Any:
    if isinstance(default, bytes):
        return default.decode()
    return list(default) if isinstance(default, tuple) else default


def _avro_type(hint: Any, named: dict[Any, str]) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return {"type": _avro_type(arguments[0], named), "logicalType": arguments[1]}
    if origin in (Union, types.UnionType):
        return ["null", *(_avro_type(a, named) for a in arguments if a is not type_(None))]
    if origin in (list, tuple):
        return {"type": "array", "items": _avro_type(arguments[0], named)}
    if origin is dict:
        return {"type": "map", "values": _avro_type(arguments[1], named)}
    if is_dataclass(hint):
        return named.get(hint) or _record_schema(hint, named)  # type: ignore[arg-type]
    return _PRIMITIVES[hint]
