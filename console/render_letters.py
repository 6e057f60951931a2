"""Dead letters for people and for programs."""

import base64
import sys
from typing import TYPE_CHECKING, Any

import typer

from console.render import print_json, print_table
from console.render_values import instant, rfc3339

if TYPE_CHECKING:
    from streams.letters import Letter

COLUMNS = ("letter", "time", "from", "reason", "message", "bytes", "replayed")
#: Bytes of what is no text that are shown, sixteen a line; characters of a text.
DUMPED, TOLD = 1_024, 20_000


def print_list(letters: "list[Letter]", *, json: bool) -> None:
    """Each on a line; in JSON without the original."""
    if json:
        print_json([_record(letter) for letter in letters])
    elif letters:
        print_table(COLUMNS, [_row(letter) for letter in letters], right=("letter", "bytes"))
    else:
        typer.echo("no dead letters like that")


def _row(letter: "Letter") -> list[Any]:
    said = letter.said
    replayed = instant(letter.replays[-1].time) if letter.replays else ""
    size = f"{len(said.value or b''):,}"
    return [str(letter.offset), instant(said.time), _source(letter), said.reason, said.message, size, replayed]


def _source(letter: "Letter") -> str:
    said = letter.said
    return f"{said.topic}/{said.partition}@{said.record_offset}"


def _record(letter: "Letter") -> dict[str, Any]:
    said = letter.said
    return {
        "letter": letter.offset,
        "time": rfc3339(said.time),
        "topic": said.topic,
        "partition": said.partition,
        "offset": said.record_offset,
        "reason": said.reason,
        "message": said.message,
        "size": len(said.value or b""),
        "whole": said.whole,
        "replayed": [
            {"time": rfc3339(note.time), "offset": note.record_offset, "by": note.by} for note in letter.replays
        ],
    }


def print_letter(letter: "Letter", *, json: bool) -> None:
    """One letter with its original."""
    said = letter.said
    if json:
        headers = [{"name": told(h.name), "value": told(h.value)} for h in said.original_headers]
        print_json({**_record(letter), "key": told(said.key), "value": told(said.value), "headers": headers})
        return
    lines = [("letter", str(letter.offset)), ("time", instant(said.time)), ("from", _source(letter))]
    lines += [("reason", f"{said.reason}: {said.message}"), ("key", _line(said.key))]
    lines += [("header", f"{_line(h.name)}: {_line(h.value)}") for h in said.original_headers]
    lines += [("replayed", f"{instant(r.time)} by {r.by}, to offset {r.record_offset}") for r in letter.replays]
    for name, text in lines:
        typer.echo(f"{name:10}{text}")
    typer.echo(f"value     {_size(said.value)}\n{_readable(said.value)}".rstrip())


def _size(value: bytes | None) -> str:
    return "none" if value is None else f"{len(value):,} bytes"


def told(value: bytes | None) -> Any:
    """Bytes in JSON: text where they are that, else base64."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _line(value: bytes | None) -> str:
    if value is None:
        return "none"
    text = told(value)
    return text if isinstance(text, str) and text.isprintable() else value[:200].hex(" ")


def _readable(value: bytes | None) -> str:
    """The original as text where it is that; else as bytes, and a record of ours as its fields besides."""
    text = told(value) or ""
    if isinstance(text, str) and all(c.isprintable() or c in "\n\r\t" for c in text):
        rest = f"\n… {len(text) - TOLD:,} more characters, --raw writes all" if len(text) > TOLD else ""
        return f"{text[:TOLD]}{rest}"
    assert value is not None
    return "\n".join(part for part in (_as_record(value), _dump(value)) if part)


def _as_record(value: bytes) -> str:
    from schemas.codec import Undecodable, decode

    try:
        return f"{decode(value)}"[:TOLD]
    except Undecodable:
        return ""


def _dump(value: bytes) -> str:
    lines = []
    for at in range(0, min(len(value), DUMPED), 16):
        row = value[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {row.hex(' '):47}  {text}")
    if len(value) > DUMPED:
        lines.append(f"… {len(value) - DUMPED:,} more bytes, --raw writes all")
    return "\n".join(lines)


def write_original(letter: "Letter") -> None:
    """Its bytes and nothing else."""
    sys.stdout.buffer.write(letter.said.value or b"")
    sys.stdout.buffer.flush()


def print_replayed(done: "list[tuple[Letter, str]]", *, json: bool) -> None:
    """What was done with each letter."""
    if json:
        print_json([{**_record(letter), "outcome": outcome} for letter, outcome in done])
        return
    for letter, outcome in done:
        typer.echo(f"{letter.offset}  {_source(letter)}  {outcome}")
    if not done:
        typer.echo("no dead letters like that")
