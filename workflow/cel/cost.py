"""How much text an expression may copy: string building inside macros grows with the product of its parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workflow.cel.paths import static_path
from workflow.cel.tree import MACROS, Binary, Call, Choice, ListOf, Literal, MapOf, Name, Tree, parts

MAX_COPIED = 64 * 1024 * 1024
MAX_ROUNDS = 10_000
_WORST_SIZE = 64 * 1024
_WORST_ITEMS = 1_000

Sizes = Mapping[str, float]


def estimate(tree: Tree) -> Callable[[Mapping[str, Any]], bool] | None:
    """None when the expression is harmless whatever it is given; else what asks with the values at hand."""
    if copied(tree, _WORST_SIZE, _WORST_ITEMS) <= MAX_COPIED:
        return None
    return lambda values: copied(tree, *_measured(values)) > MAX_COPIED


def copied(tree: Tree, size: int, items: int) -> float:
    """About how many characters are copied if the values read have this size and so many items."""
    bound = _Bound(size, _WORST_ITEMS if _makes_lists(tree) else max(items, 1))
    return bound.size_of(tree, {}, 1) + bound.work


def _makes_lists(tree: Tree) -> bool:
    made = isinstance(tree, Call) and tree.function in ("range", "split", "parse_json")
    return made or any(_makes_lists(part) for part in parts(tree))


def _measured(values: Mapping[str, Any]) -> tuple[int, int]:
    size = items = 0
    waiting = list(values.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, (list, dict)):
            items += len(value)
            waiting.extend(value if isinstance(value, list) else value.values())
    return size, items


@dataclass
class _Bound:
    """Upper bounds of sizes, adding up what is copied on the way."""

    size: float
    items: float
    work: float = 0.0

    def size_of(self, tree: Tree, local: Sizes, rounds: float) -> float:
        if static_path(tree, local) is not None:
            return self.size
        match tree:
            case Literal(text=text):
                return len(text)
            case Name(name=name):
                return local[name]
            case Choice(condition=condition, then=then, otherwise=otherwise):
                self.size_of(condition, local, rounds)
                return max(self.size_of(then, local, rounds), self.size_of(otherwise, local, rounds))
            case Call() if tree.target is not None and tree.variable is not None:
                return self.macro(tree, tree.target, tree.variable, local, rounds)
            case Call():
                return self.made(self.call(tree, local, rounds), rounds)
            case Binary(operator="+") | ListOf() | MapOf():
                return self.made(self.total(tree, local, rounds), rounds)
            case Binary():
                self.total(tree, local, rounds)
                return 1
            case _:
                return self.total(tree, local, rounds)

    def total(self, tree: Tree, local: Sizes, rounds: float) -> float:
        return sum(self.size_of(part, local, rounds) for part in parts(tree))

    def made(self, size: float, rounds: float) -> float:
        self.work += size * rounds
        return size

    def call(self, tree: Call, local: Sizes, rounds: float) -> float:
        """`replace` and `join` multiply: every character, or every gap, may get the whole argument."""
        sizes = [self.size_of(part, local, rounds) for part in parts(tree)]
        if tree.function == "replace":
            return (sizes[0] + 1) * (sizes[-1] + 1)
        if tree.function == "join":
            return sizes[0] + self.items * sum(sizes[1:])
        return sum(sizes)

    def macro(self, tree: Call, target: Tree, variable: str, local: Sizes, rounds: float) -> float:
        over = self.size_of(target, local, rounds)
        count = self.items if tree.function in MACROS else 1
        inner = min(rounds * count, MAX_ROUNDS)
        sizes = [self.size_of(part, {**local, variable: over / count}, inner) for part in tree.arguments[1:]]
        return count * sizes[-1] if tree.function == "map" else over
