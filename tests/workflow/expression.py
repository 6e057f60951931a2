"""Compiles and evaluates expressions over a small context, for the tests of expressions."""

from typing import Any

import pytest

from workflow.cel.scope import Scope, root_scope, step_type
from workflow.errors import ExpressionFailed, Place, Problem, Problems
from workflow.expressions import ABSENT, Expression, compile_expression
from workflow.types import BOOL, DOUBLE, DYN, INT, MAP, STRING, Type, list_of, object_of

ITEM = object_of({"score": DOUBLE, "name": STRING})
INPUTS = object_of(
    {
        "n": INT,
        "x": DOUBLE,
        "s": STRING,
        "yes": BOOL,
        "items": list_of(ITEM),
        "lines": list_of(STRING),
        "any": DYN,
        "map": MAP,
        "numbers": Type("map", element=DOUBLE),
        "maybe": Type("list", element=DYN, nullable=True),
        "note": STRING,
    },
    frozenset({"note"}),
)
JUDGE = step_type(object_of({"verdict": STRING, "score": DOUBLE}), False)
SKIPPED = step_type(object_of({"id": STRING}), True)
SCOPE = root_scope(INPUTS, ["token"]).with_steps({"judge": JUDGE, "skipped": SKIPPED}, {"later": "it runs later"})
SCOPE = SCOPE.with_roots({"item": DYN})
STARTED = 1_700_000_000_000_000

CONTEXT: dict[str, Any] = {
    "inputs": {
        "n": 3,
        "x": 7,
        "s": "hé",
        "yes": True,
        "items": [{"score": 1, "name": "b"}, {"score": 2.5, "name": "a"}],
        "lines": ["b", "a"],
        "any": {"b": [2, 1, 2], "a": {"z": 1, "y": None}},
        "map": {"k": 1},
        "numbers": {"one": 1},
        "maybe": None,
    },
    "steps": {
        "judge": {"output": {"verdict": "refund", "score": 7}, "status": "succeeded", "attempts": 2},
        "skipped": {"status": "skipped"},
    },
    "run": {"id": "r1", "started": STARTED},
    "now": STARTED,
    "item": [1, 2],
}


def lookup(path: tuple[str, ...]) -> Any:
    value: Any = CONTEXT
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def compiled(source: str, scope: Scope = SCOPE, *, condition: bool = False) -> tuple[Expression | None, list[Problem]]:
    problems = Problems(source)

    def locate(offset: int) -> Place:
        return Place("f", source[:offset].count("\n") + 1, offset - source[:offset].rfind("\n"))

    return compile_expression(source, locate, scope, problems, condition=condition), problems.found


def good(source: str, scope: Scope = SCOPE) -> Expression:
    expression, problems = compiled(source, scope)
    assert expression is not None, problems
    return expression


def value(source: str) -> Any:
    return good(source).evaluate(lookup)


def error(source: str, *, condition: bool = False) -> Problem:
    expression, problems = compiled(source, condition=condition)
    assert expression is None
    return problems[0]


def failure(source: str, look: Any = lookup) -> str:
    with pytest.raises(ExpressionFailed) as caught:
        good(source).evaluate(look)
    assert caught.value.kind == "fatal"
    assert source in str(caught.value)
    return caught.value.message
