"""How the archive writes records: blocks of an Avro object container, each record with a checksum."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple
from zlib import crc32

from fastavro import parse_schema, reader, schemaless_reader
from fastavro.write import Writer

from streams.archive_store import Content

MARKER_SIZE = 16
Headers = tuple[tuple[str, bytes | None], ...]

SCHEMA = parse_schema(
    {
        "type": "record",
        "name": "ArchivedRecord",
        "namespace": "millrace",
        "doc": "One record of a Kafka partition, as it stood there.",
        "fields": [
            {"name": "offset", "type": "long"},
            {"name": "timestamp_ms", "type": "long", "doc": "milliseconds since 1970-01-01 UTC"},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
            {
                "name": "headers",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "Header",
                        "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": ["null", "bytes"]}],
                    },
                },
            },
            {"name": "crc", "type": "long", "doc": "CRC-32 of key and value, null being empty"},
        ],
    }
)


#: What fastavro raises over bytes that are not what they should be.
_UNREADABLE = (ValueError, EOFError, IndexError, KeyError)
#: No header of ours is as long; a file that is shorter and has none was torn when it was begun.
_LONGEST_HEADER = 4096
_LONGEST_LONG = 10
_MAGIC = b"Obj\x01"


class Archived(NamedTuple):
    """One record of a partition."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    def says_the_same(self, key: bytes | None, value: bytes | None) -> bool:
        """Whether another record is this one; the archive of the events knows no null."""
        return (self.key or b"", self.value or b"") == (key or b"", value or b"")


class ArchiveDamaged(Exception):
    """A file of the archive does not hold what was written to it."""

    def __init__(self, name: object, where: int, cause: str) -> None:
        super().__init__(
            f"{name}: damaged at byte {where}: {cause}. The records before it are whole. Bring the file back from a "
            "copy; or move it and the later files of its partition away, and do without what they hold."
        )
        self.where, self.cause = where, cause


class Encoder:
    """Makes the blocks of one file: the same sync marker ends each."""

    def __init__(self, metadata: dict[str, str], marker: bytes = b"") -> None:
        self._bytes = BytesIO()
        self._writer = Writer(self._bytes, SCHEMA, metadata=metadata, sync_marker=marker, sync_interval=1 << 40)
        self.header = self._taken()

    def block(self, records: Iterable[Archived]) -> bytes:
        """One block that holds all the records."""
        write = self._writer.write
        for offset, timestamp, key, value, headers in records:
            write(
                {
                    "offset": offset,
                    "timestamp_ms": timestamp,
                    "key": key,
                    "value": value,
                    "headers": [{"name": name, "value": header} for name, header in headers] if headers else (),
                    "crc": crc32(value or b"", crc32(key or b"")),
                }
            )
        self._writer.flush()
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._bytes.getvalue()
        self._bytes.seek(0)
        self._bytes.truncate()
        return taken


class Tail(NamedTuple):
    """The end of a file: its marker (empty when not even the header is whole), its whole bytes, its last record."""

    marker: bytes
    size: int
    last: Archived | None


def tail(name: object, content: Content) -> Tail:
    """Where the last whole block of a file ends. Found from the end: what lies before it is not read.

    What follows it may be a write that was cut off, or zeros; anything else is damage. Raises ArchiveDamaged.
    """
    start = _header_end(content) if content[: len(_MAGIC)] == _MAGIC else 0
    if start == 0 and len(content) > _LONGEST_HEADER:
        raise ArchiveDamaged(name, 0, "its header can't be read")
    if start == 0:
        return Tail(b"", 0, None)
    found = _tail(name, content, start)
    if not _torn(content[found.size :]):
        raise ArchiveDamaged(name, found.size, "what follows the last block is no beginning of another")
    return found


def _header_end(content: Content) -> int:
    try:
        reader(content)  # type: ignore[arg-type]  # a mapped file is read like a file
    except _UNREADABLE:
        return 0
    return content.tell()


def _tail(name: object, content: Content, start: int) -> Tail:
    marker = content[start - MARKER_SIZE : start]
    found = content.rfind(marker, start)
    if found < 0:
        return Tail(marker, start, None)
    before = content.rfind(marker, start, found)
    begin = start if before < 0 else before + MARKER_SIZE
    last = _records(content[begin:found])
    if not last:
        raise ArchiveDamaged(name, begin, "the last block does not hold what was written")
    return Tail(marker, found + MARKER_SIZE, last[-1])


def _torn(rest: bytes) -> bool:
    """Whether these bytes are the beginning of a block and not all of it (a power loss may leave zeros)."""
    source = BytesIO(rest)
    try:
        _, size = _long(source), _long(source)
    except _UNREADABLE:
        return len(rest) < 2 * _LONGEST_LONG
    return not rest.strip(b"\0") or source.tell() + size + MARKER_SIZE > len(rest)


def _long(source: BinaryIO) -> int:
    return int(schemaless_reader(source, "long", None))  # type: ignore[arg-type]


def _records(block: bytes) -> list[Archived]:
    """The records of a block without its marker; none when it is not whole."""
    source = BytesIO(block)
    try:
        count, size = _long(source), _long(source)
        if source.tell() + size != len(block):
            return []
        return [_checked(schemaless_reader(source, SCHEMA, None)) for _ in range(count)]
    except _UNREADABLE:
        return []


def _checked(read: Any) -> Archived:
    key, value = read["key"], read["value"]
    if crc32(value or b"", crc32(key or b"")) != read["crc"]:
        raise ValueError(f"the checksum of offset {read['offset']} is wrong")
    headers = tuple((header["name"], header["value"]) for header in read["headers"])
    return Archived(read["offset"], read["timestamp_ms"], key, value, headers)


def records(name: object, content: Content) -> Iterator[Archived]:
    """Each record of a file. Raises ArchiveDamaged."""
    try:
        for read in reader(content):  # type: ignore[arg-type]
            yield _checked(read)
    except _UNREADABLE as error:
        cause = str(error) or "it ends in the middle of a block"
        raise ArchiveDamaged(name, content.tell(), cause) from error
