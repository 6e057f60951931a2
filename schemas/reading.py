"""Readers compiled from a record's schema: they take half of fastavro's time, and leave it whatever they doubt.

Reading is what recovery, projections and watching do with each record of the log; docs/performance.md has the figures.
Only our own schemas are compiled, never one that was read somewhere.
"""

from collections.abc import Callable, Mapping
from struct import unpack_from
from typing import Any

Reader = Callable[[bytes, int], Any]


class Doubt(ValueError):
    """Not what a writer of ours writes, though it may be good Avro all the same."""


def reader(schema: Mapping[str, Any], classes: Mapping[str, type[Any]]) -> Reader:
    """`read(b, i)`: the record whose body begins at i, its fields by position. Raises for what it doubts."""
    writing = _Writing(schema)
    made = writing.value(schema, 1)
    lines = ["def read(b, i):", *writing.lines, "    if i > len(b): raise Doubt", f"    return {made}"]
    known: dict[str, Any] = {"Doubt": Doubt, "long": _long, "unpack_from": unpack_from, **classes}
    exec("\n".join(lines), known)
    return known["read"]  # type: ignore[no-any-return]


def _long(b: bytes, i: int, n: int) -> tuple[int, int]:
    """The number without sign that begins with n at i - 1 and has more bytes, and where the next value begins."""
    n &= 127
    for shift in range(7, 64, 7):
        byte = b[i]
        i += 1
        n |= (byte & 127) << shift
        if byte < 128:
            if n >> 64:
                raise Doubt
            return n, i
    raise Doubt


class _Writing:
    """The body of a reader: `i` is where the next value begins, `n` the number without sign read last."""

    def __init__(self, schema: Any) -> None:
        self.lines: list[str] = []
        self._count = 0
        self._records: dict[str, Any] = {}
        self._note(schema)

    def _note(self, schema: Any) -> None:
        """Records are spelled out once, and then called by their names."""
        if isinstance(schema, list):
            for branch in schema:
                self._note(branch)
        elif isinstance(schema, dict) and schema["type"] == "record":
            self._records[schema["name"]] = schema
            for field in schema["fields"]:
                self._note(field["type"])
        elif isinstance(schema, dict):
            self._note(schema.get("items", schema.get("values", schema["type"])))

    def value(self, schema: Any, depth: int) -> str:
        """Write what reads a value of this type; the name that it then has."""
        if isinstance(schema, dict) and schema["type"] not in _CONTAINERS:
            return self.value(schema["type"], depth)
        self._count += 1
        name = f"v{self._count}"
        if isinstance(schema, list):
            self._optional(name, schema, depth)
        elif isinstance(schema, dict):
            getattr(self, f"_{schema['type']}")(name, schema, depth)
        elif schema in self._records:
            self._record(name, self._records[schema], depth)
        else:
            self._write(depth, *_READ[schema].format(v=name).splitlines())
        return name

    def _write(self, depth: int, *lines: str) -> None:
        self.lines += ["    " * depth + line for line in lines]

    def _optional(self, name: str, schema: list[Any], depth: int) -> None:
        null, other = schema
        if null != "null":
            raise TypeError(f"a union of {schema}: only optional values are read")
        self._write(depth, "n = b[i]; i += 1", f"if n == 0: {name} = None", "elif n == 2:")
        self._write(depth + 1, f"{name} = {self.value(other, depth + 1)}")
        self._write(depth, "else: raise Doubt")

    def _record(self, name: str, schema: dict[str, Any], depth: int) -> None:
        made = [self.value(field["type"], depth) for field in schema["fields"]]
        self._write(depth, f"{name} = {schema['name'].rpartition('.')[2]}({', '.join(made)})")

    def _array(self, name: str, schema: dict[str, Any], depth: int) -> None:
        self._blocks(name, "[]", depth)
        self._write(depth + 2, f"{name}.append({self.value(schema['items'], depth + 2)})")
        self._write(depth + 1, *_LENGTH)

    def _map(self, name: str, schema: dict[str, Any], depth: int) -> None:
        self._blocks(name, "{}", depth)
        key, value = self.value("string", depth + 2), self.value(schema["values"], depth + 2)
        self._write(depth + 2, f"{name}[{key}] = {value}")
        self._write(depth + 1, *_LENGTH)

    def _blocks(self, name: str, empty: str, depth: int) -> None:
        self._write(depth, f"{name} = {empty}", *_LENGTH, "while n:", "    for _ in range(n >> 1):")


_CONTAINERS = ("record", "array", "map")
#: A length that is negative, so that its last bit is set, is left to fastavro.
_LENGTH = ("n = b[i]; i += 1", "if n > 127: n, i = long(b, i, n)", "if n & 1: raise Doubt")
_SIZED = "\n".join([*_LENGTH, "j = i + (n >> 1)"])
_READ = {
    "long": "n = b[i]; i += 1\nif n > 127: n, i = long(b, i, n)\n{v} = ~(n >> 1) if n & 1 else n >> 1",
    "string": _SIZED + "\n{v} = b[i:j].decode(); i = j",
    "bytes": _SIZED + "\n{v} = b[i:j]; i = j",
    "boolean": "n = b[i]; i += 1\nif n > 1: raise Doubt\n{v} = n == 1",
    "double": "{v} = unpack_from('<d', b, i)[0]; i += 8",
}
