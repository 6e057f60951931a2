"""Works out the types of an expression's parts, and what has to be changed before CEL may read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workflow.cel import results
from workflow.cel.facts import NOTHING, facts
from workflow.cel.paths import Issue, StaticPath, resolve, static_path
from workflow.cel.scope import Path, Scope
from workflow.cel.tree import (
    MACROS,
    Binary,
    Call,
    Choice,
    Index,
    ListOf,
    Literal,
    MapOf,
    Name,
    Select,
    Tree,
    Unary,
    parts,
)
from workflow.types import BOOL, DOUBLE, DYN, MAP, Type, join, list_of, object_of, optional_of

Locals = Mapping[str, Type]
Known = frozenset[Path]

_NUMBERS = ("int", "double")


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put in place of a part of the source."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Read:
    """One path to bind: its whole value, the tail of an optional chain, whether it is there, or null if it isn't."""

    path: Path
    use: str
    type: Type = field(compare=False)
    prefix: int = 0


@dataclass
class Analysis:
    """All that is found out about one expression."""

    type: Type = DYN
    reads: dict[Read, str] = field(default_factory=dict)
    iterated: set[str] = field(default_factory=set)
    edits: list[Edit] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)


def analyse(tree: Tree, scope: Scope) -> Analysis:
    walk = _Walk(scope)
    walk.found.type = walk.infer(tree, {}, scope.known)
    return walk.found


class _Walk:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.found = Analysis()

    def issue(self, code: str, message: str, remedy: str, at: int) -> None:
        self.found.issues.append(Issue(code, message, remedy, at))

    def edit(self, start: int, end: int, text: str) -> None:
        self.found.edits.append(Edit(start, end, text))

    def variable(self, read: Read) -> str:
        return self.found.reads.setdefault(read, f"v{len(self.found.reads)}_")

    def infer(self, tree: Tree, local: Locals, known: Known) -> Type:
        path = static_path(tree, local)
        if path is not None:
            return self.path(path, known)
        match tree:
            case Literal():
                return results.of_literal(tree)
            case Name():
                return local[tree.name]
            case Unary():
                operand = self.infer(tree.operand, local, known)
                return BOOL if tree.operator == "!" else operand
        return self.compound(tree, local, known)

    def compound(self, tree: Tree, local: Locals, known: Known) -> Type:
        walk: Mapping[type[Tree], Callable[..., Type]] = {
            Select: self.select,
            Index: self.index,
            Call: self.call,
            Binary: self.binary,
            Choice: self.choice,
            ListOf: self.list_of,
            MapOf: self.map_of,
        }
        return walk[type(tree)](tree, local, known)

    def path(self, path: StaticPath, known: Known) -> Type:
        kind = resolve(path, self.scope, self.found.issues, known)
        if path.optional_at is None:
            self.edit(path.start, path.end, self.variable(Read(path.path, "value", kind)))
            return kind
        prefix = Read(path.path, "tail", kind, path.optional_at)
        self.edit(path.start, path.prefix_end, self.variable(prefix))
        return optional_of(kind)

    def select(self, tree: Select, local: Locals, known: Known) -> Type:
        operand = self.infer(tree.operand, local, known)
        through = operand.kind == "optional"
        inner = (operand.element or DYN) if through else operand
        found = self.field(inner, tree)
        return optional_of(found) if through or tree.optional else found

    def field(self, operand: Type, tree: Select) -> Type:
        if operand.kind != "map":
            if operand.kind != "dyn":
                self.issue("type", f"a {operand} has no field `{tree.field}`", "read it as it is", tree.field_at)
            return DYN
        if operand.fields is None:
            return operand.element or DYN
        if tree.field not in operand.fields and operand.closed:
            names = ", ".join(sorted(operand.fields)) or "none"
            self.issue("unknown_field", f"there is no field `{tree.field}`", f"its fields: {names}", tree.field_at)
        return operand.fields.get(tree.field, DYN)

    def index(self, tree: Index, local: Locals, known: Known) -> Type:
        operand = self.infer(tree.operand, local, known)
        self.infer(tree.index, local, known)
        through = operand.kind == "optional"
        inner = (operand.element or DYN) if through else operand
        found = (inner.element or DYN) if inner.kind in ("list", "map") else DYN
        return optional_of(found) if through or tree.optional else found

    def call(self, tree: Call, local: Locals, known: Known) -> Type:
        if tree.is_has:
            return self.has(tree, local, known)
        if tree.function == "now" and tree.target is None and not tree.arguments:
            self.issue("type", "`now` is a value, not a function", "write `now` without parentheses", tree.start)
            return DYN
        if tree.variable is not None and tree.target is not None:
            return self.macro(tree, tree.target, tree.variable, local, known)
        return self.function(tree, local, known)

    def has(self, tree: Call, local: Locals, known: Known) -> Type:
        path = static_path(tree.arguments[0], local)
        if path is not None and len(path.path) > 1:
            resolve(path, self.scope, self.found.issues, None)
            self.edit(tree.start, tree.end, self.variable(Read(path.path, "has", BOOL)))
        else:
            for part in parts(tree.arguments[0]):
                self.infer(part, local, known)
        return BOOL

    def function(self, tree: Call, local: Locals, known: Known) -> Type:
        target = None if tree.target is None or results.is_namespace(tree) else tree.target
        before = len(self.found.issues)
        receiver = self.infer(target, local, known) if target is not None else None
        arguments = [self.argument(tree, number, part, local, known) for number, part in enumerate(tree.arguments)]
        if len(self.found.issues) == before:
            self.optional_arguments(tree, arguments)
        if tree.function == "orValue" and tree.arguments and receiver is not None and receiver.kind == "optional":
            self.widen(tree.arguments[0], receiver.element or DYN)
        return results.of_call(tree.function, receiver, arguments)

    def argument(self, tree: Call, number: int, part: Tree, local: Locals, known: Known) -> Type:
        """The first argument of `default_text` may be absent: it reads as null then."""
        path = static_path(part, local)
        if tree.function == "default_text" and number == 0 and path is not None and path.optional_at is None:
            kind = resolve(path, self.scope, self.found.issues, None)
            self.edit(path.start, path.end, self.variable(Read(path.path, "or_null", DYN)))
            return kind
        return self.infer(part, local, known)

    def optional_arguments(self, tree: Call, arguments: list[Type]) -> None:
        for part, kind in zip(tree.arguments, arguments, strict=True):
            if kind.kind == "optional" and tree.target is None:
                self.issue("type", "an optional value can't be passed on", "end it with `.orValue(…)`", part.start)

    def macro(self, tree: Call, target: Tree, variable: str, local: Locals, known: Known) -> Type:
        over = self.infer(target, local, known)
        if tree.function in MACROS:
            self.gone_through(tree, target, over, local)
            element = (over.element or DYN) if over.kind == "list" else DYN
        else:
            element = (over.element or DYN) if over.kind == "optional" else DYN
        bodies = [self.infer(part, {**local, variable: element}, known) for part in tree.arguments[1:]]
        return results.of_macro(tree.function, over, bodies[-1])

    def gone_through(self, tree: Call, target: Tree, over: Type, local: Locals) -> None:
        """Macros run over lists; where the type isn't known, that is asked at run time."""
        if over.kind == "map":
            message = f"`{tree.function}` can't go through a mapping: its order is chance"
            self.issue("macro", message, "go through `keys(…)` or `items(…)`", tree.function_at)
        elif over.kind not in ("dyn", "list"):
            self.issue("macro", f"`{tree.function}` goes through a list, not a {over}", "use a list", tree.function_at)
        elif over.kind == "dyn" or over.nullable:
            path = static_path(target, local)
            if path is not None and path.optional_at is None:
                self.found.iterated.add(self.variable(Read(path.path, "value", over)))
            else:
                self.edit(target.start, target.start, "_elements(")
                self.edit(target.end, target.end, ")")

    def binary(self, tree: Binary, local: Locals, known: Known) -> Type:
        holds = tree.operator == "&&"
        junction = tree.operator in ("&&", "||")
        left = self.infer(tree.left, local, known | (facts(tree.right, holds) if junction else NOTHING))
        right = self.infer(tree.right, local, known | (facts(tree.left, holds) if junction else NOTHING))
        if tree.operator in results.COMPARISONS or junction:
            self.widen_beside(tree, left, right)
            return BOOL
        return self.arithmetic(tree, left, right)

    def arithmetic(self, tree: Binary, left: Type, right: Type) -> Type:
        self.widen_beside(tree, left, right)
        unknown = [kind for kind in (left, right) if kind.kind == "dyn"]
        number = left.kind in _NUMBERS or right.kind in _NUMBERS
        if unknown and (number or tree.operator != "+"):
            message = f"`{tree.operator}` on a value whose type nobody declared fails if int meets double"
            self.found.issues.append(Issue("untyped", message, "write double(…) or int(…)", tree.at, "warning"))
        return results.of_arithmetic(tree.operator, left, right)

    def widen_beside(self, tree: Binary, left: Type, right: Type) -> None:
        """An integer literal beside a double is read as a double."""
        if left.kind == "double":
            self.widen(tree.right, left)
        if right.kind == "double":
            self.widen(tree.left, right)

    def widen(self, tree: Tree, beside: Type) -> None:
        if beside.kind != "double":
            return
        if isinstance(tree, Unary) and tree.operator == "-":
            self.widen(tree.operand, beside)
        if isinstance(tree, ListOf):
            for item in tree.items:
                self.widen(item, beside)
        if isinstance(tree, Literal) and tree.kind == "int" and tree.text[-1] not in "uU":
            self.edit(tree.start, tree.end, f"{int(tree.text, 0 if 'x' in tree.text else 10)}.0")

    def choice(self, tree: Choice, local: Locals, known: Known) -> Type:
        self.infer(tree.condition, local, known)
        then = self.infer(tree.then, local, known | facts(tree.condition, True))
        otherwise = self.infer(tree.otherwise, local, known | facts(tree.condition, False))
        if {then.kind, otherwise.kind} == {"int", "double"}:
            self.widen(tree.then, otherwise)
            self.widen(tree.otherwise, then)
            return DOUBLE
        return then if then == otherwise else DYN

    def list_of(self, tree: ListOf, local: Locals, known: Known) -> Type:
        joined: Type | None = None
        for item in tree.items:
            kind = self.infer(item, local, known)
            joined = join(joined, (kind.element or DYN) if kind.kind == "optional" else kind)
        return list_of(joined or DYN)

    def map_of(self, tree: MapOf, local: Locals, known: Known) -> Type:
        fields: dict[str, Type] = {}
        plain = True
        for key, value in tree.entries:
            self.infer(key, local, known)
            kind = self.infer(value, local, known)
            name = results.plain_key(key)
            plain = plain and name is not None and kind.kind != "optional"
            fields[name or ""] = kind
        return object_of(fields) if plain else MAP
