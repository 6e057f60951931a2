import ast
import re
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, files, text

# Spelt in halves, so that this file isn't found itself.
ELSEWHERE = re.compile(
    "|".join(
        [
            r"(?<![\w.])/(?:work|root|Users)" + r"/\w",
            r"(?<![\w.])/home" + r"/\w",
            r"/opt" + r"/wheels",
            r"pypi" + r"\.org",
            r"python" + r"hosted",
            r"repo1?\.maven" + r"|maven" + r"\.org",
            r"proxy\.golang" + r"|sum\.golang",
            r"registry\.npm" + r"js",
            r"crates" + r"\.io",
            r"deb\.debian" + r"|security\.debian",
        ]
    )
)
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")
BANNED_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "core",
    "base",
    "manager",
    "service",
    "handler",
    "data",
    "info",
    "process",
}
GENERATED = {"constraints.txt", "LICENSE", "go.sum"}
LONG = {".avsc", ".json", ".jsonl", ".avro", ".csv", ".md"}


def of_ours() -> list[Path]:
    return [path for path in files(".py") if path.parts[0] in PACKAGES or path.name == "millrace.py"]


def test_no_file_is_longer_than_300_lines() -> None:
    sizes = {
        str(path): text(path).count("\n") for path in files() if path.name not in GENERATED and path.suffix not in LONG
    }
    assert {path: lines for path, lines in sizes.items() if lines > 300} == {}


def test_no_file_names_a_place_on_one_machine_or_a_package_registry() -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in files()
        for number, line in enumerate(text(path).splitlines(), 1)
        if ELSEWHERE.search(line)
    ]
    assert found == []


def test_nothing_is_left_unfinished() -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in files(".py", ".sql", ".yaml", ".yml", "")
        for number, line in enumerate(text(path).splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in of_ours() if BANNED_NAMES & {path.stem, *path.parts[:-1]}] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_in_one_sentence_what_it_is_and_exports_nothing(package: str) -> None:
    for path in files(".py"):
        if path.parts[0] == package and path.name == "__init__.py":
            tree = ast.parse(text(path))
            assert len(tree.body) == 1, f"{path} holds more than its docstring"
            assert ast.get_docstring(tree), f"{path} has no docstring"


def test_every_module_says_what_it_is() -> None:
    docstrings = {path: ast.get_docstring(ast.parse(text(path))) or "" for path in of_ours()}
    assert [
        str(path) for path, said in docstrings.items() if not said.partition("\n\n")[0].endswith((".", "?", "!"))
    ] == []
