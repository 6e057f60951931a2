"""Finds the place in the file of a character inside a YAML scalar, whatever style the scalar was written in."""

from workflow.errors import Place
from workflow.yaml import Scalar

_ESCAPE_LENGTH = {"x": 4, "u": 6, "U": 10}


def place_in(scalar: Scalar, offset: int) -> Place:
    """Where the character at `offset` of the scalar's value stands in the file."""
    if scalar.raw == scalar.text:
        return _advance(scalar.place, scalar.raw[:offset])
    walk = _block_offset if scalar.style in ("|", ">") else _flow_offset
    return _advance(scalar.place, scalar.raw[: walk(scalar, offset)])


def _advance(place: Place, text: str) -> Place:
    lines = text.count("\n")
    column = len(text) - text.rfind("\n") if lines else place.column + len(text)
    return Place(place.file, place.line + lines, column)


def _flow_offset(scalar: Scalar, offset: int) -> int:
    """Walks value and raw text together; quotes, escapes and folded line ends make them differ."""
    raw, at = scalar.raw, 1 if scalar.style in ("'", '"') else 0
    for character in scalar.text[:offset]:
        at = _skip_character(raw, at, character, scalar.style)
    return _skip_blank_line_end(raw, at, scalar.text[offset : offset + 1])


def _skip_character(raw: str, at: int, character: str, style: str) -> int:
    at = _skip_blank_line_end(raw, at, character)
    if style == '"' and raw[at : at + 2] == "\\\n":
        at = _skip_blanks(raw, at + 1)
    if style == '"' and raw[at : at + 1] == "\\":
        return at + _ESCAPE_LENGTH.get(raw[at + 1 : at + 2], 2)
    if style == "'" and raw[at : at + 2] == "''":
        return at + 2
    if character in " \n" and raw[at : at + 1].isspace():
        return _skip_fold(raw, at, character)
    return at + 1


def _skip_fold(raw: str, at: int, character: str) -> int:
    """A folded line end reads as one blank; blank lines in between read as line ends."""
    end = _skip_blanks(raw, at)
    gap = raw[at:end]
    if "\n" not in gap:
        return at + 1
    if character == "\n":
        return raw.index("\n", at) + 1
    return end


def _skip_blank_line_end(raw: str, at: int, character: str) -> int:
    return _skip_blanks(raw, at) if character.strip() and raw[at : at + 1].isspace() else at


def _skip_blanks(raw: str, at: int) -> int:
    while at < len(raw) and raw[at].isspace():
        at += 1
    return at


def _block_offset(scalar: Scalar, offset: int) -> int:
    """In a block every line of the value is a line of the file, behind its indentation."""
    raw = scalar.raw
    start = raw.find("\n") + 1
    indent = _indentation(raw[start:])
    before = scalar.text[:offset]
    if scalar.style == ">":
        return _folded_offset(raw, start, before)
    for _ in range(before.count("\n")):
        start = raw.find("\n", start) + 1
    return start + indent + len(before) - (before.rfind("\n") + 1)


def _folded_offset(raw: str, at: int, before: str) -> int:
    for character in before:
        at = _skip_blanks(raw, at) if character.strip() else at
        at += 1
    return _skip_blanks(raw, at)


def _indentation(block: str) -> int:
    for line in block.split("\n"):
        if line.strip():
            return len(line) - len(line.lstrip(" "))
    return 0
