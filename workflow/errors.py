"""What can be wrong with a workflow file or one of its expressions, and where."""

from dataclasses import dataclass
from typing import Literal

WIDTH = 140

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a workflow file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a workflow file, and the remedy."""

    code: str
    message: str
    remedy: str
    place: Place
    severity: Severity = "error"
    source: str = ""

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        lines = [f"{self.place}: {mark}{self.message}"]
        if self.source:
            lines += _caret(self.source, self.place.column)
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


def _caret(line: str, column: int) -> list[str]:
    """The part of the line around the column, and a caret under it; tabs are kept so that both stay aligned."""
    start = max(0, column - 1 - WIDTH // 2) if len(line) > WIDTH else 0
    padding = "".join("\t" if character == "\t" else " " for character in line[start : column - 1])
    return ["    " + line[start : start + WIDTH], "    " + padding.ljust(column - 1 - start) + "^"]


class DefinitionInvalid(Exception):
    """A workflow file is refused; `problems` says why, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class ExpressionFailed(Exception):
    """An expression can't give a value for these inputs; the step that asked fails."""

    kind = "fatal"

    def __init__(self, message: str, source: str) -> None:
        self.message = message
        self.source = source
        super().__init__(f"{message} (in `{source}`)")


class ExpressionTooLarge(ExpressionFailed):
    """An expression would touch more than may be evaluated while deciding."""


def _lines(text: str) -> list[str]:
    return text.encode(errors="replace").decode().splitlines()


class Problems:
    """Collects every problem of one file, so that its author sees all of them at once."""

    def __init__(self, text: str) -> None:
        self.found: list[Problem] = []
        self._lines = {"": _lines(text)}

    def add_file(self, file: str, text: str) -> None:
        """Makes the lines of another file known, so that its problems can show them."""
        self._lines[file] = _lines(text)

    def add(self, code: str, message: str, remedy: str, place: Place, severity: Severity = "error") -> None:
        lines = self._lines.get(place.file, self._lines[""])
        source = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
        problem = Problem(code, message, remedy, place, severity, source)
        if problem not in self.found:
            self.found.append(problem)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.found if problem.severity == "error"]

    def ordered(self) -> list[Problem]:
        return sorted(self.found, key=lambda problem: (problem.place.line, problem.place.column))
