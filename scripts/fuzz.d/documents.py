"""Messages for the two doors: commands in each form, and reports, from right to ruined."""

from dataclasses import dataclass, replace
from typing import Any

from choices import Choices
from values import PATHS, RUNS, damaged, dumped, made_odd, odd_json, odd_text

from schemas.codec import HEADER, MARKER, encode, fingerprint
from schemas.commands import AnswerApproval, CancelRun, ReleaseRun, SignalRun, StartRun
from schemas.outcomes import StepReported
from schemas.record import avro_schema

Headers = list[tuple[str, bytes | None]]

WORKFLOWS = ("hello", "hello", "shapes", "asks", "asks", "asks", "missing", "hello@1", "hello@no")
COMMANDS = (StartRun, StartRun, StartRun, StartRun, CancelRun, ReleaseRun, SignalRun, SignalRun, AnswerApproval)
GOOD_INPUTS = {"hello": {"name": "Ada", "n": 3}, "shapes": {"n": 1}}
BAD_INPUTS: tuple[Any, ...] = ({}, {"n": "x"}, {"name": 5}, {"more": 1}, [], 7, None, {"name": "x" * 70_000})
#: A start as a later version writes it, whose schema is published, and one whose schema nobody knows.
LATER, UNHEARD = avro_schema(StartRun), avro_schema(StartRun)
LATER["fields"] = [*LATER["fields"], {"name": "mood", "type": "string", "default": ""}]
UNHEARD["fields"] = [*UNHEARD["fields"], {"name": "secret", "type": "long", "default": 0}]


@dataclass(slots=True)
class Message:
    """What a consumer would hand over."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    reading: int = 0


def command_message(c: Choices, partition: int, offset: int) -> Message:
    """A command, or what somebody took for one."""
    form = c.below(6)
    headers: Headers = []
    if form < 2:
        value = dumped(_document(c))
    elif form == 2:
        value, headers = _cloudevent(c)
    else:
        value = _avro(c)
    if c.one_in(5):
        value = damaged(c, value)
    key = c.of((None, None, c.of(RUNS).encode(), odd_text(c).encode(), c.take(6)))
    if c.one_in(8):
        headers = [*headers, _header(c)]
    return Message("workflow.commands", partition, offset, key, None if c.one_in(200) else value, headers)


def _document(c: Choices) -> Any:
    """A command as JSON, with some fields that are wrong."""
    kind = c.of(COMMANDS)
    document: dict[str, Any] = {"type": kind.__name__}
    if not c.one_in(4):
        document["run_id"] = c.of(RUNS)
    if c.one_in(3):
        document["command_id"] = f"c{c.below(30)}"
    document |= {
        StartRun: lambda: _start(c),
        CancelRun: lambda: {"reason": "enough"},
        ReleaseRun: dict,
        SignalRun: lambda: {"name": c.of(("paid", "paid", "paid", "other")), "value": odd_json(c)},
        AnswerApproval: lambda: {
            "path": c.of(("ok", "ok", *PATHS)),
            "approved": c.one_in(2),
            "by": c.of(("ada", "bob")),
        },
    }[kind]()
    for _ in range(c.of((0, 0, 1, 2))):
        document = _changed(c, document)
    return odd_json(c) if c.one_in(60) else document


def _start(c: Choices) -> dict[str, Any]:
    workflow = c.of(WORKFLOWS)
    return {"workflow": workflow, "inputs": c.of(BAD_INPUTS) if c.one_in(6) else GOOD_INPUTS.get(workflow, {})}


def _changed(c: Choices, document: dict[str, Any]) -> dict[str, Any]:
    name = c.of(list(document) or ["type"])
    kind = c.below(5)
    if kind == 0:
        return {key: value for key, value in document.items() if key != name}
    if kind == 1:
        return {**document, c.of(("budget", "labels", "origin", "traceparent", "sent_by", odd_text(c))): odd_json(c)}
    if kind == 2:
        return {**document, name: odd_text(c)}
    if kind == 3:
        return {**document, "labels": {odd_text(c): c.of(("x", odd_json(c)))}}
    return {**document, name: odd_json(c)}


def _cloudevent(c: Choices) -> tuple[bytes, Headers]:
    """Structured, or binary with its attributes as headers."""
    body = _document(c)
    attributes = {
        "specversion": "1.0",
        "id": f"e{c.below(20)}",
        "source": "/shop",
        "type": f"millrace.{c.of(COMMANDS).__name__}",
        "partitionkey": c.of(RUNS),
    }
    for _ in range(c.below(3)):
        attributes[c.of([*attributes, "subject", "data_base64", "traceparent"])] = odd_text(c)
    if c.one_in(2):
        body = body.get("inputs", body) if isinstance(body, dict) and c.one_in(9) else body
        binary: Headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
        return dumped(body), [*binary, ("content-type", c.of((b"application/json", b"application/avro", None)))]
    structured: Headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    return dumped({**attributes, "data": body}), structured if c.one_in(2) else []


def _header(c: Choices) -> tuple[str, bytes | None]:
    names = ("content-type", "ce_specversion", "ce_id", "millrace-deadletter", "traceparent", "\udcff", odd_text(c))
    values = (b"application/cloudevents+json", b"17", b"\xff\xfe", None, b"1.0", c.take(9))
    return c.of(names), c.of(values)


def _avro(c: Choices) -> bytes:
    command = c.of(COMMANDS)(f"c{c.below(30)}" if c.one_in(3) else "", c.of(RUNS))
    if isinstance(command, StartRun):
        start = _start(c)
        command = replace(command, workflow=start["workflow"], inputs=dumped(start["inputs"]))
    value = encode(made_odd(c, command, 3))
    if isinstance(command, StartRun) and c.one_in(6):
        schema = c.of((LATER, UNHEARD))
        return MARKER + fingerprint_of(schema) + value[HEADER:] + c.of((b"\x02x", b"", b"\x08calm"))
    return value


_FINGERPRINTS: dict[int, bytes] = {}


def fingerprint_of(schema: dict[str, Any]) -> bytes:
    """Of one of the two above; worked out once."""
    return _FINGERPRINTS.get(id(schema)) or _FINGERPRINTS.setdefault(id(schema), fingerprint(schema))


def report_message(c: Choices, partition: int, offset: int, waiting: StepReported | None) -> Message:
    """A report: of the attempt that is waited for, of some other, or of nothing."""
    report = replace(waiting) if waiting is not None and not c.one_in(4) else StepReported(
        c.of(RUNS), c.of(PATHS), c.below(4), "w1", "succeeded"
    )  # fmt: skip
    report.status = c.of(("succeeded", "succeeded", "failed", "failed", "released"))
    report.error_class = c.of(("ok", "fatal", "unavailable", "rate_limited", "worker_lost", "timeout", "refused"))
    report.output = c.of((b"1", b"null", b'{"v":1}', None))
    if c.one_in(2):
        made_odd(c, report, 3)
    value = encode(report)
    if c.one_in(6):
        value = damaged(c, value)
    return Message("workflow.outcomes", partition, offset, None, None if c.one_in(200) else value, [])
