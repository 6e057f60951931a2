"""The parts of a CEL expression, each knowing where it stands in the source."""

from collections.abc import Iterator
from dataclasses import dataclass

MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
OPTIONAL_MACROS = frozenset({"optMap", "optFlatMap"})


@dataclass(frozen=True, slots=True)
class Literal:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Select:
    operand: "Tree"
    field: str
    optional: bool
    start: int
    end: int
    field_at: int


@dataclass(frozen=True, slots=True)
class Index:
    operand: "Tree"
    index: "Tree"
    optional: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or a method when `target` is there."""

    target: "Tree | None"
    function: str
    arguments: tuple["Tree", ...]
    start: int
    end: int
    function_at: int

    @property
    def variable(self) -> str | None:
        """The name that a macro binds."""
        binding = self.target is not None and self.function in MACROS | OPTIONAL_MACROS and len(self.arguments) >= 2
        first = self.arguments[0] if binding else None
        return first.name if isinstance(first, Name) else None

    @property
    def is_has(self) -> bool:
        return self.target is None and self.function == "has" and len(self.arguments) == 1


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: "Tree"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: "Tree"
    right: "Tree"
    start: int
    end: int
    at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """`condition ? then : otherwise`."""

    condition: "Tree"
    then: "Tree"
    otherwise: "Tree"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple["Tree", ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class MapOf:
    entries: tuple[tuple["Tree", "Tree"], ...]
    start: int
    end: int


Tree = Literal | Name | Select | Index | Call | Unary | Binary | Choice | ListOf | MapOf


def parts(tree: Tree) -> Iterator[Tree]:
    """The direct parts of a tree, in the order of the source."""
    match tree:
        case Select(operand=operand) | Unary(operand=operand):
            yield operand
        case Index(operand=operand, index=index):
            yield from (operand, index)
        case Call(target=target, arguments=arguments):
            yield from (*(() if target is None else (target,)), *arguments)
        case Binary(left=left, right=right):
            yield from (left, right)
        case Choice(condition=condition, then=then, otherwise=otherwise):
            yield from (condition, then, otherwise)
        case ListOf(items=items):
            yield from items
        case MapOf(entries=entries):
            for key, value in entries:
                yield from (key, value)
