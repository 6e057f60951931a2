"""Reading a log that a later version wrote in, and one that nobody can read."""

from types import SimpleNamespace
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from schemas.codec import MARKER, Decoder, encode, fingerprint
from schemas.record import avro_schema
from schemas.workers import WorkerBeat
from streams.recovery import Unreadable, read_record
from tests.story import LOG, Story, claim
from workflow.partition import Partition

ONE = "name: one\nsteps: [{id: a, tool: t.one}]"
COMMAND_4 = {"kind": "command", "log": LOG, "offset": 4, "id": "c"}
ENVELOPE = ["run_id", "seq", "epoch", "owner", "n", "time", "cause"]


def later(name: str, fields: list[str], **values: Any) -> tuple[dict[str, Any], bytes]:
    """A record of a kind that this version does not know: its schema and its bytes."""
    from io import BytesIO

    known = {f["name"]: f for f in avro_schema(type(Story(ONE).history[0]))["fields"]}
    schema = {"type": "record", "name": name, "namespace": "millrace", "fields": [known[field] for field in fields]}
    body = BytesIO()
    cause = {"kind": "step", "log": 0, "offset": -1, "id": ""}
    schemaless_writer(body, parse_schema(schema, named_schemas={}), {"cause": cause, "time": 5, **values})
    return schema, MARKER + fingerprint(schema) + body.getvalue()


def parts() -> Any:
    return SimpleNamespace(decoder=Decoder())


def test_a_valid_record_of_unknown_kind_sets_its_run_aside_and_the_next_ones_count():
    story = Story(ONE).start().start("r2")
    state = Partition(0, story.shelf)
    for event in story.history[:3]:
        state.read(event)
    here = parts()
    schema, value = later("RunTwisted", ENVELOPE, run_id="r", seq=3, epoch=1, owner="w1", n=3)
    here.decoder.learn(fingerprint(schema), schema)
    read_record(state, 7, value, here)
    assert "RunTwisted" in state.quarantined["r"].reason and state.claim.n == 3


def test_a_void_record_of_unknown_kind_changes_nothing():
    story = Story(ONE).start()
    state, here = story.replayed(), parts()
    schema, value = later("RunTwisted", ENVELOPE, run_id="r", seq=3, epoch=9, owner="zombie", n=3)
    here.decoder.learn(fingerprint(schema), schema)
    read_record(state, 7, value, here)
    assert not state.quarantined and state.claim.n == 2


def test_a_record_whose_run_cannot_be_told_stops_the_owner():
    state, here = Story(ONE).partition, parts()
    schema, value = later("LogTwisted", ENVELOPE, run_id="", seq=0, epoch=1, owner="w1", n=1)
    with pytest.raises(Unreadable, match=r"workflow\.schemas"):
        read_record(state, 7, value, here)
    here.decoder.learn(fingerprint(schema), schema)
    with pytest.raises(Unreadable, match="LogTwisted, which is about no run"):
        read_record(state, 7, value, here)


def test_the_position_after_a_record_of_unknown_kind_is_the_one_that_it_names():
    story = Story(ONE)
    schema, value = later("RunTwisted", ENVELOPE, run_id="r", seq=1, epoch=1, owner="w1", n=1, cause=COMMAND_4)
    here = parts()
    here.decoder.learn(fingerprint(schema), schema)
    read_record(story.partition, 7, value, here)
    assert story.partition.positions["command"] == 5 and story.partition.time == 5


def test_what_is_no_event_is_passed_over():
    state, here = Story(ONE).partition, parts()
    schema, value = later("Weather", ["time"])
    here.decoder.learn(fingerprint(schema), schema)
    torn = encode(claim(2, "w2"))[:-1]
    for nothing in (value, torn, None, b"", b"garbage", encode(WorkerBeat("w", "s", 1, 1, 0, "0"))):
        read_record(state, 7, nothing, here)
    assert state.claim.owner == "w1"
    read_record(state, 8, encode(claim(2, "w2")), parts())
    assert state.claim.owner == "w2"
