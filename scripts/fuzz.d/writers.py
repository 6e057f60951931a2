"""Schemas as a later, a mistaken or a malicious version would publish them."""

import json
from collections import Counter
from typing import Any

from choices import Choices
from loop import must
from values import damaged, odd_json, odd_text

from schemas.codec import MARKER, Decoder, Undecodable, UnknownSchema, fingerprint
from schemas.record import RECORDS, avro_schema
from streams.vocabulary import Vocabulary


class SchemaTopic:
    """Records of `workflow.schemas`, and bytes that claim to be written under what stands there."""

    def __init__(self) -> None:
        self.settle()
        self.answers: Counter[str] = Counter()

    def settle(self) -> None:
        """Forget what was learnt."""
        self.decoder = Decoder()
        self.vocabulary = Vocabulary("", "", self.decoder)

    def close(self) -> None:
        """There is nothing to remove."""

    def case(self, c: Choices) -> None:
        """One schema, and bytes under it."""
        text = json.dumps(changed_schema(c)).encode()
        if c.one_in(10):
            text = damaged(c, text)
        key = _key(c, text)
        self.shown = f"{key!r}: {text!r}"
        self.vocabulary._learn(key, None if c.one_in(50) else text, 0)
        learnt = key is not None and self.decoder.knows(key)
        try:
            self.decoder.decode(MARKER + (key or b"12345678") + c.take(60) + c.of((b"", b"\x02" * 5_000, b"\xff" * 40)))
            said = "read"
        except UnknownSchema:
            must(not learnt, "a schema that was learnt is unknown")
            said = "unknown"
        except Undecodable:
            said = "undecodable"
        self.answers[f"{'learnt' if learnt else 'not used'}, bytes {said}"] += 1


def _key(c: Choices, text: bytes) -> bytes | None:
    """The fingerprint of the schema, where it has one; now and then another one."""
    if c.one_in(10):
        return c.of((None, b"", b"12345678", c.take(8)))
    try:
        return fingerprint(json.loads(text))
    except Exception:  # it is no schema, and has none
        return b"no-print"


def changed_schema(c: Choices) -> Any:
    """A schema of ours as a later, a mistaken or a malicious version would have it."""
    schema = avro_schema(c.of(list(RECORDS.values())))
    name = schema["name"]
    inner: tuple[Any, ...] = (
        *("long", "null", ["null", "string"], name, f"millrace.{name}", [], 7, "nothing", [["null"]]),
        {"type": "array", "items": c.of(("null", ["null", name], "string"))},
        {"type": "map", "values": "bytes"},
        {"type": "fixed", "name": "F", "size": c.of((0, 8, 1 << 40))},
        {"type": "enum", "name": "E", "symbols": ["A", "B"]},
        {"type": "enum"},
        {"type": "record", "name": "R", "fields": []},
        {"type": "record", "name": "Cause", "fields": [{}]},
    )
    for _ in range(1 + c.below(3)):
        fields = schema["fields"]
        at = c.below(len(fields)) if fields else 0
        kind = c.below(6)
        if kind == 0:
            fields.insert(at, {"name": f"new{c.below(9)}", "type": c.of(inner), "default": odd_json(c)})
        elif kind == 1 and fields:
            fields[at] = {**fields[at], "type": c.of(inner)}
        elif kind == 2 and fields:
            del fields[at]
        elif kind == 3:
            schema["name"] = c.of(("Later", "", "a b", odd_text(c)))
        elif kind == 4:
            schema[c.of(("type", "name", "namespace", "fields"))] = c.of(
                ("record", "string", [], None, schema["fields"])
            )
            break
        else:
            for _ in range(c.of((1, 3, 40))):
                schema = {"type": "record", "name": "Outer", "fields": [{"name": "x", "type": schema}]}
    return schema
