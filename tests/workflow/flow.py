"""Reads small workflow files, for the tests of the language."""

from typing import Any

import pytest

from workflow.definition import Step, Workflow
from workflow.errors import DefinitionInvalid, Problem
from workflow.parse.load import load

SECOND = 1_000_000


def flow(steps: str, head: str = "") -> Workflow:
    return load(f"name: t\n{head}steps:\n{indented(steps)}")


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.strip("\n").split("\n"))


def step(text: str, head: str = "") -> Step:
    return flow(text, head).steps.last


def problems(steps: str, head: str = "") -> list[Problem]:
    with pytest.raises(DefinitionInvalid) as caught:
        flow(steps, head)
    assert str(caught.value)
    return [problem for problem in caught.value.problems if problem.severity == "error"]


def problem(steps: str, head: str = "") -> Problem:
    found = problems(steps, head)
    assert len(found) == 1, [str(each) for each in found]
    return found[0]


def render(found: Step, **context: Any) -> Any:
    def look(path: tuple[str, ...]) -> Any:
        value: Any = context
        for name in path:
            value = value[name]
        return value

    return found.config.render(look)[0]
