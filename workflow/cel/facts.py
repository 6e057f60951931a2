"""Which paths are known to be there when a condition holds, so that guarded reads pass the check."""

from workflow.cel.paths import plain_text, static_path
from workflow.cel.scope import Path
from workflow.cel.tree import Binary, Call, Tree, Unary

NOTHING: frozenset[Path] = frozenset()


def facts(tree: Tree, holds: bool) -> frozenset[Path]:
    """The paths that are there if the condition is true (or false, as `holds` says)."""
    if isinstance(tree, Call) and tree.is_has:
        return _prefixes(tree.arguments[0]) if holds else NOTHING
    if isinstance(tree, Unary) and tree.operator == "!":
        return facts(tree.operand, not holds)
    if isinstance(tree, Binary) and tree.operator in ("&&", "||"):
        left, right = facts(tree.left, holds), facts(tree.right, holds)
        return left | right if (tree.operator == "&&") == holds else left & right
    if isinstance(tree, Binary) and tree.operator == "==" and holds:
        return _succeeded(tree.left, tree.right) | _succeeded(tree.right, tree.left)
    return NOTHING


def _prefixes(tree: Tree) -> frozenset[Path]:
    found = static_path(tree, ())
    if found is None:
        return NOTHING
    return frozenset(found.path[:length] for length in range(2, len(found.path) + 1))


def _succeeded(status: Tree, value: Tree) -> frozenset[Path]:
    """`steps.x.status == "succeeded"` says that the output of x is there."""
    found = static_path(status, ())
    if found is None or len(found.path) != 3 or found.path[::2] != ("steps", "status"):
        return NOTHING
    return frozenset({(*found.path[:2], "output")}) if plain_text(value) == "succeeded" else NOTHING
