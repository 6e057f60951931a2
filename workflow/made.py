"""Definitions that a run makes, with a model perhaps: read and checked like a file, and limited in size and depth."""

from typing import Any

import orjson

from workflow.check import check
from workflow.definition import Steps, Workflow
from workflow.errors import DefinitionInvalid, ExpressionFailed, Problem
from workflow.parse.load import load

#: A definition is compiled while deciding: so large, of so many steps and so many lists inside each other.
BYTES, STEPS, NESTING = 32 * 1024, 100, 8
#: How much of what is wrong with it is told.
TOLD = 2_000


class DefinitionRefused(ExpressionFailed):
    """What a run made is no workflow that may run."""

    kind = "malformed"


def made(define: Any, path: str) -> tuple[str, Workflow]:
    """The text and the workflow of a mapping or of YAML text. Raises DefinitionRefused."""
    where = f"workflow of step {path}"
    if not isinstance(define, str | dict):
        raise DefinitionRefused("a definition is a mapping or YAML text", where)
    source = define if isinstance(define, str) else orjson.dumps(define, option=orjson.OPT_INDENT_2).decode()
    if (size := len(source.encode())) > BYTES:
        raise DefinitionRefused(f"the definition is {size} bytes; at most {BYTES} are allowed", where)
    try:
        workflow = load(source, "<defined>")
    except DefinitionInvalid as error:
        raise DefinitionRefused(_told(error.problems), where) from error
    if problem := _problem(workflow):
        raise DefinitionRefused(problem, where)
    return source, workflow


def _problem(workflow: Workflow) -> str | None:
    if problems := [problem for problem in check(workflow) if problem.severity == "error"]:
        return _told(problems)
    if (count := sum(1 for _ in workflow.every_step)) > STEPS:
        return f"the definition has {count} steps; at most {STEPS} are allowed"
    if (depth := _depth(workflow.steps)) > NESTING:
        return f"the definition has lists of steps {depth} deep; at most {NESTING} are allowed"
    return None


def _told(problems: list[Problem]) -> str:
    text = "the definition is refused:\n" + "\n".join(str(problem) for problem in problems)
    return text if len(text) <= TOLD else text[:TOLD] + "…"


def _depth(steps: Steps) -> int:
    return 1 + max((_depth(inner) for step in steps.order for inner in step.lists), default=0)
