"""Records ⇄ Avro single-object encoding: C3 01, CRC-64-AVRO fingerprint of the writer's schema, body (Avro 1.12)."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from io import BytesIO
from typing import Any, get_args, get_type_hints

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.schema import fingerprint as _fingerprint
from fastavro.schema import to_parsing_canonical_form

from schemas import commands, definitions, events, message, outcomes, partition, pending, shapes, workers
from schemas.admission import SchemaRefused, admit
from schemas.reading import reader
from schemas.record import NAMESPACE, RECORDS, avro_schema

_ALL = (
    commands,
    definitions,
    events,
    message,
    outcomes,
    partition,
    pending,
    shapes,
    workers,
)  # importing them fills RECORDS

MARKER = b"\xc3\x01"
HEADER = 10


class Undecodable(ValueError):
    """Bytes that are no record of ours: too short, another marker, a body that does not fit its schema."""


class UnknownSchema(Undecodable):
    """A fingerprint that nobody has published yet (PROTOCOL.md, 21)."""

    def __init__(self, fingerprint: bytes) -> None:
        super().__init__(f"no schema is known under the fingerprint {fingerprint[::-1].hex()}")
        self.fingerprint = fingerprint


class UnknownRecord:
    """A readable record of a kind this version does not know: the fields as they came."""

    def __init__(self, kind: str, values: dict[str, Any]) -> None:
        self.kind, self.values = kind, values


def fingerprint(schema: Mapping[str, Any]) -> bytes:
    """The 8 bytes, little-endian, that stand for a schema's canonical form."""
    return bytes.fromhex(_fingerprint(to_parsing_canonical_form(dict(schema)), "CRC-64-AVRO"))


class _Coder:
    """How one record is taken apart and put together; built once a record."""

    __slots__ = ("cls", "header", "nested", "read", "schema", "take_apart")

    def __init__(self, cls: type[Any]) -> None:
        spelled = avro_schema(cls)
        self.cls = cls
        self.header = MARKER + fingerprint(spelled)
        self.schema = parse_schema(without_logical_types(spelled), named_schemas={})
        hints = get_type_hints(cls)
        self.nested = [(f.name, *found) for f in fields(cls) if (found := _nested(hints[f.name]))]
        self.take_apart = self._taking_apart([f.name for f in fields(cls)])
        self.read = reader(self.schema, RECORDS)  # type: ignore[arg-type]

    def _taking_apart(self, names: list[str]) -> Callable[[Any], dict[str, Any]]:
        """`lambda r: {"a": r.a, …}`: a dict display is four times as fast as a loop over the fields."""
        read = {name: f"r.{name}" for name in names}
        for name, _, many in self.nested:
            read[name] = f"[_{name}(v) for v in r.{name}]" if many else f"r.{name} and _{name}(r.{name})"
        apart = {f"_{name}": _CODERS[cls].take_apart for name, cls, _ in self.nested}
        source = ", ".join(f'"{name}": {value}' for name, value in read.items())
        return eval(f"lambda r: {{{source}}}", apart)  # type: ignore[no-any-return]

    def put_together(self, values: dict[str, Any]) -> Any:
        """What fastavro read, perhaps with the schema of another version, as our record."""
        for name, cls, many in self.nested:
            if value := values[name]:
                together = _CODERS[cls].put_together
                values[name] = [together(v) for v in value] if many else together(value)
        return self.cls(**values)


def _nested(hint: Any) -> tuple[type[Any], bool] | None:
    """(record, is it a list) for a field that holds records."""
    if is_dataclass(hint):
        return hint, False  # type: ignore[return-value]
    found = [a for a in get_args(hint) if is_dataclass(a)]
    return (found[0], getattr(hint, "__origin__", None) is list) if found else None  # type: ignore[return-value]


def without_logical_types(schema: Any) -> Any:
    """The schema without logical types: times stay the integers that they are (fastavro would make datetimes)."""
    if isinstance(schema, list):
        return [without_logical_types(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    if "logicalType" in schema:
        return schema["type"]
    return {k: without_logical_types(v) if k in ("type", "fields", "items", "values") else v for k, v in schema.items()}


_CODERS: dict[type[Any], _Coder] = {}
for _cls in RECORDS.values():  # in the order of definition, so what stands inside another record comes first
    _CODERS[_cls] = _Coder(_cls)
_OURS: dict[bytes, _Coder] = {coder.header: coder for coder in _CODERS.values()}


def schemas() -> dict[bytes, dict[str, Any]]:
    """Every schema of ours by its fingerprint, as published to `workflow.schemas`."""
    return {coder.header[2:]: avro_schema(cls) for cls, coder in _CODERS.items()}


def encode(record: Any) -> bytes:
    """The bytes of a record. Raises ValueError or TypeError for a field of the wrong type."""
    coder = _CODERS[record.__class__]
    out = BytesIO(coder.header)
    out.seek(HEADER)
    schemaless_writer(out, coder.schema, coder.take_apart(record))
    return out.getvalue()


def kind_of(value: bytes) -> str | None:
    """The name of the record in these bytes, if it is one of ours; nothing else is read."""
    coder = _OURS.get(value[:HEADER])
    return coder.cls.__name__ if coder else None


class Decoder:
    """Reads records; learns the schemas of other versions from `workflow.schemas`."""

    def __init__(self) -> None:
        self._foreign: dict[bytes, tuple[Any, str]] = {}

    def learn(self, fingerprint: bytes, schema: Mapping[str, Any]) -> None:
        """Know a writer's schema, published under its fingerprint. Raises SchemaRefused."""
        try:
            parsed: Any = parse_schema(without_logical_types(dict(schema)), named_schemas={})
        except Exception as error:
            raise SchemaRefused(f"it is no Avro schema: {type(error).__name__}: {error}") from error
        admit(parsed)
        self._foreign[MARKER + fingerprint] = (parsed, parsed["name"].removeprefix(f"{NAMESPACE}."))

    def knows(self, fingerprint: bytes) -> bool:
        """Whether records with this fingerprint can be read."""
        return MARKER + fingerprint in _OURS or MARKER + fingerprint in self._foreign

    def decode(self, value: bytes) -> Any:
        """The record in these bytes, or an UnknownRecord. Raises UnknownSchema, Undecodable."""
        coder = _OURS.get(value[:HEADER])
        try:
            if coder is not None:
                return coder.read(value, HEADER)
        except Exception:  # whatever it doubts, fastavro decides
            return self._decode_slowly(value, coder)
        return self._decode_slowly(value, None)

    def _decode_slowly(self, value: bytes, coder: _Coder | None) -> Any:
        body = BytesIO(value)
        body.seek(HEADER)
        try:
            if coder is not None:
                return coder.put_together(schemaless_reader(body, coder.schema, None))  # type: ignore[arg-type]
            return self._decode_foreign(value, body)
        except Undecodable:
            raise
        except Exception as error:
            raise Undecodable(f"the body does not fit its schema: {type(error).__name__}: {error}") from error

    def _decode_foreign(self, value: bytes, body: BytesIO) -> Any:
        if len(value) < HEADER or value[:2] != MARKER:
            raise Undecodable("this is no Avro single-object encoding (it starts with C3 01 and a fingerprint)")
        if (known := self._foreign.get(value[:HEADER])) is None:
            raise UnknownSchema(value[2:HEADER])
        schema, name = known
        cls = RECORDS.get(name)
        if cls is None:
            return UnknownRecord(name, schemaless_reader(body, schema, None))  # type: ignore[arg-type]
        coder = _CODERS[cls]
        return coder.put_together(schemaless_reader(body, schema, coder.schema))  # type: ignore[arg-type]


decode = Decoder().decode
