"""Records whose headers have names of any bytes are read like others."""

from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from streams.forgiving import ForgivingRecords


class Odd(str):
    """A name that is no UTF-8 on the wire."""

    def encode(self, *_: Any) -> bytes:  # type: ignore[override]
        return b"\xff\xfe"


def batch(codec: int, *names: str) -> bytes:
    """A batch with a record for each name of a header."""
    made = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 16)
    for number, name in enumerate(names):
        made.append(number, 5, b"k", b"v" * 100, [(name, b"\x00")])
    return bytes(made.build())


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4], ids=["none", "gzip", "snappy", "lz4", "zstd"])
def test_a_name_that_is_no_utf8_is_read_with_its_bytes_escaped(codec: int) -> None:
    records = ForgivingRecords(batch(codec, "a", "b") + batch(codec, "c", Odd("x"), "d"))
    read = []
    while records.has_next():
        found = records.next_batch()
        assert found is not None and found.validate_crc()
        read += [(record.offset, record.key, len(record.value), record.headers[0]) for record in found]
    assert [name for _, _, _, (name, _) in read] == ["a", "b", "c", "\\xff\\xfe", "d"]
    assert {(key, size, value) for _, key, size, (_, value) in read} == {(b"k", 100, b"\x00")}
    assert records.next_batch() is None
