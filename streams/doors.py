"""The doors: what comes in on `workflow.commands` and `workflow.outcomes` becomes a message, or a reason why not.

Commands may be Avro (C3 01), JSON, CloudEvents in binary mode (`ce_*` headers) or structured (PROTOCOL.md, 13;
CloudEvents Kafka binding 1.0.2). A door is total: whatever comes, there is an answer that fits in an event.
"""

from dataclasses import replace
from typing import Any

import orjson

from schemas.codec import MARKER, Decoder, Undecodable, UnknownRecord, UnknownSchema, encode
from schemas.commands import Command, StartRun
from schemas.message import Cause, Origin
from schemas.outcomes import OUTCOMES
from streams.bounds import command_problem, report_problem
from streams.home import partition_of
from streams.json_commands import from_cloudevent, from_json
from streams.refusal import Refusal, Unreadable
from streams.run_ids import COMMAND_ID, RUN_ID, is_run_id, name_run, name_run_here
from workflow.messages import CommandAway, CommandTaken, CommandUnwanted, Message, OutcomeTaken

__all__ = ["Refusal", "Unreadable", "command", "outcome"]

STRUCTURED = "application/cloudevents+json"
#: The header of a dead letter that is sent again: its offset.
REPLAYED = "millrace-deadletter"
#: The reason for a record whose writer's schema nobody has published yet: who can wait for it, asks again.
UNKNOWN_SCHEMA = "unknown_schema"


def command(message: Any, cause: Cause, decoder: Decoder, partitions: int) -> Message:
    """The command in a message of partition `message.partition`. Raises Unreadable."""
    origin = _origin(message)
    try:
        read = _read_command(message, decoder)
        return _placed(read, message, cause, partitions, origin)
    except Refusal as refusal:
        its_own = refusal.command_id if COMMAND_ID.fullmatch(refusal.command_id) else ""
        named = Cause(cause.kind, cause.log, cause.offset, its_own or origin)
        run_id = refusal.run_id if is_run_id(refusal.run_id) else ""
        return CommandUnwanted(refusal.command, named.id, run_id, refusal.reason, refusal.message, named)


def _origin(message: Any) -> str:
    """What names a command that has no id: its place, or the dead letter that it was, however often it is replayed."""
    letter = next((value for name, value in message.headers or () if name == REPLAYED), None)
    if letter is not None and letter.isdigit() and len(letter) < 20:
        return f"deadletter/{int(letter)}"
    return f"{message.topic}/{message.partition}/{message.offset}"


def _placed(read: Command, message: Any, cause: Cause, partitions: int, origin: str) -> Message:
    """The command with its ids, here or on its way home. Raises Refusal."""
    if not read.run_id:
        read = replace(read, run_id=_named(read, message, partitions, origin))
    if problem := command_problem(read, len(message.value)):
        raise _refused(read, *problem)
    command_id = read.command_id or origin
    named = Cause(cause.kind, cause.log, cause.offset, command_id)
    home = partition_of(read.run_id, partitions)
    if home == message.partition:
        return CommandTaken(replace(read, command_id=command_id), named)
    found = Origin(message.topic, message.partition, message.offset)
    away = encode(replace(read, command_id=command_id, origin=found))
    return CommandAway(command_id, read.run_id, home, away, named)


def _refused(read: Command, reason: str, message: str) -> Refusal:
    kind = type(read).__name__
    return Refusal(reason, message, command=kind, command_id=read.command_id, run_id=read.run_id)


def _named(read: Command, message: Any, partitions: int, origin: str) -> str:
    """The key where it can be a run's id; a start that says none gets one (docs/decisions/0005). Raises Refusal."""
    if message.key and RUN_ID.fullmatch(key := message.key.decode(errors="replace")):
        return str(key)
    if not isinstance(read, StartRun):
        raise _refused(read, "run_id_missing", f"{type(read).__name__} needs the run_id it is for")
    stem = read.workflow.partition("@")[0]
    if read.command_id:
        return name_run(stem, read.command_id)
    return name_run_here(stem, origin, message.partition, partitions)


def _read_command(message: Any, decoder: Decoder) -> Command:
    value = message.value
    if value is None:
        raise Unreadable("empty", "the message has no value")
    if value[:2] == MARKER:
        return _avro_command(value, decoder)
    headers = {name.lower(): (text or b"").decode(errors="replace") for name, text in message.headers or ()}
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == STRUCTURED:
        return from_cloudevent(_json(value))
    if "ce_specversion" in headers:
        attributes = {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}
        if content_type.startswith("avro/") or content_type == "application/avro":
            raise Unreadable("undecodable", "Avro in a CloudEvent must be single-object encoded (it starts with C3 01)")
        return from_cloudevent({**attributes, "data": _json(value)})
    document = _json(value)
    return (
        from_cloudevent(document) if isinstance(document, dict) and "specversion" in document else from_json(document)
    )


def _json(value: bytes) -> Any:
    if value[:1] == b"\x00" and len(value) > 5:
        number = int.from_bytes(value[1:5], "big")
        raise Unreadable(
            "undecodable", f"it looks like a schema registry's framing (schema {number}); none is configured"
        )
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        start = value[:4].hex(" ")
        raise Unreadable("undecodable", f"neither Avro (C3 01) nor JSON; it starts with {start}: {error}") from error


def _avro_command(value: bytes, decoder: Decoder) -> Command:
    read = _avro(value, decoder)
    if not isinstance(read, Command) or type(read) is Command:
        raise Unreadable("not_a_command", f"{_kind(read)} is no command that this version knows")
    return read


def _avro(value: bytes, decoder: Decoder) -> Any:
    try:
        return decoder.decode(value)
    except UnknownSchema as error:
        raise Unreadable(UNKNOWN_SCHEMA, f"{error}; its writer publishes it to workflow.schemas first") from error
    except Undecodable as error:
        raise Unreadable("undecodable", str(error)) from error


def _kind(read: Any) -> str:
    return read.kind if isinstance(read, UnknownRecord) else type(read).__name__


def outcome(message: Any, cause: Cause, decoder: Decoder, _partitions: int) -> Message:
    """The outcome in a message. Raises Unreadable."""
    if message.value is None:
        raise Unreadable("empty", "the message has no value")
    read = _avro(message.value, decoder)
    if not isinstance(read, OUTCOMES):
        raise Unreadable("not_an_outcome", f"{_kind(read)} is no outcome that this version knows")
    if problem := report_problem(read, len(message.value)):
        raise Unreadable(*problem)
    return OutcomeTaken(read, cause)
