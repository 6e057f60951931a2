"""The context paths an expression names, looked up in the types of its scope."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from workflow.cel.scope import Path, Scope
from workflow.cel.tree import Index, Literal, Name, Select, Tree
from workflow.errors import Severity
from workflow.types import DYN, Type


@dataclass(frozen=True, slots=True)
class Issue:
    """Something wrong in an expression, at an offset of its source."""

    code: str
    message: str
    remedy: str
    at: int
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class StaticPath:
    """A chain of names known before anything runs; from `optional_at` on it may end in nothing."""

    path: Path
    offsets: tuple[int, ...]
    start: int
    end: int
    optional_at: int | None
    prefix_end: int


def static_path(tree: Tree, local: Container[str]) -> StaticPath | None:
    """The path a tree spells, or None when it is computed or begins with a macro's variable."""
    if isinstance(tree, Name):
        if tree.name in local:
            return None
        return StaticPath((tree.name,), (tree.start,), tree.start, tree.end, None, tree.end)
    if isinstance(tree, Select):
        return _extend(static_path(tree.operand, local), tree.field, tree.optional, tree.field_at, tree.end)
    if isinstance(tree, Index) and (key := plain_text(tree.index)) is not None:
        return _extend(static_path(tree.operand, local), key, tree.optional, tree.index.start, tree.end)
    return None


def plain_text(tree: Tree) -> str | None:
    """The text of a string literal without prefix and escapes."""
    if not isinstance(tree, Literal) or tree.kind != "string" or "\\" in tree.text:
        return None
    quote = tree.text[:3] if tree.text[:3] in ('"""', "'''") else tree.text[0]
    return tree.text[len(quote) : -len(quote)] if quote[0] in "\"'" else None


def _extend(before: StaticPath | None, field: str, optional: bool, at: int, end: int) -> StaticPath | None:
    if before is None:
        return None
    optional_at = len(before.path) if optional and before.optional_at is None else before.optional_at
    prefix_end = end if optional_at is None else before.prefix_end
    return StaticPath((*before.path, field), (*before.offsets, at), before.start, end, optional_at, prefix_end)


def spell(path: Path) -> str:
    return ".".join(path)


def resolve(found: StaticPath, scope: Scope, issues: list[Issue], known: frozenset[Path] | None) -> Type:
    """The type at the path; unknown names and unguarded absent ones go to `issues` (`known` None asks no guard)."""
    root = scope.roots.get(found.path[0])
    if root is None:
        issues.append(_unknown_root(found, scope))
        return DYN
    reached = root
    for depth, name in enumerate(found.path[1:], 1):
        if reached.kind == "dyn":
            return DYN
        step = _field(reached, found, depth, name, scope)
        if isinstance(step, Issue):
            issues.append(step)
            return DYN
        guarded = known is None or (found.optional_at is not None and depth >= found.optional_at)
        if name in reached.missing and not guarded and found.path[: depth + 1] not in (known or ()):
            issues.append(_unguarded(found, depth))
        reached = step
    return reached


def _field(reached: Type, found: StaticPath, depth: int, name: str, scope: Scope) -> Type | Issue:
    at = found.offsets[depth]
    before = spell(found.path[:depth])
    if reached.kind != "map":
        hint = f"write `{before}[0]` for its first item" if reached.kind == "list" else "read it as it is"
        return Issue("type", f"`{before}` is a {reached} and has no field `{name}`", hint, at)
    if reached.fields is None:
        return reached.element or DYN
    field = reached.fields.get(name)
    if field is None and reached.closed:
        return _unknown_field(reached.fields, found, depth, scope)
    return field or DYN


def _unknown_root(found: StaticPath, scope: Scope) -> Issue:
    name = found.path[0]
    if name == "secrets":
        remedy = "write it alone, as {{ secrets.NAME }}, in `with` of a tool or in http headers, query or body"
        return Issue("secret", "a secret can't be part of an expression", remedy, found.start)
    if name in ("round", "event", "fire", "template", "error", "index", "step"):
        return Issue("unknown_name", f"`{name}` isn't in scope here", _ELSEWHERE[name], found.start)
    steps = scope.roots.get("steps")
    if name in scope.unseen or (steps and steps.fields and name in steps.fields):
        return Issue("unknown_name", f"`{name}` is a step", f"write `steps.{name}.output`", found.start)
    inputs = scope.roots.get("inputs")
    if inputs and inputs.fields and name in inputs.fields:
        return Issue("unknown_name", f"`{name}` is an input", f"write `inputs.{name}`", found.start)
    return Issue("unknown_name", f"`{name}` is unknown", suggestion(name, scope.roots), found.start)


_ELSEWHERE = {
    "round": "`round` exists in the steps of a `loop` and in its `while`",
    "event": "`event` exists in triggers with a topic",
    "fire": "`fire` exists in triggers with a schedule",
    "template": "`template` exists in files that others extend",
    "error": "`error` exists in the steps of `on_error`; elsewhere read `steps.ID.error`",
    "step": "`step.key` exists in steps; the output of a step is `steps.ID.output`",
    "index": "`index` exists in the steps of an `each`",
}


def _unknown_field(fields: Mapping[str, Type], found: StaticPath, depth: int, scope: Scope) -> Issue:
    name, at, before = found.path[depth], found.offsets[depth], spell(found.path[:depth])
    names = list(fields)
    if found.path[:depth] == ("steps",):
        if name in scope.unseen:
            return Issue("unseen_step", f"step `{name}` can't be read here", scope.unseen[name], at)
        return Issue("unknown_step", f"there is no step `{name}`", suggestion(name, names), at)
    if found.path[:depth] == ("inputs",):
        remedy = suggestion(name, names) if names else f"declare it: `inputs: {{{name}: string}}`"
        return Issue("unknown_input", f"there is no input `{name}`", remedy, at)
    return Issue("unknown_field", f"`{before}` has no field `{name}`", suggestion(name, names), at)


def suggestion(name: str, names: Iterable[str]) -> str:
    """The nearest known name, or all of them when none is near."""
    known = sorted(names)
    near = get_close_matches(name, known, 1)
    if near:
        return f"write `{near[0]}`"
    return "known here: " + ", ".join(known[:12]) if known else "nothing is known here"


def _unguarded(found: StaticPath, depth: int) -> Issue:
    path, at = found.path[: depth + 1], found.offsets[depth]
    rest = "".join(f".?{name}" for name in found.path[depth:])
    remedy = f"ask `has({spell(path)})` first, or write `{spell(path[:-1])}{rest}.orValue(…)`"
    is_output = path[0] == "steps" and path[2:3] == ("output",)
    message = f"`{spell(path)}` may be absent" + (
        " (its step may be skipped, or fail and be continued)" if is_output and len(path) == 3 else ""
    )
    return Issue("may_be_absent", message, remedy, at, "error" if is_output and len(path) == 3 else "warning")
