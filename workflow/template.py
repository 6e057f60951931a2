"""Values with `{{ expressions }}` in them: compiled once, rendered while deciding."""

import json
import re
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from typing import Any

from workflow.binding import NO_VALUES, Lookup
from workflow.cel.scope import Path, Scope
from workflow.cel.tokens import CelSyntaxError, word_end
from workflow.errors import Problems
from workflow.expressions import Expression, compile_expression
from workflow.places import place_in
from workflow.types import DYN, STRING, Type, list_of, object_of, of_value
from workflow.types import join as join_types
from workflow.yaml import Mapping, Node, Scalar, Sequence

Json = Any
Parts = list[Any]
Secrets = dict[str, Parts]
Render = Callable[[Lookup], Json]

_SECRET = re.compile(r"secrets\.([A-Za-z_][A-Za-z0-9_]*)")
_NO_SECRETS: Secrets = {}


class Template:
    """A compiled value; `constant` ones render without work, and share one object that nobody may change."""

    __slots__ = ("_render", "_secrets", "constant", "paths", "type", "value")

    def __init__(self, render: "Render | None", value: Json, kind: Type, secrets: "list[Secret]", paths: set[Path]):
        self._render = render
        self._secrets = secrets
        self.value = value
        self.type = kind
        self.paths: tuple[Path, ...] = tuple(sorted(paths))
        self.constant = render is None and not any(secret.dynamic for secret in secrets)

    def render(self, lookup: Lookup) -> tuple[Json, Secrets]:
        """The value, and by JSON pointer the parts of the texts that hold secrets (null stands in their place)."""
        value = self.value if self._render is None else self._render(lookup)
        return value, {each.pointer: each.parts(lookup) for each in self._secrets} if self._secrets else _NO_SECRETS

    def constant_at(self, key: str, default: Json = None) -> Json:
        """What stands under a key of a mapping if that is known before any run; None if an expression stands there."""
        return self.value.get(key, default) if isinstance(self.value, dict) else default


def constant(value: Json) -> Template:
    return Template(None, value, of_value(value), [], set())


class Secret:
    """One text with secrets in it."""

    __slots__ = ("_pieces", "dynamic", "pointer")

    def __init__(self, pointer: str, pieces: list[Any]) -> None:
        self.pointer = pointer
        self._pieces = pieces
        self.dynamic = any(isinstance(piece, Expression) for piece in pieces)

    def parts(self, lookup: Lookup) -> Parts:
        return [_as_text(piece.evaluate(lookup)) if isinstance(piece, Expression) else piece for piece in self._pieces]


def compile_template(
    node: Node,
    scope: Scope,
    problems: Problems,
    secret_places: SequenceOf[str] = (),
    extra: MappingOf[str, Json] | None = None,
) -> Template:
    """Compiles every text of a YAML value; secrets are welcome only below the given JSON pointers.

    `extra` goes into a mapping as it is, braces and all.
    """
    compiler = _Compiler(scope, problems, tuple(secret_places))
    render, value, kind = compiler.node(node, "")
    if extra:
        value.update(extra)  # what renders the mapping copies this one
    return Template(render, value, kind, compiler.secrets, compiler.paths)


def compile_condition(node: Node, scope: Scope, problems: Problems) -> Expression | None:
    """`when`, `while` and `filter`: CEL, or CEL written as one `{{ }}`."""
    if not isinstance(node, Scalar) or not isinstance(node.value, (str, bool)):
        problems.add("type", "a condition is an expression", "write CEL, such as inputs.n > 3", node.place)
        return None
    text, before = node.text, 0
    if "{{" in text:
        piece = _only_piece(text)
        if piece is None:
            remedy = "write CEL without braces, or the whole condition as one {{ }}"
            problems.add("template", "a condition is one expression", remedy, node.place)
            return None
        text, before = piece.text, piece.at
    return compile_expression(text, lambda at: place_in(node, before + at), scope, problems, condition=True)


def _only_piece(text: str) -> "Piece | None":
    try:
        pieces = split(text.strip())
    except TemplateOpen:
        return None
    return Piece(pieces[0].text, text.index("{{") + 2, True) if len(pieces) == 1 and pieces[0].expression else None


class Piece:
    """A stretch of a text: literal, or the source of an expression."""

    __slots__ = ("at", "expression", "text")

    def __init__(self, text: str, at: int, expression: bool) -> None:
        self.text, self.at, self.expression = text, at, expression


class TemplateOpen(Exception):
    """A `{{` without its `}}`; `at` is where it stands."""

    def __init__(self, at: int) -> None:
        self.at = at
        super().__init__("a template is not closed")


def split(text: str) -> list[Piece]:
    """The pieces of a text; a template ends at the first `}}` outside the strings and braces of CEL."""
    pieces, at = [], 0
    while (start := text.find("{{", at)) >= 0:
        end = _end_of_template(text, start)
        if start > at:
            pieces.append(Piece(text[at:start], at, False))
        pieces.append(Piece(text[start + 2 : end], start + 2, True))
        at = end + 2
    if at < len(text) or not pieces:
        pieces.append(Piece(text[at:], at, False))
    return pieces


def _end_of_template(text: str, start: int) -> int:
    at, depth = start + 2, 0
    while at < len(text):
        if depth == 0 and text.startswith("}}", at):
            return at
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        try:
            at = word_end(text, at)
        except CelSyntaxError:
            break
    raise TemplateOpen(start)


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


Compiled = tuple[Render | None, Json, Type]


class _Compiler:
    def __init__(self, scope: Scope, problems: Problems, secret_places: tuple[str, ...]) -> None:
        self.scope, self.problems, self.secret_places = scope, problems, secret_places
        self.secrets: list[Secret] = []
        self.paths: set[Path] = set()

    def node(self, node: Node, pointer: str) -> Compiled:
        if isinstance(node, Mapping):
            return self.mapping(node, pointer)
        if isinstance(node, Sequence):
            return self.sequence(node, pointer)
        if isinstance(node.value, str) and "{{" in node.value:
            return self.text(node, pointer)
        return None, node.value, of_value(node.value)

    def mapping(self, node: Mapping, pointer: str) -> Compiled:
        value, dynamic, kinds = {}, [], {}
        for key, item in node.entries.items():
            if "{{" in key:
                remedy = "write the mapping as one expression: {{ {key: value} }}"
                self.problems.add("key", "a key can't be a template", remedy, node.keys[key])
            render, value[key], kinds[key] = self.node(item, f"{pointer}/{_escape(key)}")
            if render is not None:
                dynamic.append((key, render))
        render_all = _render_mapping(value, dynamic) if dynamic else None
        return render_all, value, object_of(kinds)

    def sequence(self, node: Sequence, pointer: str) -> Compiled:
        compiled = [self.node(item, f"{pointer}/{index}") for index, item in enumerate(node.items)]
        joined: Type | None = None
        for _, _, kind in compiled:
            joined = join_types(joined, kind)
        value = [value for _, value, _ in compiled]
        dynamic = [(index, render) for index, (render, _, _) in enumerate(compiled) if render is not None]
        return _render_sequence(value, dynamic) if dynamic else None, value, list_of(joined) if joined else of_value([])

    def text(self, node: Scalar, pointer: str) -> Compiled:
        try:
            pieces = split(node.value)
        except TemplateOpen as unclosed:
            remedy = "close it with }}; a literal {{ is written {{ '{{' }}"
            self.problems.add("template", "this template is not closed", remedy, place_in(node, unclosed.at))
            return None, node.value, STRING
        if any(piece.expression and _SECRET.fullmatch(piece.text.strip()) for piece in pieces):
            return self.secret(node, pieces, pointer)
        return self.pieces(node, pieces)

    def pieces(self, node: Scalar, pieces: list[Piece]) -> Compiled:
        compiled = [self.piece(node, piece) for piece in pieces]
        if any(part is None for part in compiled):
            return None, None, STRING if len(pieces) > 1 else DYN
        if len(compiled) == 1 and isinstance(whole := compiled[0], Expression):
            return (
                (None, whole.evaluate(NO_VALUES), whole.type) if whole.constant else (whole.evaluate, None, whole.type)
            )
        if all(isinstance(part, str) or (isinstance(part, Expression) and part.constant) for part in compiled):
            return None, _joining(compiled)(NO_VALUES), STRING
        return _joining(compiled), None, STRING

    def piece(self, node: Scalar, piece: Piece) -> "str | Expression | None":
        if not piece.expression:
            return piece.text
        expression = compile_expression(piece.text, lambda at: place_in(node, piece.at + at), self.scope, self.problems)
        self.paths |= set(expression.paths) if expression else set()
        return expression

    def secret(self, node: Scalar, pieces: list[Piece], pointer: str) -> Compiled:
        parts: list[Any] = []
        for piece in pieces:
            match = _SECRET.fullmatch(piece.text.strip()) if piece.expression else None
            parts.append(self.named(node, piece, match[1]) if match else self.piece(node, piece))
        if not any(pointer == place or pointer.startswith(place + "/") for place in self.secret_places):
            remedy = "secrets go only into `with` of a tool, http headers, query and body, and connections"
            self.problems.add("secret", "a secret may not stand here", remedy, place_in(node, pieces[0].at))
        self.secrets.append(Secret(pointer, parts))
        return None, None, STRING

    def named(self, node: Scalar, piece: Piece, name: str) -> dict[str, str]:
        if name not in self.scope.secrets:
            remedy = f"declare it: `secrets: [{name}]`"
            self.problems.add("secret", f"the secret `{name}` is not declared", remedy, place_in(node, piece.at))
        return {"secret": name}


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _render_mapping(value: dict[str, Json], dynamic: list[tuple[str, Render]]) -> Render:
    def render(lookup: Lookup) -> Json:
        rendered = value.copy()
        for key, inner in dynamic:
            rendered[key] = inner(lookup)
        return rendered

    return render


def _render_sequence(value: list[Json], dynamic: list[tuple[int, Render]]) -> Render:
    def render(lookup: Lookup) -> Json:
        rendered = value.copy()
        for index, inner in dynamic:
            rendered[index] = inner(lookup)
        return rendered

    return render


def _joining(pieces: SequenceOf["str | Expression | None"]) -> Render:
    def render(lookup: Lookup) -> Json:
        return "".join(
            _as_text(piece.evaluate(lookup)) if isinstance(piece, Expression) else str(piece) for piece in pieces
        )

    return render
