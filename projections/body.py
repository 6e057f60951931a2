"""JSON for the tables: what an event says beyond its envelope, and the JSON documents inside records."""

import base64
from dataclasses import fields
from functools import lru_cache
from typing import Any

import orjson

from schemas.envelope import UnknownEvent
from schemas.message import Event
from schemas.partition import CommandForwarded, Held, RunSnapshotted

_ENVELOPE = frozenset(f.name for f in fields(Event))
#: Fields that hold bytes of another kind than a JSON document.
_BINARY: dict[type[Any], str] = {RunSnapshotted: "state", CommandForwarded: "value", Held: "value"}


def body(event: Any) -> str:
    """The fields of an event beyond its envelope, as one JSON object."""
    if isinstance(event, UnknownEvent):
        said = {name: value for name, value in event.values.items() if name not in _ENVELOPE}
    else:
        said = {name: getattr(event, name) for name in _names(event.__class__)}
        if (binary := _BINARY.get(event.__class__)) is not None:
            said[binary] = encoded(said[binary])
    return orjson.dumps(said, default=_document).decode()


def document(value: bytes | None) -> str | None:
    """A JSON document of a record as text: untouched if it is one, else its bytes as {"base64": …}."""
    if not value:
        return None
    return value.decode() if _is_json(value) else orjson.dumps(encoded(value)).decode()


def encoded(value: bytes) -> dict[str, str]:
    """Bytes of any kind, as JSON can hold them."""
    return {"base64": base64.b64encode(value).decode()}


@lru_cache(maxsize=256)
def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls) if f.name not in _ENVELOPE)


def _document(value: Any) -> Any:
    if not value:
        return None
    return orjson.Fragment(value) if _is_json(value) else encoded(value)


def _is_json(value: bytes) -> bool:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True
