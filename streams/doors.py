"""The doors: what comes in on `workflow.commands` and `workflow.outcomes` becomes a message, or a reason why not.

Commands may be Avro (C3 01), JSON, CloudEvents in binary mode (`ce_*` headers) or structured (PROTOCOL.md, 13;
CloudEvents Kafka binding 1.0.2).
"""

from dataclasses import replace
from typing import Any

import orjson

from schemas.codec import MARKER, Decoder, Undecodable, UnknownRecord, encode
from schemas.commands import Command, StartRun
from schemas.message import Cause, Origin
from schemas.outcomes import StepReported
from streams.home import partition_of
from streams.json_commands import from_cloudevent, from_json
from streams.refusal import Refusal, Unreadable
from streams.run_ids import RUN_ID, name_run, name_run_here
from workflow.messages import CommandAway, CommandTaken, CommandUnwanted, Message, OutcomeTaken

__all__ = ["Refusal", "Unreadable", "command", "outcome"]

STRUCTURED = "application/cloudevents+json"


def command(message: Any, cause: Cause, decoder: Decoder, partitions: int) -> Message:
    """The command in a message of partition `message.partition`. Raises Unreadable."""
    origin = f"{message.topic}/{message.partition}/{message.offset}"
    try:
        read = _read_command(message, decoder)
    except Refusal as refusal:
        named = Cause(cause.kind, cause.log, cause.offset, refusal.command_id or origin)
        return CommandUnwanted(refusal.command, named.id, refusal.run_id, refusal.reason, refusal.message, named)
    command_id = read.command_id or origin
    named = Cause(cause.kind, cause.log, cause.offset, command_id)
    kind = type(read).__name__
    if not read.run_id and message.key and RUN_ID.fullmatch(key := message.key.decode(errors="replace")):
        read = replace(read, run_id=key)
    if not read.run_id:
        if not isinstance(read, StartRun):
            return CommandUnwanted(kind, command_id, "", "run_id_missing", f"{kind} needs the run_id it is for", named)
        read = replace(read, run_id=_named(read, origin, message.partition, partitions))
    if not RUN_ID.fullmatch(read.run_id):
        why = f"run_id {read.run_id[:140]!r} is not 1 to 128 of the characters A-Z a-z 0-9 . _ : -"
        return CommandUnwanted(kind, command_id, "", "run_id_invalid", why, named)
    home = partition_of(read.run_id, partitions)
    if home != message.partition:
        found = Origin(message.topic, message.partition, message.offset)
        return CommandAway(
            command_id, read.run_id, home, encode(replace(read, command_id=command_id, origin=found)), named
        )
    return CommandTaken(replace(read, command_id=command_id), named)


def _named(start: StartRun, origin: str, here: int, partitions: int) -> str:
    """An id for a run that was given none (docs/decisions/0005)."""
    stem = start.workflow.partition("@")[0]
    return name_run(stem, start.command_id) if start.command_id else name_run_here(stem, origin, here, partitions)


def _read_command(message: Any, decoder: Decoder) -> Command:
    value = message.value
    headers = {name.lower(): (text or b"").decode(errors="replace") for name, text in message.headers or ()}
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if value is None:
        raise Unreadable("empty", "the message has no value")
    if value[:2] == MARKER:
        return _avro_command(value, decoder)
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
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        start = value[:4].hex(" ")
        raise Unreadable("undecodable", f"neither Avro (C3 01) nor JSON; it starts with {start}: {error}") from error


def _avro_command(value: bytes, decoder: Decoder) -> Command:
    try:
        read = decoder.decode(value)
    except Undecodable as error:
        raise Unreadable("undecodable", str(error)) from error
    if isinstance(read, UnknownRecord) or not isinstance(read, Command):
        kind = read.kind if isinstance(read, UnknownRecord) else type(read).__name__
        raise Unreadable("not_a_command", f"{kind} is no command that this version knows")
    return read


def outcome(message: Any, cause: Cause, decoder: Decoder, _partitions: int) -> Message:
    """The outcome in a message. Raises Unreadable."""
    try:
        read = decoder.decode(message.value or b"")
    except Undecodable as error:
        raise Unreadable("undecodable", str(error)) from error
    if not isinstance(read, StepReported):
        kind = read.kind if isinstance(read, UnknownRecord) else type(read).__name__
        raise Unreadable("not_an_outcome", f"{kind} is no outcome that this version knows")
    return OutcomeTaken(read, cause)
