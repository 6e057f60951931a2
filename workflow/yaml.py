"""YAML 1.2 as a tree of values that know their place in the file, read with libyaml's parser."""

import re
from dataclasses import dataclass, replace
from typing import Any

import yaml

from workflow.errors import Place, Problems

MAX_SIZE = 1 << 20
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_NODES = 100_000

QUOTE = "put quotes around it"

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TEMPLATE_UNQUOTED = re.compile(r"(:|-|,|\[)\s+\{\{")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, with the raw text it was read from."""

    value: Any
    text: str
    place: Place
    style: str = ""
    raw: str = ""
    nodes: int = 1
    end: int = 0


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple["Node", ...]
    place: Place
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys (always text) and their nodes, in the order of the file."""

    entries: dict[str, "Node"]
    keys: dict[str, Place]
    place: Place
    nodes: int = 1
    span: tuple[int, int] = (0, 0)


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """The node as JSON values."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def read(text: str, file: str, problems: Problems) -> Node | None:
    """The one document of the text, or None when it can't be read; what is wrong goes to `problems`."""
    if not _readable(text, file, problems):
        return None
    reader = _Reader(text, file, problems)
    try:
        return reader.document()
    except yaml.MarkedYAMLError as error:
        _syntax_error(error, text, file, problems)
    except yaml.reader.ReaderError as error:
        problems.add("yaml", f"the character {error.character!r} may not stand in YAML", "remove it", Place(file, 1, 1))
    except _Refused:
        pass  # the reason is already in `problems`
    return None


def _end_of_last(entries: dict[str, Node]) -> int:
    """A block mapping ends with its last value; its end event lies behind the blanks that follow."""
    last = next(reversed(entries.values()), None)
    return last.end if isinstance(last, Scalar) else last.span[1] if isinstance(last, Mapping) else 0


class _Refused(Exception):
    """Stops reading where going on would make no sense."""


def _readable(text: str, file: str, problems: Problems) -> bool:
    start = Place(file, 1, 1)
    if any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else False:
        problems.add("yaml", "the text holds half a character (a lone surrogate)", "save the file as UTF-8", start)
    elif len(text.encode()) > MAX_SIZE:
        problems.add("too_large", "the file is larger than 1 MiB", "move long texts to `{file: …}`", start)
    elif not text.strip():
        problems.add("empty", "the file is empty", "begin with `name:` and `steps:`", start)
    else:
        return True
    return False


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str, problems: Problems) -> None:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    written = lines[line] if line < len(lines) else ""
    remedy = "mind the indentation, and quote values that hold any of : { } [ ] , # & *"
    if _TEMPLATE_UNQUOTED.search(written):
        remedy = f'a template is text: {QUOTE} ("{{{{ … }}}}")'
    elif "\t" in written[: column + 1]:
        remedy = "indent with blanks: YAML refuses tabs"
    problems.add("yaml", f"not YAML: {error.problem or error.context}", remedy, Place(file, line + 1, column + 1))


class _Reader:
    """Builds nodes out of libyaml's events, which keep explicit tags apart from resolved ones."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self.text, self.file, self.problems = text, file, problems
        self.next_event = yaml.CSafeLoader(text).get_event
        self.anchors: dict[str, Node | None] = {}
        self.aliases = 0
        self.offset = 1 if text.startswith("\ufeff") else 0

    def document(self) -> Node | None:
        self.next_event()
        if isinstance(self.next_event(), yaml.StreamEndEvent):
            raise self.refuse("empty", "the file holds only comments", "begin with `name:` and `steps:`", 1, 1)
        node = self.node(self.next_event(), 1)
        self.next_event()
        event = self.next_event()
        if not isinstance(event, yaml.StreamEndEvent):
            place = self.place(event)
            self.problems.add("yaml", "a second document begins here", "one workflow a file: remove `---`", place)
        return node

    def place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def refuse(self, code: str, message: str, remedy: str, line: int, column: int) -> _Refused:
        self.problems.add(code, message, remedy, Place(self.file, line, column))
        return _Refused()

    def node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        place = self.place(event)
        if depth > MAX_DEPTH:
            raise self.refuse("too_deep", f"nested deeper than {MAX_DEPTH}", "flatten it", place.line, place.column)
        if event.tag is not None:
            message = f"the tag `{event.tag}` has no meaning here, and the value after it would be lost"
            self.problems.add("tag", message, f"{QUOTE} if it is part of the value", place)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node = self.bare_node(event, place, depth)
        if node.nodes > MAX_NODES:
            message = f"with its aliases written out the file has more than {MAX_NODES:,} values"
            raise self.refuse("aliases", message, "use fewer aliases", place.line, place.column)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def bare_node(self, event: Any, place: Place, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(place, depth)
        return self.mapping(event, place, depth)

    def alias(self, event: Any) -> Node:
        place, name = self.place(event), event.anchor
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            message = f"more than {MAX_ALIASES} aliases"
            raise self.refuse("aliases", message, "write values out, or use `defaults`", place.line, place.column)
        node = self.anchors.get(name)
        if node is None:
            problem = "refers to itself" if name in self.anchors else "is defined nowhere before it"
            message = f"the alias `*{name}` {problem}"
            raise self.refuse("aliases", message, f"{QUOTE} if it is part of the value", place.line, place.column)
        return replace(node, end=event.end_mark.index + self.offset) if isinstance(node, Scalar) else node

    def sequence(self, place: Place, depth: int) -> Sequence:
        items = []
        event = self.next_event()
        while not isinstance(event, yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
            event = self.next_event()
        return Sequence(tuple(items), place, 1 + sum(item.nodes for item in items))

    def mapping(self, start: Any, place: Place, depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        event = self.next_event()
        while not isinstance(event, yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(self.next_event(), depth + 1)
            self.enter(key, value, entries, keys)
            event = self.next_event()
        nodes = 1 + sum(value.nodes for value in entries.values())
        mark: Any = event.end_mark  # never None for events that a parser makes
        end = mark.index + self.offset if start.flow_style else _end_of_last(entries)
        return Mapping(entries, keys, place, nodes, (start.start_mark.index + self.offset, end))

    def enter(self, key: Node, value: Node, entries: dict[str, Node], keys: dict[str, Place]) -> None:
        if not isinstance(key, Scalar):
            shape = "list" if isinstance(key, Sequence) else "mapping"
            remedy = f'if it is a template, {QUOTE}: "{{{{ … }}}}"'
            self.problems.add("key", f"a {shape} can't be a key", remedy, key.place)
        elif key.text in entries:
            first = keys[key.text]
            message = f"`{key.text}` is written twice; the first stands in line {first.line}, column {first.column}"
            self.problems.add("duplicate_key", message, "keep one of the two", key.place)
        else:
            entries[key.text] = value
            keys[key.text] = key.place

    def scalar(self, event: Any, place: Place) -> Scalar:
        style = event.style or ""
        raw = self.text[event.start_mark.index + self.offset : event.end_mark.index + self.offset]
        value = event.value if style in ("'", '"', "|", ">") else self.resolve(event.value, place)
        return Scalar(value, event.value, place, style, raw, 1, event.end_mark.index + self.offset)

    def resolve(self, text: str, place: Place) -> Any:
        """The value of a plain scalar by YAML 1.2's core schema: `on`, `yes` and dates stay text."""
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _NOT_FINITE.fullmatch(text):
            self.problems.add("number", f"{text} is no number of JSON", f"{QUOTE} if it is text", place)
            return None
        return self.number(text, place)

    def number(self, text: str, place: Place) -> Any:
        if not (text[0] in "+-." or text[0].isdigit()):
            return text
        if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
            return self.integer(int(text, 0), place)
        if _INT.fullmatch(text):
            return self.integer(int(text[:30]), place)
        return self.floating(text, place) if _FLOAT.fullmatch(text) else text

    def integer(self, value: int, place: Place) -> int:
        if not -(1 << 63) <= value < 1 << 63:
            self.problems.add("number", "the integer does not fit in 64 bits", f"{QUOTE} to keep its digits", place)
        return value

    def floating(self, text: str, place: Place) -> float:
        value = float(text)
        if value in (float("inf"), float("-inf")):
            self.problems.add("number", f"{text} is larger than any number of JSON", f"{QUOTE} if it is text", place)
        return value
