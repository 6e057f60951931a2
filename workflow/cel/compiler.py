"""From the text of an expression to a program, with everything that is wrong with it on the way."""

import bisect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from workflow.cel.cost import estimate
from workflow.cel.engine import CelRefused, Program, signature
from workflow.cel.inference import Edit, Read, analyse
from workflow.cel.parser import parse
from workflow.cel.paths import Issue, static_path, suggestion
from workflow.cel.scope import Path, Scope
from workflow.cel.tokens import CelSyntaxError
from workflow.functions import FUNCTIONS
from workflow.types import DYN, MAP, Type

Cost = Callable[[Mapping[str, Any]], bool]

_KNOWN_FUNCTIONS = (
    "size contains startsWith endsWith matches string int double bool timestamp duration has all exists "
    "exists_one map filter join split replace trim substring lowerAscii upperAscii indexOf format orValue"
).split()
_EVERY_FUNCTION = {*_KNOWN_FUNCTIONS, *(name for name in FUNCTIONS if name[0] != "_")}


@dataclass
class Compiled:
    """What came of one text: a program, a bare path, or issues."""

    type: Type = DYN
    bare: Path | None = None
    program: Program | None = None
    reads: dict[Read, str] = field(default_factory=dict)
    iterated: set[str] = field(default_factory=set)
    cost: Cost | None = None
    issues: list[Issue] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        return any(issue.severity == "error" for issue in self.issues)


def compile_text(source: str, scope: Scope) -> Compiled:
    """Parses, infers, rewrites and compiles; never raises for any text."""
    try:
        tree = parse(source)
    except CelSyntaxError as error:
        return Compiled(issues=[Issue("syntax", error.message, _syntax_remedy(source), error.at)])
    found = analyse(tree, scope)
    compiled = Compiled(found.type, None, None, found.reads, found.iterated, None, found.issues)
    path = static_path(tree, ())
    if path is not None and path.optional_at is None:
        compiled.bare = path.path
    elif not compiled.refused:
        _compile(source, found.edits, compiled)
        compiled.cost = estimate(tree)
    return compiled


def _syntax_remedy(source: str) -> str:
    if not source.strip():
        return "write what is meant, or remove it"
    if re.search(r"[^=!<>]=[^=]", source):
        return "compare with `==`"
    if re.search(r"\b(and|or|not)\b", source):
        return "CEL writes && || ! for and, or, not"
    return "put text into quotes" if "'" not in source and '"' not in source else "see docs/language.md"


def _compile(source: str, edits: Sequence[Edit], compiled: Compiled) -> None:
    if compiled.type.kind == "optional":
        message = "the value may be none"
        compiled.issues.append(Issue("type", message, "end it with `.orValue(…)`", len(source.rstrip()) - 1))
        return
    text, back = rewrite(source, edits)
    variables = tuple((name, _signature(read)) for read, name in compiled.reads.items())
    try:
        compiled.program = _program(text, variables)
    except CelRefused as refused:
        compiled.issues += [_cel_issue(*error, text, back, len(source)) for error in refused.errors]


def _signature(read: Read) -> str:
    return {"has": "bool", "tail": signature(MAP), "or_null": "dyn"}.get(read.use) or signature(read.type)


@lru_cache(maxsize=4096)
def _program(text: str, variables: tuple[tuple[str, str], ...]) -> Program:
    """Programs are shared by everything that compiles to the same text over the same types."""
    return Program(text, variables)


def rewrite(source: str, edits: Sequence[Edit]) -> tuple[str, Callable[[int], int]]:
    """The edited text, and the way back from its offsets to those of the source."""
    text, at = "", 0
    starts, origins, kept = [0], [0], [True]
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end)):
        text += source[at : edit.start]
        starts += [len(text), len(text) + len(edit.text)]
        origins += [edit.start, edit.end]
        kept += [False, True]
        text, at = text + edit.text, edit.end

    def back(offset: int) -> int:
        part = bisect.bisect_right(starts, offset) - 1
        return origins[part] + (offset - starts[part] if kept[part] else 0)

    return text + source[at:], back


def _cel_issue(line: int, column: int, message: str, text: str, back: Callable[[int], int], end: int) -> Issue:
    lines = text.split("\n")
    offset = sum(len(each) + 1 for each in lines[: line - 1]) + column - 1 if line > 0 else 0
    return Issue("type", _cel_message(message), _cel_remedy(message), min(back(max(offset, 0)), end))


def _cel_message(message: str) -> str:
    name = _unknown_function(message)
    return f"`{name}` can't be called like this" if name in _EVERY_FUNCTION else message


def _unknown_function(message: str) -> str:
    return message.split("`")[1] if message.startswith("there is no function `") else ""


def _cel_remedy(message: str) -> str:
    if "int" in message and "double" in message:
        return "write double(…) around the integer"
    name = _unknown_function(message)
    if name in FUNCTIONS:
        return f"write {FUNCTIONS[name].use}"
    if name in _EVERY_FUNCTION:
        return "mind what it is called on, and with how many arguments"
    if name:
        return suggestion(name, _EVERY_FUNCTION)
    if "recursion depth" in message:
        return "split it into several steps"
    return "compare and combine values of one type; convert with string(…), int(…) or double(…)"
