"""Names of headers are UTF-8, and not every broker sees to it: a message with another one must not stop a reader."""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

#: Of a batch: its first offset, and the bytes that follow.
_HEAD = struct.Struct(">qi")


def install() -> None:
    """Every consumer of aiokafka made from now on reads such names with their odd bytes written as \\xNN."""
    fetcher.MemoryRecords = ForgivingRecords


class ForgivingRecords:
    """What a fetch brought of one partition, batch by batch."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched, self._at = fetched, 0
        self._records = MemoryRecords(fetched)

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> "ForgivingBatch | None":
        batch, start = self._records.next_batch(), self._at
        if batch is None:
            return None
        _, length = _HEAD.unpack_from(self._fetched, start)
        self._at = start + _HEAD.size + length
        return ForgivingBatch(batch, self._fetched, start, self._at)


class ForgivingBatch:
    """A batch of aiokafka's; read anew, slowly, where a header's name is no UTF-8."""

    def __init__(self, batch: Any, fetched: bytes, start: int, end: int) -> None:
        self._batch, self._fetched, self._start, self._end = batch, fetched, start, end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            batch: Any = _DefaultRecordBatchPy(self._fetched[self._start : self._end])
            batch._maybe_uncompress()
            batch._buffer = _Forgiving(batch._buffer)
            return iter(list(batch))


class _Forgiving(bytearray):
    """Bytes whose parts decode to something, whatever they are."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Forgiving(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")
