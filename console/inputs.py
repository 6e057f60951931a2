"""A run's inputs out of what was written on the command line and in files."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from console.failure import Failure, usage
from workflow.schema import Schema


def read_inputs(schema: Schema, pairs: Iterable[str], file: Path | None) -> dict[str, Any]:
    """The inputs: those of the file, and over them those given as KEY=VALUE. Raises Failure where they don't fit."""
    inputs = {**(_from_file(file) if file else {}), **_from_pairs(schema, pairs)}
    if problems := schema.check(schema.fill(inputs)):
        lines = tuple(f"  {problem}" for problem in problems)
        raise Failure("the inputs are not as the workflow declares them", lines=lines, remedy=_declared(schema))
    return inputs


def key_value(pair: str, option: str) -> tuple[str, str]:
    """KEY=VALUE."""
    key, equals, value = pair.partition("=")
    if not key or not equals:
        raise usage(f"{pair!r} is no KEY=VALUE", f"write {option} key=value")
    return key, value


def _from_pairs(schema: Schema, pairs: Iterable[str]) -> dict[str, Any]:
    fields = schema.type.fields or {}
    given = [key_value(pair, "-i") for pair in pairs]
    return {key: _value(text, fields[key].kind if key in fields else "dyn") for key, text in given}


def _value(text: str, kind: str) -> Any:
    """JSON where it is JSON, unless a string was declared: then the text as it stands."""
    return text if kind == "string" else as_json(text)


def as_json(text: str) -> Any:
    """JSON where it is JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _from_file(file: Path) -> dict[str, Any]:
    text, name = _text(file)
    value = _parsed(text, name)
    if not isinstance(value, dict):
        raise Failure(
            "the inputs are no mapping", where=name, remedy='write {"key": value} (JSON), or key: value (YAML)'
        )
    return value


def _text(file: Path) -> tuple[str, str]:
    if str(file) == "-":
        return sys.stdin.read(), "<stdin>"
    try:
        return file.read_text(encoding="utf-8"), str(file)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("the file of inputs can't be read", where=str(file), cause=str(error)) from error


def _parsed(text: str, name: str) -> Any:
    """JSON by its name or by its looks, else YAML (as workflow files are read)."""
    from workflow import yaml
    from workflow.errors import Problems

    if name.endswith(".json") or text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise Failure("the inputs are no JSON", where=name, cause=str(error)) from error
    problems = Problems(text)
    node = yaml.read(text, name, problems)
    if node is None or problems.errors:
        raise Failure("the inputs are no YAML", lines=tuple(f"\n{problem}" for problem in problems.ordered()))
    return yaml.plain(node)


def _declared(schema: Schema) -> str:
    """What the workflow wants, for who has written something else."""
    properties: Mapping[str, Any] = schema.json.get("properties", {}) if isinstance(schema.json, dict) else {}
    required = schema.json.get("required", []) if properties else []
    wanted = [f"{name}{'' if name in required else '?'}: {json.dumps(what)}" for name, what in properties.items()]
    return "it wants " + ("; ".join(wanted) if wanted else "no inputs")
