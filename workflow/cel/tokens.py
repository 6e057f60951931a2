"""Cuts the text of a CEL expression into words, each with its place."""

import re
from dataclasses import dataclass

RESERVED = frozenset(
    "as break const continue else for function if import let loop package namespace return var void while".split()
)
KEYWORDS = frozenset({"true", "false", "null", "in"})

_STRING = r"""(?:[rR]?[bB]?|[bB][rR])(?:\"\"\"|'''|"|')"""
_WORD = re.compile(
    rf"""(?P<blank>[ \t\r\n\f]+|//[^\n]*)
    |(?P<string>{_STRING})
    |(?P<float>[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.[0-9]+(?:[eE][-+]?[0-9]+)?)
    |(?P<int>(?:0x[0-9a-fA-F]+|[0-9]+)[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<quoted>`[^`\n]+`)
    |(?P<symbol>&&|\|\||==|!=|<=|>=|\.\?|\[\?|[-+*/%!<>()\[\]{{}},.:?])""",
    re.VERBOSE | re.ASCII,
)


class CelSyntaxError(Exception):
    """The text is no CEL; `at` is the offset of the first character that can't be understood."""

    def __init__(self, message: str, at: int) -> None:
        self.message, self.at = message, at
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind, its text and where it begins and ends."""

    kind: str
    text: str
    start: int
    end: int


def tokens(source: str) -> list[Token]:
    """All words of the source, blanks and comments left out, with an `end` behind the last."""
    found = []
    at = 0
    while at < len(source):
        token = _token(source, at)
        at = token.end
        if token.kind != "blank":
            found.append(token)
    found.append(Token("end", "", len(source), len(source)))
    return found


def _token(source: str, at: int) -> Token:
    match = _WORD.match(source, at)
    if match is None:
        raise CelSyntaxError(f"`{source[at]}` has no meaning here", at)
    kind = str(match.lastgroup)
    end = string_end(source, at) if kind == "string" else match.end()
    return Token(kind, source[at:end], at, end)


def string_end(source: str, start: int) -> int:
    """The offset behind the string literal that begins at `start` (prefix included)."""
    at = start
    while source[at] not in "\"'":
        at += 1
    raw = "r" in source[start:at].lower()
    quote = source[at] * (3 if source[at : at + 3] == source[at] * 3 else 1)
    at += len(quote)
    while at < len(source) and (len(quote) == 3 or source[at] != "\n"):
        if source.startswith(quote, at):
            return at + len(quote)
        at += 2 if source[at] == "\\" and not raw else 1
    raise CelSyntaxError("this string is not closed", start)


def word_end(source: str, at: int) -> int:
    """The offset behind the string or name that begins here, else behind the one character."""
    match = _WORD.match(source, at)
    kind = match.lastgroup if match else None
    if match is not None and kind == "string":
        return string_end(source, at)
    return match.end() if match is not None and kind == "name" else at + 1
