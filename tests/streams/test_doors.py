"""The doors: every form of a command, and the reason for everything that is none."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.codec import MARKER, Decoder, decode, encode
from schemas.commands import CancelRun, Command, StartRun
from schemas.message import Cause
from schemas.outcomes import StepReported
from streams import doors
from streams.home import partition_of
from streams.run_ids import name_run
from tests.neighbours import Neighbours
from workflow.messages import CommandAway, CommandTaken, CommandUnwanted, OutcomeTaken

PARTITIONS = 4
DEEP = json.loads("[" * 300 + "]" * 300)
BODY = {"workflow": "hello", "inputs": {"name": "Ada"}}
EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "millrace.StartRun", "data": BODY}


def taken(value: Any, *, key: bytes | None = None, headers: Any = (), partition: int = 0, at: int = 5) -> Any:
    value = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    message = SimpleNamespace(topic="c", partition=partition, offset=at, key=key, value=value, headers=headers)
    return doors.command(message, Cause("command", 1, at), Decoder(), PARTITIONS)


def start_of(message: Any) -> StartRun:
    assert isinstance(message, CommandTaken), message
    assert isinstance(message.command, StartRun)
    return message.command


def wherever(value: Any, **more: Any) -> Any:
    """The command at its run's home; everywhere else it is sent there."""
    messages = [taken(value, partition=number, **more) for number in range(PARTITIONS)]
    (home,) = (message for message in messages if isinstance(message, CommandTaken))
    away = [message for message in messages if isinstance(message, CommandAway)]
    assert {message.run_id for message in away} == {home.command.run_id} and len(away) == PARTITIONS - 1
    return home


def at_home(stem: str) -> str:
    return next(name for name in (f"{stem}{n}" for n in range(99)) if partition_of(name, PARTITIONS) == 0)


def test_json_with_and_without_a_type():
    for value in (BODY, {"type": "StartRun", **BODY}, {"type": "millrace.StartRun", **BODY}):
        assert start_of(taken(value)).inputs == b'{"name":"Ada"}'


def test_a_start_without_an_id_gets_one_derived_from_its_place():
    first, again = start_of(taken(BODY)), start_of(taken(BODY))
    assert first == again and first.command_id == "c/0/5" and first.run_id.startswith("hello-")
    assert partition_of(first.run_id, PARTITIONS) == 0
    assert start_of(taken(BODY, at=6)).run_id != first.run_id


def test_a_start_with_an_id_of_its_own_is_the_same_run_wherever_it_arrives():
    first = wherever({**BODY, "command_id": "order-7"})
    assert first.command == wherever({**BODY, "command_id": "order-7"}, at=99).command


def test_a_child_run_is_started_by_the_step_that_it_is_named_after():
    child = "order-7.63f2a8c1b2d3e/facts/crm#1"
    start = {"type": "StartRun", **BODY, "run_id": child, "parent_run": "order-7", "parent_step": "facts/crm"}
    assert wherever(start).command.run_id == child
    assert wherever({**start, "run_id": f"{child}/x#2", "parent_run": child, "parent_step": "x"})
    assert wherever({"type": "CancelRun", "run_id": child})
    for foreign in ({"parent_run": ""}, {"parent_run": "other"}, {"parent_step": "crm2"}):
        assert taken({**start, **foreign}).reason == "run_id_invalid"


def test_a_command_may_hold_a_value_and_a_yes():
    asked = {"type": "AnswerApproval", "run_id": at_home("r"), "path": "ok", "by": "ada", "approved": True, "value": 3}
    assert taken(asked).command.value == b"3" and taken(asked).command.approved is True
    assert taken({**asked, "approved": "yes"}).reason == "field_invalid"
    assert taken({**asked, "by": True}).reason == "field_invalid"


def test_names_of_workflows_are_made_fit_for_run_ids():
    assert name_run("a b/ü", "c").startswith("a-b---")
    assert name_run("", "c").startswith("run-")


def test_the_key_names_the_run_where_it_can():
    name = at_home("order-")
    assert start_of(taken(BODY, key=name.encode())).run_id == name
    assert start_of(taken(BODY, key=b"no/id")).run_id.startswith("hello-")


def test_a_cloudevent_structured_and_binary():
    structured = wherever(EVENT, headers=[("content-type", b"application/cloudevents+json; charset=utf-8")])
    bare = wherever(EVENT)
    attributes = [(f"ce_{name}", value.encode()) for name, value in EVENT.items() if isinstance(value, str)]
    binary = wherever(BODY, headers=[*attributes, ("content-type", b"application/json")])
    for message in (structured, bare, binary):
        assert start_of(message).command_id == "/shop|7"


def test_a_cloudevents_subject_names_the_run_where_it_can():
    name = at_home("s")
    assert start_of(taken({**EVENT, "subject": name, "traceparent": "00-1-2-01"})).run_id == name
    assert start_of(taken({**EVENT, "partitionkey": name, "subject": "other"})).run_id == name
    assert start_of(wherever({**EVENT, "subject": "orders/1"})).run_id.startswith("hello-")


def test_the_cloudevents_sdk_writes_what_the_door_reads():
    from cloudevents.core.bindings.kafka import to_binary_event
    from cloudevents.core.v1.event import CloudEvent

    attributes = {name: value for name, value in EVENT.items() if name != "data"}
    written = to_binary_event(CloudEvent(attributes={**attributes, "datacontenttype": "application/json"}, data=BODY))
    headers = [(name, value) for name, value in written.headers.items()]
    assert start_of(wherever(written.value, headers=headers)).command_id == "/shop|7"


def test_avro():
    name = at_home("r")
    assert start_of(taken(encode(StartRun("c", name, workflow="hello")))).command_id == "c"


def test_a_command_away_from_home_is_sent_on_with_its_id_and_origin():
    name = next(f"x{n}" for n in range(99) if partition_of(f"x{n}", PARTITIONS) == 2)
    message = taken({**BODY, "run_id": name})
    assert isinstance(message, CommandAway) and message.home == 2
    sent = decode(message.value)
    assert sent.command_id == "c/0/5" and (sent.origin.topic, sent.origin.offset) == ("c", 5)
    assert start_of(taken(message.value, partition=2, at=1)).command_id == "c/0/5"


def test_a_cancel():
    name = at_home("r")
    message = taken({"type": "CancelRun", "run_id": name, "reason": "enough"})
    assert isinstance(message.command, CancelRun) and message.command.reason == "enough"


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [
        ({**BODY, "input": 1}, "unknown_field", "inputs"),
        ({**BODY, "zzzzzz": 1}, "unknown_field", "known:"),
        ({**BODY, "origin": None}, "unknown_field", "origin"),
        ({"type": "StartRun"}, "field_missing", "workflow"),
        ({**BODY, "workflow": 3}, "field_invalid", "a number"),
        ({**BODY, "labels": ["x"]}, "field_invalid", "a list"),
        ({**BODY, "labels": {"a": 1}}, "field_invalid", "text"),
        ({**BODY, "budget": True}, "field_invalid", "a boolean"),
        ({**BODY, "run_id": None}, "field_invalid", "null"),
        ({**BODY, "run_id": "a/b"}, "run_id_invalid", "a/b"),
        ({"type": "CancelRun"}, "run_id_missing", "CancelRun"),
        ({**BODY, "inputs": DEEP}, "field_invalid", "inputs"),
        ({**BODY, "inputs": json.loads("[" * 65 + "]" * 65)}, "inputs_invalid", "64 levels"),
        ({**BODY, "budget": 1 << 63}, "field_invalid", "budget"),
        ({**BODY, "budget": -1}, "field_invalid", "budget"),
        ({**BODY, "depth": 9}, "field_invalid", "depth is a number from 0 to 8, this is 9"),
        ({**BODY, "deadline": -1}, "field_invalid", "deadline"),
        ({**BODY, "version": 1 << 63}, "field_invalid", "version"),
        ({**BODY, "budget": 1 << 63, "sent_by": "x" * 60_000}, "field_invalid", "budget"),
        ({**BODY, "budget": 1 << 64}, "field_invalid", "a number"),
        ({**BODY, "command_id": "x" * 257}, "command_id_invalid", "257 characters"),
        ({**BODY, "command_id": "a\nb"}, "command_id_invalid", "one line"),
        ({**BODY, "labels": {"a": "x" * 300_000}}, "command_too_large", "at most 262144"),
        ({**BODY, "inputs": {"n": [10**15 + 0.5] * 60_000}}, "command_too_large", "at most 262144"),
        ({"type": "CancelRun", "run_id": "r", "reason": "x" * 300_000}, "command_too_large", "at most 262144"),
        (encode(StartRun("", "r", workflow="hello", inputs=b"{")), "inputs_invalid", "JSON"),
        (encode(StartRun("", "r", workflow="hello", inputs=b"\xff")), "inputs_invalid", "JSON"),
        (encode(StartRun("", "r")), "field_missing", "workflow"),
    ],
)
def test_what_can_be_read_but_not_meant_is_refused(value, reason, words):
    message = taken(value)
    assert isinstance(message, CommandUnwanted)
    assert message.reason == reason and words in message.message
    assert message.command_id == "c/0/5" == message.cause.id


def test_a_refusal_keeps_the_commands_own_id():
    message = taken({**BODY, "command_id": "mine", "input": 1})
    assert message.command_id == "mine"


@pytest.mark.parametrize(
    ("value", "headers", "reason", "words"),
    [
        (None, (), "empty", "no value"),
        (b"\xffgarbage", (), "undecodable", "ff 67 61 72"),
        (b"\x00\x00\x00\x00\x07body", (), "undecodable", "registry's framing (schema 7)"),
        (b"{", (), "undecodable", "JSON"),
        ([1], (), "not_a_command", "a list"),
        ({"type": 5}, (), "not_a_command", "StartRun"),
        ({"type": "Nothing"}, (), "not_a_command", "CancelRun"),
        (MARKER + b"12345678", (), "unknown_schema", "workflow.schemas"),
        (MARKER, (), "undecodable", "C3 01"),
        (encode(StepReported("r", "a", 1, "w", "succeeded")), (), "not_a_command", "StepReported"),
        ({**EVENT, "data": [1]}, (), "not_a_command", "data"),
        ({"specversion": "1.0"}, (), "not_a_command", "id, source, type"),
        ({**EVENT, "specversion": "0.3"}, (), "not_a_command", "0.3"),
        ({**EVENT, "data_base64": "e30="}, (), "not_a_command", "data_base64"),
        (b"[" * 100_000, (), "undecodable", "depth"),
        (b"\xef\xbb\xbf{}", (), "undecodable", "ef bb bf"),
        (encode(Command("c", "r")), (), "not_a_command", "Command"),
        (b"x", [("ce_specversion", b"1.0"), ("content-type", b"application/avro")], "undecodable", "single-object"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter(value, headers, reason, words):
    with pytest.raises(doors.Unreadable) as caught:
        taken(value, headers=headers)
    assert caught.value.reason == reason and words in caught.value.message


def test_what_a_message_quotes_is_cut_so_that_the_answer_fits_in_an_event():
    with pytest.raises(doors.Unreadable) as caught:
        taken({"type": "Nothing" * 100_000})
    assert len(caught.value.message) <= 1_000
    message = taken({**BODY, "x" * 500_000: 1})
    assert len(message.message) <= 1_000


def test_headers_may_be_anything():
    odd = [("content-type", None), ("ce_specversion", b"\xff\xfe"), ("ce_id", None), ("\udcff", b""), ("CE_TYPE", b"x")]
    with pytest.raises(doors.Unreadable) as caught:
        taken(BODY, headers=odd)
    assert caught.value.reason == "not_a_command" and "source" in caught.value.message


def outcome(value: bytes | None) -> Any:
    return doors.outcome(SimpleNamespace(value=value), Cause("outcome", 1, 3), Decoder(), PARTITIONS)


def test_outcomes_are_read_from_avro_alone():
    report = StepReported("r", "a", 1, "w", "succeeded", output=b"1")
    assert outcome(encode(report)) == OutcomeTaken(report, Cause("outcome", 1, 3))
    for value in (None, b"{}", encode(StartRun())):
        with pytest.raises(doors.Unreadable):
            outcome(value)


@pytest.mark.parametrize(
    ("fields", "reason", "words"),
    [
        ({"status": "exploded"}, "not_an_outcome", "exploded"),
        ({"run_id": "a/b"}, "not_an_outcome", "a/b"),
        ({"run_id": ""}, "not_an_outcome", "run's"),
        ({"output": b"{"}, "not_an_outcome", "JSON"),
        ({"output": b"[" * 255 + b"]" * 255}, "not_an_outcome", "254 levels"),
        ({"detail": b"\xff"}, "not_an_outcome", "detail"),
        ({"message": "x" * 900_000}, "too_large", "900"),
    ],
)
def test_a_report_that_could_not_be_folded_or_written_is_a_dead_letter(fields, reason, words):
    report = replace(StepReported("r", "a", 1, "w", "succeeded"), **fields)
    with pytest.raises(doors.Unreadable) as caught:
        outcome(encode(report))
    assert caught.value.reason == reason and words in caught.value.message


def test_a_record_of_a_later_version_is_named():
    later = {"type": "record", "name": "Levitate", "namespace": "millrace", "fields": [{"name": "x", "type": "long"}]}
    from schemas.codec import fingerprint

    decoder = Decoder()
    decoder.learn(fingerprint(later), later)
    value = MARKER + fingerprint(later) + b"\x02"
    message = SimpleNamespace(topic="c", partition=0, offset=1, key=None, value=value, headers=())
    with pytest.raises(doors.Unreadable, match="Levitate"):
        doors.command(message, Cause("command", 1, 1), decoder, PARTITIONS)
    with pytest.raises(doors.Unreadable, match="Levitate"):
        doors.outcome(message, Cause("outcome", 1, 1), decoder, PARTITIONS)


def test_what_partitions_write_to_each_other_passes_their_doors(monkeypatch):
    """Children of children, with names as long as they may be."""
    name = "a_step_whose_name_is_long_" * 2
    world = Neighbours(f"name: parent\nsteps: [{{id: {name}, workflow: parent}}]")
    written = []
    monkeypatch.setattr(world, "deliver", lambda sent: written.append(sent.record) or Neighbours.deliver(world, sent))
    run_id = "r" * 128
    world.home(run_id).start(run_id)
    world.settle()
    assert max(len(record.run_id) for record in written) > 500
    for record in written:
        message = SimpleNamespace(
            topic="c",
            partition=partition_of(record.run_id, PARTITIONS),
            offset=1,
            key=None,
            value=encode(record),
            headers=(),
        )
        if isinstance(record, Command):
            assert isinstance(doors.command(message, Cause("command"), Decoder(), PARTITIONS), CommandTaken)
        else:
            assert isinstance(doors.outcome(message, Cause("outcome"), Decoder(), PARTITIONS), OutcomeTaken)
