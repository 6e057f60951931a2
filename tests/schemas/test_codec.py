"""Records to bytes and back; what others write; what nobody can read."""

import json
import struct
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as e
from schemas import render
from schemas.admission import SchemaRefused
from schemas.codec import (
    HEADER,
    MARKER,
    Decoder,
    Undecodable,
    UnknownRecord,
    UnknownSchema,
    decode,
    encode,
    fingerprint,
    kind_of,
    schemas,
)
from schemas.commands import StartRun
from schemas.message import Cause, ModelCall
from schemas.record import RECORDS, avro_schema
from schemas.topics import COMMANDS, EVENTS, OUTCOMES, TOPICS, work
from tests.schemas.values import value_of

CAUSE = Cause("command", 7, 42, "c")


def scheduled(**changes: Any) -> e.StepScheduled:
    return replace(e.StepScheduled("r", 2, 1, "w", 2, 5, CAUSE, "a/b", "b", 1, "tool", "w"), **changes)


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_record_comes_back_as_it_went(name):
    @settings(max_examples=15, deadline=None)
    @given(value_of(avro_schema(RECORDS[name]), {}))
    def check(record: Any) -> None:
        assert decode(encode(record)) == record
        assert kind_of(encode(record)) == name

    check()


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_the_avsc_file_is_the_record(name):
    """Whoever reads the files reads what we write: a stranger's Avro reader gets every field."""
    written = json.loads((render.FOLDER / f"{name}.avsc").read_text(encoding="utf-8"))
    assert written == avro_schema(RECORDS[name]), "run: python -m schemas.render"
    assert [f["name"] for f in written["fields"]] == [f.name for f in fields(RECORDS[name])]


def test_there_is_no_file_too_many():
    assert {path.name for path in render.FOLDER.glob("*.avsc")} == set(render.rendered())


def test_render_writes_what_changed_and_removes_what_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(render, "FOLDER", tmp_path / "avro")
    render.main()
    (tmp_path / "avro" / "Old.avsc").write_text("{}", encoding="utf-8")
    render.main()
    assert {path.name for path in (tmp_path / "avro").iterdir()} == set(render.rendered())


def test_a_foreign_reader_reads_our_bytes_with_the_file():
    value = encode(scheduled(timeout=5))
    assert value[:2] == MARKER
    schema = fastavro.parse_schema(json.loads((render.FOLDER / "StepScheduled.avsc").read_text(encoding="utf-8")))
    from io import BytesIO

    read = fastavro.schemaless_reader(BytesIO(value[HEADER:]), schema, None)
    assert read["path"] == "a/b" and read["timeout"] == 5 and read["time"].year == 1970


def test_the_fingerprint_is_the_specifications():
    """Avro 1.12, Schema Fingerprints: the CRC-64-AVRO of "int" is 7275d51a3f395c8f, written little-endian."""
    assert fingerprint({"type": "int"}) == struct.pack("<Q", 0x7275D51A3F395C8F)


def test_no_two_records_share_a_fingerprint():
    assert len(schemas()) == len(RECORDS)


def test_every_field_that_may_be_missing_has_a_default():
    """Additive only: what an event gains later must have one, and None is always the first branch."""
    for cls in RECORDS.values():
        for f in fields(cls):
            if f.default is None:
                spelled = next(s for s in avro_schema(cls)["fields"] if s["name"] == f.name)
                assert spelled["type"][0] == "null" and spelled["default"] is None
        defaults = [f.default is not MISSING or f.default_factory is not MISSING for f in fields(cls)]
        assert defaults == sorted(defaults)


def yesterday(cls: type[Any], drop: str) -> dict[str, Any]:
    """The schema of a record before a field was added."""
    schema = avro_schema(cls)
    return {**schema, "fields": [f for f in schema["fields"] if f["name"] != drop]}


def test_todays_code_reads_yesterdays_bytes_with_the_writers_schema():
    from io import BytesIO

    old = yesterday(e.StepScheduled, "priority")
    body = BytesIO()
    values = {f["name"]: getattr(scheduled(), f["name"]) for f in old["fields"]}
    values["cause"] = {"kind": "command", "log": 7, "offset": 42, "id": "c"}
    fastavro.schemaless_writer(body, fastavro.parse_schema(old), values)
    decoder = Decoder()
    value = MARKER + fingerprint(old) + body.getvalue()
    with pytest.raises(UnknownSchema):
        decoder.decode(value)
    decoder.learn(fingerprint(old), old)
    assert decoder.knows(fingerprint(old)) and decoder.decode(value) == scheduled()


def test_yesterdays_code_reads_todays_bytes():
    """The other way round: a reader without the new field, given our schema, passes it over."""
    from io import BytesIO

    value = encode(scheduled(priority=3))
    writer = fastavro.parse_schema(avro_schema(e.StepScheduled))
    reader = fastavro.parse_schema(yesterday(e.StepScheduled, "priority"))
    read = fastavro.schemaless_reader(BytesIO(value[HEADER:]), writer, reader)
    assert read["path"] == "a/b" and "priority" not in read


def test_a_record_of_a_later_version_is_told_apart():
    later = {"type": "record", "name": "RunTwisted", "namespace": "millrace", "fields": [{"name": "n", "type": "long"}]}
    decoder = Decoder()
    decoder.learn(fingerprint(later), later)
    read = decoder.decode(MARKER + fingerprint(later) + b"\x06")
    assert isinstance(read, UnknownRecord) and (read.kind, read.values) == ("RunTwisted", {"n": 3})


@pytest.mark.parametrize(
    "value", [b"", b"\xc3", b"\xc3\x01123", b"{}", encode(scheduled())[:-4], encode(scheduled())[:12]]
)
def test_bytes_that_are_no_record(value):
    with pytest.raises(Undecodable):
        decode(value)
    assert kind_of(b"x") is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"", *(MARKER + key for key in schemas())]))
def test_no_bytes_raise_anything_else(tail: bytes, head: bytes) -> None:
    try:
        decode(head + tail)
    except Undecodable:
        return


def test_a_field_of_the_wrong_type_is_not_written():
    with pytest.raises((TypeError, ValueError)):
        encode(StartRun(run_id=5))  # type: ignore[arg-type]


def test_lists_of_records_come_back():
    call = ModelCall("anthropic", "claude-haiku-4-5", 3, 4, cost=7)
    event = e.StepSucceeded("r", 2, 1, "w", 2, 5, CAUSE, "a", 1, b"{}", calls=[call, call])
    assert decode(encode(event)).calls == [call, call]


def test_the_topics_that_share_partitions_and_keep_everything():
    assert [topic.partitions for topic in (COMMANDS, OUTCOMES, EVENTS)] == [None] * 3
    assert EVENTS.config["retention.ms"] == "-1" and EVENTS.config["cleanup.policy"] == "delete"
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert work("gpu").name == "workflow.work.gpu"


def test_the_schemas_folder_ships_with_the_package():
    assert Path(render.FOLDER).is_dir()


NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
EMPTY = {"type": "record", "name": "Empty", "fields": []}
NESTED: dict[str, Any] = {"type": "record", "name": "Deep", "fields": [{"name": "x", "type": "long"}]}
for _ in range(40):
    NESTED["fields"][0]["type"] = {"type": "array", "items": NESTED["fields"][0]["type"]}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (NODE, "contains itself"),
        ({"type": "record", "name": "A", "fields": [{"name": "x", "type": {"type": "map", "values": NODE}}]}, "itself"),
        (
            {"type": "record", "name": "A", "fields": [{"name": "x", "type": {"type": "array", "items": "null"}}]},
            "null",
        ),
        ({"type": "record", "name": "A", "fields": [{"name": "x", "type": EMPTY}]}, "Empty takes no bytes"),
        (
            {
                "type": "record",
                "name": "A",
                "fields": [{"name": "x", "type": {"type": "fixed", "name": "F", "size": 0}}],
            },
            "F",
        ),
        (NESTED, "32 levels"),
        ({"type": "string"}, "no record"),
        ({"type": "record"}, "no Avro schema"),
        ({}, "no Avro schema"),
    ],
)
def test_a_schema_whose_records_could_stop_a_reader_is_not_learnt(schema, words):
    """Eight bytes under `Node` overflow the decoder's stack; three under a list of nulls fill the memory."""
    decoder = Decoder()
    with pytest.raises(SchemaRefused, match=words):
        decoder.learn(b"12345678", schema)
    assert not decoder.knows(b"12345678")


def test_every_schema_of_ours_is_learnt_by_others():
    decoder = Decoder()
    for known, schema in schemas().items():
        decoder.learn(known, schema)
