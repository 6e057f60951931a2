"""Values of every kind that a field may meet, most of them wrong somewhere."""

import re
from dataclasses import fields
from typing import Any, get_type_hints

import orjson
from choices import Choices

from schemas.message import Cause, ModelCall, Origin, Positions

#: Few, so that commands meet: the same run is started, cancelled and signalled again.
RUNS = tuple(f"r{number}" for number in range(60))
ODD_TEXTS = ("", "a/b", "\x00", "é\u2028🎉", "x" * 129, "y" * 300, "r0\n", " ", "..", "{{ 1 }}", "workflow@", "@1", "'")
ODD_JSON: tuple[Any, ...] = (
    None, True, False, 0, -1, 1 << 62, 1 << 63, -(1 << 63), 1e308, 0.1, "", "x", "\x00", "x" * 300, [], {}, [[]],
    {"a": None}, ["x", 1, None], {"": {"": {}}}, {"name": "Ada"}, {"a" * 200: 1},
)  # fmt: skip
PATHS = ("a", "b", "w", "ok", "p/x/y", "p/x", "nowhere", "", "a#1", "/")


def odd_text(c: Choices) -> str:
    """Text that some field would not take."""
    return c.of(ODD_TEXTS) if c.below(4) else c.take(12).decode(errors="replace")


def odd_json(c: Choices) -> Any:
    """Any JSON value; now and then one that is deep or large."""
    kind = c.below(40)
    if kind == 38:
        return f"@{c.of((60, 66, 250, 300, 1_100))}@"
    if kind == 39:
        return c.of(("z" * 70_000, [0] * 40_000, "w" * 300_000))
    return c.of(ODD_JSON)


_DEEP = re.compile(rb'"@(\d+)@"')


def dumped(value: Any) -> bytes:
    """As JSON; what is deep is put in as text, as orjson does not write it."""
    return _DEEP.sub(lambda found: b"[" * int(found[1]) + b"]" * int(found[1]), orjson.dumps(value))


def odd_document(c: Choices) -> bytes:
    """The bytes of a field that holds JSON."""
    kind = c.below(8)
    if kind == 7:
        return c.of(
            (b"", b"{", b"\xff", b"nul", b"[" * 300 + b"]" * 300, b"[" * 70 + b"]" * 70, b"1e999", b'"\\u0000"')
        )
    if kind == 6:
        return c.take(20)
    return dumped(odd_json(c))


def odd_field(c: Choices, hint: Any, present: Any) -> Any:
    """A value of the type that a field declares, whatever it means; of a type that is not known here, the present."""
    if hint is str:
        return odd_text(c)
    if hint is bytes:
        return odd_document(c)
    if hint is bool:
        return c.one_in(2)
    if hint is int:
        return c.number()
    return _of_container(c, str(hint), present)


def _of_container(c: Choices, text: str, present: Any) -> Any:
    if "None" in text and c.one_in(2):
        return None
    if "dict" in text:
        return {odd_text(c): odd_text(c) for _ in range(c.below(4))}
    if "ModelCall" in text:
        return [call(c) for _ in range(c.below(3))]
    if "Origin" in text:
        return Origin(odd_text(c), c.number(), c.number())
    if "Cause" in text:
        return Cause(odd_text(c), c.number(), c.number(), odd_text(c))
    if "Positions" in text:
        return Positions(c.number(), c.number())
    if text in ("int | None", "bytes | None"):
        return c.number() if "int" in text else odd_document(c)
    return [c.number() for _ in range(c.below(4))] if text == "list[int]" else present


def call(c: Choices) -> ModelCall:
    """A call with odd figures."""
    return ModelCall(
        odd_text(c), odd_text(c), c.number(), c.number(), cost=c.of((None, c.number())), raw=odd_document(c)
    )


_HINTS: dict[type[Any], dict[str, Any]] = {}


def made_odd(c: Choices, record: Any, most: int) -> Any:
    """The record with up to so many fields set to something odd."""
    cls = type(record)
    hints = _HINTS.get(cls) or _HINTS.setdefault(cls, get_type_hints(cls))
    names = [f.name for f in fields(cls)]
    for _ in range(c.below(most + 1)):
        name = c.of(names)
        setattr(record, name, odd_field(c, hints[name], getattr(record, name)))
    return record


def damaged(c: Choices, value: bytes) -> bytes:
    """The bytes with something cut off, put in, doubled or flipped."""
    at = c.below(len(value) + 1)
    kind = c.below(6)
    if kind == 0:
        return value[:at]
    if kind == 1:
        return value[:at] + c.take(8) + value[at:]
    if kind == 2:
        return value[:at] + value[c.below(len(value) + 1) :]
    if kind == 3:
        return value[:at] + bytes([c.below(256)]) + value[at + 1 :]
    if kind == 4:
        return c.of((b"\x00\x00\x00\x00\x07", b"\xef\xbb\xbf", b"\xc3\x01", b"\xff\xfe", b" ")) + value
    return c.take(40)
