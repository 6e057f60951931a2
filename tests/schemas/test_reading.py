"""Compiled readers say what fastavro says, of every record and of every damage to one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import _OURS, HEADER, Decoder, Undecodable, encode
from schemas.reading import Doubt, reader
from schemas.record import RECORDS, avro_schema
from tests.schemas.values import value_of

DECODER = Decoder()


def slowly(value: bytes) -> Any:
    return DECODER._decode_slowly(value, _OURS[value[:HEADER]])


def outcome(read: Any, value: bytes) -> str:
    """What came of it; NaN is no value that equals itself, so it is compared as text."""
    try:
        return repr(read(value))
    except Undecodable:
        return "undecodable"


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_a_record_is_read_without_a_doubt_and_as_fastavro_reads_it(name):
    @settings(max_examples=15, deadline=None)
    @given(value_of(avro_schema(RECORDS[name]), {}))
    def check(record: Any) -> None:
        value = encode(record)
        assert _OURS[value[:HEADER]].read(value, HEADER) == slowly(value) == record

    check()


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damaged_bytes_are_read_alike_or_refused_alike(data):
    name = data.draw(st.sampled_from(sorted(RECORDS)))
    value = bytearray(encode(data.draw(value_of(avro_schema(RECORDS[name]), {}))))
    for _ in range(data.draw(st.integers(1, 3))):
        if len(value) > HEADER:
            at = data.draw(st.integers(HEADER, len(value) - 1))
            value[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=12))
    damaged = bytes(value)
    assert outcome(DECODER.decode, damaged) == outcome(slowly, damaged)


def test_numbers_without_an_end_are_refused_at_once():
    endless = encode(RECORDS["Positions"]())[:HEADER] + b"\xff" * 8_000_000
    with pytest.raises(Undecodable):
        DECODER.decode(endless)


def test_what_can_be_written_in_two_ways_is_left_to_fastavro():
    """An array in a block that tells its size is good Avro, and nothing that we write."""
    schema = {"type": "record", "name": "A", "fields": [{"name": "a", "type": {"type": "array", "items": "long"}}]}
    with pytest.raises(Doubt):
        reader(schema, {"A": dict})(b"\x03\x04\x02\x04\x00", 0)
    with pytest.raises(TypeError, match="only optional values"):
        reader({**schema, "fields": [{"name": "a", "type": ["long", "string"]}]}, {})
