"""Commands written as JSON, alone or as the data of a CloudEvent."""

from dataclasses import fields
from difflib import get_close_matches
from typing import Any

import orjson

from schemas.commands import COMMANDS, Command, StartRun
from schemas.record import NAMESPACE
from streams.refusal import Refusal, Unreadable
from streams.run_ids import RUN_ID

_BY_NAME = {command.__name__: command for command in COMMANDS}
#: Fields that hold a JSON document of their own.
_DOCUMENTS = {"inputs", "value", "output"}
_TYPES: dict[str, tuple[type[Any], ...]] = {
    "labels": (dict,),
    **dict.fromkeys(("budget", "version", "deadline", "depth"), (int,)),
    "origin": (type(None),),
    "approved": (bool,),
    "attempt": (int,),
}


def from_json(document: Any) -> Command:
    """`{"type": "StartRun", "workflow": …, "inputs": {…}}`; `type` may be left out where `workflow` says it."""
    if not isinstance(document, dict):
        raise Unreadable("not_a_command", f"a command is a JSON object, this is {_json_type(document)}")
    fields_given = dict(document)
    name = fields_given.pop("type", StartRun.__name__ if "workflow" in document else None)
    if not isinstance(name, str):
        raise Unreadable("not_a_command", 'a command says what it is: {"type": "StartRun", …}')
    kind = _BY_NAME.get(name.removeprefix(f"{NAMESPACE}."))
    if kind is None:
        raise Unreadable("not_a_command", f"{name[:80]!r} is no command; known: {', '.join(_BY_NAME)}")
    return _built(kind, fields_given)


def _built(kind: type[Command], given: dict[str, Any]) -> Command:
    known = {f.name for f in fields(kind)}
    identity = {"command": kind.__name__, "command_id": _as_text(given.get("command_id")), "run_id": ""}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known or name == "origin":
            close = get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known))}"
            raise Refusal("unknown_field", f"{kind.__name__} has no field {name[:80]!r}{hint}", **identity)
        if name in _DOCUMENTS:
            values[name] = _document(name, value, identity)
            continue
        types = _TYPES.get(name, (str,))
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            wanted = " or ".join(t.__name__ for t in types)
            raise Refusal("field_invalid", f"{name} must be {wanted}, this is {_json_type(value)}", **identity)
        values[name] = value
    labels = values.get("labels", {})
    if not all(isinstance(text, str) for text in labels.values()):
        raise Refusal("field_invalid", "labels map names to text", **identity)
    return kind(**values)


def _document(name: str, value: Any, identity: dict[str, str]) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:  # it reads 1,024 levels and writes 254
        raise Refusal("field_invalid", f"{name} can't be kept: {error}", **identity) from error


def from_cloudevent(event: Any) -> Command:
    """A CloudEvent 1.0 whose type is `millrace.StartRun` (or another command) and whose data are its fields."""
    if not isinstance(event, dict) or not isinstance(event.get("data", {}), dict):
        raise Unreadable("not_a_command", "a CloudEvent's data must be a JSON object with the command's fields")
    missing = [name for name in ("specversion", "id", "source", "type") if not isinstance(event.get(name), str)]
    if missing:
        raise Unreadable("not_a_command", f"the CloudEvent lacks {', '.join(missing)}")
    if not event["specversion"].startswith("1."):
        raise Unreadable("not_a_command", f"CloudEvents 1.0 is read, this is {event['specversion'][:20]!r}")
    if "data_base64" in event:
        raise Unreadable("not_a_command", "the CloudEvent's data must be JSON in `data`, this has data_base64")
    given = dict(event.get("data", {}))
    given.setdefault("type", event["type"])
    given.setdefault("command_id", f"{event['source']}|{event['id']}")
    for attribute in ("partitionkey", "subject"):
        if isinstance(run_id := event.get(attribute), str) and RUN_ID.fullmatch(run_id):
            given.setdefault("run_id", run_id)
    if isinstance(trace := event.get("traceparent"), str):
        given.setdefault("traceparent", trace)
    return from_json(given)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _json_type(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object")
