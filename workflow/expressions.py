"""Expressions: compiled once at publish, evaluated while deciding, bounded and the same every time."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from workflow.binding import ABSENT, NO_VALUES, Bindings, Lookup, spelled
from workflow.cel.compiler import Compiled, compile_text
from workflow.cel.engine import CelFailed, Program
from workflow.cel.facts import facts
from workflow.cel.parser import parse
from workflow.cel.scope import Path, Scope
from workflow.durations import format_timestamp
from workflow.errors import ExpressionFailed, ExpressionTooLarge, Place, Problems
from workflow.types import Type
from workflow.values import as_json

__all__ = ["ABSENT", "Expression", "ExpressionFailed", "ExpressionTooLarge", "Lookup", "compile_expression"]

Json = Any
Locate = Callable[[int], Place]


class Expression:
    """One compiled expression; `evaluate` is all that `decide` calls."""

    __slots__ = ("_bare", "_bindings", "_constant", "_cost", "_program", "paths", "place", "source", "type")

    def __init__(self, compiled: Compiled, source: str, place: Place) -> None:
        self.source = source
        self.place = place
        self.type: Type = compiled.type
        self._bare: Path | None = compiled.bare
        self._bindings = Bindings(list(compiled.reads.items()), compiled.iterated, source)
        self._program: Program | None = compiled.program
        self._cost = compiled.cost
        self.paths: tuple[Path, ...] = (compiled.bare,) if compiled.bare else self._bindings.paths
        self._constant = self._compute(NO_VALUES) if not self.paths else ABSENT

    @property
    def constant(self) -> bool:
        """Whether the value is the same in every run."""
        return not self.paths

    def evaluate(self, lookup: Lookup) -> Json:
        """The value as JSON; ExpressionFailed (or ExpressionTooLarge) when there is none."""
        if self._bare is not None:
            value = lookup(self._bare)
            if value is ABSENT:
                raise ExpressionFailed(f"`{spelled(self._bare)}` is absent", self.source)
            return self._instant(value) if self.type.kind == "timestamp" else value
        return self._constant if self._constant is not ABSENT else self._compute(lookup)

    def _instant(self, value: Json) -> Json:
        """Recorded instants are microseconds, and read as RFC 3339."""
        try:
            return format_timestamp(value) if isinstance(value, int) else value
        except OverflowError:
            raise ExpressionFailed(f"{value} is no instant", self.source) from None

    def holds(self, lookup: Lookup) -> bool:
        """The value of a condition; anything but true or false fails."""
        value = self.evaluate(lookup)
        if value is True or value is False:
            return bool(value)
        raise ExpressionFailed(f"a condition must be true or false, not {value!r:.60}", self.source)

    def _compute(self, lookup: Lookup) -> Json:
        assert self._program is not None  # only a bare path has none
        try:
            values = self._bindings.values(lookup)
            if self._cost is not None and self._cost(values):
                raise ExpressionTooLarge("it would copy more text than fits while deciding", self.source)
            value = self._program.run(values)
            return value if type(value) in _SCALARS else as_json(value)
        except (CelFailed, ValueError, OverflowError, RecursionError) as error:
            raise ExpressionFailed(self._bindings.in_words(str(error)), self.source) from None

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


_SCALARS = frozenset({str, int, bool, type(None)})


def compile_expression(
    source: str, locate: Locate, scope: Scope, problems: Problems, *, condition: bool = False
) -> Expression | None:
    """Compiles and checks one expression; what is wrong goes to `problems`, with its place in the file."""
    compiled = compile_text(source, scope)
    for issue in compiled.issues:
        problems.add(issue.code, issue.message, issue.remedy, locate(issue.at), issue.severity)
    if condition and compiled.type.kind not in ("bool", "dyn"):
        message = f"a condition must be true or false, this is a {compiled.type}"
        problems.add("type", message, "compare it with something", locate(0))
        return None
    if compiled.refused:
        return None
    try:
        return Expression(compiled, source, locate(0))
    except ExpressionFailed as failure:
        problems.add("expression", f"this can never give a value: {failure.message}", "correct it", locate(0))
        return None


@lru_cache(maxsize=4096)
def paths_known_if(source: str) -> frozenset[Path]:
    """The paths that are there whenever this condition holds."""
    return facts(parse(source), True)
